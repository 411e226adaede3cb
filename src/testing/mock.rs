//! A mocked resource: what it answers, in turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::arn::{IntegrationPattern, ResourceKind};
use crate::failure::{ErrorName, Failure};
use crate::testing::script::{Call, Happening, Report, Script};

/// A mocked resource: what it answers, in turn, and when.
///
/// Every mock begins with an answer, which it gives whenever it is called. [`times`](Self::times) says how often
/// at most, and [`then`](Self::then) what comes next.
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use stepwright::testing::Mock;
///
/// // Fails twice, then takes a minute for each answer.
/// let moody = Mock::fail("Busy", "try later")
///     .times(2)
///     .then(Mock::ok(json!("done")).after(Duration::from_secs(60)));
/// ```
///
/// A Task that waits for a token needs two answers: what the call gives that hands the task on, and what
/// whoever holds the token reports later.
///
/// ```
/// # use std::time::Duration;
/// # use serde_json::json;
/// # use stepwright::testing::Mock;
/// let approval = Mock::submit(json!({ "MessageId": "m-1" }))
///     .callback_ok(Duration::from_secs(24 * 60 * 60), json!({ "approved": true }));
/// ```
#[derive(Clone, Debug)]
pub struct Mock {
    /// INVARIANT: there is at least one.
    turns: Vec<Turn>,
}

#[derive(Clone, Debug)]
struct Turn {
    answer: Answer,
    /// How often it is given; without a number for as long as it is asked for.
    times: Option<u32>,
}

/// What one call comes to.
#[derive(Clone, Debug)]
struct Answer {
    outcome: Outcome,
    after: Duration,
    started: Option<(Duration, Option<String>)>,
    submitted: Option<Value>,
    heartbeats: Option<Duration>,
    reports: Vec<(Duration, Report)>,
}

#[derive(Clone)]
enum Outcome {
    Ok(Value),
    Fail(Failure),
    Submit(Value),
    Never,
    With(Arc<Closure>),
}

type Closure = dyn Fn(&Call) -> Result<Value, Failure> + Send + Sync;

/// A heartbeat goes on for at most so long.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// At most so many heartbeats come in one call.
const HEARTBEATS: u32 = 10_000;

impl Mock {
    /// Gives this result.
    pub fn ok(result: impl Into<Value>) -> Self {
        Self::new(Outcome::Ok(result.into()))
    }

    /// Fails with this error and cause.
    pub fn fail(error: impl Into<ErrorName>, cause: impl Into<Arc<str>>) -> Self {
        Self::failure(Failure::new(error, cause))
    }

    /// Fails with this failure, which may be without a name or a cause.
    pub fn failure(failure: Failure) -> Self {
        Self::new(Outcome::Fail(failure))
    }

    /// Never answers: the task times out, or its token holder answers.
    pub fn never() -> Self {
        Self::new(Outcome::Never)
    }

    /// Gives what it is called with.
    pub fn echo() -> Self {
        Self::with(|call| Ok(call.input.clone()))
    }

    /// Gives what a closure makes of the call.
    ///
    /// ```
    /// use stepwright::Failure;
    /// use stepwright::testing::Mock;
    ///
    /// let double = Mock::with(|call| {
    ///     let n = call.input.as_i64().ok_or_else(|| Failure::named("NotANumber"))?;
    ///     Ok((2 * n).into())
    /// });
    /// ```
    pub fn with(answer: impl Fn(&Call) -> Result<Value, Failure> + Send + Sync + 'static) -> Self {
        Self::new(Outcome::With(Arc::new(answer)))
    }

    /// Hands the task on to somebody who will report it by its token, or, for `.sync`, starts its job; this is
    /// the response of that call.
    pub fn submit(response: impl Into<Value>) -> Self {
        Self::new(Outcome::Submit(response.into()))
    }

    /// So long after it was called.
    #[must_use]
    pub fn after(mut self, duration: Duration) -> Self {
        self.answer().after = duration;
        self
    }

    /// The job of a `.sync` task is submitted at once, with this response; it ends with the answer.
    #[must_use]
    pub fn submitted(mut self, response: impl Into<Value>) -> Self {
        self.answer().submitted = Some(response.into());
        self
    }

    /// A worker takes the activity's task after `duration`; otherwise one without a name does at once.
    #[must_use]
    pub fn started_by(mut self, worker: Option<&str>, duration: Duration) -> Self {
        self.answer().started = Some((duration, worker.map(str::to_owned)));
        self
    }

    /// Sends a heartbeat in these intervals until it answers. One that never answers does so for a week.
    #[must_use]
    pub fn heartbeats(mut self, interval: Duration) -> Self {
        self.answer().heartbeats = (!interval.is_zero()).then_some(interval);
        self
    }

    /// Whoever holds the token reports a success, so long after the call. That may be before the call returns.
    #[must_use]
    pub fn callback_ok(self, after: Duration, output: impl Into<Value>) -> Self {
        self.callback(after, Report::Success(output.into()))
    }

    /// Whoever holds the token reports a failure, so long after the call.
    #[must_use]
    pub fn callback_fail(self, after: Duration, failure: Failure) -> Self {
        self.callback(after, Report::Failure(failure))
    }

    /// Whoever holds the token reports something, so long after the call.
    #[must_use]
    pub fn callback(mut self, after: Duration, report: Report) -> Self {
        self.answer().reports.push((after, report));
        self
    }

    /// Gives the last answer so often at most. What asks more often ends the run with an error, unless there is
    /// something [`then`](Self::then).
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.turn().times = Some(times);
        self
    }

    /// Does this afterwards. Without [`times`](Self::times) the answer before is given once.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.turn().times.get_or_insert(1);
        self.turns.extend(next.turns);
        self
    }

    /// What happens in the call number `earlier + 1`; nothing when the answers have run out.
    pub(super) fn script(&self, earlier: u32, call: &Call) -> Option<Script> {
        let mut left = earlier;
        for turn in &self.turns {
            match turn.times {
                Some(times) if left >= times => left -= times,
                _ => return Some(turn.answer.script(call)),
            }
        }
        None
    }

    fn new(outcome: Outcome) -> Self {
        let answer = Answer {
            outcome,
            after: Duration::ZERO,
            started: None,
            submitted: None,
            heartbeats: None,
            reports: Vec::new(),
        };
        Self { turns: vec![Turn { answer, times: None }] }
    }

    fn turn(&mut self) -> &mut Turn {
        self.turns.last_mut().expect("a mock has an answer")
    }

    fn answer(&mut self) -> &mut Answer {
        &mut self.turn().answer
    }
}

impl Answer {
    fn script(&self, call: &Call) -> Script {
        let mut script = Script::default();
        let started = match &self.started {
            Some((after, worker)) => Some((*after, worker.clone())),
            None => {
                (ResourceKind::of(&call.resource) == ResourceKind::Activity).then_some((Duration::ZERO, None))
            }
        };
        if let Some((after, worker)) = started {
            script.at(after, Happening::Started { worker });
        }
        if let Some(response) = &self.submitted {
            script.at(Duration::ZERO, Happening::Submitted(response.clone()));
        }
        let answer = match &self.outcome {
            Outcome::Ok(result) => Some(Happening::Succeeded(result.clone())),
            Outcome::Fail(failure) => Some(Happening::Failed(failure.clone())),
            Outcome::Submit(response) => Some(match call.pattern {
                IntegrationPattern::Sync | IntegrationPattern::Sync2 => {
                    Happening::Submitted(response.clone())
                }
                _ => Happening::Succeeded(response.clone()),
            }),
            Outcome::Never => None,
            Outcome::With(answer) => Some(match answer(call) {
                Ok(result) => Happening::Succeeded(result),
                Err(failure) => Happening::Failed(failure),
            }),
        };
        if let Some(interval) = self.heartbeats {
            let end = if answer.is_some() { self.after } else { LIFETIME };
            let beats = (1..=HEARTBEATS).map(|n| interval.saturating_mul(n));
            for time in beats.take_while(|time| *time < end) {
                script.at(time, Happening::Heartbeat);
            }
        }
        if let Some(answer) = answer {
            script.at(self.after, answer);
        }
        for (after, report) in &self.reports {
            script.at(*after, Happening::Reported(report.clone()));
        }
        script
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(result) => f.debug_tuple("Ok").field(result).finish(),
            Self::Fail(failure) => f.debug_tuple("Fail").field(failure).finish(),
            Self::Submit(response) => f.debug_tuple("Submit").field(response).finish(),
            Self::Never => f.write_str("Never"),
            Self::With(_) => f.write_str("With(..)"),
        }
    }
}
