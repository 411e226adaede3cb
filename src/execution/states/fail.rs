//! Fail: the end of an execution, with an error and a cause.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::Frame;
use crate::machine::retry::Fault;
use crate::machine::state::{Fail, State};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    fail: &Fail,
) -> Result<Outcome, Mishap> {
    let failure = turn
        .scoped(frame, state, Shown::default(), &frame.input, |scope| dataflow::fail::failure(fail, scope))?;
    Ok(Outcome::Failed(Fault { failure, heartbeat: false, task: false }))
}
