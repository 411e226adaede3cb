//! From input to effective input, from result to output: the stages in the specification's order.
//!
//! The Context Object they may read is in `context.rs`, Choice rules in `choose.rs`; what only one type of state
//! evaluates is in the file of its name.

pub(crate) mod choose;
pub(crate) mod context;
pub(crate) mod fail;
pub(crate) mod integration;
pub(crate) mod jsonata;
pub(crate) mod jsonpath;
pub(crate) mod map;
pub(crate) mod task;
pub(crate) mod wait;

use std::sync::Arc;

use self::jsonpath::error_output;
use crate::failure::{ErrorName, Failure};
use crate::json::{Json, Object};
use crate::machine::io::{DataFlow, Payload};
use crate::machine::retry::Handover;
use crate::query::{QueryError, Scope};

/// Raw input to effective input.
pub(crate) fn effective_input(flow: &DataFlow, scope: &Scope<'_>) -> Result<Json, Mishap> {
    match flow {
        DataFlow::JsonPath(stages) => jsonpath::effective_input(stages, scope),
        DataFlow::Jsonata(_) => Ok(scope.input.clone()),
    }
}

/// Effective input to what the work gets: `Parameters`, or `Arguments`.
pub(crate) fn parameters(flow: &DataFlow, scope: &Scope<'_>) -> Result<Json, Mishap> {
    match flow {
        DataFlow::JsonPath(stages) => jsonpath::parameters(stages, scope),
        DataFlow::Jsonata(expressions) => jsonata::value(expressions.arguments.as_ref(), scope.input, scope),
    }
}

/// The value of a template.
pub(crate) fn payload(payload: &Payload, scope: &Scope<'_>) -> Result<Json, Mishap> {
    Ok(match payload {
        Payload::JsonPath(template) => template.evaluate(scope)?,
        Payload::Jsonata(template) => template.evaluate(scope)?,
    })
}

/// What a catcher passes on, and the variables that it assigns; the scope's input is the state's.
pub(crate) fn caught(
    handover: &Handover,
    failure: &Failure,
    scope: &Scope<'_>,
) -> Result<(Json, Option<Arc<Object>>), Mishap> {
    let error_output = error_output(failure);
    match handover {
        Handover::JsonPath { result, assign } => {
            let assigned = jsonpath::assign(assign.as_ref(), &Scope { input: &error_output, ..*scope })?;
            Ok((jsonpath::merge(result, scope.input.clone(), error_output)?, assigned))
        }
        Handover::Jsonata(exit) => {
            let scope = Scope { error_output: Some(&error_output), ..*scope };
            jsonata::leave(exit, &error_output, &scope)
        }
    }
}

/// What went wrong in a stage: an error name and AWS's words, without the state's name before them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mishap {
    pub(crate) error: ErrorName,
    pub(crate) message: String,
    /// The field of a JSONata expression.
    pub(crate) location: Option<Arc<str>>,
}

impl Mishap {
    pub(crate) fn runtime(message: impl Into<String>) -> Self {
        Self { error: ErrorName::RUNTIME, message: message.into(), location: None }
    }

    /// The value of a JSONata field is none that the field takes.
    pub(crate) fn evaluation(message: impl Into<String>, location: Option<&str>) -> Self {
        Self {
            error: ErrorName::QUERY_EVALUATION_ERROR,
            message: message.into(),
            location: location.map(Arc::from),
        }
    }

    /// The failure of `state`, which was entered at the history event `entered`.
    pub(crate) fn in_state(self, state: &str, entered: u64) -> Failure {
        let Self { error, message, .. } = self;
        let cause = format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {message}"
        );
        Failure::new(error, cause)
    }
}

impl From<QueryError> for Mishap {
    fn from(error: QueryError) -> Self {
        let location = error.location().map(Arc::from);
        Self { error: error.name().clone(), message: error.message().into(), location }
    }
}
