//! What an execution asks of the world.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arn::{Arn, IntegrationPattern};
use crate::id::{StateName, TaskId, TaskToken};
use crate::json::Json;

/// What an [`Execution`](crate::Execution) asks of the world: to be carried out once its step is committed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Do this work, and tell how it went.
    StartTask(TaskStart),
    /// Nobody waits for this task any longer. Late answers will be rejected.
    CancelTask {
        /// Which one.
        task: TaskId,
        /// Why.
        reason: CancelReason,
    },
}

/// One attempt of a Task, as the core asks for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TaskStart {
    /// Its number, unique within the execution.
    pub task: TaskId,
    /// The state it belongs to.
    pub state: StateName,
    /// What to call.
    pub resource: Arn,
    /// How to wait for the result.
    pub pattern: IntegrationPattern,
    /// The effective input, or what `Parameters` made of it.
    pub input: Json,
    /// The Map iterations around the state, outermost first.
    pub iterations: Vec<Iteration>,
    /// How often this entry of the state was tried before.
    pub attempt: u32,
    /// `TimeoutSeconds`, where the definition sets it.
    pub timeout: Option<Duration>,
    /// `HeartbeatSeconds`, where the definition sets it.
    pub heartbeat: Option<Duration>,
    /// The role of `Credentials`, where the definition sets it.
    pub role: Option<Arc<str>>,
    /// The key that completes it, where the pattern has one.
    pub token: Option<TaskToken>,
}

/// One iteration of a Map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Iteration {
    /// The Map's name.
    pub map: StateName,
    /// The item's index.
    pub index: u32,
}

/// Why nobody waits for a task any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CancelReason {
    /// `TimeoutSeconds` or `HeartbeatSeconds` ran out.
    TimedOut,
    /// Whoever held the token answered before the handler returned.
    Answered,
    /// Another branch or iteration failed.
    StateAborted,
    /// The execution ended.
    ExecutionClosed,
}
