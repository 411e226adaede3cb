//! The keys of JSON objects: those of objects that are made alike are held once.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use super::Json;
use super::object::Object;
use super::print;

/// From this many keys on there is an index of them.
const INDEXED: usize = 16;

/// The keys of an object, in the order they were written; none is there twice.
///
/// A few are searched, many have an index sorted by key, so that no choice of keys makes a look-up slow.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    keys: Vec<Arc<str>>,
    /// Positions of the keys in the order of the keys; empty below [`INDEXED`] keys.
    index: Vec<u32>,
    /// Bytes of the keys as compact text, with their colons.
    size: usize,
}

impl Shape {
    /// No keys.
    pub(super) fn empty() -> Arc<Self> {
        static EMPTY: LazyLock<Arc<Shape>> = LazyLock::new(Arc::default);
        EMPTY.clone()
    }

    /// These keys, unless one of them is there twice.
    pub(crate) fn of(keys: Vec<Arc<str>>) -> Result<Self, Vec<Arc<str>>> {
        let mut index = Vec::new();
        let repeats = if keys.len() < INDEXED {
            keys.iter().enumerate().any(|(at, key)| keys[..at].contains(key))
        } else {
            index = sorted(&keys);
            index.windows(2).any(|pair| keys[pair[0] as usize] == keys[pair[1] as usize])
        };
        if repeats {
            return Err(keys);
        }
        let size = keys.iter().map(|key| key_size(key)).sum();
        Ok(Self { keys, index, size })
    }

    #[inline]
    pub(crate) fn keys(&self) -> &[Arc<str>] {
        &self.keys
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds a key that is not there; other objects with these keys keep them as they are.
    pub(super) fn push(shape: &mut Arc<Self>, key: Arc<str>) {
        match Arc::get_mut(shape) {
            Some(shape) => shape.add(key),
            None => {
                let mut keys = Vec::with_capacity(shape.keys.len() + 1);
                keys.extend_from_slice(&shape.keys);
                let mut copy = Self { keys, index: shape.index.clone(), size: shape.size };
                copy.add(key);
                *shape = Arc::new(copy);
            }
        }
    }

    fn add(&mut self, key: Arc<str>) {
        self.size += key_size(&key);
        if self.keys.len() + 1 >= INDEXED {
            if self.index.is_empty() {
                self.index = sorted(&self.keys);
            }
            let at = self.search(&key).unwrap_or_else(|at| at);
            self.index.insert(at, self.keys.len() as u32);
        }
        self.keys.push(key);
    }

    /// Which of the keys `key` is.
    #[inline]
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        if self.index.is_empty() {
            return self.keys.iter().position(|name| name.as_ref() == key);
        }
        self.search(key).ok().map(|at| self.index[at] as usize)
    }

    fn search(&self, key: &str) -> Result<usize, usize> {
        self.index.binary_search_by(|at| self.keys[*at as usize].as_ref().cmp(key))
    }
}

/// Positions of `keys` in their order.
fn sorted(keys: &[Arc<str>]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
    order
}

/// Bytes that `key` adds to an object's compact text, with its colon.
pub(super) fn key_size(key: &str) -> usize {
    print::string_size(key) + 1
}

/// How many keys and shapes are remembered.
const REMEMBERED: usize = 32;

/// Up to how many bytes a key takes, or all keys of a shape, that are remembered.
const SHORT: usize = 2048;

thread_local! {
    /// What the last document that was made on this thread left behind: the next one is mostly like it.
    static LATELY: Cell<Option<Box<Known>>> = const { Cell::new(None) };
}

/// The keys and shapes of documents that are being made, as far as they were seen lately.
pub(crate) struct Shapes {
    known: Option<Box<Known>>,
}

#[derive(Default)]
struct Known {
    /// By what is seen of a key at a glance, so that each has one place.
    keys: [Option<Arc<str>>; REMEMBERED],
    /// By the first of their keys.
    shapes: [Option<Arc<Shape>>; REMEMBERED],
}

impl Shapes {
    /// An object begins with `key`: a shape that does so, too.
    fn begin(&mut self, key: &str) -> Option<Arc<Shape>> {
        self.known().shapes[glance(key)].clone()
    }

    fn key(&mut self, key: &str) -> Arc<str> {
        if key.len() > SHORT {
            return key.into();
        }
        match &mut self.known().keys[glance(key)] {
            Some(known) if **known == *key => known.clone(),
            place => place.insert(key.into()).clone(),
        }
    }

    fn remember(&mut self, shape: &Arc<Shape>) {
        if let Some(first) = shape.keys.first().filter(|_| shape.size <= SHORT) {
            self.known().shapes[glance(first)] = Some(shape.clone());
        }
    }

    fn known(&mut self) -> &mut Known {
        self.known.get_or_insert_default()
    }
}

impl Default for Shapes {
    fn default() -> Self {
        // A thread that is ending has none.
        Self { known: LATELY.try_with(Cell::take).unwrap_or_default() }
    }
}

impl Drop for Shapes {
    fn drop(&mut self) {
        let _ = LATELY.try_with(|lately| lately.set(self.known.take()));
    }
}

fn glance(key: &str) -> usize {
    let [first, last] = [key.as_bytes().first(), key.as_bytes().last()];
    [first, last].into_iter().flatten().fold(key.len(), |sum, byte| 31 * sum + usize::from(*byte))
        % REMEMBERED
}

/// An object that is being made, entry by entry.
#[derive(Default)]
pub(crate) struct Growing {
    values: Vec<Json>,
    /// A shape that begins with the keys so far.
    like: Option<Arc<Shape>>,
    /// The keys so far, if there is none.
    keys: Vec<Arc<str>>,
}

impl Growing {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { values: Vec::with_capacity(count), ..Self::default() }
    }

    /// The entries of `map`.
    pub(super) fn of_map(map: &Map<String, Value>, shapes: &mut Shapes) -> Self {
        let mut growing = Self::with_capacity(map.len());
        for (key, value) in map {
            growing.key(key, shapes);
            growing.value(Json::copy(value, shapes));
        }
        growing
    }

    /// Adds a key; its value is next.
    pub(crate) fn key(&mut self, key: &str, shapes: &mut Shapes) {
        let count = self.values.len();
        if count == 0 {
            self.like = shapes.begin(key);
        }
        if let Some(like) = &self.like {
            if like.keys.get(count).is_some_and(|known| **known == *key) {
                return;
            }
            self.keys.extend_from_slice(&like.keys[..count]);
            self.like = None;
        }
        self.keys.push(shapes.key(key));
    }

    pub(crate) fn value(&mut self, value: Json) {
        self.values.push(value);
    }

    /// The object; of two values with the same key the later wins, in the earlier's place.
    pub(crate) fn finish(mut self, shapes: &mut Shapes) -> Object {
        let count = self.values.len();
        match self.like.take() {
            Some(like) if like.keys.len() == count => return Object::shaped(like, self.values),
            Some(like) => self.keys.extend_from_slice(&like.keys[..count]),
            None => {}
        }
        let object = Object::from_parts(self.keys, self.values);
        shapes.remember(&object.entries().shape);
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(keys: &[&str], shapes: &mut Shapes) -> Object {
        let mut growing = Growing::default();
        for key in keys {
            growing.key(key, shapes);
            growing.value(Json::string(*key));
        }
        growing.finish(shapes)
    }

    #[test]
    fn objects_that_are_alike_share_their_keys() {
        let mut shapes = Shapes::default();
        let first = object(&["sku", "price"], &mut shapes);
        let second = object(&["sku", "price"], &mut shapes);
        assert!(Arc::ptr_eq(&first.entries().shape, &second.entries().shape));
        for keys in [&["sku"][..], &["sku", "price", "count"], &["sku", "count"], &["price"], &[]] {
            let other = object(keys, &mut shapes);
            assert!(!Arc::ptr_eq(&first.entries().shape, &other.entries().shape), "{keys:?}");
            let seen: Vec<&str> = other.iter().map(|(key, _)| &**key).collect();
            assert_eq!(seen, keys);
            assert!(other.iter().all(|(key, value)| value.as_str() == Some(key)), "{keys:?}");
        }
    }

    #[test]
    fn of_equal_keys_one_is_kept() {
        let mut shapes = Shapes::default();
        for _ in 0..2 {
            assert_eq!(object(&["a", "b", "a"], &mut shapes).len(), 2);
            assert_eq!(object(&["a", "b"], &mut shapes).len(), 2);
        }
    }

    #[test]
    fn documents_share_what_is_short_with_the_one_before() {
        let make = |keys: &[&str]| object(keys, &mut Shapes::default()).entries().shape.clone();
        assert!(Arc::ptr_eq(&make(&["sku", "price"]), &make(&["sku", "price"])));
        let long = "long".repeat(SHORT);
        assert!(!Arc::ptr_eq(&make(&["sku", &long]), &make(&["sku", &long])));
    }
}
