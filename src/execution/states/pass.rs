//! Pass: its input, or a literal result, on to the next state.

use crate::dataflow::{Mishap, jsonpath};
use crate::execution::Execution;
use crate::execution::advance::{Done, Outcome, Shown};
use crate::execution::frame::Frame;
use crate::execution::states::{effective_input, pass_on};
use crate::machine::io::DataFlow;
use crate::machine::state::{Pass, State};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    pass: &Pass,
) -> Result<Outcome, Mishap> {
    let stages = match &state.flow {
        DataFlow::JsonPath(stages) => stages,
        DataFlow::Jsonata(_) => return Ok(Outcome::Done(pass_on(turn, frame, state, &frame.input)?)),
    };
    let effective = effective_input(turn, frame, state)?;
    // Parameters are evaluated even when a Result discards what they give: they may fail.
    let parameters =
        turn.scoped(frame, state, Shown::default(), &effective, |scope| jsonpath::parameters(stages, scope))?;
    let result = pass.result.clone().unwrap_or(parameters);
    let assigned = turn.scoped(frame, state, Shown::default(), &result, |scope| {
        jsonpath::assign(stages.assign.as_ref(), scope)
    })?;
    let input = std::mem::take(&mut frame.input);
    let output = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        jsonpath::output(stages, input, result.clone(), scope)
    })?;
    Ok(Outcome::Done(Done { output, assigned }))
}
