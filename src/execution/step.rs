//! What one event caused.

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
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
    /// Tasks of activities that do not wait for a worker any longer: one has begun, or nobody wants them done.
    pub taken: Vec<TaskId>,
}

/// A token's hash and the task it completes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The hash.
    pub hash: TokenHash,
    /// The task.
    pub task: TaskId,
    /// The activity, if the task is one's: it waits for a worker, and late answers are told so in other words.
    pub activity: Option<Arn>,
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

    /// Makes it one with the step that follows it: what that does not want done any longer is not begun.
    #[cfg(feature = "runtime")]
    pub(crate) fn add(&mut self, next: Self) {
        let Self { commands, history, tokens, deadline, status, changed } = next;
        for command in &commands {
            if let Command::CancelTask { task: gone, .. } = command {
                self.commands
                    .retain(|command| !matches!(command, Command::StartTask(start) if start.task == *gone));
            }
        }
        self.commands.extend(commands);
        self.history.extend(history);
        self.tokens.issued.extend(tokens.issued);
        self.tokens.retired.extend(tokens.retired);
        self.tokens.taken.extend(tokens.taken);
        (self.deadline, self.status) = (deadline, status);
        self.changed |= changed;
    }
}

impl TokenChanges {
    /// Whether nothing came or went.
    pub fn is_empty(&self) -> bool {
        self.issued.is_empty() && self.retired.is_empty() && self.taken.is_empty()
    }

    /// Tasks that wait for a worker from now on, with their activities.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Execution, Start, StateMachine, Timestamp};
    ///
    /// let machine = Arc::new(StateMachine::parse(r#"{ "StartAt": "Sign", "States": { "Sign": { "Type": "Task",
    ///     "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign", "End": true } } }"#)?);
    /// let (_, step) = Execution::start(machine, Start::new("case", json!({})), Timestamp::EPOCH);
    /// let (activity, _) = step.tokens.offered().next().expect("there is a task");
    /// assert_eq!(activity.resource(), "activity:Sign");
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn offered(&self) -> impl Iterator<Item = (&Arn, TaskId)> {
        let offered = self.issued.iter().filter_map(|issued| Some((issued.activity.as_ref()?, issued.task)));
        offered.filter(|(_, task)| !self.taken.contains(task))
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
