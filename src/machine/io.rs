//! The data-flow program of a state: how its input becomes its effective input, and its result its output.

use crate::query::{JsonataTemplate, Path, ReferencePath, Template};

/// The stages of a state, in its query language.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "JSONPath, which most states use, pays for no indirection")]
pub(crate) enum DataFlow {
    JsonPath(Stages),
    Jsonata(Box<Expressions>),
}

impl DataFlow {
    /// Whether the effective input is the raw one.
    pub(crate) fn passes_input_on(&self) -> bool {
        match self {
            Self::JsonPath(stages) => matches!(stages.input, Select::All),
            Self::Jsonata(_) => true,
        }
    }
}

/// What a JSONata state computes besides what is its type's own.
#[derive(Debug, Default)]
pub(crate) struct Expressions {
    /// `Arguments`; the state's input if absent.
    pub(crate) arguments: Option<JsonataTemplate>,
    pub(crate) exit: Exit,
}

/// What leaves a JSONata state by one of its ways out: its own, a Choice rule's, a catcher's.
#[derive(Debug, Default)]
pub(crate) struct Exit {
    /// `Output`
    pub(crate) output: Option<JsonataTemplate>,
    /// `Assign`
    pub(crate) assign: Option<JsonataTemplate>,
}

/// A template in the state's query language.
#[derive(Debug)]
pub(crate) enum Payload {
    JsonPath(Template),
    Jsonata(JsonataTemplate),
}

/// The stages of a JSONPath state that it writes down; the default of each is to change nothing.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    /// `InputPath`.
    pub(crate) input: Select,
    /// `Parameters`.
    pub(crate) parameters: Option<Template>,
    /// `ResultSelector`.
    pub(crate) selector: Option<Template>,
    /// `ResultPath`.
    pub(crate) result: ResultPath,
    /// `OutputPath`.
    pub(crate) output: Select,
    /// `Assign`.
    pub(crate) assign: Option<Template>,
}

/// What `InputPath` and `OutputPath` take of a document.
#[derive(Debug, Default)]
pub(crate) enum Select {
    /// `$`, also when the field is absent.
    #[default]
    All,
    /// `null`: an empty object instead.
    Nothing,
    Path(Path),
}

/// Where `ResultPath` puts a result.
#[derive(Debug, Default)]
pub(crate) enum ResultPath {
    /// `$`, also when the field is absent: the result replaces the input.
    #[default]
    Replace,
    /// `null`: the input stays as it is.
    Discard,
    /// Into the input, at this place.
    Write(ReferencePath),
}
