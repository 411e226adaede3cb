//! Calls: functions with their arguments, compiled; and the arguments' values as the functions get them.

use super::string::Piece;
use super::{Function, Reason};
use crate::json::Json;
use crate::query::error::QueryError;
use crate::query::java;
use crate::query::jsonpath::Path;
use crate::query::scope::Scope;

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) arguments: Box<[Argument]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Path(Path),
    Literal(Json),
    /// A text as the first argument of `States.Format`.
    Format(Box<[Piece]>),
    Call(Call),
}

// Recursion over calls is bounded by the parser's `MAX_NESTING`.
impl Call {
    /// The value; `text` is the whole expression, which AWS's messages show.
    pub(super) fn evaluate(&self, scope: &Scope<'_>, text: &str) -> Result<Json, QueryError> {
        let mut arguments = Arguments {
            values: Vec::with_capacity(self.arguments.len()),
            format: None,
            function: self.function,
            scope,
        };
        for argument in &self.arguments {
            arguments.values.push(match argument {
                Argument::Path(path) => {
                    path.select(scope).map_err(|miss| QueryError::no_argument(text, &miss, scope))?.compact()
                }
                Argument::Literal(json) => json.clone(),
                Argument::Format(pieces) => {
                    arguments.format = Some(pieces);
                    Json::Null
                }
                Argument::Call(call) => call.evaluate(scope, text)?,
            });
        }
        let count = arguments.values.len();
        let result = match self.function.arity.contains(&count) {
            true => (self.function.body)(&arguments),
            false => Err(arguments.wrong_count(count)),
        };
        let json = result.map_err(|reason| QueryError::intrinsic(text, &reason))?;
        match json.deeper_than(scope.limits.depth) {
            true => Err(QueryError::too_deep(scope.limits.depth)),
            false => Ok(json),
        }
    }

    pub(super) fn collect_paths<'c>(&'c self, paths: &mut Vec<&'c Path>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => paths.push(path),
                Argument::Call(call) => call.collect_paths(paths),
                Argument::Literal(_) | Argument::Format(_) => {}
            }
        }
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.arguments == other.arguments
    }
}

/// The values of a call's arguments.
pub(super) struct Arguments<'a> {
    pub(super) values: Vec<Json>,
    /// The first argument of `States.Format`, if it was given as a text.
    pub(super) format: Option<&'a [Piece]>,
    function: &'static Function,
    pub(super) scope: &'a Scope<'a>,
}

/// What a function reads of its arguments. INVARIANT: positions are within the function's arity.
impl Arguments<'_> {
    pub(super) fn value(&self, at: usize) -> &Json {
        &self.values[at]
    }

    pub(super) fn array(&self, at: usize) -> Result<&[Json], Reason> {
        self.value(at).as_array().ok_or_else(|| self.refusal(at, "an array"))
    }

    pub(super) fn text(&self, at: usize) -> Result<&str, Reason> {
        self.value(at).as_str().ok_or_else(|| self.refusal(at, "a string"))
    }

    /// A text of at most [`MAX_TEXT`] characters.
    pub(super) fn short_text(&self, at: usize) -> Result<&str, Reason> {
        let text = self.text(at)?;
        self.check_short(at, text)?;
        Ok(text)
    }

    pub(super) fn check_short(&self, at: usize, text: &str) -> Result<(), Reason> {
        match text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT {
            true => Err(self.refusal(at, &format!("a string of at most {MAX_TEXT} characters"))),
            false => Ok(()),
        }
    }

    /// A number, rounded to the nearest integer.
    pub(super) fn integer(&self, at: usize) -> Result<i64, Reason> {
        let refusal = || self.refusal(at, "a number");
        let number = self.value(at).as_number().ok_or_else(refusal)?;
        match number.as_i64() {
            Some(integer) => Ok(integer),
            None => number.as_f64().map(java::round).ok_or_else(refusal),
        }
    }

    pub(super) fn boolean(&self, at: usize) -> Result<bool, Reason> {
        self.value(at).as_bool().ok_or_else(|| self.refusal(at, "a boolean"))
    }

    /// The reason that argument `at` is not `wanted`.
    pub(super) fn refusal(&self, at: usize, wanted: &str) -> Reason {
        format!("Argument {} of {} must be {wanted}", at + 1, self.function.name)
    }

    fn wrong_count(&self, count: usize) -> Reason {
        format!("{} does not take {count} arguments", self.function.name)
    }

    /// Whether a text of `bytes` may be built.
    ///
    /// # Errors
    ///
    /// It would be longer than any payload: a call must not need more memory than its execution may.
    pub(super) fn check_size(&self, bytes: usize) -> Result<(), Reason> {
        match bytes > self.scope.limits.payload_bytes {
            true => Err(format!("The result of {} is too large", self.function.name)),
            false => Ok(()),
        }
    }
}

/// Characters that texts to encode, decode and hash may have.
const MAX_TEXT: usize = 10_000;
