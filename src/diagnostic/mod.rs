//! What is wrong with a definition, said so that its author can mend it.
//!
//! A [`Diagnostic`] has a [`Code`] whose page explains it, a place, and what AWS would have said.
//! [`Diagnostics`] are many of them. The pages are in `codes/`.

mod aws;
mod code;
mod pointer;
mod render;
mod scan;
mod source;
mod suggest;

use std::fmt;

pub use aws::AwsDiagnostic;
pub use code::{Code, UnknownCode};
pub use pointer::{JsonPointer, PointerError};
pub use source::{Format, Part, Position, Source};

pub(crate) use pointer::Trail;
#[cfg(any(feature = "runtime", feature = "testing"))]
pub(crate) use scan::invalid_execution_input;
pub(crate) use scan::{Part as TextPart, Scanner, SyntaxError, jackson_place};
pub(crate) use suggest::closest;

use crate::span::Span;

/// One problem of a definition.
///
/// ```
/// use stepwright::Definition;
///
/// let diagnostics = Definition::parse(r#"{
///   "StartAt": "Poll",
///   "States": { "Poll": { "Type": "Wait", "Seconds": 5, "next": "Poll", "End": true } }
/// }"#).unwrap_err();
///
/// let diagnostic = diagnostics.iter().next().unwrap();
/// assert_eq!(diagnostic.to_string(), "definition:3:55: error[E0101]: a Wait state has no field `next`");
/// assert_eq!(diagnostic.pointer().to_string(), "/States/Poll/next");
/// assert_eq!(diagnostic.help().next(), Some("did you mean `Next`?"));
/// assert_eq!(diagnostic.aws().message, "Field 'next' is not supported");
/// ```
#[derive(Clone, Debug)]
pub struct Diagnostic(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    severity: Severity,
    code: Code,
    message: String,
    place: Place,
    help: Vec<String>,
    notes: Vec<(String, Place)>,
    aws: Option<AwsWords>,
    source: Option<Source>,
}

/// What AWS says about the same problem.
#[derive(Clone, Debug)]
struct AwsWords {
    message: String,
    location: Option<String>,
}

/// The part of a document that is meant.
#[derive(Clone, Debug, Default)]
struct Place {
    pointer: JsonPointer,
    part: Part,
    /// The very characters, where no pointer leads: in text that is not a document.
    span: Option<Span>,
    /// The character of a string, by the bytes before it in the string's value.
    character: Option<usize>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The definition runs, and its author may not have meant it so.
    Warning,
    /// The definition cannot run.
    Error,
}

impl Diagnostic {
    /// A problem of the part at `pointer`. The message is lowercase, without a full stop, with what the
    /// author wrote in backticks.
    pub(crate) fn new(code: Code, pointer: JsonPointer, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            severity: code.severity(),
            code,
            message: message.into(),
            place: Place { pointer, ..Place::default() },
            help: Vec::new(),
            notes: Vec::new(),
            aws: None,
            source: None,
        }))
    }

    /// It is the key of the part that is wrong, not its value.
    pub(crate) fn at_key(mut self) -> Self {
        self.0.place.part = Part::Key;
        self
    }

    /// It is this stretch of the text that is wrong.
    pub(crate) fn at_span(mut self, span: Span) -> Self {
        self.0.place.span = Some(span);
        self
    }

    /// It is the character `offset` bytes into the string that is wrong.
    pub(crate) fn at_character(mut self, offset: usize) -> Self {
        self.0.place.character = Some(offset).filter(|offset| *offset > 0);
        self
    }

    /// AWS says `message` about the same part.
    pub(crate) fn with_aws(self, message: impl Into<String>) -> Self {
        let location = self.pointer().aws_location();
        self.with_aws_at(message, Some(location))
    }

    /// AWS says `message` and locates it elsewhere, or nowhere.
    pub(crate) fn with_aws_at(mut self, message: impl Into<String>, location: Option<String>) -> Self {
        self.0.aws = Some(AwsWords { message: message.into(), location });
        self
    }

    /// What the author may try.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// Another part that has to do with it, and how.
    pub(crate) fn with_note(mut self, note: impl Into<String>, pointer: JsonPointer) -> Self {
        self.0.notes.push((note.into(), Place { pointer, part: Part::Key, ..Place::default() }));
        self
    }

    /// The text in which it is, unless that is known.
    pub(crate) fn attach(&mut self, source: &Source) {
        self.0.source.get_or_insert_with(|| source.clone());
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// What kind of problem it is.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The part of the definition that is wrong.
    pub fn pointer(&self) -> &JsonPointer {
        &self.0.place.pointer
    }

    /// The text in which it is, if the definition was read from a text.
    pub fn source(&self) -> Option<&Source> {
        self.0.source.as_ref()
    }

    /// Where it is in that text.
    pub fn position(&self) -> Option<Position> {
        let source = self.source()?;
        Some(source.position(self.span()?.start))
    }

    /// What its author may try.
    pub fn help(&self) -> impl Iterator<Item = &str> {
        self.0.help.iter().map(String::as_str)
    }

    fn span(&self) -> Option<Span> {
        self.span_of(&self.0.place)
    }

    fn span_of(&self, place: &Place) -> Option<Span> {
        let source = self.source()?;
        let whole = place.span.clone().or_else(|| source.span(&place.pointer, place.part))?;
        let character = place.character.and_then(|offset| source.character(whole.clone(), offset));
        Some(character.unwrap_or(whole))
    }
}

/// The problem in one line: `order.asl.json:14:17: error[E0203]: no state is named ...`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.source(), self.position()) {
            (Some(source), Some(position)) => write!(f, "{}:{position}: ", source.name())?,
            _ if self.pointer().is_root() => {}
            _ => write!(f, "{}: ", self.pointer())?,
        }
        write!(f, "{}[{}]: {}", self.severity(), self.code(), self.message())
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// All problems of a definition, in the order of its text.
///
/// It prints them, each with its line and a caret:
///
/// ```
/// use stepwright::Definition;
///
/// let text = r#"{ "StartAt": "A", "States": { "A": { "Type": "Pas", "End": true } } }"#;
/// let diagnostics = Definition::parse(text).unwrap_err();
/// assert!(diagnostics.has_errors());
/// assert_eq!(diagnostics.to_string(), r#"
/// error[E0109]: there is no state type `Pas`
///  --> definition:1:46   /States/A/Type
///   |
/// 1 | { "StartAt": "A", "States": { "A": { "Type": "Pas", "End": true } } }
///   |                                              ^^^^^
///   = help: did you mean `Pass`?
///   = explain: stepwright explain E0109
/// "#.trim_start());
/// ```
#[derive(Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

/// How many problems are kept. A definition of a megabyte may have more of them than there is memory.
const MOST: usize = 1_000;

/// How many problems are printed.
const SHOWN: usize = 100;

impl Diagnostics {
    /// Whether one of them is an error, so that the definition cannot run.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One more, unless there are so many that nobody will read it.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let first_error = diagnostic.severity() == Severity::Error && !self.has_errors();
        if self.list.len() < MOST || first_error {
            self.list.push(diagnostic);
        }
    }

    /// The text in which they are, for those that do not know yet.
    pub(crate) fn attach(&mut self, source: &Source) {
        self.list.iter_mut().for_each(|diagnostic| diagnostic.attach(source));
    }

    /// Brings them into the order of their text. Those without a place, and those that AWS does not locate
    /// (what is wrong with the whole), come last.
    pub(crate) fn sort(&mut self) {
        self.list.sort_by_cached_key(|diagnostic| {
            let whole = diagnostic.0.aws.as_ref().is_some_and(|aws| aws.location.is_none());
            let span = diagnostic.span().filter(|_| !whole);
            span.map_or(usize::MAX, |span| span.start)
        });
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.list.iter().take(SHOWN).enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&diagnostic.render())?;
        }
        match self.list.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(f, "\n... and {more} more"),
        }
    }
}

/// The same text as `Display`, so that an `unwrap` in a test shows what is wrong.
impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Diagnostics {}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut all = Self::default();
        all.extend(diagnostics);
        all
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_cross_threads_and_are_cheap_to_return() {
        fn shared<T: Send + Sync + Clone + 'static>() {}
        shared::<Diagnostic>();
        shared::<Diagnostics>();
        assert!(size_of::<Diagnostics>() <= 24);
        assert_eq!(size_of::<Diagnostic>(), 8);
    }
}
