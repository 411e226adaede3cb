//! Telling those who are at work that nobody waits for them any longer, and why.

use std::sync::OnceLock;

use tokio::sync::Notify;

use crate::execution::CancelReason;

/// The end of a task that a handler is at work on, or of the runtime.
#[derive(Debug, Default)]
pub(super) struct Cancellation {
    /// There once it is cancelled: why, if it was the execution that ended the task.
    over: OnceLock<Option<CancelReason>>,
    told: Notify,
}

impl Cancellation {
    /// Cancels it. The first reason stays.
    pub(super) fn cancel(&self, reason: Option<CancelReason>) {
        if self.over.set(reason).is_ok() {
            self.told.notify_waiters();
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.over.get().is_some()
    }

    pub(super) async fn cancelled(&self) {
        let told = self.told.notified();
        if !self.is_cancelled() {
            told.await;
        }
    }

    /// Why the execution says so; `None` when it was not the execution that ended the task.
    pub(super) fn reason(&self) -> Option<CancelReason> {
        self.over.get().copied().flatten()
    }
}
