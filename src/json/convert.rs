//! Between [`Json`] and `serde_json::Value`, at the crate's border: deep copies, except for objects that only pass through.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Growing, Json, Number, Object, Shapes};

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(map) => Self::Object(Arc::new(Object::of_map(map))),
            Value::String(text) => Self::string(text),
            other => Self::from(&other),
        }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        Self::copy(value, &mut Shapes::default())
    }
}

impl Json {
    /// A part of a map that was handed in. It is kept as it was, too: mostly it goes on to somebody else.
    pub(crate) fn part(value: &Value) -> Self {
        match value {
            Value::Object(map) => Self::Object(Arc::new(Object::of_map(map.clone()))),
            other => Self::from(other),
        }
    }

    pub(super) fn copy(value: &Value, shapes: &mut Shapes) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::string(text.as_str()),
            Value::Array(items) => Self::array(items.iter().map(|item| Self::copy(item, shapes)).collect()),
            Value::Object(map) => Self::Object(Arc::new(Growing::of_map(map, shapes).finish(shapes))),
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::String(text.as_ref().to_owned()),
            Json::Array(array) => Self::Array(array.items.iter().map(Self::from).collect()),
            Json::Object(object) => Self::Object(object.to_map()),
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Object(object) => Self::Object(match Arc::try_unwrap(object) {
                Ok(object) => object.into_map(),
                Err(shared) => shared.to_map(),
            }),
            other => Self::from(&other),
        }
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::string(value)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Self {
        Self::array(items.into_iter().map(|item| item.into().into_compact()).collect())
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    /// `null` for nothing.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<()> for Json {
    /// `null`.
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<Arc<str>> for Json {
    /// A string, shared.
    fn from(value: Arc<str>) -> Self {
        Self::String(value)
    }
}

impl From<Cow<'_, str>> for Json {
    fn from(value: Cow<'_, str>) -> Self {
        Self::string(value)
    }
}

impl<K: AsRef<str>, V: Into<Self>, const N: usize> From<[(K, V); N]> for Json {
    /// An object of these entries; of two with the same key the later wins, in the earlier's place. Objects that are
    /// made alike hold their keys together.
    ///
    /// ```
    /// use stepwright::Json;
    ///
    /// let order = Json::from([("id", Json::from(7)), ("items", Json::from(vec!["tea"]))]);
    /// assert_eq!(order.to_string(), r#"{"id":7,"items":["tea"]}"#);
    /// ```
    fn from(entries: [(K, V); N]) -> Self {
        // White space is for documents as a whole.
        let entries = entries.map(|(key, value)| (key, value.into().into_compact()));
        let mut shapes = Shapes::default();
        let mut growing = Growing::with_capacity(N);
        for (key, value) in entries {
            growing.key(key.as_ref(), &mut shapes);
            growing.value(value);
        }
        Self::Object(Arc::new(growing.finish(&mut shapes)))
    }
}

impl From<Map<String, Value>> for Json {
    fn from(map: Map<String, Value>) -> Self {
        Self::from(Value::Object(map))
    }
}

impl From<f32> for Json {
    /// A number, or `null` for what JSON has no number for.
    fn from(value: f32) -> Self {
        Self::from(f64::from(value))
    }
}

impl From<f64> for Json {
    /// A number, or `null` for what JSON has no number for.
    fn from(value: f64) -> Self {
        Number::from_f64(value).map_or(Self::Null, Self::Number)
    }
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Json {
            fn from(value: $integer) -> Self {
                Self::Number(value.into())
            }
        }
    )*};
}

from_integer!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_becomes_a_value_becomes_a_document_alike() {
        macro_rules! alike {
            ($($value:expr),* $(,)?) => {$( assert_eq!(Json::from($value), Value::from($value)); )*};
        }
        alike!(
            true,
            1_i8,
            -1_i16,
            1_i32,
            -1_i64,
            1_isize,
            1_u8,
            1_u16,
            1_u32,
            u64::MAX,
            1_usize,
            0.5_f32,
            1.5,
            f64::NAN,
            "text",
            "text".to_owned(),
            Cow::from("text"),
            (),
            Some(1),
            None::<bool>,
            vec![1, 2],
            vec![Some("a"), None],
            Vec::<i32>::new(),
            Map::from_iter([("a".to_owned(), json!([1]))]),
        );
        assert_eq!(Json::from(Arc::<str>::from("text")), "text");
    }

    #[test]
    fn white_space_is_of_documents_as_a_whole() {
        let spaced: Json = "{ \"a\": [ 1 ] }".parse().unwrap();
        assert_eq!(Json::from([("in", spaced.clone())]).to_string(), r#"{"in":{"a":[1]}}"#);
        assert_eq!(Json::from(vec![spaced.clone(), spaced]).to_string(), r#"[{"a":[1]},{"a":[1]}]"#);
    }

    #[test]
    fn what_holds_itself_over_and_over_has_a_size() {
        let mut json = Json::from([("a", 1)]);
        for _ in 0..100 {
            json = Json::from([("a", json.clone()), ("b", json)]);
        }
        assert_eq!(json.size(), usize::MAX);
        json.object_mut().unwrap().insert("a".into(), Json::Null);
        assert_eq!(json.size(), usize::MAX);
    }

    #[test]
    fn entries_make_an_object() {
        let object = |n: i32| Json::from([("n", Json::from(n)), ("of", Json::from([("n", n)]))]);
        for n in 0..3 {
            assert_eq!(object(n).to_string(), json!({ "n": n, "of": { "n": n } }).to_string());
        }
        assert_eq!(Json::from([("a", 1), ("b", 2), ("a", 3)]).to_string(), r#"{"a":3,"b":2}"#);
        assert_eq!(Json::from([("", 0); 0]), json!({}));
    }
}
