//! Definitions: the Amazon States Language as it is written, before anything is made of it.
//!
//! [`Definition`] is faithful: what it read it can write back. Reading text is in `text.rs`, reading JSON
//! values in `load/`, writing in `write.rs`. Whether a definition makes sense is not judged here: the
//! compiler does that.

#[cfg(test)]
mod arbitrary;
mod choice;
mod distributed;
mod document;
mod edges;
mod field;
mod keyword;
mod load;
mod map;
mod placeholder;
mod retry;
mod scalar;
mod state;
mod task;
mod text;
mod tree;
mod write;

use serde_json::Value;

use self::document::Document;
use self::load::Reader;
use self::text::Loaded;
use crate::diagnostic::{Diagnostics, JsonPointer, Source};
use crate::limits::Limits;

pub use choice::{Choice, ChoiceRule, Comparison, Condition, Family, Operator, Relation, Test};
pub use distributed::{
    CsvDelimiter, CsvHeaderLocation, InputType, ItemBatcher, ItemReader, ManifestType, OutputType,
    ReaderConfig, ReaderTransformation, ResultWriter, WriterConfig, WriterTransformation,
};
pub use map::{Branch, ExecutionType, Map, Mode, Parallel, Processor, ProcessorConfig, ProcessorField};
pub use placeholder::{Substitutions, placeholders};
pub use retry::{Catcher, JitterStrategy, Retrier};
pub use scalar::{Amount, PathOrNull, Setting};
pub use state::{Block, Fail, Pass, QueryLanguage, State, StateKind, StateType, Timing, Wait};
pub use task::{Credentials, Task};

pub(crate) use edges::Edges;
pub(crate) use placeholder::has_placeholder;
pub(crate) use tree::{Placed, Tree};
pub(crate) use write::Sink;

/// A state machine as its author wrote it.
///
/// ```
/// use stepwright::Definition;
///
/// let definition = Definition::parse(r#"{
///   "Comment": "Greets",
///   "StartAt": "Greet",
///   "States": { "Greet": { "Type": "Pass", "Result": "hello", "End": true } }
/// }"#)?;
/// assert_eq!(definition.comment.as_deref(), Some("Greets"));
/// assert_eq!(definition.block.states[0].name, "Greet");
/// assert_eq!(definition.to_value()["States"]["Greet"]["Result"], "hello");
/// # Ok::<(), stepwright::Diagnostics>(())
/// ```
///
/// # Errors
///
/// All that is wrong is reported at once:
///
/// ```
/// use stepwright::Definition;
///
/// let diagnostics = Definition::parse(r#"{ "States": { "A": { "Type": "Pass" } } }"#).unwrap_err();
/// let messages: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.message()).collect();
/// assert_eq!(messages, ["a definition needs `StartAt`", "a Pass state needs `Next` or `End`"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Definition {
    /// `Comment`.
    pub comment: Option<String>,
    /// `Version`, which can only be `1.0`.
    pub version: Option<String>,
    /// `QueryLanguage`; absent means JSONPath.
    pub query_language: Option<QueryLanguage>,
    /// `TimeoutSeconds`.
    pub timeout_seconds: Option<Amount>,
    /// `StartAt` and `States`.
    pub block: Block,
    unfilled: Vec<Unfilled>,
}

/// A placeholder in the place of a number, a word, an object ...
#[derive(Clone, Debug, PartialEq)]
struct Unfilled {
    pointer: JsonPointer,
    text: String,
}

impl Definition {
    /// Reads a definition from JSON text, or from YAML if that is what it looks like.
    ///
    /// # Errors
    ///
    /// When something is wrong with its shape; the diagnostics are all there is to say about that.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        match Self::read(&Source::new("definition", text)) {
            (Some(definition), diagnostics) if !diagnostics.has_errors() => Ok(definition),
            (_, diagnostics) => Err(diagnostics),
        }
    }

    /// Reads as much as there is to read from a source, and says what is wrong.
    ///
    /// ```
    /// use stepwright::definition::Definition;
    /// use stepwright::diagnostic::Source;
    ///
    /// let source = Source::new("a.asl.json", r#"{ "StartAt": "A", "States": { "A": { "Type": "Oops" } } }"#);
    /// let (definition, diagnostics) = Definition::read(&source);
    /// assert_eq!(definition.unwrap().block.states[0].name, "A");
    /// assert_eq!(
    ///     diagnostics.iter().next().unwrap().to_string(),
    ///     "a.asl.json:1:46: error[E0109]: there is no state type `Oops`"
    /// );
    /// ```
    pub fn read(source: &Source) -> (Option<Self>, Diagnostics) {
        Self::read_within(source, &Limits::AWS)
    }

    /// The same, with limits other than AWS's.
    pub fn read_within(source: &Source, limits: &Limits) -> (Option<Self>, Diagnostics) {
        let (loaded, mut diagnostics) = text::load(source, limits);
        let (definition, more) = match &loaded {
            Some(Loaded::Document(document)) => Reader::read(document.root(), limits),
            Some(Loaded::Value(value)) => Reader::read(Document::of(value).root(), limits),
            None => (None, Diagnostics::default()),
        };
        diagnostics.extend(more);
        diagnostics.attach(source);
        diagnostics.sort();
        (definition, diagnostics)
    }

    /// Reads as much as there is to read from JSON that is no text any more, and says what is wrong.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::Definition;
    ///
    /// let (definition, diagnostics) = Definition::read_value(&json!({
    ///     "StartAt": "A", "States": { "A": { "Type": "Succeed" } }
    /// }));
    /// assert!(diagnostics.is_empty());
    /// assert_eq!(definition.unwrap().block.start_at.as_deref(), Some("A"));
    /// ```
    pub fn read_value(value: &Value) -> (Option<Self>, Diagnostics) {
        match text::check_depth(value, &Limits::AWS) {
            Some(diagnostic) => (None, Diagnostics::from_iter([diagnostic])),
            None => Reader::read(Document::of(value).root(), &Limits::AWS),
        }
    }

    /// The query language of states that do not declare their own.
    pub fn query_language(&self) -> QueryLanguage {
        self.query_language.unwrap_or(QueryLanguage::JsonPath)
    }

    /// The placeholders that stand in the place of something other than a string, so that nothing can be
    /// executed before they are filled in; and where they stand.
    pub fn unfilled(&self) -> impl Iterator<Item = (&JsonPointer, &str)> {
        self.unfilled.iter().map(|unfilled| (&unfilled.pointer, unfilled.text.as_str()))
    }
}

impl State {
    /// The query language of this state in a definition whose own is `definition`. What is around the state
    /// does not count.
    pub fn query_language_in(&self, definition: QueryLanguage) -> QueryLanguage {
        self.query_language.unwrap_or(definition)
    }
}

impl std::str::FromStr for Definition {
    type Err = Diagnostics;

    fn from_str(text: &str) -> Result<Self, Diagnostics> {
        Self::parse(text)
    }
}
