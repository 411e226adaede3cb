//! Documents within stored records, with the white space they were read with: history shows it.
//!
//! For `#[serde(with = "crate::json::verbatim")]`.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Json;
#[cfg(feature = "testing")]
use super::JsonError;

/// A document that is written so.
pub(crate) struct Verbatim<'a>(pub(crate) &'a Json);

pub(crate) fn serialize<S: Serializer>(json: &Json, serializer: S) -> Result<S::Ok, S::Error> {
    Verbatim(json).serialize(serializer)
}

impl Serialize for Verbatim<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match self.0 {
            Json::Array(array) => array.text.as_deref(),
            Json::Object(object) => object.text(),
            _ => None,
        };
        if let Some(text) = text {
            let raw: &RawValue = serde_json::from_str(text).map_err(S::Error::custom)?;
            return raw.serialize(serializer);
        }
        match self.0 {
            Json::Array(array) => serializer.collect_seq(array.items.iter().map(Verbatim)),
            Json::Object(object) if object.map().is_none() => {
                serializer.collect_map(object.iter().map(|(key, value)| (&**key, Verbatim(value))))
            }
            plain => plain.serialize(serializer),
        }
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
    Box::<RawValue>::deserialize(deserializer)?.get().parse().map_err(D::Error::custom)
}

/// Reads a document of which every part keeps the white space that it was written with.
#[cfg(feature = "testing")]
pub(crate) fn parse(text: &str) -> Result<Json, JsonError> {
    let whole: Json = text.parse()?;
    Ok(match &whole {
        Json::Array(_) => {
            let parts: Vec<&RawValue> = serde_json::from_str(text)?;
            let parts = parts.into_iter().map(|part| parse(part.get())).collect::<Result<_, _>>()?;
            Json::array(parts).with_text(text)
        }
        Json::Object(object) => {
            let mut parts: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            // Every key is there once more, except for those that were there twice.
            let entries = object.iter().filter_map(|(key, _)| Some((key.clone(), parts.remove(&**key)?)));
            let entries = entries.map(|(key, part)| Ok((key, parse(part.get())?)));
            Json::object(entries.collect::<Result<Vec<_>, JsonError>>()?).with_text(text)
        }
        _ => whole,
    })
}
