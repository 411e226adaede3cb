//! Retriers and catchers, and the delay before an attempt as a pure function.

use std::time::Duration;

use crate::failure::{ErrorName, Failure};
use crate::machine::StateId;
use crate::machine::io::{Exit, ResultPath};
use crate::query::Template;

/// An entry of `Retry`.
#[derive(Debug)]
pub(crate) struct Retrier {
    pub(crate) errors: Errors,
    pub(crate) interval: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: f64,
    pub(crate) max_delay: Option<Duration>,
    pub(crate) full_jitter: bool,
}

/// An entry of `Catch`.
#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) errors: Errors,
    pub(crate) next: StateId,
    pub(crate) handover: Handover,
}

/// What a catcher passes on.
#[derive(Debug)]
pub(crate) enum Handover {
    JsonPath { result: ResultPath, assign: Option<Template> },
    Jsonata(Exit),
}

/// `ErrorEquals`.
#[derive(Debug)]
pub(crate) struct Errors(pub(crate) Box<[ErrorName]>);

/// A failure on its way through Retry and Catch, with what only matching has to know.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    /// A missed heartbeat: reported as `States.Timeout`, matched by `States.HeartbeatTimeout` too.
    pub(crate) heartbeat: bool,
    /// From a Task: matched by `States.TaskFailed`.
    pub(crate) task: bool,
}

impl Retrier {
    /// How long to wait before retry number `attempt`, from 0; `unit` in `[0, 1)` is drawn for the jitter.
    ///
    /// `IntervalSeconds * BackoffRate ^ attempt`, at most `MaxDelaySeconds`; `FULL` jitter takes a uniform
    /// part of that.
    pub(crate) fn delay(&self, attempt: u32, unit: impl FnOnce() -> f64) -> Duration {
        /// A year; also what an overflow comes to.
        const LONGEST: f64 = 366.0 * 24.0 * 60.0 * 60.0;
        let factor = self.backoff.powi(i32::try_from(attempt).unwrap_or(i32::MAX));
        let longest = self.max_delay.map_or(LONGEST, |delay| delay.as_secs_f64());
        let seconds = (self.interval.as_secs_f64() * factor).min(longest);
        let seconds = if seconds.is_finite() { seconds } else { longest };
        Duration::from_secs_f64(if self.full_jitter { seconds * unit() } else { seconds })
    }
}

impl Errors {
    /// Whether one of the names matches `fault`.
    pub(crate) fn matches(&self, fault: &Fault) -> bool {
        let error = fault.failure.error.as_ref();
        // A path that selects nothing is a mistake of the definition: not even its own name catches it
        // (recorded: catch_states_runtime).
        if error == Some(&ErrorName::RUNTIME) {
            return false;
        }
        self.0.iter().any(|name| {
            *name == ErrorName::ALL
                || error == Some(name)
                || *name == ErrorName::TASK_FAILED && fault.task && error != Some(&ErrorName::TIMEOUT)
                || *name == ErrorName::HEARTBEAT_TIMEOUT && fault.heartbeat
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(interval: u64, backoff: f64, max_delay: Option<u64>, full_jitter: bool) -> Retrier {
        Retrier {
            errors: Errors(Box::new([ErrorName::ALL])),
            interval: Duration::from_secs(interval),
            max_attempts: 3,
            backoff,
            max_delay: max_delay.map(Duration::from_secs),
            full_jitter,
        }
    }

    #[test]
    fn delays_back_off_up_to_the_maximum() {
        let plain = retrier(3, 2.0, Some(5), false);
        let delays: Vec<u64> = (0..3).map(|n| plain.delay(n, || 0.0).as_secs()).collect();
        assert_eq!(delays, [3, 5, 5]);
        let wild = retrier(u32::MAX.into(), 1e300, None, false);
        assert_eq!(wild.delay(u32::MAX, || 0.0), wild.delay(9, || 0.0));
    }

    #[test]
    fn full_jitter_takes_a_part() {
        assert_eq!(retrier(10, 1.0, None, true).delay(0, || 0.25), Duration::from_millis(2500));
    }

    #[test]
    fn matching() {
        let errors = |names: &[&str]| Errors(names.iter().map(|name| ErrorName::from(*name)).collect());
        let fault = |error: Option<&str>, heartbeat| Fault {
            failure: Failure { error: error.map(ErrorName::from), cause: None },
            heartbeat,
            task: true,
        };
        assert!(errors(&["States.ALL"]).matches(&fault(None, false)));
        assert!(!errors(&["States.ALL", "States.Runtime"]).matches(&fault(Some("States.Runtime"), false)));
        assert!(!errors(&["State.ALL"]).matches(&fault(Some("X"), false)));
        assert!(errors(&["States.TaskFailed"]).matches(&fault(Some("X"), false)));
        assert!(!errors(&["States.TaskFailed"]).matches(&fault(Some("States.Timeout"), false)));
        assert!(errors(&["States.HeartbeatTimeout"]).matches(&fault(Some("States.Timeout"), true)));
        assert!(!errors(&["States.HeartbeatTimeout"]).matches(&fault(Some("States.Timeout"), false)));
    }
}
