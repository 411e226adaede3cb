//! The specification's Error Output: an error name and a cause, both optional.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of an error, as `ErrorEquals` matches it.
///
/// The names that the language itself raises are constants.
///
/// ```
/// use stepwright::ErrorName;
///
/// assert_eq!(ErrorName::TIMEOUT.as_str(), "States.Timeout");
/// assert!(ErrorName::TIMEOUT.is_reserved());
/// assert!(!ErrorName::from("OutOfTea").is_reserved());
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ErrorName(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    Shared(Arc<str>),
}

macro_rules! reserved {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl ErrorName {
            $($(#[$doc])* pub const $name: Self = Self(Repr::Static($text));)*

            /// The constant that is written so.
            fn reserved(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

reserved! {
    /// Matches every error but `States.Runtime`; it is never an error's own name.
    ALL = "States.ALL";
    /// A task did not answer in time, or missed its heartbeat.
    TIMEOUT = "States.Timeout";
    /// Matches a missed heartbeat; the error itself is reported as `States.Timeout`.
    HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout";
    /// Matches every failure of a Task but a timeout; also the name of a failed `.sync` job.
    TASK_FAILED = "States.TaskFailed";
    /// The interpreter could not go on: a path that selects nothing, no Choice rule. Never caught.
    RUNTIME = "States.Runtime";
    /// A payload larger than the limit.
    DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded";
    /// More iterations of a distributed Map failed than it tolerates.
    EXCEED_TOLERATED_FAILURE_THRESHOLD = "States.ExceedToleratedFailureThreshold";
    /// A JSONata expression that failed.
    QUERY_EVALUATION_ERROR = "States.QueryEvaluationError";
    /// An intrinsic function was called with arguments it does not take.
    INTRINSIC_FAILURE = "States.IntrinsicFailure";
    /// `ResultPath` cannot be written into the state's input.
    RESULT_PATH_MATCH_FAILURE = "States.ResultPathMatchFailure";
}

impl ErrorName {
    /// The name.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }

    /// Whether the name belongs to the language (`States.` and more).
    pub fn is_reserved(&self) -> bool {
        self.as_str().starts_with("States.")
    }
}

impl PartialEq for ErrorName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ErrorName {}

impl PartialEq<str> for ErrorName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ErrorName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl From<&str> for ErrorName {
    fn from(name: &str) -> Self {
        Self::reserved(name).unwrap_or_else(|| Self(Repr::Shared(name.into())))
    }
}

impl From<String> for ErrorName {
    fn from(name: String) -> Self {
        Self(Repr::Shared(name.into()))
    }
}

impl From<Arc<str>> for ErrorName {
    fn from(name: Arc<str>) -> Self {
        Self(Repr::Shared(name))
    }
}

impl From<ErrorName> for String {
    fn from(name: ErrorName) -> Self {
        name.as_str().into()
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a task, a state or an execution failed: a value of the language, for `Retry` and `Catch`.
///
/// Handlers return it to fail their task. The name is part of the program's meaning, so somebody has to
/// choose it: there is no blanket conversion from Rust errors, but [`Failure::from_error`] renders one.
///
/// ```
/// use stepwright::Failure;
///
/// let failure = Failure::new("OutOfTea", "the tin is empty");
/// assert_eq!(failure.to_string(), "OutOfTea: the tin is empty");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error name; AWS allows none (`SendTaskFailure` without `error`, a Fail state without `Error`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorName>,
    /// A text for people, or for the program that reads it; may be absent too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<str>>,
}

impl Failure {
    /// A failure with a name and a cause.
    pub fn new(error: impl Into<ErrorName>, cause: impl Into<Arc<str>>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into()) }
    }

    /// A failure with a name only.
    pub fn named(error: impl Into<ErrorName>) -> Self {
        Self { error: Some(error.into()), cause: None }
    }

    /// A failure named `error` whose cause is `source` and, after colons, what caused it.
    ///
    /// ```
    /// use stepwright::Failure;
    ///
    /// let error = "x".parse::<u8>().unwrap_err();
    /// let failure = Failure::from_error("BadNumber", &error);
    /// assert_eq!(failure.to_string(), "BadNumber: invalid digit found in string");
    /// ```
    pub fn from_error(error: impl Into<ErrorName>, source: &(dyn Error + 'static)) -> Self {
        let mut cause = source.to_string();
        let mut next = source.source();
        while let Some(source) = next {
            cause.push_str(": ");
            cause.push_str(&source.to_string());
            next = source.source();
        }
        Self::new(error, cause)
    }

    /// `States.TaskFailed` with the whole chain of `source` as its cause.
    pub fn task_failed(source: &(dyn Error + 'static)) -> Self {
        Self::from_error(ErrorName::TASK_FAILED, source)
    }

    /// Whether the error is called `name`.
    pub fn is(&self, name: &ErrorName) -> bool {
        self.error.as_ref() == Some(name)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, &self.cause) {
            (Some(error), Some(cause)) => write!(f, "{error}: {cause}"),
            (Some(error), None) => write!(f, "{error}"),
            (None, Some(cause)) => write!(f, "unnamed error: {cause}"),
            (None, None) => f.write_str("unnamed error"),
        }
    }
}

impl Error for Failure {}
