//! Objects as they were handed in: many only pass through, from one handler's hands into another's.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use super::contents::Contents;
use super::object::Entries;
use super::print::string_size;
use super::shape::key_size;
use super::{Growing, Json, Shapes};

/// A map that was handed in, and its entries, once somebody has looked at them.
#[derive(Debug)]
pub(super) struct Origin {
    map: Map<String, Value>,
    /// Bytes of the keys as compact text, with their colons.
    keys: usize,
    entries: OnceLock<Entries>,
    /// Whether somebody has looked for a part of it.
    searched: AtomicBool,
}

/// Up to how many bytes in memory a map is kept as it was handed in: it takes some times what ours do, and once somebody
/// looks at its entries, both are kept.
const KEPT: usize = 4 * 1024;

impl Origin {
    /// One of `map`, and what is known of its values, unless it is too large: then it comes back.
    pub(super) fn of(map: Map<String, Value>) -> Result<(Self, Contents), Map<String, Value>> {
        let Seen { contents, held } = Seen::of_map(&map);
        if held > KEPT {
            return Err(map);
        }
        let keys = size_of_keys(&map);
        let (entries, searched) = (OnceLock::new(), AtomicBool::new(false));
        Ok((Self { map, keys, entries, searched }, contents))
    }

    pub(super) fn keys(&self) -> usize {
        self.keys
    }

    pub(super) fn map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// The map, for the first who looks for a part of it: mostly there is no second one.
    pub(super) fn first_look(&self) -> Option<&Map<String, Value>> {
        if self.entries.get().is_some() || self.searched.load(Ordering::Relaxed) {
            return None;
        }
        // Should two be first, both are right.
        self.searched.store(true, Ordering::Relaxed);
        Some(&self.map)
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.map
    }

    pub(super) fn entries(&self) -> &Entries {
        self.entries.get_or_init(|| {
            let mut shapes = Shapes::default();
            Growing::of_map(&self.map, &mut shapes).finish(&mut shapes).into_entries()
        })
    }

    pub(super) fn into_entries(mut self) -> Entries {
        self.entries();
        self.entries.take().unwrap_or_default()
    }
}

/// What is known of values that nobody has made ours of.
#[derive(Default)]
struct Seen {
    contents: Contents,
    /// Bytes that they hold in memory. What a map has room for cannot be seen; it counts as much as it has.
    held: usize,
}

impl Seen {
    fn of_map(map: &Map<String, Value>) -> Self {
        let mut seen = Self::default();
        for (key, value) in map {
            seen.held += key.capacity() + size_of::<(u64, usize, String, Value)>();
            seen.take(value);
        }
        seen
    }

    fn take(&mut self, value: &Value) {
        match value {
            Value::Null => self.contents.add(&Json::Null),
            Value::Bool(value) => self.contents.add(&Json::Bool(*value)),
            Value::Number(number) => self.contents.add(&Json::Number(number.clone())),
            Value::String(text) => {
                self.held += text.capacity();
                self.contents.add_string(string_size(text));
            }
            Value::Array(items) => {
                let mut seen = Self::default();
                items.iter().for_each(|item| seen.take(item));
                self.held += seen.held + items.capacity() * size_of::<Value>();
                self.contents.add_container(seen.contents.size(items.len()), &seen.contents);
            }
            Value::Object(map) => {
                let seen = Self::of_map(map);
                self.held += seen.held;
                let bytes = seen.contents.size(map.len()) + size_of_keys(map);
                self.contents.add_container(bytes, &seen.contents);
            }
        }
    }
}

/// Bytes of the keys of `map` as compact text, with their colons.
fn size_of_keys(map: &Map<String, Value>) -> usize {
    map.keys().map(|key| key_size(key)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::verbatim::Verbatim;
    use super::*;

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,3}", inner), 0..20)
                    .prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_shows_that_nobody_has_looked(document in documents(), key in ".{0,3}") {
            let (lazy, copied) = (Json::from(document.clone()), Json::from(&document));
            let looked_at = Json::from(document.clone());
            let _ = looked_at.get("");
            for json in [&lazy, &looked_at] {
                prop_assert_eq!(json.size(), copied.size());
                prop_assert_eq!(json.to_string(), copied.to_string());
                prop_assert_eq!(json.deeper_than(1), copied.deeper_than(1));
                #[cfg(feature = "jsonata")]
                prop_assert_eq!(json.may_be_written_otherwise(), copied.may_be_written_otherwise());
                prop_assert_eq!(serde_json::to_string(json).unwrap(), serde_json::to_string(&copied).unwrap());
                prop_assert_eq!(
                    serde_json::to_string(&Verbatim(json)).unwrap(),
                    serde_json::to_string(&Verbatim(&copied)).unwrap()
                );
                prop_assert_eq!(json.as_object().map(|o| o.len()), copied.as_object().map(|o| o.len()));
                // To give it away, and while others have it.
                prop_assert_eq!(&Value::from(json.clone()), &document);
                prop_assert_eq!(&Value::from(Json::from(Value::from(json))), &document);
            }
            prop_assert_eq!(&lazy, &copied);
            // A change of one is no change of others that it was shared with.
            let (mut changed, mut copy) = (lazy.clone(), copied);
            for json in [&mut changed, &mut copy] {
                if let Some(object) = json.object_mut() {
                    object.insert(key.as_str().into(), Json::from(vec![Json::from(1)]));
                }
            }
            prop_assert_eq!(changed.size(), changed.to_string().len());
            prop_assert_eq!(changed.to_string(), copy.to_string());
            prop_assert_eq!(Value::from(lazy), document);
        }
    }
}
