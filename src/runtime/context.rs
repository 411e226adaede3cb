//! What a running task may do besides compute.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::execution::{CancelReason, Event};
use crate::id::{ExecutionId, TaskId, TaskToken};
use crate::json::Json;
use crate::runtime::cancel::Cancellation;
use crate::runtime::clock::Clock;
use crate::runtime::{Inner, yields};

/// What a running task may do besides compute: live, cheap to clone, made by the runtime.
///
/// ```
/// use std::time::Duration;
/// use stepwright::{Failure, handler_fn};
///
/// let patient = handler_fn(async |_, cx| {
///     for _ in 0..3 {
///         cx.sleep(Duration::from_secs(10)).await;      // instant in virtual time
///         if cx.heartbeat().await.is_err() {            // nobody waits for us any longer
///             break;
///         }
///     }
///     Ok::<_, Failure>("done")
/// });
/// ```
#[derive(Clone)]
pub struct TaskContext {
    inner: Arc<Parts>,
}

pub(super) struct Parts {
    runtime: Arc<Inner>,
    execution: ExecutionId,
    task: TaskId,
    token: Option<TaskToken>,
    cancellation: Cancellation,
    begun: Begun,
}

/// A running task, as its execution knows it: nothing when its handler is gone.
#[derive(Debug)]
pub(super) struct Running(Weak<Parts>);

/// How far a task was when its handler was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// It was just scheduled.
    First,
    /// It was started before, by a runtime that is gone.
    Again,
    /// The same, and its job was submitted, or its worker has begun.
    HandedOn,
}

/// Nobody waits for this task any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for this task any longer")]
pub struct TaskGone;

impl TaskContext {
    pub(super) fn new(
        runtime: Arc<Inner>,
        execution: ExecutionId,
        task: TaskId,
        token: Option<TaskToken>,
        begun: Begun,
    ) -> Self {
        let cancellation = Cancellation::default();
        Self { inner: Arc::new(Parts { runtime, execution, task, token, cancellation, begun }) }
    }

    /// Says that the work goes on: `HeartbeatSeconds` begins anew. That counts for activities and for tasks that
    /// have a token; others need no heartbeats.
    ///
    /// # Errors
    ///
    /// When nobody waits for the task any longer: stop working.
    pub async fn heartbeat(&self) -> Result<(), TaskGone> {
        self.tell(Event::TaskHeartbeat { task: self.inner.task }).await
    }

    /// Says that the job of a `.sync` task was submitted, and what the service answered.
    ///
    /// A handler that is called again after a crash may say it again: then what was said before counts.
    ///
    /// # Errors
    ///
    /// When nobody waits for the task any longer, or it was said before.
    pub async fn submitted(&self, response: impl Into<Json>) -> Result<(), TaskGone> {
        if self.inner.begun == Begun::HandedOn && !self.is_cancelled() {
            return Ok(());
        }
        self.tell(Event::TaskSubmitted { task: self.inner.task, output: response.into() }).await
    }

    /// Completes when nobody waits for the task any longer. The handler's future is dropped shortly after.
    pub async fn cancelled(&self) {
        tokio::select! {
            biased;
            () = self.inner.cancellation.cancelled() => {}
            () = self.runtime().shutdown.cancelled() => {}
        }
    }

    /// Whether nobody waits for the task any longer.
    pub fn is_cancelled(&self) -> bool {
        self.inner.cancellation.is_cancelled() || self.runtime().shutdown.is_cancelled()
    }

    /// The key that completes the task, where it waits for one (`.waitForTaskToken`, `.sync`, activities).
    pub fn token(&self) -> Option<&TaskToken> {
        self.inner.token.as_ref()
    }

    /// The runtime's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.runtime.clock
    }

    /// Waits on the runtime's clock, so that tests in virtual time stay instant.
    pub async fn sleep(&self, duration: std::time::Duration) {
        let clock = &self.inner.runtime.clock;
        clock.sleep_until(clock.now() + duration).await;
    }

    pub(super) fn runtime(&self) -> &Arc<Inner> {
        &self.inner.runtime
    }

    pub(super) fn running(&self) -> Running {
        Running(Arc::downgrade(&self.inner))
    }

    pub(super) fn task(&self) -> TaskId {
        self.inner.task
    }

    pub(super) fn begun(&self) -> Begun {
        self.inner.begun
    }

    /// Whether a runtime that is gone called the handler before.
    pub(super) fn is_restarted(&self) -> bool {
        self.inner.begun != Begun::First
    }

    /// Why nobody waits for the task any longer; `None` also when the runtime shuts down.
    pub(super) fn cancel_reason(&self) -> Option<CancelReason> {
        self.inner.cancellation.reason()
    }

    async fn tell(&self, event: Event) -> Result<(), TaskGone> {
        yields::after(yields::REPORT).await;
        self.inner.runtime.ask(&self.inner.execution, event).await.map_err(|_| TaskGone)
    }
}

impl Running {
    /// The execution says that nobody waits for the task any longer.
    pub(super) fn cancel(&self, reason: CancelReason) {
        self.end(Some(reason));
    }

    /// The execution is somebody else's now; its task goes on.
    pub(super) fn abandon(&self) {
        self.end(None);
    }

    fn end(&self, reason: Option<CancelReason>) {
        if let Some(running) = self.0.upgrade() {
            running.cancellation.cancel(reason);
        }
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskContext").field(&self.inner).finish()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("execution", &self.execution)
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}
