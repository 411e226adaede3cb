//! Retry, then catch, then fail: in that order, in one place.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Done, Shown};
use crate::execution::frame::{Doing, Frame};
use crate::failure::ErrorName;
use crate::id::FrameId;
use crate::machine::retry::Fault;
use crate::machine::state::{Next, State, StateKind};

impl Execution {
    /// Decides what a failed state comes to; `true` when the frame is gone.
    pub(super) fn retry_or_catch(
        &mut self,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        fault: Fault,
    ) -> bool {
        !self.retry(frame, state, &fault) && self.catch_or_fail(id, frame, state, fault)
    }

    /// Lets a failed state back off for another attempt, if a retrier has one left.
    ///
    /// The first retrier that matches decides alone: when it is exhausted, no later one is asked. A new attempt
    /// does not enter the state anew.
    pub(super) fn retry(&mut self, frame: &mut Frame, state: &State, fault: &Fault) -> bool {
        let Some(at) = state.retry.iter().position(|retrier| retrier.errors.matches(fault)) else {
            return false;
        };
        let retrier = &state.retry[at];
        if frame.attempts.len() <= at {
            frame.attempts.resize(at + 1, 0);
        }
        let attempt = frame.attempts[at];
        if attempt >= retrier.max_attempts {
            return false;
        }
        frame.attempts[at] = attempt + 1;
        frame.retries += 1;
        let delay = retrier.delay(attempt, || self.entropy.unit());
        frame.doing = Doing::BackingOff { until: self.now + delay };
        true
    }

    /// Lets a catcher take a failure over, or fails the frame; `true` when the frame is gone.
    pub(super) fn catch_or_fail(
        &mut self,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        fault: Fault,
    ) -> bool {
        let Some(catcher) = state.catch.iter().find(|catcher| catcher.errors.matches(&fault)) else {
            return self.fail_frame(id, frame, state, fault);
        };
        let caught = dataflow::error_output(&fault.failure);
        let done = self.scoped(frame, state, Shown::default(), &caught, |scope| {
            let assigned = dataflow::assign(catcher.assign.as_ref(), scope)?;
            let output = dataflow::caught(&catcher.result, frame.input.clone(), caught.clone())?;
            Ok(Done { output, assigned })
        });
        let done = done.map_err(|mishap| Mishap::in_state(mishap, state.name.as_str(), frame.entered_event));
        let done = done.and_then(|done| match self.too_much(frame, state, &done) {
            None => Ok(done),
            Some(failure) => Err(failure),
        });
        match done {
            Ok(done) => self.exit(id, frame, state, done, Next::State(catcher.next)),
            Err(failure) => {
                self.fail_frame(id, frame, state, Fault { failure, heartbeat: false, task: fault.task })
            }
        }
    }

    /// Nothing caught a failure: the frame ends with it, and with the frame what waits for it.
    fn fail_frame(&mut self, id: FrameId, frame: &mut Frame, state: &State, fault: Fault) -> bool {
        match frame.parent {
            // A mistake of the definition ends everything (measured: without a word about what is around it).
            Some(parent) if !fault.failure.is(&ErrorName::RUNTIME) => {
                let in_task = matches!(state.kind, StateKind::Task(_));
                self.end_frame(id);
                self.child_failed(id, parent, frame.last_event, in_task, fault);
                true
            }
            _ => self.fail(id, frame, frame.last_event, fault.failure),
        }
    }
}
