//! Handlers around handlers.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::runtime::context::TaskContext;
use crate::runtime::handler::{ResourceHandler, SharedHandler, TaskOutcome, TaskRequest};

/// What every handler can do besides handling.
pub trait ResourceHandlerExt: ResourceHandler + Sized {
    /// Hides its type.
    fn shared(self) -> SharedHandler {
        SharedHandler::new(self)
    }

    /// At most `permits` tasks at once; the others wait their turn while their timeouts run.
    ///
    /// ```
    /// use stepwright::{Failure, ResourceHandlerExt, handler_fn};
    ///
    /// let gentle = handler_fn(async |_, _| Ok::<_, Failure>("done")).limit(2);
    /// ```
    fn limit(self, permits: usize) -> Limit<Self> {
        Limit { handler: self, permits: Arc::new(Semaphore::new(permits)) }
    }
}

impl<H: ResourceHandler> ResourceHandlerExt for H {}

/// A handler that does a limited number of tasks at once; made by [`ResourceHandlerExt::limit`].
#[derive(Debug)]
pub struct Limit<H> {
    handler: H,
    permits: Arc<Semaphore>,
}

impl<H: ResourceHandler> ResourceHandler for Limit<H> {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        self.handler.call(request, cx).await
    }
}
