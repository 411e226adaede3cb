//! Handlers of Lambda functions, by the functions' names.

use crate::function::FunctionCall;
use crate::registry::Registry;
use crate::runtime::dispatch::Attempt;
use crate::runtime::handler::SharedHandler;
use crate::runtime::work::Work;

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

    /// The work of an attempt at a resource that calls functions.
    pub(super) fn work(&self, attempt: Attempt) -> Work {
        let called = FunctionCall::of(attempt.resource(), attempt.input());
        let called = called.expect("only resources that call functions come here");
        match self.handlers.find(called.name()) {
            Some(handler) => handler.work(attempt.calling(called)),
            None => attempt.fail(called.not_found()),
        }
    }
}
