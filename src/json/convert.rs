//! Between [`Json`] and `serde_json::Value`, at the crate's border: deep copies, except for objects that only pass through.

use std::sync::Arc;

use serde_json::Value;

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

impl From<Vec<Self>> for Json {
    fn from(items: Vec<Self>) -> Self {
        Self::array(items)
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

from_integer!(i32, i64, u32, u64, usize);

impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        let other = Self::from(other);
        *self == other
    }
}
