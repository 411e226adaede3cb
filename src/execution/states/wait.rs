//! Wait: for some seconds, or until a time.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::{Doing, Frame};
use crate::execution::states::{effective_input, failed, pass_on};
use crate::machine::state::{State, Wait};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    wait: &Wait,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let until =
        turn.scoped(frame, state, Shown::default(), &effective, |scope| dataflow::wait::until(wait, scope))?;
    frame.doing = Doing::Waiting { until };
    Ok(Outcome::Waits)
}

/// The time has come.
pub(crate) fn over(turn: &mut Execution, frame: &mut Frame) -> Outcome {
    let machine = turn.machine.clone();
    let state = machine.state(frame.state);
    let done =
        effective_input(turn, frame, state).and_then(|effective| pass_on(turn, frame, state, &effective));
    done.map_or_else(|mishap| failed(turn, frame, state, mishap), Outcome::Done)
}
