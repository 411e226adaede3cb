//! What a simulated run came to.

use std::time::Duration;

use serde_json::Value;

use crate::execution::{EventRejected, ExecutionStatus, NotRedrivable};
use crate::failure::Failure;
use crate::history::{HistoryEvent, Timeline};
use crate::testing::script::Call;
use crate::testing::simulator::SimulatorError;

/// What a run came to: its end, its history, the calls it made, the time it took.
///
/// The [`Simulator`](crate::testing::Simulator) makes them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    pub(super) status: ExecutionStatus,
    pub(super) history: Vec<HistoryEvent>,
    pub(super) elapsed: Duration,
    pub(super) steps: u64,
    pub(super) calls: Vec<Call>,
    pub(super) rejected: Vec<EventRejected>,
    pub(super) refused: Vec<NotRedrivable>,
    pub(super) digest: Option<[u8; 32]>,
    pub(super) error: Option<SimulatorError>,
}

/// Why a run gave no output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It ended with a failure that nothing caught.
    #[error("the execution failed: {0}")]
    Failed(Failure),
    /// It took longer than the machine's `TimeoutSeconds`.
    #[error("the execution timed out")]
    TimedOut,
    /// It was stopped.
    #[error("the execution was aborted: {0}")]
    Aborted(Failure),
    /// The simulation could not go on.
    #[error(transparent)]
    Simulator(SimulatorError),
}

impl Run {
    /// A run that was made elsewhere, by its end and its history.
    pub fn observed(status: ExecutionStatus, history: Vec<HistoryEvent>) -> Self {
        let elapsed = match (history.first(), history.last()) {
            (Some(first), Some(last)) => last.timestamp.since(first.timestamp),
            _ => Duration::ZERO,
        };
        let (calls, rejected, refused) = (Vec::new(), Vec::new(), Vec::new());
        Self { status, history, elapsed, steps: 0, calls, rejected, refused, digest: None, error: None }
    }

    /// The same, with the redrives that were refused.
    #[must_use]
    pub fn with_refused_redrives(mut self, refused: Vec<NotRedrivable>) -> Self {
        self.refused = refused;
        self
    }

    /// The output.
    ///
    /// # Errors
    ///
    /// When the execution ended otherwise, or the simulation could not go on: a mock is missing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::StateMachine;
    /// use stepwright::testing::Simulator;
    ///
    /// let machine = Arc::new(StateMachine::parse(
    ///     r#"{ "StartAt": "Say", "States": { "Say": { "Type": "Task", "End": true,
    ///         "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Say" } } }"#,
    /// )?);
    /// let error = Simulator::new(&machine).run(json!({})).output().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "there is no mock for `arn:aws:lambda:us-east-1:123456789012:function:Say`, which state `Say` calls"
    /// );
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn output(&self) -> Result<Value, RunError> {
        if let Some(error) = &self.error {
            return Err(RunError::Simulator(error.clone()));
        }
        match &self.status {
            ExecutionStatus::Succeeded { output } => Ok(output.into()),
            ExecutionStatus::Failed { failure } => Err(RunError::Failed(failure.clone())),
            ExecutionStatus::TimedOut => Err(RunError::TimedOut),
            ExecutionStatus::Aborted { failure } => Err(RunError::Aborted(failure.clone())),
            ExecutionStatus::Running => Err(RunError::Simulator(SimulatorError::TooManySteps(self.steps))),
        }
    }

    /// How it ended; still running when the simulation could not go on.
    pub fn status(&self) -> &ExecutionStatus {
        &self.status
    }

    /// Why it failed or was stopped, if it was.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.status {
            ExecutionStatus::Failed { failure } | ExecutionStatus::Aborted { failure } => Some(failure),
            _ => None,
        }
    }

    /// Why the simulation could not go on, if it could not.
    pub fn error(&self) -> Option<&SimulatorError> {
        self.error.as_ref()
    }

    /// The history.
    pub fn history(&self) -> &[HistoryEvent] {
        &self.history
    }

    /// The history for people.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::of(&self.history)
    }

    /// How much virtual time it took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How many steps it made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The calls of resources it made, in order.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// What it was told and refused: callbacks that came too late, or twice.
    pub fn rejected(&self) -> &[EventRejected] {
        &self.rejected
    }

    /// Why redrives were refused, in order.
    pub fn refused_redrives(&self) -> &[NotRedrivable] {
        &self.refused
    }

    /// A digest of every byte that a store would have been given, if the simulator was asked for one.
    pub fn digest(&self) -> Option<&[u8; 32]> {
        self.digest.as_ref()
    }
}
