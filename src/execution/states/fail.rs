//! Fail: the end of an execution, with an error and a cause.

use std::sync::Arc;

use crate::dataflow::{Mishap, jsonata};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::Frame;
use crate::failure::{ErrorName, Failure};
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{Fail, Lookup, State};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    fail: &Fail,
) -> Result<Outcome, Mishap> {
    let error = text(turn, frame, state, fail.error.as_ref(), "ErrorPath")?;
    let cause = text(turn, frame, state, fail.cause.as_ref(), "CausePath")?;
    let failure = Failure {
        error: error.map(ErrorName::from).or_else(|| fail.literal.error.clone()),
        cause: cause.or_else(|| fail.literal.cause.clone()),
    };
    Ok(Outcome::Failed(Fault { failure, heartbeat: false, task: false }))
}

fn text(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    lookup: Option<&Lookup>,
    field: &str,
) -> Result<Option<Arc<str>>, Mishap> {
    let Some(lookup) = lookup else { return Ok(None) };
    let value = turn.scoped(frame, state, Shown::default(), &frame.input, |scope| match lookup {
        Lookup::Expression(expression) => Ok::<_, Mishap>(expression.evaluate(scope, field)?),
        Lookup::Jsonata(template) => Ok(Json::String(jsonata::text(template, scope)?)),
    })?;
    match value.as_str() {
        Some(text) => Ok(Some(text.into())),
        // DIFFERENCE: AWS's words for this are not known.
        None => Err(Mishap::runtime(format!(
            "The {field} field must select a string, but was: {}",
            value.compact()
        ))),
    }
}
