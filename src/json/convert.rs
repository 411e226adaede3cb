//! Between [`Json`] and `serde_json::Value`: deep copies, made at the crate's border.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Array, Json, Number, Object};

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::String(text.into()),
            Value::Array(items) => {
                Self::Array(Arc::new(Array::new(items.into_iter().map(Self::from).collect())))
            }
            Value::Object(map) => {
                let keys = map.keys().map(|key| Object::key_size(key)).sum();
                let entries = map.into_iter().map(|(key, value)| (key.into(), Self::from(value)));
                Self::Object(Arc::new(Object::from_distinct(entries.collect(), keys)))
            }
        }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::string(text.as_str()),
            Value::Array(items) => Self::array(items.iter().map(Self::from).collect()),
            Value::Object(map) => {
                Self::object(map.iter().map(|(key, value)| (key.as_str().into(), Self::from(value))))
            }
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
            Json::Object(object) => Self::Object(
                object
                    .iter()
                    .map(|(key, value)| (key.as_ref().to_owned(), Self::from(value)))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::from(&json)
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
