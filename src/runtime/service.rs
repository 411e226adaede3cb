//! Who serves a resource.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::runtime::dispatch::Attempt;
use crate::runtime::function::Functions;
use crate::runtime::handler::{ResourceHandler, SharedHandler};

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

    /// Begins with `attempt`, on a tokio task of its own.
    pub(super) fn begin(self, attempt: Attempt, tracker: &TaskTracker) {
        match self {
            Self::Handler(handler) => handler.begin(attempt, tracker),
            Self::Functions(functions) => functions.begin(attempt, tracker),
        }
    }
}
