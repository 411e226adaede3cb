//! Why a path selects nothing, in Jayway's words, which AWS passes on.

use std::fmt;

use super::select::Exhausted;
use super::{Path, Segment};
use crate::json::Json;

/// Why a path selects nothing.
///
/// It is cheap to make, because asking for what is not there is normal; its words are made when it is printed.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Path, Scope};
/// use stepwright::{Json, Limits};
///
/// let input = Json::from(json!({ "items": [1, 2] }));
/// let entropy = Entropy::new([0; 32]);
/// let scope = Scope::new(&input, &entropy, &Limits::AWS);
///
/// let path = Path::parse("$.items[5]").unwrap();
/// let miss = path.select(&scope).unwrap_err();
/// assert!(miss.is_past_end());
/// assert_eq!(miss.to_string(), "No results for path: $['items'][5]");
/// ```
#[derive(Clone, Debug)]
pub struct PathMiss<'p> {
    path: &'p Path,
    /// The segment that could not be followed.
    at: usize,
    kind: MissKind,
}

#[derive(Clone, Debug)]
pub(super) enum MissKind {
    /// There is no variable of this name.
    NoVariable,
    /// The object has no such member.
    NoMember,
    /// This is not an object.
    NotObject,
    /// The array is shorter.
    PastEnd,
    /// This is not an array.
    NotArray(Json),
    /// This has no length.
    NoLength,
    /// The path leads to more places than an evaluation may visit.
    Exhausted,
}

impl<'p> PathMiss<'p> {
    pub(super) fn new(path: &'p Path, at: usize, kind: MissKind) -> Self {
        Self { path, at, kind }
    }

    pub(super) fn no_variable(path: &'p Path) -> Self {
        Self::new(path, 0, MissKind::NoVariable)
    }

    /// The path.
    pub fn path(&self) -> &'p Path {
        self.path
    }

    /// Whether the path ends with an index, and there is an array but it is shorter: a payload template takes
    /// `null` then.
    pub fn is_past_end(&self) -> bool {
        matches!(self.kind, MissKind::PastEnd) && self.at + 1 == self.path.segments.len()
    }

    /// Whether AWS shows Jayway's words even where it has words of its own.
    pub(in crate::query) fn leaks(&self) -> bool {
        matches!(self.kind, MissKind::NotArray(_) | MissKind::Exhausted)
    }

    fn is_last(&self) -> bool {
        self.at + 1 >= self.path.segments.len()
    }
}

impl fmt::Display for PathMiss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.path.segments.len();
        match &self.kind {
            MissKind::NoMember if !self.is_last() => {
                f.write_str("Missing property in path ")?;
                self.path.write_brackets(f, self.at + 1)
            }
            MissKind::NoMember | MissKind::PastEnd | MissKind::NoLength => {
                f.write_str("No results for path: ")?;
                self.path.write_brackets(f, all)
            }
            // unverified
            MissKind::NoVariable => write!(f, "No results for path: {}", self.path),
            // unverified: the words of Jayway 2.0, from memory.
            MissKind::NotObject => {
                let segment = self.path.segments.get(self.at);
                f.write_str("Property ")?;
                segment.map_or(Ok(()), |segment| segment.fmt(f))?;
                f.write_str(" not found in path ")?;
                self.path.write_brackets(f, self.at)
            }
            MissKind::NotArray(found) => {
                f.write_str("Filter: ")?;
                self.path.segments.get(self.at).map_or(Ok(()), |segment: &Segment| segment.fmt(f))?;
                write!(f, " can only be applied to arrays. Current context is: {}", found.compact())
            }
            // unverified: AWS's limit is not known.
            MissKind::Exhausted => write!(f, "The path {} leads to too many places", self.path),
        }
    }
}

impl std::error::Error for PathMiss<'_> {}

impl From<Exhausted> for MissKind {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}
