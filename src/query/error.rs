//! What goes wrong with expressions: when they are compiled, and when they are evaluated.

use std::borrow::Cow;
use std::fmt;

use super::jsonata::{Trouble, TroubleKind};
use super::jsonpath::{Path, PathMiss};
use super::scope::Scope;
use crate::failure::{ErrorName, Failure};
use crate::json::Json;

/// Text that is not an expression, and the first place where it is not.
///
/// ```
/// use stepwright::query::Path;
///
/// let error = Path::parse("$.orders[").unwrap_err();
/// assert_eq!(error.offset(), 9);
/// assert_eq!(error.to_string(), "the bracket is never closed, at byte 9");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at byte {offset}")]
pub struct SyntaxError {
    message: Cow<'static, str>,
    offset: usize,
}

impl SyntaxError {
    pub(super) fn new(message: impl Into<Cow<'static, str>>, offset: usize) -> Self {
        Self { message: message.into(), offset }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where, in bytes from the start of the text.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// An expression that could not be evaluated: an error name of the language, and AWS's words.
///
/// The words lack what AWS puts in front of them, `An error occurred while executing the state ...`: an
/// expression does not know what a state is.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Scope, Template};
/// use stepwright::{Json, Limits};
///
/// let template = Template::compile(&json!({ "id.$": "$.order.id" })).unwrap();
/// let input = Json::from(json!({ "order": {} }));
/// let entropy = Entropy::new([0; 32]);
/// let error = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)).unwrap_err();
/// assert_eq!(error.name(), &stepwright::ErrorName::RUNTIME);
/// assert_eq!(
///     error.to_string(),
///     "The JSONPath '$.order.id' specified for the field 'id.$' could not be found in the input \
///      '{\"order\":{}}'",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    name: ErrorName,
    message: String,
    /// Where in a state a JSONata expression is, and its code, if it has one.
    jsonata: Option<Box<(String, Option<String>)>>,
}

impl QueryError {
    fn runtime(message: String) -> Self {
        Self { name: ErrorName::RUNTIME, message, jsonata: None }
    }

    /// The value of a template's `field`, or a field like `ErrorPath`, selects nothing.
    pub(crate) fn no_field_value(path: &Path, field: &str, scope: &Scope<'_>) -> Self {
        let input = match path.reads_context() {
            true => scope.context.context_object(),
            // unverified: what AWS prints for a variable that has no such member.
            false => scope.input,
        };
        let input = input.compact();
        Self::runtime(format!(
            "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{input}'"
        ))
    }

    /// `InputPath`, `OutputPath` or `TimeoutSecondsPath` (and their like) selects nothing.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use stepwright::query::{Entropy, Path, QueryError, Scope};
    /// # use stepwright::{Json, Limits};
    /// # let (input, entropy) = (Json::from(json!({})), Entropy::new([0; 32]));
    /// # let scope = Scope::new(&input, &entropy, &Limits::AWS);
    /// let path = Path::parse("$.no.such.path").unwrap();
    /// let error = QueryError::invalid_path(&path.select(&scope).unwrap_err());
    /// assert_eq!(error.to_string(), "Invalid path '$.no.such.path' : Missing property in path $['no']");
    /// ```
    pub fn invalid_path(miss: &PathMiss<'_>) -> Self {
        Self::runtime(format!("Invalid path '{}' : {miss}", miss.path()))
    }

    /// An argument of the intrinsic function call `call` selects nothing.
    pub(super) fn no_argument(call: &str, miss: &PathMiss<'_>, scope: &Scope<'_>) -> Self {
        let reason = match miss.leaks() {
            true => miss.to_string(),
            false => {
                // AWS prints `$$.x` as `$.x`, and the state's input even then.
                let path = miss.path().as_str();
                let path = if miss.path().reads_context() { &path[1..] } else { path };
                let input = scope.input.compact();
                format!(
                    "The JsonPath argument for the field '{path}' could not be found in the input '{input}'"
                )
            }
        };
        Self::runtime(function_error(call, &reason))
    }

    /// The intrinsic function call `call` does not take its arguments.
    // unverified: AWS's reasons, and that all of them are `States.IntrinsicFailure`, are not recorded.
    pub(super) fn intrinsic(call: &str, reason: &str) -> Self {
        Self { name: ErrorName::INTRINSIC_FAILURE, message: function_error(call, reason), jsonata: None }
    }

    /// A `ResultPath` does not fit the document it is to be written into.
    // unverified: the words come from the specification's examples, not from a recording.
    pub(super) fn result_path(step: &dyn fmt::Display, parent: &Json) -> Self {
        Self {
            name: ErrorName::RESULT_PATH_MATCH_FAILURE,
            message: format!("Unable to apply step \"{step}\" to input {}", parent.compact()),
            jsonata: None,
        }
    }

    /// A result would be nested deeper than documents may be.
    // unverified: AWS's limit and words are not known; without one, printing would overflow the stack.
    pub(super) fn too_deep(limit: usize) -> Self {
        Self::runtime(format!("The result is nested more than {limit} levels deep"))
    }

    /// A JSONata expression has no value.
    pub(super) fn jsonata_undefined(expression: &str, field: &str) -> Self {
        Self::jsonata(expression, field, "returned nothing (undefined).")
    }

    /// The value of a JSONata expression is a function.
    pub(super) fn jsonata_function(expression: &str, field: &str) -> Self {
        Self::jsonata(expression, field, "returned an unsupported result type.")
    }

    /// The value of a JSONata expression is of another type than its field takes.
    pub(super) fn jsonata_type(
        expression: &str,
        field: &str,
        expected: &str,
        found: &str,
        value: &Json,
    ) -> Self {
        let rest = format!(
            "returned an unexpected result type. Expected '{expected}', but was '{found}' for value: {}",
            value.compact()
        );
        Self::jsonata(expression, field, &rest)
    }

    /// A value that is written down is of another type than its field takes.
    // unverified: AWS's words.
    pub(super) fn wrong_type(expected: &str, found: &str, value: &Json) -> Self {
        let value = value.compact();
        let message = format!("Expected '{expected}', but was '{found}' for value: {value}");
        Self { name: ErrorName::QUERY_EVALUATION_ERROR, message, jsonata: None }
    }

    /// A JSONata expression could not be evaluated.
    pub(super) fn jsonata_trouble(expression: &str, field: &str, trouble: &Trouble) -> Self {
        let reason = match trouble.kind {
            TroubleKind::Expression => format!(". {}: {}", trouble.code, trouble.message),
            TroubleKind::Time => ": Expression evaluation timeout: Check for infinite loop".into(),
            TroubleKind::Memory => {
                ": Expression evaluation memory limit exceeded: Check for excessive memory usage".into()
            }
            TroubleKind::Stack => {
                ": Stack overflow error: Check for non-terminating recursive function. Consider \
                                   rewriting as tail-recursive"
                    .into()
            }
        };
        let mut error =
            Self::jsonata(expression, field, &format!("threw an error during evaluation{reason}"));
        error.jsonata = Some(Box::new((field.into(), Some(trouble.code.clone()))));
        error
    }

    fn jsonata(expression: &str, field: &str, rest: &str) -> Self {
        Self {
            name: ErrorName::QUERY_EVALUATION_ERROR,
            message: format!(
                "The JSONata expression '{expression}' specified for the field '{field}' {rest}"
            ),
            jsonata: Some(Box::new((field.into(), None))),
        }
    }

    /// The field of a JSONata expression, as AWS writes it: `Output/order/ids[0]`.
    pub fn location(&self) -> Option<&str> {
        self.jsonata.as_ref().map(|jsonata| jsonata.0.as_str())
    }

    /// The code that JSONata has for what is wrong: `T2001`, `D3060`.
    pub fn jsonata_code(&self) -> Option<&str> {
        self.jsonata.as_ref()?.1.as_deref()
    }

    /// The name of the error, as `ErrorEquals` would match it.
    pub fn name(&self) -> &ErrorName {
        &self.name
    }

    /// What happened, in AWS's words.
    pub fn message(&self) -> &str {
        &self.message
    }
}

fn function_error(call: &str, reason: &str) -> String {
    format!("The function '{call}' had the following error: {reason}")
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::new(error.name, error.message)
    }
}
