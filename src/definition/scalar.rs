//! Values that can be written in more than one way.

use serde_json::Number;

/// A number as it was written.
///
/// ```
/// use stepwright::Definition;
/// use stepwright::definition::{Amount, StateKind, Timing};
///
/// let text = r#"{ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": ${Delay}, "End": true } } }"#;
/// let definition = Definition::parse(text)?;
/// let StateKind::Wait(wait) = &definition.block.states[0].kind else { panic!("a Wait state") };
/// assert_eq!(wait.timing, Some(Timing::Seconds(Amount::Placeholder("${Delay}".into()))));
/// # Ok::<(), stepwright::Diagnostics>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Amount {
    /// A number.
    Number(Number),
    /// A JSONata expression, with its `{%` and `%}`.
    Expression(String),
    /// A placeholder that nobody has filled in.
    Placeholder(String),
}

/// A field that has a twin whose name ends in `Path`: one of the two.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Setting<T> {
    /// The field itself: `TimeoutSeconds`.
    Value(T),
    /// Its twin, a path to the value: `TimeoutSecondsPath`.
    Path(String),
}

/// A path that can be turned off: `InputPath`, `OutputPath`, `ResultPath`.
///
/// The field may also be absent, which is a third thing: an `Option` around this says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathOrNull {
    /// `null`: take nothing, or keep nothing.
    Null,
    /// A path.
    Path(String),
}

impl Amount {
    /// The number, if it was written as one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Expression(_) | Self::Placeholder(_) => None,
        }
    }
}
