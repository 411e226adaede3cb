//! The entries of a JSON object, in the order they were written.

use std::sync::Arc;

use super::Json;
use super::contents::Contents;
use super::shape::Shape;

/// The entries of a JSON object, in the order they were written.
///
/// Objects that are made alike, such as the elements of an array, hold their keys together.
#[derive(Debug)]
pub struct Object {
    shape: Arc<Shape>,
    values: Vec<Json>,
    contents: Contents,
    text: Option<Arc<String>>,
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
        Self { shape, values, contents, text: None }
    }

    /// Its keys.
    pub(super) fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value under `key`.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.values.get(self.position(key)?)
    }

    /// Whether there is a value under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Json)> {
        self.shape.keys().iter().zip(&self.values)
    }

    /// The values, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Json> {
        self.values.iter()
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
        Shape::push(&mut self.shape, key);
        self.values.push(value);
    }

    /// Lets `change` write the value under `key`; `None` when there is none.
    #[cfg(any(test, feature = "runtime", feature = "testing"))]
    pub(crate) fn update<R>(&mut self, key: &str, change: impl FnOnce(&mut Json) -> R) -> Option<R> {
        self.position(key).map(|at| self.update_at(at, change))
    }

    /// Lets `change` write the value at a [`position`](Self::position).
    pub(crate) fn update_at<R>(&mut self, at: usize, change: impl FnOnce(&mut Json) -> R) -> R {
        self.contents.change(&mut self.values[at], change)
    }

    /// Bytes as compact text.
    pub(crate) fn size(&self) -> usize {
        2 + self.values.len().saturating_sub(1) + self.shape.size() + self.contents.bytes
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The position of `key` among the entries.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        self.shape.position(key)
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.as_str())
    }

    pub(super) fn set_text(&mut self, text: &str) {
        self.text = Some(Arc::new(text.into()));
    }

    pub(super) fn forget_text(&mut self) {
        self.text = None;
    }
}

/// Copies are made to be changed: there is room for another value.
impl Clone for Object {
    fn clone(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len() + 1);
        values.extend_from_slice(&self.values);
        Self { shape: self.shape.clone(), values, contents: self.contents, text: self.text.clone() }
    }
}

impl Default for Object {
    fn default() -> Self {
        Self { shape: Shape::empty(), values: Vec::new(), contents: Contents::default(), text: None }
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        match Arc::ptr_eq(&self.shape, &other.shape) {
            true => self.values == other.values,
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
