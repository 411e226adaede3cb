//! Pass: its input, or a literal result, on to the next state.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Done, Outcome, Shown};
use crate::execution::frame::Frame;
use crate::execution::states::effective_input;
use crate::machine::state::{Pass, State};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    pass: &Pass,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    // Parameters are evaluated even when a Result discards what they give: they may fail.
    let parameters = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        dataflow::parameters(&state.flow, scope)
    })?;
    let result = pass.result.clone().unwrap_or(parameters);
    let assigned = turn.scoped(frame, state, Shown::default(), &result, |scope| {
        dataflow::assign(state.flow.assign.as_ref(), scope)
    })?;
    let input = std::mem::take(&mut frame.input);
    let output = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        dataflow::output(&state.flow, input, result.clone(), scope)
    })?;
    Ok(Outcome::Done(Done { output, assigned }))
}
