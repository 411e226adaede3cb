//! `states:startExecution` inside the engine: executions that start others and wait for them.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::arn::{Arn, IntegrationPattern};
use crate::diagnostic::invalid_execution_input;
use crate::execution::{CancelReason, ExecutionStatus, NotRedrivable};
use crate::failure::{ErrorName, Failure};
use crate::id::ExecutionId;
use crate::json::{Json, JsonError};
use crate::machine::StateMachine;
use crate::runtime::Inner;
use crate::runtime::context::TaskContext;
use crate::runtime::error::StartError;
use crate::runtime::handle::ExecutionHandle;
use crate::runtime::handler::{ResourceHandler, TaskOutcome, TaskRequest};
use crate::store::ExecutionSummary;
use crate::time::Timestamp;

/// AWS's limit of a cause.
const MAX_CAUSE: usize = 32_768;

/// The handler of `arn:aws:states:::states:startExecution`, in all four patterns.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartExecution;

impl StartExecution {
    /// Whether `resource` is what this handles.
    pub(super) fn serves(resource: &Arn) -> bool {
        let action = resource.resource().strip_prefix("states:startExecution");
        resource.service() == "states"
            && resource.account().is_empty()
            && action.is_some_and(|pattern| matches!(pattern, "" | ".sync" | ".sync:2" | ".waitForTaskToken"))
    }
}

impl ResourceHandler for StartExecution {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        // On a task of its own: a child that is being started when its parent ends is stopped all the same.
        let runtime = Arc::clone(cx.runtime());
        let call = runtime.tracker.spawn(Call::new(request, cx).run());
        match call.await {
            Ok(outcome) => outcome,
            Err(error) => Err(Failure::task_failed(&error)),
        }
    }
}

/// One call of `startExecution`.
struct Call {
    pattern: IntegrationPattern,
    parent: ExecutionId,
    input: Json,
    request_id: String,
    cx: TaskContext,
}

impl Call {
    fn new(request: TaskRequest, cx: TaskContext) -> Self {
        let request_id = request_id(&request);
        Self { pattern: request.pattern, parent: request.execution, input: request.input, request_id, cx }
    }

    async fn run(self) -> Result<TaskOutcome, Failure> {
        let (child, response) = self.start().await?;
        match self.pattern {
            IntegrationPattern::Sync | IntegrationPattern::Sync2 => self.watch(&child, response).await,
            _ => Ok(response.into()),
        }
    }

    fn runtime(&self) -> &Arc<Inner> {
        self.cx.runtime()
    }

    /// Starts the child, or finds the one that this task started before a crash; with the call's response.
    async fn start(&self) -> Result<(ExecutionHandle, Value), Failure> {
        let machine = self.machine()?;
        let input = self.child_input()?;
        let name = self.input["Name"].as_str().unwrap_or(&self.request_id);
        // A parent that waited for room would keep its own place meanwhile, and nested executions could wait for
        // one another for ever.
        let permit = Arc::clone(&self.runtime().room).try_acquire_owned().map_err(|_| {
            self.refused(
                "ExecutionLimitExceeded",
                "The maximum number of running executions has been reached",
            )
        })?;
        let started = self.runtime().start(&machine, Some(name), input.clone(), permit).await;
        let child = match started {
            Ok(child) => child,
            Err(StartError::ExecutionAlreadyExists { id }) if self.is_mine(&id, &input).await? => {
                ExecutionHandle::new(Arc::clone(self.runtime()), id)
            }
            Err(error) => return Err(self.start_failed(&error)),
        };
        let summary = self.describe(child.id()).await?;
        let response = json!({
            "ExecutionArn": child.id().as_str(),
            "SdkHttpMetadata": { "AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200 },
            "SdkResponseMetadata": { "RequestId": self.request_id },
            "StartDate": summary.started_at.as_millis(),
        });
        Ok((child, response))
    }

    fn machine(&self) -> Result<Arc<StateMachine>, Failure> {
        let arn = self.input["StateMachineArn"].as_str().unwrap_or_default();
        self.runtime().registered(arn).ok_or_else(|| {
            self.refused("StateMachineDoesNotExist", &format!("State Machine Does Not Exist: '{arn}'"))
        })
    }

    /// `Input` as the child gets it: text is JSON text, and nothing is an empty object (recorded:
    /// start_execution_sync_delegate_failure).
    fn child_input(&self) -> Result<Json, Failure> {
        match &self.input["Input"] {
            Json::Null => Ok(Json::empty_object()),
            Json::String(text) => text.parse().map_err(|error: JsonError| {
                self.refused("InvalidExecutionInput", &invalid_execution_input(text, &error))
            }),
            input => Ok(input.clone()),
        }
    }

    /// Whether an execution with the child's id is the one that this task started before a crash.
    async fn is_mine(&self, id: &ExecutionId, input: &Json) -> Result<bool, Failure> {
        if self.input["Name"].is_null() {
            // Nobody else makes up this name.
            return Ok(true);
        }
        if !self.cx.is_restarted() {
            return Ok(false);
        }
        let child = self.describe(id).await?;
        let parent = self.describe(&self.parent).await?;
        // What an attempt before the last redrive started is another task's.
        let redriven_at = parent.redrives.and_then(|redrives| redrives.last);
        Ok(child.input == *input && child.started_at >= redriven_at.unwrap_or(parent.started_at))
    }

    /// Waits for the child's end; the parent's end, or that of its task, ends the child.
    async fn watch(&self, child: &ExecutionHandle, response: Value) -> Result<TaskOutcome, Failure> {
        // Nobody waits any longer: the cancellation is on its way.
        let gone = self.cx.submitted(response).await.is_err();
        let ended = async {
            if gone {
                std::future::pending::<()>().await;
            }
            loop {
                child.closed().await.map_err(|error| Failure::task_failed(&error))?;
                let summary = self.describe(child.id()).await?;
                // Unless somebody redrove it meanwhile.
                if summary.status.is_closed() {
                    return Ok::<_, Failure>(summary);
                }
            }
        };
        let summary = tokio::select! {
            biased;
            summary = ended => summary?,
            () = self.cx.cancelled() => {
                self.abort(child).await;
                return Err(Failure::named(ErrorName::TASK_FAILED));
            }
        };
        let failed = !matches!(summary.status, ExecutionStatus::Succeeded { .. });
        let runtime = self.runtime();
        let redrivable = summary.may_be_redriven(&runtime.limits, runtime.clock.now());
        let documents = self.pattern == IntegrationPattern::Sync2 && !failed;
        let described = described(&summary, redrivable, documents);
        match failed {
            true => Err(Failure::new(ErrorName::TASK_FAILED, described.to_string())),
            false => Ok(described.into()),
        }
    }

    /// Stops the child, if it is the parent that has lost interest.
    async fn abort(&self, child: &ExecutionHandle) {
        match self.cx.cancel_reason() {
            // The runtime ends: parent and child go on later. Or somebody answered for the child.
            None | Some(CancelReason::Answered) => return,
            Some(CancelReason::TimedOut | CancelReason::StateAborted | CancelReason::ExecutionClosed) => {}
        }
        let cause = format!(
            "The Task state in AWS Step Functions execution [{}] which was managing this resource was aborted",
            self.parent
        );
        let failure = Failure { error: None, cause: Some(cause.into()) };
        // A child that has ended by itself, or cannot be told, is left as it is.
        let _ = self.runtime().stop(child.id(), failure).await;
    }

    async fn describe(&self, id: &ExecutionId) -> Result<ExecutionSummary, Failure> {
        self.runtime().describe(id).await.map_err(|error| Failure::task_failed(&error))
    }

    fn start_failed(&self, error: &StartError) -> Failure {
        match error {
            StartError::ExecutionAlreadyExists { id } => {
                self.refused("ExecutionAlreadyExists", &format!("Execution Already Exists: '{id}'"))
            }
            StartError::InvalidName { name } => {
                self.refused("InvalidName", &format!("Invalid Name: '{name}'"))
            }
            // DIFFERENCE: AWS's words for an input that is too large are not known.
            StartError::InputTooLarge { .. } => self.refused("InvalidExecutionInput", &error.to_string()),
            _ => Failure::task_failed(error),
        }
    }

    /// AWS's words for a call that the service refused.
    fn refused(&self, code: &str, message: &str) -> Failure {
        let cause = format!(
            "{message} (Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; Request ID: {}; Proxy: \
             null)",
            self.request_id
        );
        Failure::new(format!("StepFunctions.{code}Exception"), cause)
    }
}

/// A UUID that is the same whenever the task is started: the request's id, and the child's name if it has none.
fn request_id(request: &TaskRequest) -> String {
    let digest = Sha256::digest(request.idempotency_key());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The part of a cause that is told to the parent. Each level of nesting quotes the one below, and quotation marks
/// double with each: without a limit a few dozen levels would fill the memory.
fn clipped(cause: &str) -> &str {
    let end = (0..=cause.len().min(MAX_CAUSE)).rev().find(|at| cause.is_char_boundary(*at));
    &cause[..end.unwrap_or_default()]
}

/// What `DescribeExecution` says of an execution that has ended: input and output as text, or as `documents`.
fn described(summary: &ExecutionSummary, redrivable: Result<(), NotRedrivable>, documents: bool) -> Value {
    let payload = |json: &Json| match documents {
        true => json.into(),
        false => Value::from(json.to_string()),
    };
    let mut fields = serde_json::Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.into(), value);
    if let ExecutionStatus::Failed { failure } | ExecutionStatus::Aborted { failure } = &summary.status {
        if let Some(cause) = &failure.cause {
            put("Cause", Value::from(clipped(cause)));
        }
        if let Some(error) = &failure.error {
            put("Error", Value::from(error.as_str()));
        }
    }
    put("ExecutionArn", Value::from(summary.id.as_str()));
    put("Input", payload(&summary.input));
    put("InputDetails", json!({ "Included": true }));
    put("Name", Value::from(&*summary.name));
    if let ExecutionStatus::Succeeded { output } = &summary.status {
        put("Output", payload(output));
        put("OutputDetails", json!({ "Included": true }));
    }
    put("RedriveCount", Value::from(summary.redrive_count()));
    if let Some(redriven_at) = summary.redrives.as_ref().and_then(|redrives| redrives.last) {
        put("RedriveDate", Value::from(redriven_at.as_millis()));
    }
    match redrivable {
        Ok(()) => put("RedriveStatus", Value::from("REDRIVABLE")),
        Err(reason) => {
            put("RedriveStatus", Value::from("NOT_REDRIVABLE"));
            put("RedriveStatusReason", Value::from(reason.to_string()))
        }
    };
    put("StartDate", Value::from(summary.started_at.as_millis()));
    put("StateMachineArn", Value::from(&*summary.machine_arn));
    put("Status", Value::from(summary.status.as_str()));
    if let Some(stopped_at) = summary.stopped_at.map(Timestamp::as_millis) {
        put("StopDate", Value::from(stopped_at));
    }
    Value::Object(fields)
}
