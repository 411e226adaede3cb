//! One file per type of state: entering it, and going on with it.

mod choice;
mod fail;
pub(super) mod map;
mod parallel;
mod pass;
mod succeed;
pub(super) mod task;
pub(super) mod wait;

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Done, Outcome, Shown};
use crate::execution::frame::Frame;
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{State, StateKind};
use crate::query::Template;

/// Enters a state, once its history event is recorded; also tries it again.
pub(super) fn enter(turn: &mut Execution, id: FrameId, frame: &mut Frame, state: &State) -> Outcome {
    let outcome = match &state.kind {
        StateKind::Pass(pass) => pass::enter(turn, frame, state, pass),
        StateKind::Task(task) => task::enter(turn, id, frame, state, task),
        StateKind::Choice(choice) => choice::enter(turn, frame, state, choice),
        StateKind::Wait(wait) => wait::enter(turn, frame, state, wait),
        StateKind::Succeed => succeed::enter(turn, frame, state),
        StateKind::Fail(fail) => fail::enter(turn, frame, state, fail),
        StateKind::Parallel(parallel) => parallel::enter(turn, id, frame, state, parallel),
        StateKind::Map(map) => map::enter(turn, id, frame, state, map),
    };
    outcome.unwrap_or_else(|mishap| failed(frame, state, mishap))
}

/// Tries a state again that backed off: it is not entered anew, but its fields are evaluated anew.
pub(super) fn again(turn: &mut Execution, id: FrameId, frame: &mut Frame) -> Outcome {
    let machine = turn.machine.clone();
    let state = machine.state(frame.state);
    enter(turn, id, frame, state)
}

/// The outcome of a stage that failed.
pub(super) fn failed(frame: &Frame, state: &State, mishap: Mishap) -> Outcome {
    Outcome::Failed(fault(frame, state, mishap))
}

/// What a stage that failed means to Retry and Catch.
fn fault(frame: &Frame, state: &State, mishap: Mishap) -> Fault {
    let failure = mishap.in_state(state.name.as_str(), frame.entered_event);
    Fault { failure, heartbeat: false, task: matches!(state.kind, StateKind::Task(_)) }
}

/// InputPath.
fn effective_input(turn: &Execution, frame: &Frame, state: &State) -> Result<Json, Mishap> {
    turn.scoped(frame, state, Shown::default(), &frame.input, |scope| {
        dataflow::effective_input(&state.flow, scope)
    })
}

/// OutputPath and Assign: the stages of states that have no result.
fn pass_on(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    assign: Option<&Template>,
    input: &Json,
) -> Result<Done, Mishap> {
    turn.scoped(frame, state, Shown::default(), input, |scope| {
        let assigned = dataflow::assign(assign, scope)?;
        let output = dataflow::output(&state.flow, Json::Null, input.clone(), scope)?;
        Ok(Done { output, assigned })
    })
}

impl Execution {
    /// ResultSelector, ResultPath, OutputPath and Assign: the stages of states that have a `result`.
    pub(super) fn take_result(
        &self,
        frame: &Frame,
        state: &State,
        shown: Shown<'_>,
        result: &Json,
    ) -> Result<Done, Mishap> {
        self.scoped(frame, state, shown, result, |scope| {
            let assigned = dataflow::assign(state.flow.assign.as_ref(), scope)?;
            let selected = dataflow::result(&state.flow, scope)?;
            let output = dataflow::output(&state.flow, frame.input.clone(), selected, scope)?;
            Ok(Done { output, assigned })
        })
    }
}
