//! Reference paths: the paths that name one place, so that something can be written there.

use std::fmt;

use serde_json::{Map, Value};

use super::{Path, Root, Segment};
use crate::json::Json;
use crate::query::error::{QueryError, SyntaxError};

/// A path of names and indexes only, as in `ResultPath`: it names one place in a document.
///
/// ```
/// use serde_json::json;
/// use stepwright::Json;
/// use stepwright::query::ReferencePath;
///
/// let path = ReferencePath::parse("$.order.status").unwrap();
/// let document = path.write(Json::from(json!({ "id": 7 })), Json::from("paid")).unwrap();
/// assert_eq!(document.to_string(), r#"{"id":7,"order":{"status":"paid"}}"#);
/// assert_eq!(path.read(&document), Some(&Json::from("paid")));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ReferencePath {
    path: Path,
}

impl ReferencePath {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// The text is not a JSONPath, or one that may lead to several places, or to none in the input.
    ///
    /// ```
    /// use stepwright::query::ReferencePath;
    ///
    /// assert!(ReferencePath::parse("$['order'].items[0]").is_ok());
    /// assert!(ReferencePath::parse("$.items[*]").is_err());
    /// assert!(ReferencePath::parse("$$.Execution").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let path = Path::parse(text)?;
        if path.root != Root::Input {
            return Err(SyntaxError::new("a reference path starts with `$.`, `$[`, or is `$`", 1));
        }
        match path.is_reference() {
            true => Ok(Self { path }),
            false => Err(SyntaxError::new("a reference path consists of names and indexes only", 0)),
        }
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        self.path.as_str()
    }

    /// Whether the path is `$`: the whole document.
    pub fn is_root(&self) -> bool {
        self.path.segments.is_empty()
    }

    /// What is at this place in `document`.
    pub fn read<'a>(&self, document: &'a Json) -> Option<&'a Json> {
        place(document, &self.path.segments)
    }

    /// `document` with `value` at this place, and with the objects around it that were missing.
    ///
    /// Only the containers along the path are copied, and those that nobody else holds are not.
    ///
    /// # Errors
    ///
    /// `States.ResultPathMatchFailure`: the path leads through a value that is not an object, or to an element
    /// that its array does not have.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use stepwright::{ErrorName, Json};
    /// # use stepwright::query::ReferencePath;
    /// let path = ReferencePath::parse("$.items[3]").unwrap();
    /// let error = path.write(Json::from(json!({ "items": [1] })), Json::Null).unwrap_err();
    /// assert_eq!(error.name(), &ErrorName::RESULT_PATH_MATCH_FAILURE);
    /// ```
    pub fn write(&self, mut document: Json, value: Json) -> Result<Json, QueryError> {
        // White space is kept only with a document that is replaced as a whole.
        let value = if self.is_root() { value } else { value.into_compact() };
        put(&mut document, &self.path.segments, value)?;
        Ok(document)
    }
}

/// What is at the place in `document` that `segments` name, if they name one.
#[inline]
pub(super) fn place<'a>(document: &'a Json, segments: &[Segment]) -> Option<&'a Json> {
    segments.iter().try_fold(document, |here, segment| match segment {
        Segment::Name(name) => here.get(name),
        Segment::Index(index) => here.at(usize::try_from(*index).ok()?),
        _ => None,
    })
}

/// The same, to have: of a document that was handed in nothing else is looked at.
#[inline]
pub(super) fn found(document: &Json, segments: &[Segment]) -> Option<Json> {
    let mut here = document;
    for (at, segment) in segments.iter().enumerate() {
        if let Json::Object(object) = here
            && let Some(map) = object.first_look()
        {
            return handed_in(map, segment, &segments[at + 1..]).map(Json::part);
        }
        here = place(here, std::slice::from_ref(segment))?;
    }
    Some(here.clone())
}

/// The same in a map that was handed in.
fn handed_in<'a>(map: &'a Map<String, Value>, first: &Segment, rest: &[Segment]) -> Option<&'a Value> {
    let Segment::Name(name) = first else { return None };
    rest.iter().try_fold(map.get(&**name)?, |here, segment| match segment {
        Segment::Name(name) => here.as_object()?.get(&**name),
        Segment::Index(index) => here.as_array()?.get(usize::try_from(*index).ok()?),
        _ => None,
    })
}

// Recursion is bounded by the number of a path's steps, which the parser bounds.
fn put(place: &mut Json, segments: &[Segment], value: Json) -> Result<(), QueryError> {
    let Some((segment, rest)) = segments.split_first() else {
        *place = value;
        return Ok(());
    };
    match segment {
        Segment::Name(name) => {
            let Some(object) = place.object_mut() else { return Err(mismatch(segment, place)) };
            if let Some(at) = object.position(name) {
                return object.update_at(at, |child| put(child, rest, value));
            }
            let mut child = if rest.is_empty() { Json::Null } else { Json::empty_object() };
            put(&mut child, rest, value)?;
            object.push(name.clone(), child);
            Ok(())
        }
        Segment::Index(index) => {
            let index = usize::try_from(*index).ok();
            match index.filter(|index| place.at(*index).is_some()).zip(place.array_mut()) {
                Some((index, mut array)) => {
                    array.update(index, |child| put(child, rest, value)).unwrap_or(Ok(()))
                }
                None => Err(mismatch(segment, place)),
            }
        }
        _ => Err(mismatch(segment, place)),
    }
}

fn mismatch(segment: &Segment, place: &Json) -> QueryError {
    match segment {
        Segment::Name(name) => QueryError::result_path(name, place),
        segment => QueryError::result_path(segment, place),
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_found_is_the_same_whoever_looks_first() {
        let document = json!({ "a": { "b": [1, { "c": "x" }], "": null }, "n": 1.5, "s": "text" });
        let copied = Json::from(&document);
        let paths = [
            "$",
            "$.a",
            "$.a.b",
            "$.a['']",
            "$.a.b[1]",
            "$.a.b[1].c",
            "$.a.b[2]",
            "$.a.b.c",
            "$.n",
            "$.s",
            "$.s.t",
            "$.x",
        ];
        for text in paths {
            let path = ReferencePath::parse(text).unwrap();
            let handed_in = Json::from(document.clone());
            for _ in 0..3 {
                let found = found(&handed_in, &path.path.segments);
                assert_eq!(found.as_ref(), path.read(&copied), "{text}");
                assert_eq!(found.map(|json| json.size()), path.read(&copied).map(Json::size), "{text}");
            }
            assert_eq!(handed_in.to_string(), copied.to_string());
        }
    }
}
