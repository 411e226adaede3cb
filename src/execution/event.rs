//! What the world may tell an execution.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::id::TaskId;
use crate::json::Json;

/// What the world may tell an [`Execution`](crate::Execution).
///
/// It is plain data: it can be stored in an inbox, sent to another machine, and replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// A worker has begun an activity task.
    TaskStarted {
        /// Which one.
        task: TaskId,
        /// What the worker calls itself.
        worker: Option<String>,
    },
    /// The call that hands a task to someone else was made, and this is its response. What the task itself
    /// comes to is still open.
    TaskSubmitted {
        /// Which one.
        task: TaskId,
        /// The response of the call.
        #[serde(with = "crate::json::verbatim")]
        output: Json,
    },
    /// Somebody is still working on the task.
    TaskHeartbeat {
        /// Which one.
        task: TaskId,
    },
    /// The task is done.
    TaskSucceeded {
        /// Which one.
        task: TaskId,
        /// Its result.
        #[serde(with = "crate::json::verbatim")]
        output: Json,
        /// Who says so.
        reporter: Reporter,
    },
    /// The task has failed.
    TaskFailed {
        /// Which one.
        task: TaskId,
        /// Why.
        failure: Failure,
        /// Who says so.
        reporter: Reporter,
    },
    /// The deadline has come.
    Tick,
    /// Somebody stops the execution; both parts of the failure may be absent.
    Stop {
        /// The reason given.
        failure: Failure,
    },
}

/// Who reports a task's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reporter {
    /// The handler that was called.
    Handler,
    /// Whoever holds the task token.
    TokenHolder,
}

impl Event {
    /// The task it is about, if it is about one.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Self::TaskStarted { task, .. }
            | Self::TaskSubmitted { task, .. }
            | Self::TaskHeartbeat { task }
            | Self::TaskSucceeded { task, .. }
            | Self::TaskFailed { task, .. } => Some(*task),
            Self::Tick | Self::Stop { .. } => None,
        }
    }
}

/// Why an event does not apply. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventRejected {
    /// The execution has ended.
    #[error("the execution has ended")]
    Closed,
    /// The task has ended, was cancelled, or never was.
    #[error("nobody waits for task {0} any longer")]
    NoSuchTask(TaskId),
    /// An answer was accepted before this one.
    #[error("task {0} was answered before")]
    AlreadyAnswered(TaskId),
    /// The event says a thing that this kind of task never does.
    #[error("task {0} is not of a kind that this can happen to")]
    NotApplicable(TaskId),
}
