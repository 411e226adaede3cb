//! JSONata: expressions in `{% %}`, templates that hold them, and what AWS adds to the language and takes away.
//!
//! The engine is the crate `jlens-core`, behind the feature `jsonata`; nothing outside of `engine.rs`,
//! `analysis.rs`, `document.rs` and `function.rs` knows it.

#[cfg(feature = "jsonata")]
mod analysis;
#[cfg(feature = "jsonata")]
mod document;
#[cfg(feature = "jsonata")]
mod engine;
#[cfg(feature = "jsonata")]
mod function;
#[cfg(feature = "jsonata")]
mod parse;
#[cfg(feature = "jsonata")]
mod place;
mod template;

#[cfg(not(feature = "jsonata"))]
#[path = "absent.rs"]
mod engine;

use std::fmt;

pub use template::{Expected, JsonataTemplate, JsonataTemplateError};

use self::engine::Program;
use super::error::{QueryError, SyntaxError};
use super::scope::Scope;
use crate::json::Json;

/// A compiled JSONata expression, without the `{%` and `%}` around it.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Jsonata, Scope};
/// use stepwright::{Json, Limits};
///
/// let total = Jsonata::parse("$sum($states.input.items.(price * $rate))", &["input"])?;
/// let input = Json::from(json!({ "items": [{ "price": 10 }, { "price": 20 }] }));
/// let variables = Json::from(json!({ "rate": 1.5 }));
/// let entropy = Entropy::new([0; 32]);
/// let scope = Scope { variables: &variables, ..Scope::new(&input, &entropy, &Limits::AWS) };
/// assert_eq!(total.evaluate(&scope, "Output")?, json!(45));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Jsonata {
    text: Box<str>,
    program: Program,
}

/// Why a text is not an expression that a state can have, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonataError {
    /// It is not JSONata; the language's code says in which way.
    #[error("{0}")]
    Syntax(SyntaxError, Box<str>),
    /// It is JSONata, and asks for something that states do not have.
    #[error(transparent)]
    Unsupported(SyntaxError),
    /// The feature `jsonata` is off.
    #[error("this build has no JSONata: the feature `jsonata` is off")]
    Absent,
}

impl Jsonata {
    /// Compiles the expression of a state. `fields` are those that `$states` has where it stands: `input`,
    /// `context`, `result`, `errorOutput`.
    ///
    /// # Errors
    ///
    /// The text is not JSONata, or refers to what is not there: a state's expression has no input document of
    /// its own, so a bare name means nothing.
    ///
    /// ```
    /// use stepwright::query::{Jsonata, JsonataError};
    ///
    /// let error = Jsonata::parse("1 + ", &["input"]).unwrap_err();
    /// assert_eq!(error.to_string(), "Unexpected end of expression, at byte 4");
    /// let error = Jsonata::parse("phone", &["input"]).unwrap_err();
    /// assert!(matches!(error, JsonataError::Unsupported(_)));
    /// ```
    pub fn parse(text: &str, fields: &[&str]) -> Result<Self, JsonataError> {
        Ok(Self { text: text.into(), program: Program::of_state(text, fields)? })
    }

    /// Compiles an expression outside of any state: `$` is the scope's input, unless that is `null`, and there is
    /// no `$states`. The bounds are those of JSONata, not those of AWS.
    ///
    /// # Errors
    ///
    /// The text is not JSONata.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::query::{Entropy, Jsonata, Scope};
    /// use stepwright::{Json, Limits};
    ///
    /// let names = Jsonata::standalone("people[age > 17].name")?;
    /// let input = Json::from(json!({ "people": [{ "name": "Ada", "age": 36 }, { "name": "Tim", "age": 4 }] }));
    /// let entropy = Entropy::new([0; 32]);
    /// let scope = Scope::new(&input, &entropy, &Limits::AWS);
    /// assert_eq!(names.evaluate(&scope, "names")?, json!("Ada"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn standalone(text: &str) -> Result<Self, JsonataError> {
        Ok(Self { text: text.into(), program: Program::standalone(text)? })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The variables that the expression may read, without their `$`, in the order of the alphabet.
    ///
    /// ```
    /// use stepwright::query::Jsonata;
    ///
    /// let expression = Jsonata::parse("$map($items, function($v) { $v * $rate })", &[])?;
    /// assert_eq!(expression.variables().collect::<Vec<_>>(), ["items", "rate"]);
    /// # Ok::<(), stepwright::query::JsonataError>(())
    /// ```
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.program.variables()
    }

    /// Whether the expression may read `$states.context.Task.Token`.
    pub fn may_read_context(&self) -> bool {
        self.program.may_read_context()
    }

    /// The value of the expression, which is that of `field`.
    ///
    /// # Errors
    ///
    /// `States.QueryEvaluationError`: the expression has no value, its value is a function, or it cannot be
    /// evaluated within its bounds of time and memory.
    ///
    /// ```
    /// use stepwright::query::{Entropy, Jsonata, Scope};
    /// use stepwright::{Json, Limits};
    ///
    /// let endless = Jsonata::parse("($f := function($n) { $f($n + 1) }; $f(1))", &[])?;
    /// let entropy = Entropy::new([0; 32]);
    /// let error = endless.evaluate(&Scope::new(&Json::Null, &entropy, &Limits::AWS), "Output").unwrap_err();
    /// assert!(error.to_string().ends_with("Expression evaluation timeout: Check for infinite loop"));
    /// assert_eq!(error.location(), Some("Output"));
    /// # Ok::<(), stepwright::query::JsonataError>(())
    /// ```
    pub fn evaluate(&self, scope: &Scope<'_>, field: &str) -> Result<Json, QueryError> {
        match self.program.evaluate(scope) {
            Ok(Outcome::Value(value)) => Ok(value),
            Ok(Outcome::Undefined) => Err(QueryError::jsonata_undefined(&self.text, field)),
            Ok(Outcome::Function) => Err(QueryError::jsonata_function(&self.text, field)),
            Err(trouble) => Err(QueryError::jsonata_trouble(&self.text, field, &trouble)),
        }
    }

    /// The same, with nothing where the expression has no value.
    ///
    /// # Errors
    ///
    /// The expression cannot be evaluated. A code of JSONata is in [`QueryError::jsonata_code`].
    pub fn try_evaluate(&self, scope: &Scope<'_>) -> Result<Option<Json>, QueryError> {
        match self.program.evaluate(scope) {
            Ok(Outcome::Value(value)) => Ok(Some(value)),
            Ok(Outcome::Undefined | Outcome::Function) => Ok(None),
            Err(trouble) => Err(QueryError::jsonata_trouble(&self.text, "", &trouble)),
        }
    }
}

impl fmt::Debug for Jsonata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jsonata").field(&self.text).finish()
    }
}

impl fmt::Display for Jsonata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What an expression came to.
#[cfg_attr(not(feature = "jsonata"), expect(dead_code, reason = "without an engine nothing is evaluated"))]
enum Outcome {
    Value(Json),
    Undefined,
    Function,
}

/// Why an evaluation did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: TroubleKind,
    /// The engine's code.
    pub(super) code: String,
    pub(super) message: String,
}

/// Which of its bounds an evaluation met, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "jsonata"), expect(dead_code, reason = "without an engine nothing is evaluated"))]
pub(super) enum TroubleKind {
    /// None: the expression is wrong.
    Expression,
    Time,
    Memory,
    Stack,
}
