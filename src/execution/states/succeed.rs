//! Succeed: the end of an execution, with the input as its output.

use crate::dataflow::Mishap;
use crate::execution::Execution;
use crate::execution::advance::Outcome;
use crate::execution::frame::Frame;
use crate::execution::states::{effective_input, pass_on};
use crate::machine::state::State;

pub(super) fn enter(turn: &mut Execution, frame: &mut Frame, state: &State) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    pass_on(turn, frame, state, &effective).map(Outcome::Done)
}
