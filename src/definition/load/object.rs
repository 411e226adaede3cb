//! An object that is being read, and where it stands.

use crate::definition::document::{Element, Entries};
use crate::definition::field::Shape;
use crate::definition::state::QueryLanguage;
use crate::diagnostic::Trail;

/// An object of the definition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) map: Entries<'a>,
    pub(super) at: &'a Trail<'a>,
    pub(super) shape: Shape,
    /// The query language that its fields have to belong to; `None` when that is not to be judged.
    pub(super) language: Option<QueryLanguage>,
}

impl<'a> Object<'a> {
    /// Whether it has a field `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The value of its field `name`, and where that stands.
    pub(super) fn get(&self, name: &'a str) -> Option<(Element<'a>, Trail<'a>)> {
        Some((self.map.get(name)?, self.at.key(name)))
    }
}
