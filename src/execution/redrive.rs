//! Redrive: an execution that did not succeed goes on where it ended.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::execution::frame::Doing;
use crate::execution::timer::Timers;
use crate::execution::{Execution, ExecutionStatus, ROOT, Step};
use crate::history::HistoryEventKind;
use crate::limits::Limits;
use crate::machine::ExecutionKind;
use crate::time::Timestamp;

/// How many client tokens are remembered, and for how long: as AWS does.
const TOKENS: usize = 10;
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// How often an execution was redriven, and what is to be known about that once it has ended.
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use stepwright::{Execution, Start, StateMachine, Timestamp};
///
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "No", "States": { "No": { "Type": "Fail" } } }"#,
/// )?);
/// let (mut execution, _) = Execution::start(machine, Start::new("hopeless", json!({})), Timestamp::EPOCH);
/// assert_eq!(execution.redrives().count, 0);
/// execution.redrive(None, Timestamp::from_millis(1_000))?;
/// assert_eq!(execution.redrives().last, Some(Timestamp::from_millis(1_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Redrives {
    /// How often.
    #[serde(default)]
    pub count: u32,
    /// When for the last time.
    #[serde(default)]
    pub last: Option<Timestamp>,
    /// How many events the history had when the execution last ended without success.
    #[serde(default)]
    pub events: u64,
    /// The number of the event that tells of the last time.
    #[serde(default)]
    event: u64,
    /// The tokens of the last calls, and when they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<(Arc<str>, Timestamp)>,
}

/// Why an execution cannot be redriven: AWS's reasons, in AWS's words.
///
/// ```
/// use stepwright::NotRedrivable;
///
/// assert_eq!(NotRedrivable::Running.to_string(), "Execution is RUNNING and cannot be redriven");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRedrivable {
    /// It has not ended.
    #[error("Execution is RUNNING and cannot be redriven")]
    Running,
    /// There is nothing left to do.
    #[error("Execution is SUCCEEDED and cannot be redriven")]
    Succeeded,
    /// Its history has no room for a redrive: [`Limits::history_events`].
    #[error("Execution history event limit exceeded")]
    HistoryFull,
    /// It began too long ago: [`Limits::execution_time`].
    #[error("Execution has exceeded the max execution time")]
    TooOld,
    /// It ended too long ago: [`Limits::redrive_time`].
    #[error("Execution redrivable period exceeded")]
    TooLate,
    /// It was redriven too often: [`Limits::redrives`].
    // DIFFERENCE: AWS's words for this are not known.
    #[error("Execution redrive limit exceeded")]
    TooOften,
    /// Its state was not kept: it ended under a version of this crate that could not redrive, or under other limits.
    #[error("Execution was started before the launch of RedriveExecution")]
    NotKept,
    /// Only standard executions can be.
    // DIFFERENCE: at AWS the ARN of an express execution is refused as one of the wrong type.
    #[error("Execution is of an EXPRESS state machine and cannot be redriven")]
    Express,
}

impl Execution {
    /// Redrives the execution: it goes on where it failed, timed out or was stopped, with the input that the
    /// state had there, the variables, and the results of branches and iterations that succeeded. States that
    /// did not get their result are tried as if for the first time, without being entered anew, except for Fail.
    ///
    /// The step only says so; what comes of it is for the [ticks](crate::Event::Tick) that follow at once. Whether a
    /// call repeats an earlier one is to be asked before: [`Redrives::repeats`].
    ///
    /// # Errors
    ///
    /// See [`NotRedrivable`]. Nothing has changed then.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Event, Execution, ExecutionStatus, Failure, Start, StateMachine, Timestamp};
    ///
    /// let machine = Arc::new(StateMachine::parse(
    ///     r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 60, "End": true } } }"#,
    /// )?);
    /// let at = Timestamp::from_millis;
    /// let (mut execution, _) = Execution::start(machine, Start::new("nap", json!({})), at(0));
    /// execution.handle(Event::Stop { failure: Failure::default() }, at(10_000))?;
    ///
    /// execution.redrive(None, at(20_000))?;
    /// execution.handle(Event::Tick, at(20_000))?;
    /// assert_eq!(execution.deadline(), Some(at(80_000)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn redrive(&mut self, client_token: Option<&str>, now: Timestamp) -> Result<Step, NotRedrivable> {
        // A closed execution's time stands still.
        let (now, stopped_at) = (self.now.max(now), self.now);
        match self.start.kind {
            ExecutionKind::Standard => {}
            ExecutionKind::Express => return Err(NotRedrivable::Express),
        }
        self.redrives().allow(&self.status, self.started_at, stopped_at, &self.start.limits, now)?;
        if self.frames.get(ROOT).is_none() {
            return Err(NotRedrivable::NotKept);
        }
        self.now = now;
        self.changed = true;
        self.status = ExecutionStatus::Running;
        let redrives = Arc::make_mut(self.redrives.get_or_insert_default());
        redrives.count += 1;
        let redrive_count = redrives.count.into();
        let kind = || HistoryEventKind::ExecutionRedriven { redrive_count };
        // Which event AWS lets it follow is not known.
        redrives.event = self.recorder.record(now, self.recorder.newest(), kind);
        redrives.last = Some(now);
        redrives.remember(client_token, now);
        let event = redrives.event;
        self.count_from_redrive();
        self.rewind(event);
        Ok(self.take_step())
    }

    /// How often it was redriven.
    pub fn redrives(&self) -> &Redrives {
        static NEVER: Redrives = Redrives { count: 0, last: None, events: 0, event: 0, tokens: Vec::new() };
        self.redrives.as_deref().unwrap_or(&NEVER)
    }

    /// Lets every frame begin anew with what it was at, after the history event `event`.
    fn rewind(&mut self, event: u64) {
        self.timers = Timers::default();
        self.tasks = Default::default();
        for id in self.frames.ids() {
            let Some(mut frame) = self.frames.take(id) else { continue };
            let retried = std::mem::take(&mut frame.retries) > 0;
            frame.attempts.clear();
            match &mut frame.doing {
                Doing::Entering | Doing::Finished { .. } => self.frames.put_back(id, frame),
                Doing::Children(children) => {
                    children.effective = None;
                    match retried {
                        true => self.frames.put(id, frame),
                        false => self.frames.put_back(id, frame),
                    }
                }
                Doing::Waiting { .. }
                | Doing::BackingOff { .. }
                | Doing::Task(_)
                | Doing::Redriven
                | Doing::Overdue(_) => {
                    frame.doing = Doing::Redriven;
                    frame.last_event = event;
                    self.frames.put(id, frame);
                }
            }
        }
        self.recount();
        self.queue(&[]);
    }

    /// Whether an execution that ends with `status` keeps what a redrive needs.
    pub(super) fn is_kept(&self, status: &ExecutionStatus) -> bool {
        let (limits, now) = (&self.start.limits, self.now);
        if matches!(status, ExecutionStatus::Succeeded { .. })
            || self.start.kind != ExecutionKind::Standard
            || limits.redrive_time.is_zero()
        {
            return false;
        }
        // With the event of its end.
        let redrives = Redrives { events: self.recorder.newest() + 1, ..self.redrives().clone() };
        redrives.allow(status, self.started_at, now, limits, now).is_ok()
    }

    /// Notes how long the history is of an execution that has ended without success.
    pub(super) fn note_events(&mut self) {
        let events = self.recorder.newest();
        Arc::make_mut(self.redrives.get_or_insert_default()).events = events;
    }
}

impl Redrives {
    /// When the call was made that one with the same `client_token` repeats at `now`: it changes nothing.
    pub fn repeats(&self, client_token: Option<&str>, now: Timestamp) -> Option<Timestamp> {
        let token = client_token?;
        let (_, at) = self.tokens.iter().rev().find(|(known, _)| **known == *token)?;
        (now < *at + TOKEN_LIFE).then_some(*at)
    }

    /// Whether an execution may be redriven at `now`, as it stands.
    pub(crate) fn allow(
        &self,
        status: &ExecutionStatus,
        started_at: Timestamp,
        stopped_at: Timestamp,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), NotRedrivable> {
        match status {
            ExecutionStatus::Running => return Err(NotRedrivable::Running),
            ExecutionStatus::Succeeded { .. } => return Err(NotRedrivable::Succeeded),
            ExecutionStatus::Failed { .. } | ExecutionStatus::TimedOut | ExecutionStatus::Aborted { .. } => {}
        }
        // There has to be room for the event that says so, and for one more.
        if self.events.saturating_add(1) >= limits.history_events {
            Err(NotRedrivable::HistoryFull)
        } else if now >= started_at + limits.execution_time {
            Err(NotRedrivable::TooOld)
        } else if now > stopped_at + limits.redrive_time {
            Err(NotRedrivable::TooLate)
        } else if self.count >= limits.redrives {
            Err(NotRedrivable::TooOften)
        } else {
            Ok(())
        }
    }

    /// The event that tells of the last redrive.
    pub(super) fn event(&self) -> u64 {
        self.event
    }

    fn remember(&mut self, client_token: Option<&str>, now: Timestamp) {
        self.tokens.retain(|(_, at)| now < *at + TOKEN_LIFE);
        if let Some(token) = client_token {
            self.tokens.push((token.into(), now));
            let surplus = self.tokens.len().saturating_sub(TOKENS);
            self.tokens.drain(..surplus);
        }
    }
}
