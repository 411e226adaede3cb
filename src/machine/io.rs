//! The data-flow program of a state: how its input becomes its effective input, and its result its output.

use crate::query::{Path, ReferencePath, Template};

/// The stages of a JSONPath state that it writes down; the default of each is to change nothing.
#[derive(Debug, Default)]
pub(crate) struct DataFlow {
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
