//! JSONPath in AWS's dialect: compiled paths.
//!
//! The dialect is that of Jayway's library, version 2.0, which differs from RFC 9535 in filters, in unions of
//! names, in slices and in what the result of a path is. What both share is evaluated by the crate
//! `jsonpath-rust`, behind `dialect.rs`.

mod compare;
mod dialect;
mod filter;
mod filter_parser;
mod miss;
mod parser;
mod reference;
mod select;

use std::fmt;
use std::sync::Arc;

use self::dialect::Shared;
use self::filter::Filter;
pub use self::miss::PathMiss;
use self::select::Walk;
use super::cursor::Cursor;
use super::error::SyntaxError;
use super::scope::{ContextField, Scope};
use crate::json::Json;

pub use self::reference::ReferencePath;

/// A compiled JSONPath: what part of the input, of the Context Object or of a variable is meant.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Path, Scope};
/// use stepwright::{Json, Limits};
///
/// let input = Json::from(json!({ "items": [{ "price": 3 }, { "price": 12 }] }));
/// let entropy = Entropy::new([0; 32]);
/// let scope = Scope::new(&input, &entropy, &Limits::AWS);
///
/// let first = Path::parse("$.items[0].price").unwrap();
/// assert_eq!(first.select(&scope).unwrap(), json!(3));
///
/// let dear = Path::parse("$.items[?(@.price > 10)]").unwrap();
/// assert!(!dear.is_definite());
/// assert_eq!(dear.select(&scope).unwrap(), json!([{ "price": 12 }]));
/// ```
#[derive(Clone, Debug)]
pub struct Path {
    text: Box<str>,
    root: Root,
    segments: Box<[Segment]>,
    /// How many segments from the root on lead to exactly one value.
    definite: usize,
    /// The field of the Context Object that the path leads to or through, and by how many segments.
    field: Option<(ContextField, usize)>,
    /// What follows them, if RFC 9535 means the same by it.
    shared: Option<Shared>,
}

/// What a path starts at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Input,
    Context,
    Variable(Arc<str>),
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Segment {
    /// `.name`, `['name']`
    Name(Arc<str>),
    /// `[7]`, and `[-1]` from the end
    Index(i32),
    /// `.*`, `[*]`
    Wildcard,
    /// `[1:3]`; a third number is ignored, as Jayway ignores it
    Slice(Option<i32>, Option<i32>),
    /// `[0,2]`
    Indices(Box<[i32]>),
    /// `['a','b']`: at the end of a path an object of these members, within it their values
    Names(Box<[Arc<str>]>),
    /// `[?(@.price > 10)]`
    Filter(Filter),
    /// `..`: this and everything in it, for the next segment to choose from
    Descend,
    /// `.length()`, at the end of a path
    Length,
}

/// A path with more steps than this leads nowhere: no document is that deep.
const MAX_SEGMENTS: usize = 128;

impl Path {
    /// Compiles `text`, which starts with `$` (the input), `$$` (the Context Object) or `$name` (a variable).
    ///
    /// # Errors
    ///
    /// The text is not a JSONPath, or goes on after one.
    ///
    /// ```
    /// use stepwright::query::Path;
    ///
    /// assert!(Path::parse("$.detail-type").is_ok());
    /// assert!(Path::parse("$.orders.[0]['id']").is_ok());
    /// assert!(Path::parse("detail").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let path = Self::parse_prefix(&mut cursor)?;
        match cursor.at_end() {
            true => Ok(path),
            false => Err(cursor.error("the path should end here")),
        }
    }

    /// Compiles the path that begins here, and stops behind it.
    pub(super) fn parse_prefix(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let start = cursor.offset();
        let root = parser::root(cursor)?;
        let segments = parser::segments(cursor)?;
        let definite = definite(&segments);
        let shared = Shared::compile(&segments[definite..]);
        let names = segments.iter().map_while(|segment| match segment {
            Segment::Name(name) => Some(&**name),
            _ => None,
        });
        let whole = root == Root::Context && definite == segments.len();
        let field = if whole { ContextField::of(names) } else { None };
        Ok(Self { text: cursor.since(start).into(), root, segments, definite, field, shared })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path leads to one value or to none; otherwise it gives an array, of all it leads to.
    pub fn is_definite(&self) -> bool {
        self.definite == self.segments.len()
    }

    /// Whether the path consists of names and indexes only, so that it names a place in a document.
    pub fn is_reference(&self) -> bool {
        self.segments.iter().all(|segment| matches!(segment, Segment::Name(_) | Segment::Index(0..)))
    }

    /// The variable that the path reads.
    ///
    /// ```
    /// # use stepwright::query::Path;
    /// assert_eq!(Path::parse("$order.id").unwrap().variable(), Some("order"));
    /// assert_eq!(Path::parse("$.order.id").unwrap().variable(), None);
    /// ```
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// Whether the path reads the Context Object.
    pub fn reads_context(&self) -> bool {
        self.root == Root::Context
    }

    /// Whether what the path selects may be, or may hold, the task token of the Context Object.
    ///
    /// ```
    /// # use stepwright::query::Path;
    /// assert!(Path::parse("$$.Task.Token").unwrap().may_read_task_token());
    /// assert!(Path::parse("$$").unwrap().may_read_task_token());
    /// assert!(!Path::parse("$$.Execution.Id").unwrap().may_read_task_token());
    /// ```
    pub fn may_read_task_token(&self) -> bool {
        let steps = self.segments.iter().zip(["Task", "Token"]);
        let elsewhere =
            steps.take_while(|(segment, _)| !matches!(segment, Segment::Descend)).any(|(segment, name)| {
                match segment {
                    Segment::Name(other) => other.as_ref() != name,
                    Segment::Names(names) => names.iter().all(|other| other.as_ref() != name),
                    _ => false,
                }
            });
        self.reads_context() && !elsewhere
    }

    /// What the path selects: a value, or if the path is not definite an array of all it leads to.
    ///
    /// # Errors
    ///
    /// A definite path leads to nothing.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::query::{Entropy, Path, Scope};
    /// use stepwright::{Json, Limits};
    ///
    /// let input = Json::from(json!({ "order": {} }));
    /// let entropy = Entropy::new([0; 32]);
    /// let scope = Scope::new(&input, &entropy, &Limits::AWS);
    ///
    /// let ids = Path::parse("$.order.items[*].id").unwrap();
    /// assert_eq!(ids.select(&scope).unwrap(), json!([]));
    ///
    /// let name = Path::parse("$.customer.name").unwrap();
    /// let miss = name.select(&scope).unwrap_err();
    /// assert_eq!(miss.to_string(), "Missing property in path $['customer']");
    /// ```
    #[inline]
    pub fn select(&self, scope: &Scope<'_>) -> Result<Json, PathMiss<'_>> {
        if self.root == Root::Input
            && self.is_definite()
            && let Some(found) = reference::found(scope.input, &self.segments)
        {
            return Ok(found);
        }
        self.walk(scope)
    }

    /// The same for what is not simply a place in the input.
    fn walk(&self, scope: &Scope<'_>) -> Result<Json, PathMiss<'_>> {
        if let Some((field, count)) = self.field
            && let Some(value) = scope.context.field(field)
        {
            let found = select::follow(&value, &self.segments[count..]);
            return match found {
                Ok(found) => Ok(found.into_owned()),
                Err((at, kind)) => Err(PathMiss::new(self, count + at, kind)),
            };
        }
        let document = match &self.root {
            Root::Input => scope.input,
            Root::Context => scope.context.context_object(),
            Root::Variable(name) => {
                scope.variables.variable(name).ok_or_else(|| PathMiss::no_variable(self))?
            }
        };
        let (first, rest) = self.segments.split_at(self.definite);
        let found = match select::follow(document, first) {
            Ok(found) => found,
            // A parent that is missing is no obstacle for a path that may select nothing.
            Err(_) if !rest.is_empty() => return Ok(Json::array(Vec::new())),
            Err((at, kind)) => return Err(PathMiss::new(self, at, kind)),
        };
        if rest.is_empty() {
            return Ok(found.into_owned());
        }
        if let Some(kind) = select::refusal(&found, &rest[0]) {
            return Err(PathMiss::new(self, self.definite, kind));
        }
        if let Some(items) = self.shared.as_ref().and_then(|shared| shared.select(&found)) {
            return Ok(Json::array(items));
        }
        let walk = Walk::new(document, scope.limits);
        match walk.all(&found, rest) {
            Ok(items) => Ok(Json::array(items)),
            Err(exhausted) => Err(PathMiss::new(self, self.definite, exhausted.into())),
        }
    }

    /// Writes the first `count` segments as Jayway does, in brackets.
    fn write_brackets(&self, f: &mut dyn fmt::Write, count: usize) -> fmt::Result {
        f.write_str("$")?;
        self.segments.iter().take(count).try_for_each(|segment| write!(f, "{segment}"))
    }
}

/// How many of `segments` lead to exactly one value.
fn definite(segments: &[Segment]) -> usize {
    let last = segments.len().saturating_sub(1);
    segments
        .iter()
        .enumerate()
        .take_while(|(at, segment)| match segment {
            Segment::Name(_) | Segment::Index(_) | Segment::Length => true,
            Segment::Names(_) => *at == last,
            _ => false,
        })
        .count()
}

/// Equal in meaning: however they were written.
impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root && self.segments == other.segments
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "[{}]", Quoted(name)),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Wildcard => f.write_str("[*]"),
            Self::Slice(from, to) => {
                let text = |end: &Option<i32>| end.map(|end| end.to_string()).unwrap_or_default();
                write!(f, "[{}:{}]", text(from), text(to))
            }
            Self::Indices(indices) => {
                let indices: Vec<_> = indices.iter().map(i32::to_string).collect();
                write!(f, "[{}]", indices.join(","))
            }
            Self::Names(names) => {
                let names: Vec<_> = names.iter().map(|name| Quoted(name).to_string()).collect();
                write!(f, "[{}]", names.join(","))
            }
            Self::Filter(filter) => write!(f, "[?({filter})]"),
            Self::Descend => f.write_str(".."),
            Self::Length => f.write_str(".length()"),
        }
    }
}

/// A name in single quotes.
struct Quoted<'n>(&'n str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

#[cfg(test)]
mod tests;
