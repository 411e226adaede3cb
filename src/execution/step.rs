//! What one event caused.

use serde::{Deserialize, Serialize};

use crate::execution::command::Command;
use crate::failure::Failure;
use crate::history::HistoryEvent;
use crate::id::{TaskId, TokenHash};
use crate::json::Json;
use crate::time::Timestamp;

/// Everything one event caused. The unit of durability: commit it, then carry out its commands.
#[must_use = "a step must be committed before its commands are carried out"]
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// What to do, in order.
    pub commands: Vec<Command>,
    /// What to add to the history.
    pub history: Vec<HistoryEvent>,
    /// Which task tokens came and went.
    pub tokens: TokenChanges,
    /// When to send [`Event::Tick`](crate::Event::Tick), if nothing else happens first.
    pub deadline: Option<Timestamp>,
    /// How the execution stands now.
    pub status: ExecutionStatus,
    /// Whether the execution's state is another than before.
    pub(super) changed: bool,
}

/// Task tokens that a step issued or retired, by their hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenChanges {
    /// Tokens that complete a task from now on.
    pub issued: Vec<IssuedToken>,
    /// Tokens that do not any longer.
    pub retired: Vec<TokenHash>,
}

/// A token's hash and the task it completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The hash.
    pub hash: TokenHash,
    /// The task.
    pub task: TaskId,
    /// Whether the task is an activity's: late answers to those are told so in other words.
    pub activity: bool,
}

/// How an execution stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExecutionStatus {
    /// It goes on.
    #[default]
    Running,
    /// It reached its end.
    Succeeded {
        /// What it gave.
        #[serde(with = "crate::json::verbatim")]
        output: Json,
    },
    /// It ended with a failure that nothing caught.
    Failed {
        /// Which.
        failure: Failure,
    },
    /// It took longer than the machine's `TimeoutSeconds`.
    TimedOut,
    /// Somebody stopped it.
    Aborted {
        /// The reason given, if any.
        failure: Failure,
    },
}

impl Step {
    /// Whether there is nothing to write: a heartbeat changes nothing that a restart needs.
    pub fn is_empty(&self) -> bool {
        !self.changed && self.commands.is_empty() && self.history.is_empty() && self.tokens.is_empty()
    }
}

impl TokenChanges {
    /// Whether nothing came or went.
    pub fn is_empty(&self) -> bool {
        self.issued.is_empty() && self.retired.is_empty()
    }
}

impl ExecutionStatus {
    /// Whether the execution has ended.
    pub fn is_closed(&self) -> bool {
        !matches!(self, Self::Running)
    }

    /// AWS's word for it: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded { .. } => "SUCCEEDED",
            Self::Failed { .. } => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted { .. } => "ABORTED",
        }
    }
}
