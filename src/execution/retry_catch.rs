//! Retry, then catch, then fail: in that order, in one place.

use crate::dataflow;
use crate::execution::Execution;
use crate::execution::frame::{Doing, Frame};
use crate::id::FrameId;
use crate::machine::retry::Fault;
use crate::machine::state::{Next, State};

impl Execution {
    /// Decides what a failed state comes to; `true` when the execution is over.
    ///
    /// The first retrier that matches decides alone: when it is exhausted, no later one is asked. A new attempt
    /// does not enter the state anew.
    pub(super) fn retry_or_catch(
        &mut self,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        fault: Fault,
    ) -> bool {
        if let Some(at) = state.retry.iter().position(|retrier| retrier.errors.matches(&fault)) {
            let retrier = &state.retry[at];
            if frame.attempts.len() <= at {
                frame.attempts.resize(at + 1, 0);
            }
            let attempt = frame.attempts[at];
            if attempt < retrier.max_attempts {
                frame.attempts[at] = attempt + 1;
                frame.retries += 1;
                let delay = retrier.delay(attempt, || self.entropy.unit());
                frame.doing = Doing::BackingOff { until: self.now + delay };
                return false;
            }
        }
        if let Some(catcher) = state.catch.iter().find(|catcher| catcher.errors.matches(&fault)) {
            let input = frame.input.clone();
            return match dataflow::caught(&catcher.result, input, &fault.failure) {
                Ok(output) => self.exit(id, frame, state, output, Next::State(catcher.next)),
                Err(mishap) => {
                    let failure = mishap.in_state(state.name.as_str(), frame.entered_event);
                    self.fail(id, frame.last_event, failure)
                }
            };
        }
        self.fail(id, frame.last_event, fault.failure)
    }
}
