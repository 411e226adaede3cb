//! Reading documents from JSON text.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Array, Growing, Json, Number, Shapes};

/// Text that is not JSON, and where it stops being JSON.
///
/// ```
/// use stepwright::Json;
///
/// let error = "[1, 2".parse::<Json>().unwrap_err();
/// assert_eq!(error.to_string(), "the text is not JSON: EOF while parsing a list at line 1 column 5");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the text is not JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

impl JsonError {
    /// The line of the first mistake, from 1.
    pub fn line(&self) -> usize {
        self.0.line()
    }

    /// The column of the first mistake, from 1.
    pub fn column(&self) -> usize {
        self.0.column()
    }
}

impl FromStr for Json {
    type Err = JsonError;

    /// Reads a document; white space in it is kept until it changes.
    fn from_str(text: &str) -> Result<Self, JsonError> {
        let json: Self = serde_json::from_str(text)?;
        Ok(json.with_text(text))
    }
}

impl Json {
    /// The same document with the white space of `text`, which it was read from.
    pub(super) fn with_text(mut self, text: &str) -> Self {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if self.size() != text.len() {
            match &mut self {
                Self::Array(array) => Arc::make_mut(array).text = Some(text.into()),
                Self::Object(object) => Arc::make_mut(object).set_text(text),
                _ => {}
            }
        }
        self
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(&mut Shapes::default()))
    }
}

/// Reads a value of a document, some of whose objects have been read.
struct Reader<'s>(&'s mut Shapes);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::string(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::string(value))
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Reader(self.0))? {
            items.push(item);
        }
        Ok(Json::Array(Arc::new(Array::new(items))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut object = Growing::default();
        while map.next_key_seed(KeyReader(&mut object, self.0))?.is_some() {
            object.value(map.next_value_seed(Reader(self.0))?);
        }
        Ok(Json::Object(Arc::new(object.finish(self.0))))
    }
}

/// Reads a key of an object.
struct KeyReader<'s>(&'s mut Growing, &'s mut Shapes);

impl<'de> DeserializeSeed<'de> for KeyReader<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyReader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        self.0.key(key, self.1);
        Ok(())
    }
}
