//! The glue between recorded cases and the interpreter: all that the runner knows of the crate's API.

use serde_json::Value;

use super::fault::Fault;
use super::outcomes::Answer;
use super::replay::Ending;

/// What an execution starts from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) definition: String,
    /// The machine's type is EXPRESS.
    pub(crate) express: bool,
    pub(crate) machine_arn: String,
    pub(crate) execution_arn: String,
    pub(crate) role_arn: String,
    pub(crate) input: String,
    /// RFC 3339.
    pub(crate) start_time: String,
    /// Objects that an `ItemReader` may read: buckets, keys, bodies.
    pub(crate) objects: Value,
}

/// A task that the execution asked for.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) state: String,
    pub(crate) path: Vec<(String, u64)>,
    pub(crate) parameters: Value,
}

/// One execution.
#[derive(Debug)]
pub(crate) struct Engine {}

impl Engine {
    pub(crate) fn start(_setup: &Setup) -> Result<Self, Fault> {
        Err(Fault::NoRunner("no interpreter yet"))
    }

    /// The tasks that were asked for since the last call.
    pub(crate) fn take_tasks(&mut self) -> Vec<Task> {
        Vec::new()
    }

    /// The history so far, as `GetExecutionHistory` tells it.
    pub(crate) fn history(&self) -> &[Value] {
        &[]
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn ending(&self) -> Option<Ending> {
        None
    }

    /// Gives an answer to a task; one that nobody waits for any longer is dropped.
    pub(crate) fn tell(&mut self, _task: u64, _answer: Answer) -> Result<(), Fault> {
        Ok(())
    }

    pub(crate) fn stop(&mut self, _error: Option<String>, _cause: Option<String>) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether it has something to do at once, by itself.
    pub(crate) fn is_due(&self) -> bool {
        false
    }

    /// Lets the clock jump to the next deadline; `false` if there is none.
    pub(crate) fn sleep(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    /// Why nothing can happen any more.
    pub(crate) fn stuck(&self) -> Fault {
        Fault::Differs("the execution waits for ever".into())
    }
}

/// What is said about a definition.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// The message of AWS's `InvalidDefinition`, if it is refused.
    pub(crate) refusal: Option<String>,
    /// The diagnostics as `ValidateStateMachineDefinition` shows them.
    pub(crate) diagnostics: Vec<Value>,
}

pub(crate) fn validate(_definition: &str, _express: bool) -> Result<Verdict, Fault> {
    Err(Fault::NoRunner("no diagnostics yet"))
}
