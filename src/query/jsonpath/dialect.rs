//! The steps that AWS's dialect and RFC 9535 share, evaluated by the crate `jsonpath-rust`.
//!
//! It gets a syntax tree that we made, never text, and it never decides what the two dialects differ in:
//! filters, unions of names, the ends of slices, what is missing. What it does not get, our own walk does; a
//! test compares the two.

use std::cell::OnceCell;
use std::fmt;

use jsonpath_rust::parser::model::{JpQuery, Segment as Step, Selector};
use jsonpath_rust::query::js_path_process;
use jsonpath_rust::query::queryable::Queryable;

use super::Segment;
use crate::json::Json;

/// Steps that both dialects share, compiled for `jsonpath-rust`.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    query: JpQuery,
}

/// Bytes of a document up to which `jsonpath-rust` evaluates, which builds a text for every place it visits.
const MAX_DOCUMENT: usize = 65_536;

/// Containers within containers up to which it does: it recurses.
const MAX_DEPTH: usize = 128;

/// Bytes of all names together: they are part of those texts.
const MAX_NAMES: usize = 64;

impl Shared {
    /// `segments` for `jsonpath-rust`, if the dialects share all of them.
    pub(super) fn compile(segments: &[Segment]) -> Option<Self> {
        let names = segments.iter().map(|segment| match segment {
            Segment::Name(name) => name.len(),
            _ => 0,
        });
        let descends = segments.iter().filter(|segment| matches!(segment, Segment::Descend)).count();
        // Several `..` visit combinations of places, and only our walk counts what it visits.
        if segments.is_empty() || descends > 1 || names.sum::<usize>() > MAX_NAMES {
            return None;
        }
        let mut steps = Vec::with_capacity(segments.len());
        let mut segments = segments.iter();
        while let Some(segment) = segments.next() {
            let first = steps.is_empty();
            steps.push(match segment {
                Segment::Descend => Step::Descendant(Box::new(Step::Selector(selector(segments.next()?)?))),
                // For more than one array, jsonpath-rust takes the first index of all, then the second.
                Segment::Indices(indices) if first => {
                    Step::Selectors(indices.iter().map(|index| Selector::Index((*index).into())).collect())
                }
                segment => Step::Selector(selector(segment)?),
            });
        }
        Some(Self { query: JpQuery::new(steps) })
    }

    /// What the steps lead to from `json` on; `None` if this document is for our own walk.
    pub(super) fn select(&self, json: &Json) -> Option<Vec<Json>> {
        if json.size() > MAX_DOCUMENT || json.deeper_than(MAX_DEPTH) {
            return None;
        }
        let root = Node::of(json);
        let found = js_path_process(&self.query, &root).ok()?;
        Some(found.into_iter().map(|place| place.val.json().clone()).collect())
    }
}

fn selector(segment: &Segment) -> Option<Selector> {
    match segment {
        Segment::Name(name) => Some(Selector::Name(name.as_ref().into())),
        Segment::Index(index) => Some(Selector::Index((*index).into())),
        Segment::Wildcard => Some(Selector::Wildcard),
        Segment::Slice(Some(from), Some(to)) if *from < 0 || *to < 0 => None,
        Segment::Slice(from, to) => Some(Selector::Slice(from.map(i64::from), to.map(i64::from), None)),
        _ => None,
    }
}

/// A document as `jsonpath-rust` wants to see it: arrays as `Vec`s of what they are in.
///
/// It stands between the two so that [`Json`] itself has no trait of another crate in its interface.
#[derive(Default)]
struct Node<'j> {
    json: Source<'j>,
    children: OnceCell<Vec<Self>>,
}

enum Source<'j> {
    Borrowed(&'j Json),
    /// A literal or result of a function: the trait wants to make them, our queries have none.
    Owned(Json),
}

impl<'j> Node<'j> {
    fn of(json: &'j Json) -> Self {
        Self { json: Source::Borrowed(json), children: OnceCell::new() }
    }

    fn json(&self) -> &Json {
        match &self.json {
            Source::Borrowed(json) => json,
            Source::Owned(json) => json,
        }
    }

    fn children(&self) -> &Vec<Self> {
        self.children.get_or_init(|| match &self.json {
            Source::Borrowed(Json::Object(object)) => object.values().map(Node::of).collect(),
            Source::Borrowed(json) => json.as_array().unwrap_or_default().iter().map(Node::of).collect(),
            Source::Owned(_) => Vec::new(),
        })
    }
}

impl Queryable for Node<'_> {
    fn get(&self, key: &str) -> Option<&Self> {
        self.children().get(self.json().as_object()?.position(key)?)
    }

    fn as_array(&self) -> Option<&Vec<Self>> {
        self.json().as_array().map(|_| self.children())
    }

    fn as_object(&self) -> Option<Vec<(&str, &Self)>> {
        // Keys are asked for only to put them into the places' texts, which nobody reads: leave them out.
        self.json().as_object().map(|_| self.children().iter().map(|child| ("", child)).collect())
    }

    fn as_str(&self) -> Option<&str> {
        self.json().as_str()
    }

    fn as_i64(&self) -> Option<i64> {
        self.json().as_i64()
    }

    fn as_f64(&self) -> Option<f64> {
        self.json().as_f64()
    }

    fn as_bool(&self) -> Option<bool> {
        self.json().as_bool()
    }

    fn null() -> Self {
        Self::default()
    }
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::Owned(Json::Null)
    }
}

impl Clone for Node<'_> {
    fn clone(&self) -> Self {
        let json = match &self.json {
            Source::Borrowed(json) => Source::Borrowed(json),
            Source::Owned(json) => Source::Owned(json.clone()),
        };
        Self { json, children: OnceCell::new() }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.json().fmt(f)
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl From<Json> for Node<'_> {
    fn from(json: Json) -> Self {
        Self { json: Source::Owned(json), children: OnceCell::new() }
    }
}

impl From<Vec<Self>> for Node<'_> {
    fn from(nodes: Vec<Self>) -> Self {
        Json::array(nodes.iter().map(|node| node.json().clone()).collect()).into()
    }
}

macro_rules! from_scalar {
    ($($scalar:ty),*) => {$(
        impl From<$scalar> for Node<'_> {
            fn from(value: $scalar) -> Self {
                Json::from(value).into()
            }
        }
    )*};
}

from_scalar!(bool, i64, f64, String, &str);
