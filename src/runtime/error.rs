//! What calls to the runtime may fail with: one enum for each operation.

use crate::arn::Arn;
use crate::execution::{ExecutionStatus, NotRedrivable};
use crate::failure::Failure;
use crate::id::{ExecutionId, TaskTokenError};
use crate::json::Json;
use crate::store::StoreError;

/// Why a runtime cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two handlers claim one pattern.
    #[error("two handlers are registered for `{pattern}`")]
    DuplicateHandler {
        /// The pattern.
        pattern: String,
    },
    /// Two machines that executions may start have one name.
    #[error("two machines are called `{name}`")]
    DuplicateMachine {
        /// The name.
        name: String,
    },
}

/// A machine names resources that nobody handles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no handler is registered for {}", list(resources))]
pub struct MissingHandlers {
    /// The resources, each once.
    pub resources: Vec<Arn>,
}

fn list(resources: &[Arn]) -> String {
    resources.iter().map(|arn| format!("`{arn}`")).collect::<Vec<_>>().join(", ")
}

/// Why an execution could not be started. Nothing was started then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// AWS's `InvalidName`.
    #[error(
        "`{name}` is not a name for an execution: use 1 to 80 characters, unless the limits say otherwise, without blanks and none of <>{{}}[]?*\"#%\\^|~`$&,;:/"
    )]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The input is larger than a payload may be.
    #[error("the input has {size} bytes, and a payload may have {limit}")]
    InputTooLarge {
        /// Its size as compact JSON.
        size: usize,
        /// `Limits::payload_bytes`.
        limit: usize,
    },
    /// The input has more arrays and objects within one another than a document may have.
    #[error("the input has more than {limit} arrays and objects within one another")]
    InputTooDeep {
        /// `Limits::depth`, and 127 at most.
        limit: usize,
    },
    /// AWS's `ExecutionAlreadyExists`: the name was used, with another input or for an execution that has ended.
    #[error("an execution called `{id}` exists already")]
    ExecutionAlreadyExists {
        /// That execution.
        id: ExecutionId,
    },
    /// The machine names resources that nobody handles.
    #[error(transparent)]
    MissingHandlers(#[from] MissingHandlers),
    /// As many executions are open as the runtime may have; only `try_start_execution` says so.
    #[error("the runtime has no room for another execution")]
    NoRoom,
    /// The runtime starts nothing new.
    #[error("the runtime is shutting down")]
    ShuttingDown,
    /// The store failed.
    #[error("the execution could not be kept")]
    Store(#[from] StoreError),
}

/// Why a report about a task was not accepted: AWS's names. An accepted report is committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// There never was such a token.
    #[error("Invalid Token: 'Invalid token'")]
    InvalidToken,
    /// The activity's task has ended.
    #[error("Task does not exist: 'Provided task does not exist anymore'")]
    TaskDoesNotExist,
    /// The task has been answered, timed out, or its execution has ended.
    #[error("Task Timed Out: 'Provided task does not exist anymore'")]
    TaskTimedOut,
    /// The output is larger than a payload may be. The task waits on.
    #[error("the output has {size} bytes, and a payload may have {limit}")]
    OutputTooLarge {
        /// Its size as compact JSON.
        size: usize,
        /// `Limits::payload_bytes`.
        limit: usize,
    },
    /// The runtime is shutting down. The task waits on.
    #[error("the runtime is shutting down")]
    ShuttingDown,
    /// The store failed. Whether the report counts is not known; report again.
    #[error("the report could not be kept")]
    Store(#[from] StoreError),
}

impl From<TaskTokenError> for ReportError {
    fn from(_: TaskTokenError) -> Self {
        Self::InvalidToken
    }
}

/// Why a worker cannot wait for a task, or an activity cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivityError {
    /// AWS's `InvalidArn`: the ARN is not an activity's.
    #[error("`{arn}` is not the ARN of an activity")]
    InvalidArn {
        /// What was asked for.
        arn: Arn,
    },
    /// AWS's `ActivityDoesNotExist`: the activity was deleted.
    #[error("Activity Does Not Exist: '{arn}'")]
    ActivityDoesNotExist {
        /// What was asked for.
        arn: Arn,
    },
    /// A worker's name has 1 to 80 characters.
    #[error("`{name}` is not a name for a worker: use 1 to 80 characters, unless the limits say otherwise")]
    InvalidWorkerName {
        /// The name.
        name: String,
    },
    /// The runtime is shutting down.
    #[error("the runtime is shutting down")]
    ShuttingDown,
    /// The store failed.
    #[error("the activity could not be looked up or kept")]
    Store(#[from] StoreError),
}

/// Why an execution could not be described, stopped or gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutionError {
    /// AWS's `ExecutionDoesNotExist`.
    #[error("Execution Does Not Exist: '{id}'")]
    ExecutionDoesNotExist {
        /// What was asked for.
        id: ExecutionId,
    },
    /// The runtime is shutting down.
    #[error("the runtime is shutting down")]
    ShuttingDown,
    /// The stored state cannot be gone on with.
    #[error("the execution's state cannot be gone on with: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// A task that had been started has no handler any longer. The execution is open, and waits for a runtime
    /// that has one.
    #[error("no handler is registered for `{resource}`, and a task of it had been started")]
    NoHandler {
        /// What the task calls.
        resource: Arn,
    },
    /// The store failed.
    #[error("the execution could not be read")]
    Store(#[from] StoreError),
}

/// Why an execution could not be redriven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// AWS's `ExecutionNotRedrivable`, with the reason.
    #[error(transparent)]
    ExecutionNotRedrivable(#[from] NotRedrivable),
    /// AWS's `ValidationException`: a client token has 1 to 64 visible characters of ASCII.
    #[error("`{token}` is not a client token: use 1 to 64 visible characters of ASCII")]
    InvalidClientToken {
        /// The token.
        token: String,
    },
    /// There is no such execution, it cannot be gone on with, or the store failed.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
}

/// Why [`ExecutionHandle::wait`](crate::ExecutionHandle::wait) has no output to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The execution failed.
    #[error("the execution failed: {0}")]
    Failed(Failure),
    /// The execution took longer than its machine allows.
    #[error("the execution timed out")]
    TimedOut,
    /// Somebody stopped the execution.
    #[error("the execution was stopped: {0}")]
    Aborted(Failure),
    /// The runtime shut down; the execution goes on when another takes it over.
    #[error("the runtime shut down while the execution was open")]
    ShuttingDown,
    /// The execution could not be read.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
}

impl WaitError {
    /// What `status` comes to for somebody who wants an output.
    pub(super) fn of(status: &ExecutionStatus) -> Result<Json, Self> {
        match status {
            ExecutionStatus::Succeeded { output } => Ok(output.compact()),
            ExecutionStatus::Failed { failure } => Err(Self::Failed(failure.clone())),
            ExecutionStatus::TimedOut => Err(Self::TimedOut),
            ExecutionStatus::Aborted { failure } => Err(Self::Aborted(failure.clone())),
            ExecutionStatus::Running => Err(Self::ShuttingDown),
        }
    }
}
