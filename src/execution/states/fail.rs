//! Fail: the end of an execution, with an error and a cause.

use std::sync::Arc;

use crate::dataflow::Mishap;
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::Frame;
use crate::failure::{ErrorName, Failure};
use crate::machine::retry::Fault;
use crate::machine::state::{Fail, State};
use crate::query::Expression;

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    fail: &Fail,
) -> Result<Outcome, Mishap> {
    let error = text(turn, frame, state, fail.error_path.as_ref(), "ErrorPath")?;
    let cause = text(turn, frame, state, fail.cause_path.as_ref(), "CausePath")?;
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
    expression: Option<&Expression>,
    field: &str,
) -> Result<Option<Arc<str>>, Mishap> {
    let Some(expression) = expression else { return Ok(None) };
    let value =
        turn.scoped(frame, state, Shown::default(), &frame.input, |scope| expression.evaluate(scope, field))?;
    match value.as_str() {
        Some(text) => Ok(Some(text.into())),
        // DIFFERENCE: AWS's words for this are not known.
        None => Err(Mishap::runtime(format!(
            "The {field} field must select a string, but was: {}",
            value.compact()
        ))),
    }
}
