//! JSON documents as the core holds them: shared, measured, cheap to clone.
//!
//! Writing is in [`edit`](self), reading text in `parse.rs`, printing in `print.rs`.

mod contents;
mod convert;
mod equal;
mod index;
mod object;
mod origin;
mod parse;
mod print;
mod shape;
pub(crate) mod verbatim;

use std::sync::Arc;

use self::contents::Contents;
pub use object::Object;
pub use parse::JsonError;
pub use serde_json::Number;
pub(crate) use shape::{Growing, Shape, Shapes};

/// A JSON value whose arrays, objects and strings are shared.
///
/// A clone costs one reference count, whatever its size, so an execution, its history and its tasks own
/// one document together. A write copies the containers along the path it writes and no more. Every
/// container knows how many bytes it takes as compact text, so that AWS's payload limit is checked without
/// printing anything.
///
/// It converts from and to [`serde_json::Value`], and prints as compact JSON.
///
/// ```
/// use serde_json::json;
/// use stepwright::Json;
///
/// let order = Json::from(json!({ "id": 7, "items": ["tea"] }));
/// assert_eq!(order.get("id").and_then(Json::as_i64), Some(7));
/// assert_eq!(order.to_string(), r#"{"id":7,"items":["tea"]}"#);
/// assert_eq!(order.size(), order.to_string().len());
/// ```
///
/// Text that was read keeps its white space for as long as nothing in it is changed, because AWS passes
/// untouched documents on as text:
///
/// ```
/// use stepwright::Json;
///
/// let greeting: Json = r#"["Hello", "World"]"#.parse().unwrap();
/// assert_eq!(greeting.to_string(), r#"["Hello", "World"]"#);
/// assert_eq!(greeting.compact().to_string(), r#"["Hello","World"]"#);
/// ```
#[derive(Clone, Default)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number: 64-bit integers exactly, others as `f64`.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Arc<Array>),
    /// An object, in the order its keys were written.
    Object(Arc<Object>),
}

/// The elements of a JSON array.
#[derive(Clone, Debug, Default)]
pub struct Array {
    items: Vec<Json>,
    contents: Contents,
    text: Option<Arc<str>>,
}

impl Json {
    /// How many containers within one another a document may have whose text can be read back: what the parser
    /// takes.
    pub(crate) const DEEPEST: usize = 127;

    /// `{}`.
    pub fn empty_object() -> Self {
        Self::Object(Arc::new(Object::default()))
    }

    /// A string.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// An array of `items`.
    pub fn array(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(Array::new(items)))
    }

    /// An object of `entries`; of two with the same key the later wins, in the earlier's place.
    pub fn object(entries: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        Self::Object(Arc::new(Object::from_entries(entries.into_iter().collect())))
    }

    /// The value under `key`, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The element at `index`, if this is an array that has it.
    pub fn at(&self, index: usize) -> Option<&Self> {
        self.as_array()?.get(index)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(array) => Some(&array.items),
            _ => None,
        }
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number, if this is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number, if this is an integer that fits and is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number as a double, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.as_f64()
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether both are one document, shared: equal ones need not be.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(one), Self::String(other)) => Arc::ptr_eq(one, other),
            (Self::Array(one), Self::Array(other)) => Arc::ptr_eq(one, other),
            (Self::Object(one), Self::Object(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// How many bytes this takes as text: O(1) for arrays and objects.
    #[inline]
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Bool(true) => 4,
            Self::Bool(false) => 5,
            Self::Number(number) => print::number_size(number),
            Self::String(text) => print::string_size(text),
            Self::Array(array) => array.text.as_ref().map_or_else(|| array.size(), |text| text.len()),
            Self::Object(object) => object.text().map_or_else(|| object.size(), |text| text.len()),
        }
    }

    /// Whether more than `limit` containers lie within one another here: O(1) for documents that are not.
    #[inline]
    pub(crate) fn deeper_than(&self, limit: usize) -> bool {
        self.depth() > limit && self.walk_deeper_than(limit)
    }

    fn walk_deeper_than(&self, limit: usize) -> bool {
        let mut stack = vec![(self, 0)];
        while let Some((json, above)) = stack.pop() {
            if above + json.depth() <= limit {
                continue;
            }
            if above == limit {
                return true;
            }
            match json {
                Self::Array(array) => stack.extend(array.items.iter().map(|item| (item, above + 1))),
                Self::Object(object) => stack.extend(object.values().map(|value| (value, above + 1))),
                _ => {}
            }
        }
        false
    }

    /// How many containers lie within one another here, or more.
    ///
    /// INVARIANT: never too low. An element that is replaced leaves its depth behind in the containers around
    /// it, because finding the next deepest would cost a walk.
    #[inline]
    fn depth(&self) -> usize {
        match self {
            Self::Array(array) => array.contents.depth() as usize,
            Self::Object(object) => object.contents().depth() as usize,
            _ => 0,
        }
    }

    /// Whether a number in this may be one that JavaScript writes otherwise, such as `1.0`: O(1).
    #[cfg(feature = "jsonata")]
    pub(crate) fn may_be_written_otherwise(&self) -> bool {
        match self {
            Self::Array(array) => array.contents.may_be_written_otherwise(),
            Self::Object(object) => object.contents().may_be_written_otherwise(),
            Self::Number(number) => contents::is_written_otherwise(number),
            Self::Null | Self::Bool(_) | Self::String(_) => false,
        }
    }

    /// The same document without the white space it was read with.
    pub fn compact(&self) -> Self {
        match self {
            Self::Array(array) if array.text.is_some() => {
                Self::Array(Arc::new(Array { text: None, ..(**array).clone() }))
            }
            Self::Object(object) if object.text().is_some() => {
                let mut object = (**object).clone();
                object.forget_source();
                Self::Object(Arc::new(object))
            }
            _ => self.clone(),
        }
    }

    /// The same of a document that nobody else needs.
    #[inline]
    pub(crate) fn into_compact(self) -> Self {
        let verbatim = match &self {
            Self::Array(array) => array.text.is_some(),
            Self::Object(object) => object.text().is_some(),
            _ => false,
        };
        if verbatim { self.compact() } else { self }
    }

    /// The elements, to change: shared ones are copied first, one level deep.
    pub(crate) fn array_mut(&mut self) -> Option<ArrayMut<'_>> {
        match self {
            Self::Array(array) => {
                let array = Arc::make_mut(array);
                array.text = None;
                Some(ArrayMut { array })
            }
            _ => None,
        }
    }

    /// The object, to change: a shared one is copied first, one level deep.
    pub(crate) fn object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Self::Object(object) => {
                let object = Arc::make_mut(object);
                object.forget_source();
                Some(object)
            }
            _ => None,
        }
    }
}

impl Array {
    fn new(items: Vec<Json>) -> Self {
        let contents = Contents::of(&items);
        Self { items, contents, text: None }
    }

    /// Bytes as compact text.
    fn size(&self) -> usize {
        self.contents.size(self.items.len())
    }
}

/// An array being changed; it keeps the array's size true.
pub(crate) struct ArrayMut<'a> {
    array: &'a mut Array,
}

impl ArrayMut<'_> {
    /// Lets `change` write the element at `index`; `None` when there is no such element.
    pub(crate) fn update<R>(&mut self, index: usize, change: impl FnOnce(&mut Json) -> R) -> Option<R> {
        let Array { items, contents, .. } = &mut *self.array;
        Some(contents.change(items.get_mut(index)?, change))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_write_copies_only_its_path_and_keeps_sizes_true() {
        let before = Json::from(json!({ "a": { "b": [1, 2, 3] }, "c": "x" }));
        let mut after = before.clone();
        after.object_mut().unwrap().update("a", |a| {
            a.object_mut().unwrap().update("b", |b| {
                b.array_mut().unwrap().update(1, |item| *item = Json::string("longer"));
            });
        });
        assert_eq!(before.to_string(), r#"{"a":{"b":[1,2,3]},"c":"x"}"#);
        assert_eq!(after.to_string(), r#"{"a":{"b":[1,"longer",3]},"c":"x"}"#);
        assert_eq!(after.size(), after.to_string().len());
    }

    #[test]
    fn depths_follow_what_is_put_in_and_taken_out() {
        let mut value = Json::from(json!({ "a": [], "b": 1 }));
        assert!(!Json::Null.deeper_than(0) && !value.deeper_than(2) && value.deeper_than(1));
        value.object_mut().unwrap().update("a", |a| *a = Json::from(json!([[[]]])));
        assert!(value.deeper_than(3) && !value.deeper_than(4));
        let shallow = value.clone();
        value.object_mut().unwrap().insert("c".into(), shallow);
        assert!(value.deeper_than(4) && !value.deeper_than(5));
        value.object_mut().unwrap().insert("c".into(), Json::Null);
        assert!(value.deeper_than(3) && !value.deeper_than(4));
    }

    #[test]
    fn a_change_forgets_the_white_space() {
        let mut value: Json = r#"{ "a": [ 1 ] }"#.parse().unwrap();
        assert_eq!(value.size(), 14);
        value.object_mut().unwrap().insert("b".into(), Json::Null);
        assert_eq!(value.to_string(), r#"{"a":[1],"b":null}"#);
        assert_eq!(value.size(), value.to_string().len());
    }
}
