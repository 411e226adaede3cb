//! A field whose value is a path or a call of an intrinsic function: `x.$`, `ErrorPath`, `CausePath`.

use std::fmt;

use super::error::{QueryError, SyntaxError};
use super::intrinsic::Intrinsic;
use super::jsonpath::Path;
use super::scope::Scope;
use crate::json::Json;

/// A path or a call of an intrinsic function.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Expression, Scope};
/// use stepwright::{Json, Limits};
///
/// let input = Json::from(json!({ "error": "OutOfTea" }));
/// let entropy = Entropy::new([0; 32]);
/// let scope = Scope::new(&input, &entropy, &Limits::AWS);
///
/// let path = Expression::parse("$.error").unwrap();
/// assert_eq!(path.evaluate(&scope, "ErrorPath").unwrap(), json!("OutOfTea"));
/// let call = Expression::parse("States.Format('{}!', $.error)").unwrap();
/// assert_eq!(call.evaluate(&scope, "CausePath").unwrap(), json!("OutOfTea!"));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expression {
    /// A path.
    Path(Path),
    /// A call.
    Intrinsic(Intrinsic),
}

impl Expression {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// The text is neither a path nor a call.
    ///
    /// ```
    /// use stepwright::query::Expression;
    ///
    /// assert!(Expression::parse("order.id").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.starts_with('$') {
            return Path::parse(text).map(Self::Path);
        }
        if text.starts_with("States.") {
            return Intrinsic::parse(text).map(Self::Intrinsic);
        }
        Err(SyntaxError::new("a path (`$...`) or an intrinsic function (`States....`) is expected", 0))
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Path(path) => path.as_str(),
            Self::Intrinsic(intrinsic) => intrinsic.as_str(),
        }
    }

    /// The value of the expression, which is that of `field`.
    ///
    /// # Errors
    ///
    /// A path leads to nothing, or a function does not take its arguments. An index past the end of an array is
    /// no error: the value is `null`.
    pub fn evaluate(&self, scope: &Scope<'_>, field: &str) -> Result<Json, QueryError> {
        match self {
            Self::Path(path) => path.select(scope).or_else(|miss| match miss.is_past_end() {
                true => Ok(Json::Null),
                false => Err(QueryError::no_field_value(path, field, scope)),
            }),
            Self::Intrinsic(intrinsic) => intrinsic.evaluate(scope),
        }
    }

    /// The paths that the expression reads.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Path(path) => vec![path],
            Self::Intrinsic(intrinsic) => intrinsic.paths(),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
