//! A document as it was read: its values one after the other, their strings borrowed from the text.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// The values of a document, in the order of its text.
#[derive(Debug, Default)]
pub(super) struct Document<'t> {
    nodes: Vec<Node<'t>>,
}

#[derive(Debug)]
struct Node<'t> {
    /// The key under which the value stands; nothing for the root and for elements of arrays.
    key: Cow<'t, str>,
    content: Content<'t>,
    /// How many nodes the value has: itself and all that is in it.
    size: usize,
    /// Another value of the same key follows, and counts instead.
    superseded: bool,
}

#[derive(Debug)]
pub(super) enum Content<'t> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'t, str>),
    Array,
    Object,
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element<'d> {
    Null,
    Bool(bool),
    Number(&'d Number),
    String(&'d str),
    Array(Items<'d>),
    Object(Entries<'d>),
}

/// The elements of an array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Items<'d>(&'d [Node<'d>]);

/// The entries of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entries<'d>(&'d [Node<'d>]);

impl<'t> Document<'t> {
    /// A document without values, with room for those of a text with so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self { nodes: Vec::with_capacity(bytes / 10) }
    }

    /// The document of a value, which is not too deep.
    pub(super) fn of(value: &'t Value) -> Self {
        let mut document = Self::default();
        document.add(Cow::Borrowed(""), value);
        document
    }

    // Recursion is bounded by how deep the reader lets a document be.
    fn add(&mut self, key: Cow<'t, str>, value: &'t Value) {
        let number = match value {
            Value::Null => self.push(key, Content::Null),
            Value::Bool(value) => self.push(key, Content::Bool(*value)),
            Value::Number(number) => self.push(key, Content::Number(number.clone())),
            Value::String(text) => self.push(key, Content::String(text.into())),
            Value::Array(items) => {
                let number = self.push(key, Content::Array);
                items.iter().for_each(|item| self.add(Cow::Borrowed(""), item));
                number
            }
            Value::Object(map) => {
                let number = self.push(key, Content::Object);
                map.iter().for_each(|(key, value)| self.add(key.into(), value));
                number
            }
        };
        self.close(number);
    }

    /// Adds a value, and tells its number.
    pub(super) fn push(&mut self, key: Cow<'t, str>, content: Content<'t>) -> usize {
        self.nodes.push(Node { key, content, size: 1, superseded: false });
        self.nodes.len() - 1
    }

    /// The value `number` has all that is in it.
    pub(super) fn close(&mut self, number: usize) {
        self.nodes[number].size = self.nodes.len() - number;
    }

    /// The key of the value `number`.
    pub(super) fn key(&self, number: usize) -> &Cow<'t, str> {
        &self.nodes[number].key
    }

    /// The numbers of the values in the container `number` before the value `end`.
    pub(super) fn children(&self, number: usize, end: usize) -> impl Iterator<Item = usize> {
        let children = std::iter::successors(Some(number + 1), |child| Some(child + self.nodes[*child].size));
        children.take_while(move |child| *child < end).filter(|child| !self.nodes[*child].superseded)
    }

    /// The value `number` does not count: its object has another one under the same key.
    pub(super) fn supersede(&mut self, number: usize) {
        self.nodes[number].superseded = true;
    }

    /// The whole.
    pub(super) fn root(&self) -> Element<'_> {
        split(&self.nodes).map_or(Element::Null, |(_, element, _)| element)
    }
}

/// The first value of `nodes` with its key, and the nodes after it.
fn split<'d>(mut nodes: &'d [Node<'d>]) -> Option<(&'d str, Element<'d>, &'d [Node<'d>])> {
    let mut node = nodes.first()?;
    while node.superseded {
        nodes = &nodes[node.size..];
        node = nodes.first()?;
    }
    let (whole, rest) = nodes.split_at(node.size);
    let element = match &node.content {
        Content::Null => Element::Null,
        Content::Bool(value) => Element::Bool(*value),
        Content::Number(number) => Element::Number(number),
        Content::String(text) => Element::String(text),
        Content::Array => Element::Array(Items(&whole[1..])),
        Content::Object => Element::Object(Entries(&whole[1..])),
    };
    Some((&node.key, element, rest))
}

impl<'d> Items<'d> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Element<'d>> {
        Entries(self.0).iter().map(|(_, element)| element)
    }
}

impl<'d> Entries<'d> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (&'d str, Element<'d>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (key, element, after) = split(rest)?;
            rest = after;
            Some((key, element))
        })
    }

    pub(super) fn keys(self) -> impl Iterator<Item = &'d str> {
        self.iter().map(|(key, _)| key)
    }

    pub(super) fn get(self, name: &str) -> Option<Element<'d>> {
        let mut rest = self.0;
        while let Some(node) = rest.first() {
            if node.key == name && !node.superseded {
                return split(rest).map(|(_, element, _)| element);
            }
            rest = &rest[node.size..];
        }
        None
    }

    pub(super) fn contains_key(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn to_map(self) -> Map<String, Value> {
        self.iter().map(|(key, element)| (key.to_owned(), element.to_value())).collect()
    }
}

impl<'d> Element<'d> {
    pub(super) fn as_str(self) -> Option<&'d str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// What stands under `key`, if this is an object.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        match self {
            Self::Object(entries) => entries.get(key),
            _ => None,
        }
    }

    // Recursion is bounded by how deep the reader lets a document be.
    pub(super) fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.into()),
            Self::Array(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(entries) => Value::Object(entries.to_map()),
        }
    }
}
