//! One file per type of state: entering it, and going on with it.

mod choice;
mod fail;
mod pass;
mod succeed;
pub(super) mod task;
pub(super) mod wait;

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::Outcome;
use crate::execution::frame::Frame;
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{State, StateKind};

/// Enters a state, once its history event is recorded.
pub(super) fn enter(turn: &mut Execution, id: FrameId, frame: &mut Frame, state: &State) -> Outcome {
    let outcome = match &state.kind {
        StateKind::Pass(pass) => pass::enter(turn, frame, state, pass),
        StateKind::Task(task) => task::enter(turn, id, frame, state, task),
        StateKind::Choice(choice) => choice::enter(turn, frame, state, choice),
        StateKind::Wait(wait) => wait::enter(turn, frame, state, wait),
        StateKind::Succeed => succeed::enter(turn, frame, state),
        StateKind::Fail(fail) => fail::enter(turn, frame, state, fail),
    };
    outcome.unwrap_or_else(|mishap| failed(frame, state, mishap))
}

/// Tries a state again that backed off: it is not entered anew, but its fields are evaluated anew.
pub(super) fn again(turn: &mut Execution, id: FrameId, frame: &mut Frame) -> Outcome {
    let machine = turn.machine.clone();
    let state = machine.state(frame.state);
    match &state.kind {
        StateKind::Task(task) => {
            task::enter(turn, id, frame, state, task).unwrap_or_else(|mishap| failed(frame, state, mishap))
        }
        // Only states that may have a Retry back off.
        _ => Outcome::Waits,
    }
}

/// The outcome of a stage that failed.
pub(super) fn failed(frame: &Frame, state: &State, mishap: Mishap) -> Outcome {
    let failure = mishap.in_state(state.name.as_str(), frame.entered_event);
    Outcome::Failed(Fault { failure, heartbeat: false, task: matches!(state.kind, StateKind::Task(_)) })
}

/// InputPath.
fn effective_input(turn: &Execution, frame: &Frame, state: &State) -> Result<Json, Mishap> {
    turn.scoped(frame, state, None, &frame.input, |scope| dataflow::effective_input(&state.flow, scope))
}

/// OutputPath alone: the output of states that have no result.
fn pass_on(turn: &Execution, frame: &Frame, state: &State, input: Json) -> Result<Json, Mishap> {
    turn.scoped(frame, state, None, &input, |scope| {
        dataflow::output(&state.flow, Json::Null, input.clone(), scope)
    })
}
