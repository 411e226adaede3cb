//! Handlers of Lambda functions, by the functions' names.

use crate::failure::Failure;
use crate::function::FunctionCall;
use crate::registry::Registry;
use crate::runtime::context::TaskContext;
use crate::runtime::handler::{ResourceHandler, SharedHandler, TaskOutcome, TaskRequest};

/// Handlers of Lambda functions, by patterns of function names.
#[derive(Debug, Default)]
pub(super) struct Functions {
    handlers: Registry<SharedHandler>,
}

impl Functions {
    pub(super) fn add(&mut self, pattern: &str, handler: SharedHandler) -> bool {
        self.handlers.add(pattern, handler)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }
}

impl ResourceHandler for Functions {
    async fn call(&self, mut request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        let called = FunctionCall::of(&request.resource, &request.input);
        let called = called.expect("this handler serves only resources that call functions");
        let handler = self.handlers.find(called.name()).ok_or_else(|| called.not_found())?;
        request.input = called.payload(request.input);
        let request_id = request.idempotency_key();
        Ok(match handler.call(request, cx).await? {
            TaskOutcome::Completed(result) => TaskOutcome::Completed(called.response(result, &request_id)),
            TaskOutcome::Deferred => TaskOutcome::Deferred,
        })
    }
}
