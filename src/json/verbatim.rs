//! Documents within stored records, with the white space they were read with: history shows it.
//!
//! For `#[serde(with = "crate::json::verbatim")]`.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Json;

pub(crate) fn serialize<S: Serializer>(json: &Json, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(json.to_string()).map_err(S::Error::custom)?.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
    Box::<RawValue>::deserialize(deserializer)?.get().parse().map_err(D::Error::custom)
}
