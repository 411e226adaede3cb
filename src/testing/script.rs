//! What happens in one call of a mocked resource: what, when, and who says so.

use std::time::Duration;

use serde_json::Value;

use crate::arn::{Arn, IntegrationPattern};
use crate::execution::{Event, Reporter, TaskStart};
use crate::failure::Failure;
use crate::id::{StateName, TaskId, TaskToken};
use crate::json::Json;

/// One call of a mocked resource.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// The task's number within its execution.
    pub task: TaskId,
    /// The state that asks.
    pub state: StateName,
    /// What is called.
    pub resource: Arn,
    /// How the result is waited for.
    pub pattern: IntegrationPattern,
    /// What it is called with. For the mock of a function: the function's payload.
    pub input: Value,
    /// How often this was tried before.
    pub attempt: u32,
    /// The key that completes the task, where it waits for one.
    pub token: Option<TaskToken>,
}

/// What happens in one call, in the order of time; times count from the call.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Script {
    /// What happens, and when.
    pub happenings: Vec<(Duration, Happening)>,
}

/// One thing that happens in a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happening {
    /// A worker begins an activity task.
    Started {
        /// What it calls itself.
        worker: Option<String>,
    },
    /// Whoever works on it is alive.
    Heartbeat,
    /// The call that hands the task on returns, with this response.
    Submitted(Value),
    /// The task is done.
    Succeeded(Value),
    /// The task has failed.
    Failed(Failure),
    /// Whoever holds the task token reports something.
    Reported(Report),
}

/// What the holder of a task token may report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Report {
    /// `SendTaskSuccess`.
    Success(Value),
    /// `SendTaskFailure`.
    Failure(Failure),
    /// `SendTaskHeartbeat`.
    Heartbeat,
}

impl Call {
    /// The call that a handler gets for `start`.
    pub fn new(start: &TaskStart) -> Self {
        Self {
            task: start.task,
            state: start.state.clone(),
            resource: start.resource.clone(),
            pattern: start.pattern,
            input: Value::from(&start.input),
            attempt: start.attempt,
            token: start.token.clone(),
        }
    }

    /// The call that a handler of the runtime got.
    #[cfg(feature = "runtime")]
    pub fn of_request(request: &crate::runtime::TaskRequest, cx: &crate::runtime::TaskContext) -> Self {
        Self {
            task: request.task,
            state: request.state.clone(),
            resource: request.resource.clone(),
            pattern: request.pattern,
            input: Value::from(&request.input),
            attempt: request.attempt,
            token: cx.token().cloned(),
        }
    }
}

impl Script {
    /// Adds something at a time; of two things at the same time the one that was added first happens first.
    pub(super) fn at(&mut self, time: Duration, happening: Happening) {
        let place = self.happenings.partition_point(|(other, _)| *other <= time);
        self.happenings.insert(place, (time, happening));
    }

    /// The same with every result that a handler gives replaced.
    pub(super) fn map_results(mut self, change: impl Fn(Value) -> Value) -> Self {
        for (_, happening) in &mut self.happenings {
            if let Happening::Submitted(value) | Happening::Succeeded(value) = happening {
                *value = change(std::mem::take(value));
            }
        }
        self
    }
}

impl Happening {
    /// Whether it is the work of the handler that was called, and not of whoever holds the token.
    pub(super) fn is_handlers(&self) -> bool {
        !matches!(self, Self::Reported(_))
    }

    /// What the execution is told.
    pub(super) fn event(self, task: TaskId) -> Event {
        let succeeded =
            |output: Value, reporter| Event::TaskSucceeded { task, output: Json::from(output), reporter };
        match self {
            Self::Started { worker } => Event::TaskStarted { task, worker },
            Self::Heartbeat | Self::Reported(Report::Heartbeat) => Event::TaskHeartbeat { task },
            Self::Submitted(response) => Event::TaskSubmitted { task, output: Json::from(response) },
            Self::Succeeded(output) => succeeded(output, Reporter::Handler),
            Self::Failed(failure) => Event::TaskFailed { task, failure, reporter: Reporter::Handler },
            Self::Reported(Report::Success(output)) => succeeded(output, Reporter::TokenHolder),
            Self::Reported(Report::Failure(failure)) => {
                Event::TaskFailed { task, failure, reporter: Reporter::TokenHolder }
            }
        }
    }
}
