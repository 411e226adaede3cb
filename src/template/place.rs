//! Where in a template we are: a JSON pointer that is built while descending.

use std::fmt;

/// A place in the template, and how many steps led to it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Self>,
    part: Part<'a>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Path(&'a [&'a str]),
    Key(&'a str),
    Index(usize),
}

/// How many steps following a reference counts for: it takes more of the stack than descending does.
const HOP: usize = 8;

impl<'a> Place<'a> {
    /// The whole template.
    pub(super) const ROOT: Place<'static> = Place { parent: None, part: Part::Path(&[]), depth: 0 };

    /// The place that `path` leads to from the root; `depth` steps led here by way of other places.
    pub(super) fn of(path: &'a [&'a str], depth: usize) -> Self {
        Self { parent: None, part: Part::Path(path), depth: depth + HOP }
    }

    /// The member `key` of what is here.
    pub(super) fn key<'b>(&'b self, key: &'b str) -> Place<'b> {
        Place { parent: Some(self), part: Part::Key(key), depth: self.depth + 1 }
    }

    /// The element `index` of what is here.
    pub(super) fn index<'b>(&'b self, index: usize) -> Place<'b> {
        Place { parent: Some(self), part: Part::Index(index), depth: self.depth + 1 }
    }

    /// How many steps led here, followed references included.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            // As deep as evaluation goes, which `MAX_DEPTH` bounds.
            parent.fmt(f)?;
        }
        let mut key = |key: &str| write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"));
        match self.part {
            Part::Path(path) => path.iter().try_for_each(|part| key(part)),
            Part::Key(part) => key(part),
            Part::Index(index) => write!(f, "/{index}"),
        }
    }
}
