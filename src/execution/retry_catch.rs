//! Retry, then catch, then fail: in that order, in one place.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Done, Shown};
use crate::execution::frame::{Doing, Frame};
use crate::failure::{ErrorName, Failure};
use crate::history::HistoryEventKind;
use crate::id::FrameId;
use crate::machine::StateMachine;
use crate::machine::retry::Fault;
use crate::machine::state::{Next, State, StateKind};

impl Execution {
    /// Decides what a failed state comes to; `true` when the frame is gone.
    pub(super) fn retry_or_catch(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        fault: Fault,
    ) -> bool {
        let failed = frame.last_event;
        if self.retry(frame, state, &fault) {
            return false;
        }
        self.record_failed(frame, state, &fault.failure);
        self.catch_or_fail(machine, id, frame, state, fault, failed)
    }

    /// Says that a Map or Parallel failed; nothing is said of a mistake of the definition.
    fn record_failed(&mut self, frame: &mut Frame, state: &State, failure: &Failure) {
        let kind = match state.kind {
            StateKind::Map(_) => HistoryEventKind::MapStateFailed,
            StateKind::Parallel(_) => HistoryEventKind::ParallelStateFailed,
            _ => return,
        };
        if !failure.is(&ErrorName::RUNTIME) {
            self.record(frame, |_| kind);
        }
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
        self.forget_children(frame);
        frame.doing = Doing::BackingOff { until: self.now + delay };
        true
    }

    /// Lets a catcher take over what failed at the history event `failed`, or fails the frame; `true` when the
    /// frame is gone.
    fn catch_or_fail(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        fault: Fault,
        failed: u64,
    ) -> bool {
        let Some(catcher) = state.catch.iter().find(|catcher| catcher.errors.matches(&fault)) else {
            return self.fail_frame(id, frame, state, fault);
        };
        let done = self.scoped(frame, state, Shown::default(), &frame.input, |scope| {
            let (output, assigned) = dataflow::caught(&catcher.handover, &fault.failure, scope)?;
            Ok::<_, Mishap>(Done { output, assigned })
        });
        let done = match done {
            Ok(done) => match self.too_much(frame, state, &done) {
                None => Ok(done),
                Some(failure) => Err(failure),
            },
            Err(mishap) if mishap.error == ErrorName::QUERY_EVALUATION_ERROR => {
                // What a catcher fails with follows what it was to catch, and is not caught again (measured).
                frame.last_event = failed;
                let failure = self.failure(frame, state, mishap);
                self.record_failed(frame, state, &failure);
                Err(failure)
            }
            Err(mishap) => Err(mishap.in_state(state.name.as_str(), frame.entered_event)),
        };
        match done {
            Ok(done) => {
                self.forget_children(frame);
                self.exit(machine, id, frame, state, done, Next::State(catcher.next))
            }
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
                self.keep_failed(id, frame);
                self.child_failed(id, parent, frame.last_event, in_task, fault);
                true
            }
            _ => self.fail(id, frame, frame.last_event, fault.failure),
        }
    }
}
