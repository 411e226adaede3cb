//! Telling a running handler that nobody waits for it any longer, and why.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::execution::CancelReason;

/// A handler's cancellation: the runtime's end, or the task's.
#[derive(Clone, Debug)]
pub(super) struct Cancellation {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Cancellation {
    /// One that `runtime`'s cancellation causes too.
    pub(super) fn under(runtime: &CancellationToken) -> Self {
        Self { token: runtime.child_token(), reason: Arc::default() }
    }

    /// The execution says so.
    pub(super) fn cancel(&self, reason: CancelReason) {
        // The first reason stays.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// The execution is somebody else's now; its task goes on.
    pub(super) fn abandon(&self) {
        self.token.cancel();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    pub(super) async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Why the execution says so; `None` when it was not the execution that ended the task.
    pub(super) fn reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }
}
