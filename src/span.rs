//! Stretches of text, and a tree that says where each part of a document stands.

use std::collections::BTreeMap;
use std::ops::Range;

/// A stretch of text, in bytes.
pub(crate) type Span = Range<usize>;

/// Where the values and keys of one document stand in its text.
///
/// It has the document's shape: one node for each value. A document that could only be read in part has
/// the nodes of that part.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpanTree {
    nodes: Vec<Node>,
}

/// One value of the document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where the key stands under which the value does; `None` for the root and for elements of arrays.
    pub(crate) key: Option<Span>,
    /// Where the value stands.
    pub(crate) value: Span,
    children: Children,
}

/// The parts of a value. Of two with the same key the later counts, as in the document itself.
#[derive(Clone, Debug)]
enum Children {
    None,
    Items(Vec<NodeId>),
    Entries(BTreeMap<Box<str>, NodeId>),
}

/// Names a node of the tree that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

/// One step from a value to a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// To the value under a key.
    Key(&'a str),
    /// To an element.
    Index(usize),
}

impl SpanTree {
    /// Adds a value that starts at `start` and whose end is not known yet.
    pub(crate) fn open(&mut self, parent: Option<NodeId>, key: Option<(&str, Span)>, start: usize) -> NodeId {
        let (name, key) = key.map_or((None, None), |(name, span)| (Some(name), Some(span)));
        let id = self.add(Node { key, value: start..start, children: Children::None });
        if let Some(parent) = parent {
            let children = &mut self.nodes[parent.0 as usize].children;
            match (children, name) {
                (Children::Items(items), None) => items.push(id),
                (Children::Entries(entries), Some(name)) => {
                    entries.insert(name.into(), id);
                }
                (children, None) => *children = Children::Items(vec![id]),
                (children, Some(name)) => *children = Children::Entries(BTreeMap::from([(name.into(), id)])),
            }
        }
        id
    }

    /// Says where the value ends.
    pub(crate) fn close(&mut self, NodeId(id): NodeId, end: usize) {
        let value = &mut self.nodes[id as usize].value;
        value.end = end.max(value.start);
    }

    /// Moves what stands in `id` one step down, under `name`: a tag that became an object around a value.
    #[cfg(feature = "yaml")]
    pub(crate) fn wrap(&mut self, id: NodeId, name: &str, span: Span) {
        let children = std::mem::replace(&mut self.nodes[id.0 as usize].children, Children::None);
        let inner = self.add(Node { key: Some(span.clone()), value: span, children });
        self.nodes[id.0 as usize].children = Children::Entries(BTreeMap::from([(name.into(), inner)]));
    }

    /// Gives every place as `original` says.
    #[cfg(feature = "yaml")]
    pub(crate) fn relocate(&mut self, original: impl Fn(&Span) -> Span) {
        for node in &mut self.nodes {
            node.value = original(&node.value);
            node.key = node.key.as_ref().map(&original);
        }
    }

    /// The value that `steps` lead to, or the last one on the way that there is; and whether all of the
    /// way is there.
    pub(crate) fn find<'a>(&self, steps: impl IntoIterator<Item = Step<'a>>) -> Option<(&Node, bool)> {
        let mut node = self.nodes.first()?;
        for step in steps {
            let next = match (&node.children, step) {
                (Children::Items(items), Step::Index(index)) => items.get(index),
                (Children::Entries(entries), Step::Key(key)) => entries.get(key),
                // A pointer that was read from text cannot tell `0` the key from `0` the index.
                (Children::Entries(entries), Step::Index(index)) => entries.get(index.to_string().as_str()),
                (Children::Items(_), Step::Key(_)) | (Children::None, _) => None,
            };
            match next {
                Some(id) => node = &self.nodes[id.0 as usize],
                None => return Some((node, false)),
            }
        }
        Some((node, true))
    }

    fn add(&mut self, node: Node) -> NodeId {
        let id =
            u32::try_from(self.nodes.len()).expect("a document has fewer nodes than bytes, far below 4 G");
        self.nodes.push(node);
        NodeId(id)
    }
}
