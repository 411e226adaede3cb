//! Executions in the world: handlers, a clock, a store, and whoever reports from outside.
//!
//! The loop that brings them together is in `driver.rs`.

mod alarm;
mod builder;
mod clock;
mod context;
mod decorate;
mod dispatch;
mod driver;
mod error;
mod function;
mod handle;
mod handler;
mod observer;
mod recovery;
mod resident;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use builder::{Account, RuntimeBuilder};
pub use clock::{Clock, Sleep, SystemClock};
pub use context::{TaskContext, TaskGone};
pub use decorate::{Limit, ResourceHandlerExt};
pub use error::{BuildError, ExecutionError, MissingHandlers, ReportError, StartError, WaitError};
pub use handle::ExecutionHandle;
pub use handler::{HandlerFn, ResourceHandler, SharedHandler, TaskOutcome, TaskRequest, handler_fn};
pub use observer::Observer;

use crate::execution::{Event, Execution, Reporter};
use crate::failure::Failure;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskToken};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::registry::Registry;
use crate::runtime::alarm::Alarms;
use crate::runtime::builder::Arns;
use crate::runtime::resident::{Brought, Live, Mail, Refused, Resident};
use crate::store::{
    Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, Page, PageRequest, Store, TaskAddress,
};

/// Runs executions on tokio: calls handlers, keeps time, commits every step before it acts on it, and takes
/// the answers of whoever holds a task token.
///
/// It is cheap to clone. A sleeping execution has no task, no thread and no timer of its own.
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use stepwright::{Failure, Runtime, StateMachine, handler_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "Greet", "States": { "Greet": {
///         "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Greet", "End": true } } }"#,
/// )?);
/// let runtime = Runtime::builder()
///     .function("Greet", handler_fn(async |request, _| {
///         Ok::<_, Failure>(format!("hello, {}", request.input["name"].as_str().unwrap_or("you")))
///     }))
///     .build()?;
///
/// let execution = runtime.start_execution(&machine, "first", json!({ "name": "Ada" })).await?;
/// assert_eq!(execution.wait().await?, json!("hello, Ada"));
/// # Ok(())
/// # }
/// ```
///
/// # Backpressure
///
/// It has three places, all bounded: [`start_execution`](Self::start_execution) waits for room among the open
/// executions, a report waits for room in its execution's mailbox, and a task waits for its handler's
/// [permits](ResourceHandlerExt::limit).
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
    /// Ends the background work when the last clone is dropped.
    _last: Arc<Last>,
}

pub(crate) struct Inner {
    pub(crate) clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    handlers: Registry<SharedHandler>,
    observers: Vec<Arc<dyn Observer>>,
    account: Account,
    limits: Limits,
    history: bool,
    cancel_grace: Duration,
    residents: Mutex<HashMap<ExecutionId, Arc<Resident>>>,
    /// Machines of executions that came from the store, by their definitions.
    machines: Mutex<HashMap<Arc<str>, Arc<StateMachine>>>,
    /// The ARNs of machines that were started here, by their names.
    arns: Mutex<HashMap<Arc<str>, Arns>>,
    alarms: Arc<Alarms>,
    keeping_time: AtomicBool,
    room: Arc<Semaphore>,
    shutdown: CancellationToken,
    tracker: TaskTracker,
}

struct Last {
    shutdown: CancellationToken,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Runtime {
    /// Begins to build a runtime.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    fn new(inner: Inner) -> Self {
        let last = Last { shutdown: inner.shutdown.clone() };
        Self { inner: Arc::new(inner), _last: Arc::new(last) }
    }

    /// Whether every resource that `machine` names has a handler.
    ///
    /// # Errors
    ///
    /// The resources that have none.
    pub fn require(&self, machine: &StateMachine) -> Result<(), MissingHandlers> {
        let mut resources: Vec<_> = machine
            .resources()
            .filter(|resource| self.inner.handlers.find(resource.as_str()).is_none())
            .cloned()
            .collect();
        resources.sort();
        resources.dedup();
        match resources.is_empty() {
            true => Ok(()),
            false => Err(MissingHandlers { resources }),
        }
    }

    /// Starts an execution of `machine`. It waits while as many executions are open as may be.
    ///
    /// Without a name (`None`) it gets a random one. A name that is used again with the same input, while that
    /// execution is open, gives that execution.
    ///
    /// # Errors
    ///
    /// See [`StartError`]: nothing was started then.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Runtime, StartError, StateMachine};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let machine = Arc::new(StateMachine::parse(
    /// #     r#"{ "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } }"#)?);
    /// let runtime = Runtime::builder().build()?;
    /// runtime.start_execution(&machine, "order-17", json!({ "total": 42 })).await?;
    /// let again = runtime.start_execution(&machine, "order-17", json!({ "total": 43 })).await;
    /// assert!(matches!(again, Err(StartError::ExecutionAlreadyExists { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_execution<'a>(
        &self,
        machine: &Arc<StateMachine>,
        name: impl Into<Option<&'a str>>,
        input: impl Into<Json>,
    ) -> Result<ExecutionHandle, StartError> {
        let permit = tokio::select! {
            permit = Arc::clone(&self.inner.room).acquire_owned() => permit.expect("the semaphore is never closed"),
            () = self.inner.shutdown.cancelled() => return Err(StartError::ShuttingDown),
        };
        self.inner.start(machine, name.into(), input.into(), permit).await
    }

    /// Starts an execution if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`StartError::NoRoom`] where [`start_execution`](Self::start_execution) would wait, and its errors.
    pub async fn try_start_execution<'a>(
        &self,
        machine: &Arc<StateMachine>,
        name: impl Into<Option<&'a str>>,
        input: impl Into<Json>,
    ) -> Result<ExecutionHandle, StartError> {
        let permit = match Arc::clone(&self.inner.room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(StartError::NoRoom),
            Err(TryAcquireError::Closed) => return Err(StartError::ShuttingDown),
        };
        self.inner.start(machine, name.into(), input.into(), permit).await
    }

    /// Completes the task that waits for `token`. When it returns, that is committed.
    ///
    /// It may come before the handler that received the token has returned: it counts.
    ///
    /// # Errors
    ///
    /// See [`ReportError`]. The first answer wins; later ones are told that the task is gone.
    pub async fn send_task_success(
        &self,
        token: &TaskToken,
        output: impl Into<Json>,
    ) -> Result<(), ReportError> {
        let output = output.into();
        let (size, limit) = (output.size(), self.inner.limits.payload_bytes);
        if size > limit {
            return Err(ReportError::OutputTooLarge { size, limit });
        }
        let reporter = Reporter::TokenHolder;
        self.report(token, |task| Event::TaskSucceeded { task, output, reporter }).await
    }

    /// Fails the task that waits for `token`; both parts of the failure may be absent.
    ///
    /// # Errors
    ///
    /// See [`ReportError`].
    pub async fn send_task_failure(&self, token: &TaskToken, failure: Failure) -> Result<(), ReportError> {
        let reporter = Reporter::TokenHolder;
        self.report(token, |task| Event::TaskFailed { task, failure, reporter }).await
    }

    /// Says that the task that waits for `token` goes on: `HeartbeatSeconds` begins anew.
    ///
    /// # Errors
    ///
    /// See [`ReportError`].
    pub async fn send_task_heartbeat(&self, token: &TaskToken) -> Result<(), ReportError> {
        self.report(token, |task| Event::TaskHeartbeat { task }).await
    }

    /// Stops an execution; of one that has ended already it says how it ended.
    ///
    /// # Errors
    ///
    /// See [`ExecutionError`].
    pub async fn stop_execution(
        &self,
        id: &ExecutionId,
        failure: Failure,
    ) -> Result<ExecutionSummary, ExecutionError> {
        let open = !self.describe_execution(id).await?.status.is_closed();
        if open {
            match self.inner.ask(id, Event::Stop { failure }).await {
                Ok(()) | Err(AskError::Rejected) => {}
                Err(AskError::Unknown) => {
                    return Err(ExecutionError::ExecutionDoesNotExist { id: id.clone() });
                }
                Err(AskError::ShuttingDown) => return Err(ExecutionError::ShuttingDown),
                Err(AskError::Execution(error)) => return Err(error),
            }
        }
        self.describe_execution(id).await
    }

    /// How an execution stands.
    ///
    /// # Errors
    ///
    /// See [`ExecutionError`].
    pub async fn describe_execution(&self, id: &ExecutionId) -> Result<ExecutionSummary, ExecutionError> {
        let summary = self.inner.store.describe(id).await?;
        summary.ok_or_else(|| ExecutionError::ExecutionDoesNotExist { id: id.clone() })
    }

    /// An execution's history, a page at a time.
    ///
    /// # Errors
    ///
    /// See [`ExecutionError`].
    pub async fn get_execution_history(
        &self,
        id: &ExecutionId,
        page: PageRequest,
    ) -> Result<Page<HistoryEvent>, ExecutionError> {
        self.describe_execution(id).await?;
        Ok(self.inner.store.history(id, page).await?)
    }

    /// Executions that pass the filter, in the order they were started, a page at a time.
    ///
    /// # Errors
    ///
    /// See [`ExecutionError`].
    pub async fn list_executions(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, ExecutionError> {
        Ok(self.inner.store.list(filter, page).await?)
    }

    /// Goes on with the open executions of the store: their timers run again, and the tasks that had been
    /// started and not reported are started again. Call it once, after building a runtime on a store that
    /// another runtime used.
    ///
    /// An execution that is asked for, by a token or a stop, is gone on with anyway.
    ///
    /// # Errors
    ///
    /// When the store fails, or the state of an execution cannot be gone on with.
    pub async fn recover(&self) -> Result<usize, ExecutionError> {
        self.inner.recover().await
    }

    /// Ends in good order: starts nothing new, lets running handlers see their cancellation and then drops
    /// them, finishes the steps that are being made, and returns when all of it is committed. What is open
    /// stays open in the store.
    pub async fn shutdown(&self) {
        self.inner.shutdown.cancel();
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }

    async fn report(
        &self,
        token: &TaskToken,
        event: impl FnOnce(crate::id::TaskId) -> Event,
    ) -> Result<(), ReportError> {
        let found = self.inner.store.find_task(&token.hash()).await?;
        let address = found.ok_or(ReportError::InvalidToken)?;
        if !address.open {
            return Err(gone(&address));
        }
        let told = self.inner.ask(&address.execution, event(address.task)).await;
        told.map_err(|error| match error {
            AskError::Rejected | AskError::Unknown => gone(&address),
            AskError::ShuttingDown => ReportError::ShuttingDown,
            AskError::Execution(ExecutionError::Store(error)) => ReportError::Store(error),
            AskError::Execution(_) => gone(&address),
        })
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("store", &self.inner.store).finish_non_exhaustive()
    }
}

fn gone(address: &TaskAddress) -> ReportError {
    match address.activity {
        true => ReportError::TaskDoesNotExist,
        false => ReportError::TaskTimedOut,
    }
}

/// Why an execution could not be told something.
#[derive(Debug)]
pub(crate) enum AskError {
    /// It does not apply.
    Rejected,
    /// There is no such execution.
    Unknown,
    /// The runtime is shutting down, or another one has the execution now.
    ShuttingDown,
    /// It could not be loaded.
    Execution(ExecutionError),
}

impl Inner {
    async fn start(
        self: &Arc<Self>,
        machine: &Arc<StateMachine>,
        name: Option<&str>,
        input: Json,
        permit: OwnedSemaphorePermit,
    ) -> Result<ExecutionHandle, StartError> {
        if self.shutdown.is_cancelled() {
            return Err(StartError::ShuttingDown);
        }
        let (size, limit) = (input.size(), self.limits.payload_bytes);
        if size > limit {
            return Err(StartError::InputTooLarge { size, limit });
        }
        let name = self.account.execution_name(name)?;
        self.keep_time();
        let start = self.account.start(machine, self.arns(machine), &name, input, self.limits, self.history);
        let now = self.clock.now();
        let (input, id) = (start.input.clone(), start.id.clone());
        let (name, machine_arn) = (start.name.clone(), start.machine_arn.clone());
        let (mut execution, mut step) = Execution::start(Arc::clone(machine), start, now);
        let new =
            NewExecution::new(id.clone(), name, machine_arn, machine.definition.clone(), input.clone(), now);
        let history = self.watched(&step.history);
        let commit = Commit::new(&mut step, execution.take_changes(), now);
        let revision = match self.store.create(new, commit).await? {
            Created::New(revision) => revision,
            Created::Existing(summary) => {
                let same = !summary.status.is_closed() && summary.input == input;
                return match same {
                    true => Ok(ExecutionHandle::new(Arc::clone(self), id, None)),
                    false => Err(StartError::ExecutionAlreadyExists { id }),
                };
            }
        };
        let resident = Arc::new(Resident::busy(id.clone()));
        self.residents().insert(id.clone(), Arc::clone(&resident));
        let live =
            Live { execution, revision, alarm: None, running: Default::default(), permit: Some(permit) };
        let handle = ExecutionHandle::new(Arc::clone(self), id, Some(Arc::clone(&resident)));
        self.begin(&resident, Box::new(live), step, &history);
        Ok(handle)
    }

    /// Tells an execution something and waits until it is committed.
    pub(crate) async fn ask(self: &Arc<Self>, id: &ExecutionId, event: Event) -> Result<(), AskError> {
        let (answer, answered) = oneshot::channel();
        self.bring(id, Mail { event, answer: Some(answer), handler_done: None }).await?;
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refused::Rejected)) => Err(AskError::Rejected),
            Ok(Err(Refused::LetGo)) | Err(_) => Err(AskError::ShuttingDown),
        }
    }

    /// Tells an execution something that nobody waits for.
    pub(super) async fn tell(self: &Arc<Self>, id: &ExecutionId, event: Event) {
        // Nobody is there to hear that it came to nothing.
        let _ = self.bring(id, Mail::of(event)).await;
    }

    /// Brings mail to an execution, loading it from the store if it is not here.
    async fn bring(self: &Arc<Self>, id: &ExecutionId, mut mail: Mail) -> Result<(), AskError> {
        loop {
            let resident = self.resident(id).await?;
            match resident.bring(mail) {
                Brought::Queued => return Ok(()),
                Brought::Woke(live) => {
                    self.drive(resident, live);
                    return Ok(());
                }
                Brought::Closed => return Err(AskError::Rejected),
                Brought::Full(again) => {
                    mail = again;
                    resident.room().await;
                }
                Brought::LetGo(_) if self.shutdown.is_cancelled() => return Err(AskError::ShuttingDown),
                Brought::LetGo(again) => mail = again,
            }
        }
    }

    fn arns(&self, machine: &StateMachine) -> Arns {
        let mut arns = self.arns.lock().unwrap_or_else(PoisonError::into_inner);
        arns.entry(machine.name.clone()).or_insert_with(|| self.account.arns(&machine.name)).clone()
    }

    fn keep_time(self: &Arc<Self>) {
        if !self.keeping_time.swap(true, Ordering::Relaxed) {
            self.tracker.spawn(alarm::keep_time(Arc::downgrade(self)));
        }
    }

    fn residents(&self) -> MutexGuard<'_, HashMap<ExecutionId, Arc<Resident>>> {
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events that observers will want to see.
    fn watched(&self, history: &[HistoryEvent]) -> Vec<HistoryEvent> {
        match self.observers.is_empty() {
            true => Vec::new(),
            false => history.to_vec(),
        }
    }
}
