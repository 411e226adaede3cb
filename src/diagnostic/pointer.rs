//! JSON Pointers: which part of a document is meant.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::span::Step;

/// A JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)): the way from the root of a
/// document to one of its parts.
///
/// ```
/// use stepwright::diagnostic::JsonPointer;
///
/// let target = JsonPointer::root().key("States").key("a/b").key("Branches").index(0);
/// assert_eq!(target.to_string(), "/States/a~1b/Branches/0");
/// assert_eq!(target.aws_location(), "/States/a/b/Branches[0]");
/// assert_eq!("/States/a~1b/Branches/0".parse(), Ok(target));
/// ```
#[derive(Clone, Debug, Default)]
pub struct JsonPointer {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
enum Segment {
    Key(Arc<str>),
    Index(usize),
}

/// Text that is not a JSON Pointer: it is neither empty nor does it start with `/`.
///
/// ```
/// use stepwright::diagnostic::JsonPointer;
///
/// let error = "States/Pay".parse::<JsonPointer>().unwrap_err();
/// assert_eq!(error.to_string(), "`States/Pay` is not a JSON Pointer: it has to start with `/`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a JSON Pointer: it has to start with `/`")]
pub struct PointerError {
    text: String,
}

impl JsonPointer {
    /// The whole document.
    pub fn root() -> Self {
        Self::default()
    }

    /// The part under `key` of this part.
    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        self.with(Segment::Key(key.into()))
    }

    /// The element at `index` of this part.
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// Whether this is the whole document.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// This part as AWS writes locations: keys as they are, indices in brackets, `/` for the root.
    pub fn aws_location(&self) -> String {
        let mut location = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Key(key) => location.extend(["/", key]),
                Segment::Index(index) => {
                    write!(location, "[{index}]").expect("writing to a string cannot fail");
                }
            }
        }
        match location.is_empty() {
            true => "/".into(),
            false => location,
        }
    }

    /// The way to `other`, which starts where this one ends.
    pub(crate) fn join(&self, other: &Self) -> Self {
        Self { segments: self.segments.iter().chain(&other.segments).cloned().collect() }
    }

    /// The steps from the root.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.segments.iter().map(|segment| match segment {
            Segment::Key(key) => Step::Key(key),
            Segment::Index(index) => Step::Index(*index),
        })
    }

    /// One step down from here.
    pub(crate) fn below<'a>(&'a self, step: Step<'a>) -> Trail<'a> {
        Trail::From(self, step)
    }

    fn with(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.segments.len() + 1);
        segments.extend_from_slice(&self.segments);
        segments.push(segment);
        Self { segments }
    }
}

impl std::str::FromStr for JsonPointer {
    type Err = PointerError;

    /// Reads what `Display` writes; a segment of digits is taken for an index.
    fn from_str(text: &str) -> Result<Self, PointerError> {
        let mut parts = text.split('/');
        if parts.next() != Some("") {
            return Err(PointerError { text: text.into() });
        }
        let segments = parts.map(|part| match part.parse() {
            Ok(index) if part == "0" || !part.starts_with(['0', '+']) => Segment::Index(index),
            _ => Segment::Key(part.replace("~1", "/").replace("~0", "~").into()),
        });
        Ok(Self { segments: segments.collect() })
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
                Segment::Index(index) => write!(f, "/{index}")?,
            }
        }
        Ok(())
    }
}

impl Segment {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Key(key) => Cow::Borrowed(key),
            Self::Index(index) => Cow::Owned(index.to_string()),
        }
    }
}

/// Equal when they print equal: in a pointer's text an index looks like a key of digits.
impl PartialEq for JsonPointer {
    fn eq(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(a, b)| a.text() == b.text())
    }
}

impl Eq for JsonPointer {}

impl Hash for JsonPointer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.segments.iter().for_each(|segment| segment.text().hash(state));
    }
}

/// How many characters of a key a trail keeps: names of states have 80, names of fields fewer.
const LONGEST_KEY: usize = 200;

/// The way down to where a reader stands: links on its stack, nothing allocated until somebody asks for
/// the pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trail<'a> {
    Root,
    /// One step down from what a pointer leads to.
    From(&'a JsonPointer, Step<'a>),
    /// One step further down.
    Below(&'a Self, Step<'a>),
}

impl<'a> Trail<'a> {
    /// One step down, to the value under `key`.
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self::Below(self, Step::Key(key))
    }

    /// One step down, to the element at `index`.
    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self::Below(self, Step::Index(index))
    }

    /// The last key on the way; `None` where the way ends with an index, or is none at all.
    pub(crate) fn name(&self) -> Option<&'a str> {
        match self {
            Self::From(_, Step::Key(key)) | Self::Below(_, Step::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The way as a pointer. Keys of absurd length are cut, for each diagnostic has a pointer of its own.
    pub(crate) fn pointer(&self) -> JsonPointer {
        let mut segments = Vec::new();
        self.walk(&mut segments);
        JsonPointer { segments }
    }

    // Recursion is bounded by how deep the reader lets a document be.
    fn walk(&self, segments: &mut Vec<Segment>) {
        let step = match self {
            Self::Root => return,
            Self::From(start, step) => {
                segments.extend_from_slice(&start.segments);
                step
            }
            Self::Below(above, step) => {
                above.walk(segments);
                step
            }
        };
        segments.push(match *step {
            Step::Key(key) => Segment::Key(match key.char_indices().nth(LONGEST_KEY) {
                Some((end, _)) => key[..end].into(),
                None => key.into(),
            }),
            Step::Index(index) => Segment::Index(index),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_trail_gives_the_pointer_of_its_steps() {
        let states = Trail::Root.key("States");
        let state = states.key("P");
        let branches = state.key("Branches");
        assert_eq!(branches.index(1).pointer().to_string(), "/States/P/Branches/1");
        assert_eq!(Trail::Root.pointer().aws_location(), "/");
    }

    proptest! {
        #[test]
        fn printing_and_reading_round_trips(keys in prop::collection::vec("[a~/01 é]{0,4}", 0..5)) {
            let pointer = keys.iter().fold(JsonPointer::root(), |pointer, key| pointer.key(key.as_str()));
            let read: JsonPointer = pointer.to_string().parse().unwrap();
            prop_assert_eq!(&read, &pointer);
            prop_assert_eq!(read.to_string(), pointer.to_string());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(pointer) = text.parse::<JsonPointer>() {
                let again: JsonPointer = pointer.to_string().parse().unwrap();
                prop_assert_eq!(again, pointer);
            }
        }
    }
}
