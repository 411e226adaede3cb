//! The entries of a JSON object, in the order they were written.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::contents::Contents;
use super::origin::Origin;
use super::shape::Shape;
use super::{Growing, Json, Shapes};

/// Why there are entries.
const MADE: &str = "what has no origin has entries";

/// The entries of a JSON object, in the order they were written.
///
/// Objects that are made alike, such as the elements of an array, hold their keys together.
#[derive(Debug)]
pub struct Object {
    /// None if it has an origin: that has them.
    entries: Option<Entries>,
    contents: Contents,
    source: Option<Arc<Source>>,
}

/// Keys, and as many values.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    pub(super) shape: Arc<Shape>,
    pub(super) values: Vec<Json>,
}

/// What an object was made of, as long as nothing in it is changed.
#[derive(Debug)]
enum Source {
    /// Text with white space.
    Text(String),
    Map(Origin),
}

impl Object {
    /// An object of `entries`; of two with the same key the later wins, in the earlier's place.
    pub(crate) fn from_entries(entries: Vec<(Arc<str>, Json)>) -> Self {
        let (keys, values) = entries.into_iter().unzip();
        Self::from_parts(keys, values)
    }

    pub(super) fn from_parts(keys: Vec<Arc<str>>, values: Vec<Json>) -> Self {
        match Shape::of(keys) {
            Ok(shape) => Self::shaped(Arc::new(shape), values),
            Err(keys) => {
                let mut object = Self::default();
                keys.into_iter().zip(values).for_each(|(key, value)| object.insert(key, value));
                object
            }
        }
    }

    /// An object with the keys of `shape`, and as many `values`.
    pub(crate) fn shaped(shape: Arc<Shape>, values: Vec<Json>) -> Self {
        debug_assert_eq!(shape.keys().len(), values.len(), "each key has a value");
        let contents = Contents::of(&values);
        Self { entries: Some(Entries { shape, values }), contents, source: None }
    }

    /// An object of a map that was handed in, of which nobody may ever want to see the entries.
    pub(super) fn of_map(map: Map<String, Value>) -> Self {
        match Origin::of(map) {
            Ok((origin, contents)) => {
                Self { entries: None, contents, source: Some(Arc::new(Source::Map(origin))) }
            }
            Err(large) => {
                let mut shapes = Shapes::default();
                Growing::of_map(&large, &mut shapes).finish(&mut shapes)
            }
        }
    }

    #[inline]
    pub(super) fn entries(&self) -> &Entries {
        match &self.entries {
            Some(entries) => entries,
            None => self.origin().expect(MADE).entries(),
        }
    }

    /// The entries, to change.
    fn entries_mut(&mut self) -> &mut Entries {
        self.forget_source();
        self.entries.as_mut().expect(MADE)
    }

    pub(super) fn into_entries(mut self) -> Entries {
        self.forget_source();
        self.entries.expect(MADE)
    }

    #[inline]
    fn origin(&self) -> Option<&Origin> {
        match self.source.as_deref() {
            Some(Source::Map(origin)) => Some(origin),
            Some(Source::Text(_)) | None => None,
        }
    }

    /// The map that it was made of, if it was made of one.
    pub(super) fn map(&self) -> Option<&Map<String, Value>> {
        self.origin().map(Origin::map)
    }

    /// The same for the first who looks for a part of it, before there are entries: only that part need be made ours.
    pub(crate) fn first_look(&self) -> Option<&Map<String, Value>> {
        match &self.entries {
            Some(_) => None,
            None => self.origin().and_then(Origin::first_look),
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.entries {
            Some(entries) => entries.values.len(),
            None => self.map().map_or(0, Map::len),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value under `key`.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Json> {
        let Entries { shape, values } = self.entries();
        values.get(shape.position(key)?)
    }

    /// Whether there is a value under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Json)> {
        let Entries { shape, values } = self.entries();
        shape.keys().iter().zip(values)
    }

    /// The values, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Json> {
        self.entries().values.iter()
    }

    /// Puts `value` under `key`: in the place of an entry with that key, or at the end.
    pub(crate) fn insert(&mut self, key: Arc<str>, value: Json) {
        if let Some(at) = self.position(&key) {
            return self.update_at(at, |old| *old = value);
        }
        self.push(key, value);
    }

    /// Adds an entry at the end, under a key that there is none of.
    pub(crate) fn push(&mut self, key: Arc<str>, value: Json) {
        self.contents.add(&value);
        let entries = self.entries_mut();
        Shape::push(&mut entries.shape, key);
        entries.values.push(value);
    }

    /// Lets `change` write the value under `key`; `None` when there is none.
    #[cfg(test)]
    pub(crate) fn update<R>(&mut self, key: &str, change: impl FnOnce(&mut Json) -> R) -> Option<R> {
        self.position(key).map(|at| self.update_at(at, change))
    }

    /// Lets `change` write the value at a [`position`](Self::position).
    pub(crate) fn update_at<R>(&mut self, at: usize, change: impl FnOnce(&mut Json) -> R) -> R {
        self.forget_source();
        let Self { entries, contents, .. } = self;
        contents.change(&mut entries.as_mut().expect(MADE).values[at], change)
    }

    /// Bytes as compact text.
    pub(crate) fn size(&self) -> usize {
        let (len, keys) = match &self.entries {
            Some(entries) => (entries.values.len(), entries.shape.size()),
            None => self.origin().map_or((0, 0), |origin| (origin.map().len(), origin.keys())),
        };
        self.contents.size(len).saturating_add(keys)
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The position of `key` among the entries.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        self.entries().shape.position(key)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self.source.as_deref() {
            Some(Source::Text(text)) => Some(text),
            Some(Source::Map(_)) | None => None,
        }
    }

    pub(super) fn set_text(&mut self, text: &str) {
        self.forget_source();
        self.source = Some(Arc::new(Source::Text(text.into())));
    }

    /// It is going to be changed.
    #[inline]
    pub(super) fn forget_source(&mut self) {
        if let Some(source) = self.source.take() {
            self.leave(source);
        }
    }

    fn leave(&mut self, source: Arc<Source>) {
        match Arc::try_unwrap(source) {
            Ok(Source::Map(origin)) => self.entries = Some(origin.into_entries()),
            Err(shared) => {
                if let Source::Map(origin) = &*shared {
                    self.entries = Some(origin.entries().with_room());
                }
            }
            Ok(Source::Text(_)) => {}
        }
    }

    pub(super) fn to_map(&self) -> Map<String, Value> {
        match self.map() {
            Some(map) => map.clone(),
            None => self.iter().map(|(key, value)| (key.as_ref().to_owned(), Value::from(value))).collect(),
        }
    }

    pub(super) fn into_map(mut self) -> Map<String, Value> {
        match self.source.take().map(Arc::try_unwrap) {
            Some(Ok(Source::Map(origin))) => return origin.into_map(),
            Some(Err(shared)) => self.source = Some(shared),
            Some(Ok(Source::Text(_))) | None => {}
        }
        self.to_map()
    }
}

impl Entries {
    /// A copy that is made to be changed: there is room for another value.
    fn with_room(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len() + 1);
        values.extend_from_slice(&self.values);
        Self { shape: self.shape.clone(), values }
    }
}

impl Default for Entries {
    fn default() -> Self {
        Self { shape: Shape::empty(), values: Vec::new() }
    }
}

impl Default for Object {
    fn default() -> Self {
        Self { entries: Some(Entries::default()), contents: Contents::default(), source: None }
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        let entries = self.entries.as_ref().map(Entries::with_room);
        Self { entries, contents: self.contents, source: self.source.clone() }
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.entries(), other.entries());
        match Arc::ptr_eq(&one.shape, &two.shape) {
            true => one.values == two.values,
            false => {
                self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_objects_find_replace_and_keep_order() {
        let mut object = Object::default();
        for n in (0..100).rev() {
            object.insert(format!("k{n}").into(), Json::from(n));
        }
        object.insert("k50".into(), Json::string("fifty"));
        assert_eq!(object.len(), 100);
        assert_eq!(object.get("k99").and_then(Json::as_i64), Some(99));
        assert_eq!(object.get("k50").and_then(Json::as_str), Some("fifty"));
        assert_eq!(object.iter().next().unwrap().0.as_ref(), "k99");
        assert!(!object.contains_key("k100"));
    }

    #[test]
    fn of_repeated_keys_the_last_wins_in_the_first_place() {
        for count in [3_u32, 40] {
            let mut entries: Vec<(Arc<str>, Json)> =
                (0..count).map(|n| (format!("k{n}").into(), Json::from(n))).collect();
            entries.push(("k1".into(), Json::Null));
            let object = Object::from_entries(entries);
            assert_eq!(object.len(), count as usize);
            assert!(object.iter().nth(1).unwrap().1.is_null());
        }
    }
}
