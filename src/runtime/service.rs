//! Who serves a resource.

use std::sync::Arc;

use crate::runtime::dispatch::Attempt;
use crate::runtime::function::Functions;
use crate::runtime::handler::{ResourceHandler, SharedHandler};
use crate::runtime::work::Work;

/// Who serves a resource.
#[derive(Clone, Debug)]
pub(super) enum Service {
    Handler(SharedHandler),
    Functions(Arc<Functions>),
}

impl Service {
    pub(super) fn of(handler: impl ResourceHandler) -> Self {
        Self::Handler(SharedHandler::new(handler))
    }

    /// The work of `attempt`.
    pub(super) fn work(&self, attempt: Attempt) -> Work {
        match self {
            Self::Handler(handler) => handler.work(attempt),
            Self::Functions(functions) => functions.work(attempt),
        }
    }
}
