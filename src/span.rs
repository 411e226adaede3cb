//! Stretches of text, and a tree that says where each part of a document stands.

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
    /// The key under which the value stands; `None` for the root and for elements of arrays.
    name: Option<Box<str>>,
    /// Where that key stands.
    pub(crate) key: Option<Span>,
    /// Where the value stands.
    pub(crate) value: Span,
    children: Vec<u32>,
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
        let id =
            u32::try_from(self.nodes.len()).expect("a document has fewer nodes than bytes, far below 4 G");
        let (name, key) = match key {
            Some((name, span)) => (Some(name.into()), Some(span)),
            None => (None, None),
        };
        self.nodes.push(Node { name, key, value: start..start, children: Vec::new() });
        if let Some(NodeId(parent)) = parent {
            self.nodes[parent as usize].children.push(id);
        }
        NodeId(id)
    }

    /// Says where the value ends.
    pub(crate) fn close(&mut self, NodeId(id): NodeId, end: usize) {
        let value = &mut self.nodes[id as usize].value;
        value.end = end.max(value.start);
    }

    /// Moves what stands in `id` one step down, under `name`: a tag that became an object around a value.
    pub(crate) fn wrap(&mut self, NodeId(id): NodeId, name: &str, span: Span) {
        let inner =
            u32::try_from(self.nodes.len()).expect("a document has fewer nodes than bytes, far below 4 G");
        let children = std::mem::replace(&mut self.nodes[id as usize].children, vec![inner]);
        self.nodes.push(Node { name: Some(name.into()), key: Some(span.clone()), value: span, children });
    }

    /// The value that `steps` lead to, or the last one on the way that there is; and whether all of the
    /// way is there.
    pub(crate) fn find<'a>(&self, steps: impl IntoIterator<Item = Step<'a>>) -> Option<(&Node, bool)> {
        let mut node = self.nodes.first()?;
        for step in steps {
            // Of two values with the same key the later counts, as in the document itself.
            let next = match step {
                Step::Key(key) => node.children.iter().rev().find(|id| self.node(**id).is_named(key)),
                Step::Index(index) if self.is_array(node) => node.children.get(index),
                // A pointer that was read from text cannot tell `0` the key from `0` the index.
                Step::Index(index) => {
                    let key = index.to_string();
                    node.children.iter().rev().find(|id| self.node(**id).is_named(&key))
                }
            };
            match next {
                Some(id) => node = self.node(*id),
                None => return Some((node, false)),
            }
        }
        Some((node, true))
    }

    fn is_array(&self, node: &Node) -> bool {
        node.children.first().is_some_and(|id| self.node(*id).name.is_none())
    }

    fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }
}

impl Node {
    fn is_named(&self, key: &str) -> bool {
        self.name.as_deref() == Some(key)
    }
}
