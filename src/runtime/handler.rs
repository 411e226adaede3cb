//! The work behind a Task state: a trait to implement, or an async closure to wrap.

use std::fmt::{self, Write as _};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arn::{Arn, IntegrationPattern};
use crate::execution::TaskStart;
use crate::failure::{ErrorName, Failure};
use crate::id::{ExecutionId, StateName, TaskId};
use crate::json::Json;
use crate::runtime::context::TaskContext;
use crate::runtime::dispatch::Attempt;
use crate::runtime::work::Work;

/// The work behind a Task state.
///
/// Implement it for a type that holds clients and configuration, or wrap an async closure in
/// [`handler_fn`]. One handler serves many tasks at once.
///
/// ```
/// use serde_json::{Value, json};
/// use stepwright::{Failure, ResourceHandler, TaskContext, TaskOutcome, TaskRequest};
///
/// struct Greeter { greeting: String }
///
/// impl ResourceHandler for Greeter {
///     async fn call(&self, request: TaskRequest, _cx: TaskContext) -> Result<TaskOutcome, Failure> {
///         let name = request.input["name"].as_str().ok_or_else(|| Failure::new("NoName", "who is it?"))?;
///         Ok(json!(format!("{}, {name}!", self.greeting)).into())
///     }
/// }
/// ```
///
/// # Cancellation
///
/// When nobody waits for the answer any longer, [`TaskContext::cancelled`] resolves; shortly after, the future
/// is dropped. Anything the handler must undo elsewhere belongs between the two.
///
/// # At least once
///
/// After a crash a task that had started may be started again, with the same
/// [`TaskRequest::idempotency_key`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle tasks",
    note = "wrap an async closure in `handler_fn`, or implement `ResourceHandler`"
)]
pub trait ResourceHandler: Send + Sync + 'static {
    /// Does the work.
    ///
    /// # Errors
    ///
    /// A failure fails the task: its name is for `Retry` and `Catch`.
    fn call(
        &self,
        request: TaskRequest,
        cx: TaskContext,
    ) -> impl Future<Output = Result<TaskOutcome, Failure>> + Send;
}

/// What a handler came to.
///
/// What [`Completed`](Self::Completed) means depends on how the Task waits: for `.waitForTaskToken` it is the
/// response of the call that handed the task to someone else, for all others the task's result.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskOutcome {
    /// The call is done, and this is its response.
    Completed(Json),
    /// The task goes on elsewhere; whoever holds the token will report it.
    Deferred,
}

impl<T: Into<Json>> From<T> for TaskOutcome {
    fn from(value: T) -> Self {
        Self::Completed(value.into())
    }
}

/// What to do: plain data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TaskRequest {
    /// The task's number within its execution.
    pub task: TaskId,
    /// The execution that asks.
    pub execution: ExecutionId,
    /// The state that asks.
    pub state: StateName,
    /// What is called.
    pub resource: Arn,
    /// How the result is waited for.
    pub pattern: IntegrationPattern,
    /// The state's effective input, or what its `Parameters` made of it: shared with the execution, not copied.
    pub input: Json,
    /// How often this was tried before.
    pub attempt: u32,
    /// `TimeoutSeconds`, where the definition sets it.
    pub timeout: Option<Duration>,
    /// `HeartbeatSeconds`, where the definition sets it.
    pub heartbeat: Option<Duration>,
    /// The role of `Credentials`, where the definition sets it.
    pub role: Option<Arc<str>>,
}

impl TaskRequest {
    pub(super) fn new(execution: ExecutionId, start: TaskStart) -> Self {
        Self {
            task: start.task,
            execution,
            state: start.state,
            resource: start.resource,
            pattern: start.pattern,
            // White space is for what passes through as text.
            input: start.input.into_compact(),
            attempt: start.attempt,
            timeout: start.timeout,
            heartbeat: start.heartbeat,
            role: start.role,
        }
    }

    /// The same for every time this attempt is started, so that resources can tell a repeat.
    pub fn idempotency_key(&self) -> String {
        idempotency_key(&self.execution, self.task)
    }

    /// The input as a type of yours: it is copied for that.
    ///
    /// # Errors
    ///
    /// `States.TaskFailed`, saying what does not fit, when the input has another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(Value::from(&self.input))
            .map_err(|error| Failure::from_error(ErrorName::TASK_FAILED, &error))
    }
}

/// How many characters a task's number has at most, and the slash before it.
const DIGITS: usize = 21;

pub(super) fn idempotency_key(execution: &ExecutionId, task: TaskId) -> String {
    let execution = execution.as_str();
    let mut key = String::with_capacity(execution.len() + DIGITS);
    // Writing to a string does not fail.
    let _ = write!(key, "{execution}/{task}");
    key
}

/// Makes a handler of an async closure that takes the request and the context.
///
/// It may give anything that becomes a [`TaskOutcome`]: a [`Json`] or a `serde_json::Value`, a number, a `String`.
///
/// ```
/// use serde_json::json;
/// use stepwright::{Failure, handler_fn};
///
/// let double = handler_fn(async |request, _cx| {
///     let n = request.input.as_i64().ok_or_else(|| Failure::named("NotANumber"))?;
///     Ok::<_, Failure>(2 * n)
/// });
/// ```
pub fn handler_fn<F, Fut, T>(function: F) -> HandlerFn<F>
where
    F: Fn(TaskRequest, TaskContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send,
    T: Into<TaskOutcome>,
{
    HandlerFn { function }
}

/// An async closure as a handler; made by [`handler_fn`].
#[derive(Clone, Copy)]
pub struct HandlerFn<F> {
    function: F,
}

impl<F, Fut, T> ResourceHandler for HandlerFn<F>
where
    F: Fn(TaskRequest, TaskContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send,
    T: Into<TaskOutcome>,
{
    fn call(
        &self,
        request: TaskRequest,
        cx: TaskContext,
    ) -> impl Future<Output = Result<TaskOutcome, Failure>> + Send {
        Converted { future: (self.function)(request, cx) }
    }
}

pin_project! {
    /// A future whose result is made a [`TaskOutcome`]; it is not moved once more, as an async block would do.
    struct Converted<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = Result<T, Failure>>, T: Into<TaskOutcome>> Future for Converted<F> {
    type Output = Result<TaskOutcome, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(|result| result.map(Into::into))
    }
}

impl<F> fmt::Debug for HandlerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFn")
    }
}

/// A handler of any type: clone it, store it, decorate it. It is a handler itself.
#[derive(Clone)]
pub struct SharedHandler(Arc<dyn Erased>);

impl SharedHandler {
    /// Hides the type of `handler`.
    pub fn new(handler: impl ResourceHandler) -> Self {
        Self(Arc::new(handler))
    }

    /// The work of `attempt`.
    pub(super) fn work(&self, attempt: Attempt) -> Work {
        Arc::clone(&self.0).work(attempt)
    }
}

impl ResourceHandler for SharedHandler {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        self.0.call_boxed(request, cx).await
    }
}

impl fmt::Debug for SharedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedHandler")
    }
}

type BoxedCall<'a> = Pin<Box<dyn Future<Output = Result<TaskOutcome, Failure>> + Send + 'a>>;

/// The boxed twin of [`ResourceHandler`], which can be held as `dyn`.
trait Erased: Send + Sync {
    fn call_boxed(&self, request: TaskRequest, cx: TaskContext) -> BoxedCall<'_>;

    /// The call is a part of the work, and in no box of its own.
    fn work(self: Arc<Self>, attempt: Attempt) -> Work;
}

impl<H: ResourceHandler> Erased for H {
    fn call_boxed(&self, request: TaskRequest, cx: TaskContext) -> BoxedCall<'_> {
        Box::pin(self.call(request, cx))
    }

    fn work(self: Arc<Self>, attempt: Attempt) -> Work {
        attempt.work(self)
    }
}
