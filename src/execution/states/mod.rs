//! One file per type of state: entering it, and going on with it.

mod choice;
mod fail;
pub(super) mod map;
mod parallel;
mod pass;
mod succeed;
pub(super) mod task;
pub(super) mod wait;

use std::sync::Arc;

use crate::dataflow::{self, Mishap, jsonata, jsonpath};
use crate::execution::Execution;
use crate::execution::advance::{Done, Outcome, Shown};
use crate::execution::frame::Frame;
use crate::failure::{ErrorName, Failure};
use crate::history::{EvaluationFailure, HistoryEventKind};
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::io::{DataFlow, Exit, Select, Stages};
use crate::machine::retry::Fault;
use crate::machine::state::{State, StateKind};
use crate::query::{Scope, Template};

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
    outcome.unwrap_or_else(|mishap| failed(turn, frame, state, mishap))
}

/// Tries a state again that backed off: it is not entered anew, but its fields are evaluated anew.
pub(super) fn again(turn: &mut Execution, id: FrameId, frame: &mut Frame) -> Outcome {
    let machine = turn.machine.clone();
    let state = machine.state(frame.state);
    enter(turn, id, frame, state)
}

/// The outcome of a stage that failed.
pub(super) fn failed(turn: &mut Execution, frame: &mut Frame, state: &State, mishap: Mishap) -> Outcome {
    Outcome::Failed(fault(turn, frame, state, mishap))
}

/// What a stage that failed means to Retry and Catch.
fn fault(turn: &mut Execution, frame: &mut Frame, state: &State, mishap: Mishap) -> Fault {
    let failure = turn.failure(frame, state, mishap);
    Fault { failure, heartbeat: false, task: matches!(state.kind, StateKind::Task(_)) }
}

/// InputPath.
fn effective_input(turn: &Execution, frame: &Frame, state: &State) -> Result<Json, Mishap> {
    if state.flow.passes_input_on() {
        return Ok(frame.input.clone());
    }
    turn.scoped(frame, state, Shown::default(), &frame.input, |scope| {
        dataflow::effective_input(&state.flow, scope)
    })
}

/// The last stages of states that have no result: OutputPath and Assign, or Output and Assign.
fn pass_on(turn: &Execution, frame: &Frame, state: &State, input: &Json) -> Result<Done, Mishap> {
    match &state.flow {
        DataFlow::JsonPath(stages) => pass_on_by(turn, frame, state, stages, stages.assign.as_ref(), input),
        DataFlow::Jsonata(expressions) => turn.leave_by(frame, state, Shown::default(), &expressions.exit),
    }
}

/// The same in JSONPath, with an Assign that may be a Choice rule's.
fn pass_on_by(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    stages: &Stages,
    assign: Option<&Template>,
    input: &Json,
) -> Result<Done, Mishap> {
    if assign.is_none() && matches!(stages.output, Select::All) {
        return Ok(Done { output: input.clone(), assigned: None });
    }
    turn.scoped(frame, state, Shown::default(), input, |scope| {
        let assigned = jsonpath::assign(assign, scope)?;
        let output = jsonpath::output(stages, Json::Null, input.clone(), scope)?;
        Ok(Done { output, assigned })
    })
}

impl Execution {
    /// The last stages of states that have a `result`: ResultSelector, ResultPath, OutputPath and Assign, or
    /// Output and Assign.
    pub(super) fn take_result(
        &self,
        frame: &Frame,
        state: &State,
        shown: Shown<'_>,
        result: &Json,
    ) -> Result<Done, Mishap> {
        match &state.flow {
            DataFlow::JsonPath(stages) => self.scoped(frame, state, shown, result, |scope| {
                let assigned = jsonpath::assign(stages.assign.as_ref(), scope)?;
                let selected = jsonpath::result(stages, scope)?;
                let output = jsonpath::output(stages, frame.input.clone(), selected, scope)?;
                Ok(Done { output, assigned })
            }),
            DataFlow::Jsonata(expressions) => self.scoped(frame, state, shown, &frame.input, |scope| {
                let scope = Scope { result: Some(result), ..*scope };
                let (output, assigned) = jsonata::leave(&expressions.exit, result, &scope)?;
                Ok(Done { output, assigned })
            }),
        }
    }

    /// Output and Assign of a JSONata state that has no result.
    fn leave_by(&self, frame: &Frame, state: &State, shown: Shown<'_>, exit: &Exit) -> Result<Done, Mishap> {
        self.scoped(frame, state, shown, &frame.input, |scope| {
            let (output, assigned) = jsonata::leave(exit, scope.input, scope)?;
            Ok(Done { output, assigned })
        })
    }

    /// The failure that `mishap` is, once the history says which expression failed.
    pub(super) fn failure(&mut self, frame: &mut Frame, state: &State, mut mishap: Mishap) -> Failure {
        let location = mishap.location.take();
        let failure = mishap.in_state(state.name.as_str(), frame.entered_event);
        if failure.is(&ErrorName::QUERY_EVALUATION_ERROR) {
            let name = state.name.clone();
            let failure = failure.clone();
            self.record(frame, |_| {
                HistoryEventKind::EvaluationFailed(Arc::new(EvaluationFailure {
                    failure,
                    location,
                    state: name,
                }))
            });
        }
        failure
    }
}
