//! What an expression can see: the input, the Context Object, variables, randomness.

use std::fmt;

use super::entropy::Entropy;
use crate::json::Json;
use crate::limits::Limits;
use crate::time::Timestamp;

/// What an expression can see while it is evaluated. It borrows everything, so that making one costs nothing.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Path, Scope};
/// use stepwright::{Json, Limits};
///
/// let input = Json::from(json!({ "order": { "id": 7 } }));
/// let context = Json::from(json!({ "Execution": { "Name": "order-7" } }));
/// let variables = Json::from(json!({ "region": "eu" }));
/// let entropy = Entropy::new([0; 32]);
/// let scope = Scope {
///     context: &context,
///     variables: &variables,
///     ..Scope::new(&input, &entropy, &Limits::AWS)
/// };
///
/// let see = |path: &str| Path::parse(path).unwrap().select(&scope).unwrap();
/// assert_eq!(see("$.order.id"), json!(7));
/// assert_eq!(see("$$.Execution.Name"), json!("order-7"));
/// assert_eq!(see("$region"), json!("eu"));
/// ```
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// `$`, `$states.input`
    pub input: &'a Json,
    /// `$states.result`
    pub result: Option<&'a Json>,
    /// `$states.errorOutput`
    pub error_output: Option<&'a Json>,
    /// `$$`, `$states.context`
    pub context: &'a dyn ContextObject,
    /// `$name`
    pub variables: &'a dyn Variables,
    /// What `$now()` tells.
    pub now: Timestamp,
    /// Where `States.UUID`, `States.MathRandom`, `$uuid` and `$random` draw from.
    pub entropy: &'a Entropy,
    /// How deep, and how long, a result may be.
    pub limits: &'a Limits,
}

impl<'a> Scope<'a> {
    /// A scope with an empty Context Object and without variables, in 1970.
    pub fn new(input: &'a Json, entropy: &'a Entropy, limits: &'a Limits) -> Self {
        Self {
            input,
            result: None,
            error_output: None,
            context: &Nothing,
            variables: &Nothing,
            now: Timestamp::EPOCH,
            entropy,
            limits,
        }
    }
}

impl fmt::Debug for Scope<'_> {
    // Neither the Context Object (it holds task tokens, and would have to be built) nor the variables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("input", self.input).finish_non_exhaustive()
    }
}

/// Gives the Context Object when an expression asks for it, so that it need not be built before.
pub trait ContextObject {
    /// The Context Object: the same one each time.
    fn context_object(&self) -> &Json;

    /// One field of it, if it can be told without the whole.
    fn field(&self, _field: ContextField) -> Option<Json> {
        None
    }
}

/// The fields of the Context Object that are read most, known when a path is compiled.
///
/// ```
/// use stepwright::Json;
/// use stepwright::query::{ContextField, ContextObject};
///
/// struct Context;
///
/// impl ContextObject for Context {
///     fn context_object(&self) -> &Json {
///         unimplemented!("nobody asks for the whole")
///     }
///
///     fn field(&self, field: ContextField) -> Option<Json> {
///         (field == ContextField::ExecutionName).then(|| "order-17".into())
///     }
/// }
/// assert_eq!(Context.field(ContextField::ExecutionName), Some("order-17".into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextField {
    /// `$$.Execution.Id`
    ExecutionId,
    /// `$$.Execution.Input`
    ExecutionInput,
    /// `$$.Execution.Name`
    ExecutionName,
    /// `$$.Map.Item.Index`
    MapItemIndex,
    /// `$$.Map.Item.Value`
    MapItemValue,
    /// `$$.State.Name`
    StateName,
    /// `$$.Task.Token`
    TaskToken,
}

impl ContextField {
    /// The field that `names` lead to, or lead through, and how many of them lead to it.
    pub(super) fn of<'n>(names: impl Iterator<Item = &'n str>) -> Option<(Self, usize)> {
        let names: Vec<&str> = names.take(3).collect();
        Some(match names[..] {
            ["Execution", "Id", ..] => (Self::ExecutionId, 2),
            ["Execution", "Input", ..] => (Self::ExecutionInput, 2),
            ["Execution", "Name", ..] => (Self::ExecutionName, 2),
            ["Map", "Item", "Index"] => (Self::MapItemIndex, 3),
            ["Map", "Item", "Value"] => (Self::MapItemValue, 3),
            ["State", "Name", ..] => (Self::StateName, 2),
            ["Task", "Token", ..] => (Self::TaskToken, 2),
            _ => return None,
        })
    }
}

/// A Context Object that is there already.
impl ContextObject for Json {
    fn context_object(&self) -> &Json {
        self
    }
}

/// Finds workflow variables by their names.
pub trait Variables {
    /// The value of the variable `name`, written `$name` in expressions.
    fn variable(&self, name: &str) -> Option<&Json>;
}

/// The members of an object, as variables.
impl Variables for Json {
    fn variable(&self, name: &str) -> Option<&Json> {
        self.get(name)
    }
}

struct Nothing;

impl ContextObject for Nothing {
    fn context_object(&self) -> &Json {
        static NULL: Json = Json::Null;
        &NULL
    }
}

impl Variables for Nothing {
    fn variable(&self, _name: &str) -> Option<&Json> {
        None
    }
}
