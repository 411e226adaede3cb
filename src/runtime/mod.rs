//! Executions in the world: handlers, a clock, a store, and whoever reports from outside.
//!
//! The loop that brings them together is in `driver.rs`.

mod activity;
mod alarm;
mod builder;
mod cancel;
mod clock;
mod context;
mod decorate;
mod dispatch;
mod driver;
mod error;
mod function;
mod handle;
mod handler;
mod nested;
mod observer;
mod origins;
mod rare;
mod recovery;
mod redrive;
mod resident;
mod retention;
mod service;
mod sleepers;
mod steps;
mod token;
mod work;
mod yields;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use tokio_util::task::TaskTracker;

pub use activity::ActivityTask;
pub use builder::{Account, RuntimeBuilder};
pub use clock::{Clock, Sleep, SystemClock};
pub use context::{TaskContext, TaskGone};
pub use decorate::{Limit, ResourceHandlerExt};
pub use error::{
    ActivityError, BuildError, ExecutionError, MissingHandlers, RedriveError, ReportError, StartError,
    WaitError,
};
pub use handle::{ExecutionHandle, Redriven};
pub use handler::{HandlerFn, ResourceHandler, SharedHandler, TaskOutcome, TaskRequest, handler_fn};
pub use observer::Observer;

use crate::execution::{Command, Event, Execution, Reporter, Step, TokenChanges};
use crate::failure::Failure;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TaskToken, TokenHash};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::registry::Registry;
use crate::runtime::activity::Activities;
use crate::runtime::alarm::Alarms;
use crate::runtime::cancel::Cancellation;
use crate::runtime::origins::Origins;
use crate::runtime::rare::Rare;
use crate::runtime::recovery::{Loading, ended};
use crate::runtime::resident::{Answer, Brought, Here, Live, Mail, Refused, Resident};
use crate::runtime::retention::Retention;
use crate::runtime::service::Service;
use crate::runtime::sleepers::Sleepers;
use crate::runtime::steps::Steps;
use crate::runtime::token::KnownTokens;
use crate::runtime::work::Hands;
use crate::store::sharded::{Sharded, place_of};
use crate::store::{
    Claim, Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, OwnerId, Page, PageRequest,
    Revision, Store, StoreError, StoreErrorKind, TaskAddress,
};
use crate::time::Timestamp;

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
    /// Who this is among those who use the store.
    owner: OwnerId,
    /// How long it may be silent, if it shares the store.
    lease: Option<Duration>,
    /// Whether the store has heard of it.
    joined: OnceCell<()>,
    /// Whether it looks for executions that have something to do.
    claiming: AtomicBool,
    sleepers: Sleepers,
    retention: Retention,
    /// Executions that cannot be gone on with here.
    stranded: Rare<BTreeMap<ExecutionId, Arc<ExecutionError>>>,
    /// Whether there may be executions that the store counts as this runtime's and that are not here.
    adrift: AtomicBool,
    handlers: Registry<Service>,
    /// Who serves what the engine does itself.
    engine: Service,
    /// The machines that executions may start by their ARNs.
    catalog: HashMap<Arc<str>, Arc<StateMachine>>,
    activities: Activities,
    /// Nothing where the store answers at once.
    tokens: Option<KnownTokens>,
    observers: Vec<Arc<dyn Observer>>,
    account: Account,
    limits: Arc<Limits>,
    history: bool,
    cancel_grace: Duration,
    residents: Sharded<Residents>,
    /// Machines of executions that came from the store, by their definitions and ARNs.
    machines: Mutex<HashMap<MachineKey, Arc<StateMachine>, RandomState>>,
    origins: Mutex<Origins>,
    alarms: Arc<Alarms>,
    steps: Steps,
    keeping_time: AtomicBool,
    room: Arc<Semaphore>,
    /// The number of the newest resident.
    newest: AtomicU64,
    shutdown: Arc<Cancellation>,
    tracker: TaskTracker,
}

/// Executions that are in memory.
type Residents = HashSet<Here, RandomState>;

/// A definition, and the ARN of the machine that has it.
type MachineKey = (Arc<str>, Arc<str>);

struct Last {
    shutdown: Arc<Cancellation>,
}

impl Drop for Last {
    fn drop(&mut self) {
        self.shutdown.cancel(None);
    }
}

impl Runtime {
    /// Begins to build a runtime.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    fn new(inner: Inner) -> Self {
        let last = Last { shutdown: Arc::clone(&inner.shutdown) };
        Self { inner: Arc::new(inner), _last: Arc::new(last) }
    }

    /// Whether every resource that `machine` names has a handler. Activities need none: their tasks wait for
    /// [workers](Self::get_activity_task).
    ///
    /// # Errors
    ///
    /// The resources that have none.
    pub fn require(&self, machine: &StateMachine) -> Result<(), MissingHandlers> {
        let mut resources: Vec<_> = machine
            .resources()
            .filter(|resource| self.inner.service(resource).is_none())
            // Workers serve those.
            .filter(|resource| !resource.is_activity())
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
        let (name, input) = (name.into(), input.into());
        yields::after(yields::START).await;
        let permit = self.room().await.ok_or(StartError::ShuttingDown)?;
        self.inner.start(machine, name, input, permit).await
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
        let (name, input) = (name.into(), input.into());
        yields::after(yields::START).await;
        let permit = match Arc::clone(&self.inner.room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(StartError::NoRoom),
            Err(TryAcquireError::Closed) => return Err(StartError::ShuttingDown),
        };
        self.inner.start(machine, name, input, permit).await
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
        yields::after(yields::REPORT).await;
        if self.inner.shutdown.is_cancelled() {
            return Err(ExecutionError::ShuttingDown);
        }
        self.inner.stop(id, failure).await
    }

    /// Redrives an execution that failed, timed out or was stopped: it goes on where it ended, with the definition
    /// and the input that it has, under the same ARN, after the history that it has. What succeeded is not done
    /// again: of a Parallel or a Map, branches and iterations only that did not succeed. Retriers begin anew, and
    /// so does the machine's `TimeoutSeconds`. It waits while as many executions are open as may be.
    ///
    /// A call that says the same `client_token` as one of the last ten, within 15 minutes, changes nothing. For how
    /// long an execution may be redriven, and how often, say [`Limits::redrive_time`] and [`Limits::redrives`]; whether
    /// it may be now, says [`ExecutionSummary::may_be_redriven`].
    ///
    /// # Errors
    ///
    /// See [`RedriveError`]. When the store failed, the execution may have been redriven all the same: ask again,
    /// with the same token.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// use serde_json::json;
    /// use stepwright::{Failure, NotRedrivable, RedriveError, Runtime, StateMachine, handler_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let machine = Arc::new(StateMachine::parse(
    /// #     r#"{ "StartAt": "Print", "States": { "Print": { "Type": "Task", "End": true,
    /// #         "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Print" } } }"#)?);
    /// let paper = Arc::new(AtomicBool::new(false));
    /// let tray = Arc::clone(&paper);
    /// let runtime = Runtime::builder()
    ///     .function("Print", handler_fn(move |_, _| {
    ///         let paper = tray.load(Ordering::Relaxed);
    ///         async move { if paper { Ok("printed") } else { Err(Failure::named("OutOfPaper")) } }
    ///     }))
    ///     .build()?;
    /// let execution = runtime.start_execution(&machine, "report", json!({})).await?;
    /// assert!(execution.wait().await.is_err());
    ///
    /// paper.store(true, Ordering::Relaxed);
    /// runtime.redrive_execution(execution.id(), None).await?;
    /// assert_eq!(execution.wait().await?, json!("printed"));
    ///
    /// let again = runtime.redrive_execution(execution.id(), None).await;
    /// assert!(matches!(again, Err(RedriveError::ExecutionNotRedrivable(NotRedrivable::Succeeded))));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn redrive_execution<'a>(
        &self,
        id: &ExecutionId,
        client_token: impl Into<Option<&'a str>>,
    ) -> Result<Redriven, RedriveError> {
        let permit = self.room().await.ok_or(ExecutionError::ShuttingDown)?;
        self.inner.redrive(id, client_token.into(), permit).await
    }

    /// How an execution stands.
    ///
    /// # Errors
    ///
    /// See [`ExecutionError`].
    pub async fn describe_execution(&self, id: &ExecutionId) -> Result<ExecutionSummary, ExecutionError> {
        self.inner.describe(id).await
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

    /// Goes on with the open executions of the store that have something to do, and keeps doing so: what fell
    /// due is done at once, in order, and tasks that had been started and not reported are started again. Call
    /// it once, after building a runtime on a store that another runtime used. It says how many executions it
    /// goes on with now; the others stay in the store until they are due.
    ///
    /// An execution that is asked for, by a token or a stop, is gone on with anyway.
    ///
    /// # Errors
    ///
    /// When the store fails. Executions that cannot be gone on with are [`stranded`](Self::stranded).
    pub async fn recover(&self) -> Result<usize, ExecutionError> {
        self.inner.recover().await
    }

    /// Executions that cannot be gone on with here, and why: a task of theirs was started before and has no
    /// handler any longer, their state or definition cannot be read, or the store refuses to write what comes next,
    /// which is tried again and again. They are open still, and are gone on with by a runtime that can.
    pub fn stranded(&self) -> Vec<(ExecutionId, Arc<ExecutionError>)> {
        self.inner.stranded.lock().iter().map(|(id, error)| (id.clone(), Arc::clone(error))).collect()
    }

    /// Ends in good order: starts nothing new, lets running handlers see their cancellation and then drops
    /// them, finishes the steps that are being made, and returns when all of it is committed. What is open
    /// stays open in the store.
    pub async fn shutdown(&self) {
        self.inner.shutdown.cancel(None);
        let Inner { steps, tracker, .. } = &*self.inner;
        tracker.close();
        loop {
            steps.over().await;
            tracker.wait().await;
            // A step may have begun meanwhile, and a task with it.
            if steps.are_over() && tracker.is_empty() {
                break;
            }
        }
        // A store that cannot be told waits until the lease is over.
        let _ = self.inner.store.release(self.inner.owner, None).await;
    }

    /// Waits for room for an execution; there is none any more when the runtime shuts down.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let room = || Arc::clone(&self.inner.room);
        if let Ok(permit) = room().try_acquire_owned() {
            return Some(permit);
        }
        tokio::select! {
                biased;
            permit = room().acquire_owned() => permit.ok(),
            () = self.inner.shutdown.cancelled() => None,
        }
    }

    async fn report(
        &self,
        token: &TaskToken,
        event: impl FnOnce(TaskId) -> Event,
    ) -> Result<(), ReportError> {
        yields::after(yields::REPORT).await;
        if self.inner.shutdown.is_cancelled() {
            return Err(ReportError::ShuttingDown);
        }
        let hash = token.hash();
        let known = self.inner.tokens.as_ref().and_then(|known| known.find(&hash));
        let mut found = None;
        let (execution, task) = match &known {
            Some((execution, task)) => (execution, *task),
            None => {
                let address = found.insert(self.find_task(&hash).await?);
                if !address.open {
                    return Err(gone(address));
                }
                (&address.execution, address.task)
            }
        };
        match self.inner.ask(execution, event(task)).await {
            Ok(()) => Ok(()),
            // Of a token that is known the store says in which words.
            Err(AskError::Rejected | AskError::Unknown) => Err(gone(&match found {
                Some(address) => address,
                None => self.find_task(&hash).await?,
            })),
            Err(AskError::ShuttingDown) => Err(ReportError::ShuttingDown),
            Err(AskError::Elsewhere) => Err(ReportError::Store(StoreErrorKind::Unavailable.into())),
            Err(AskError::Execution(ExecutionError::Store(error))) => Err(ReportError::Store(error)),
            Err(AskError::Execution(error)) => {
                Err(ReportError::Store(StoreError::new(StoreErrorKind::Corrupt, error)))
            }
        }
    }

    async fn find_task(&self, token: &TokenHash) -> Result<TaskAddress, ReportError> {
        let found = match self.inner.store.prompt() {
            Some(store) => store.find_task_now(token),
            None => self.inner.store.find_task(token).await,
        };
        found?.ok_or(ReportError::InvalidToken)
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

/// An execution that is being created.
struct Born {
    live: Box<Live>,
    step: Step,
    /// What observers will want to see.
    history: Vec<HistoryEvent>,
    now: Timestamp,
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
    /// Another runtime has it.
    Elsewhere,
    /// It could not be loaded.
    Execution(ExecutionError),
}

impl Inner {
    /// The machine with this ARN, if executions may start it.
    fn registered(&self, arn: &str) -> Option<Arc<StateMachine>> {
        self.catalog.get(arn).cloned()
    }

    async fn describe(&self, id: &ExecutionId) -> Result<ExecutionSummary, ExecutionError> {
        let summary = self.store.describe(id).await?;
        summary.ok_or_else(|| ExecutionError::ExecutionDoesNotExist { id: id.clone() })
    }

    async fn stop(
        self: &Arc<Self>,
        id: &ExecutionId,
        failure: Failure,
    ) -> Result<ExecutionSummary, ExecutionError> {
        let open = !self.describe(id).await?.status.is_closed();
        if open {
            match self.ask(id, Event::Stop { failure }).await {
                Ok(()) | Err(AskError::Rejected) => {}
                Err(AskError::Unknown) => {
                    return Err(ExecutionError::ExecutionDoesNotExist { id: id.clone() });
                }
                Err(AskError::ShuttingDown) => return Err(ExecutionError::ShuttingDown),
                Err(AskError::Elsewhere) => {
                    return Err(StoreError::from(StoreErrorKind::Unavailable).into());
                }
                Err(AskError::Execution(error)) => return Err(error),
            }
        }
        self.describe(id).await
    }

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
        let limit = self.limits.depth.min(Json::DEEPEST);
        if input.deeper_than(limit) {
            return Err(StartError::InputTooDeep { limit });
        }
        let name = self.account.execution_name(name, self.limits.name_chars)?;
        self.join().await?;
        if let Some(store) = self.store.prompt() {
            let _under_way = self.steps.begin();
            let (new, first, born) = self.new_execution(machine, name, input, permit);
            let loading = self.announce(&new.id);
            let created = store.create_now(new, first);
            return self.created(loading, born, created);
        }
        // What was kept goes on, even if nobody waits for it to begin.
        let creating = {
            let (new, first, born) = self.new_execution(machine, name, input, permit);
            let inner = Arc::clone(self);
            self.tracker.spawn(async move {
                let loading = inner.announce(&new.id);
                let created = inner.store.create(new, first).await;
                inner.created(loading, born, created)
            })
        };
        ended(creating).await.ok_or(StartError::ShuttingDown)?
    }

    /// A new execution: what is kept of it, with its first step, and what is done once that is kept.
    fn new_execution(
        &self,
        machine: &Arc<StateMachine>,
        name: Arc<str>,
        input: Json,
        permit: OwnedSemaphorePermit,
    ) -> (NewExecution, Commit, Born) {
        let mut start = {
            let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
            origins.start(&self.account, machine, name, input, Arc::clone(&self.limits))
        };
        start.history = self.history;
        let start = Arc::new(start.missing_activities(self.activities.missing()));
        let now = self.clock.now();
        let mut new = NewExecution::new(
            start.id.clone(),
            start.name.clone(),
            start.machine_arn.clone(),
            machine.definition.clone(),
            start.input.clone(),
            now,
        );
        new.owner = Some(self.owner);
        let mut live = Box::new(Live {
            execution: Execution::new(Arc::clone(machine), start, now),
            machine: Arc::clone(machine),
            revision: Revision::default(),
            attended: false,
            alarm: None,
            running: Default::default(),
            permit: Some(permit),
            left: None,
        });
        let mut step = live.execution.begin(machine);
        let history = self.watched(&step.history);
        let attended = step.commands.iter().any(|command| matches!(command, Command::StartTask(_)));
        self.serve_here(&mut step.tokens);
        self.learn_tokens(&new.id, &step.tokens);
        let mut first = Commit::new(&mut step, live.execution.take_changes(), now);
        (first.attended, live.attended) = (attended, attended);
        (new, first, Born { live, step, history, now })
    }

    /// An execution is about to be created. Whoever asks for it meanwhile leaves their mail here, and does not
    /// load it a second time.
    fn announce(&self, id: &ExecutionId) -> Loading<'_> {
        let resident = self.new_resident(id);
        let here = self.residents(id).insert(Here(Arc::clone(&resident)));
        Loading::new(self, resident, here)
    }

    /// The store has answered: begins with an execution that is new, and gives it.
    fn created(
        self: &Arc<Self>,
        loading: Loading<'_>,
        born: Born,
        created: Result<Created, StoreError>,
    ) -> Result<ExecutionHandle, StartError> {
        let Born { mut live, step, history, now } = born;
        let start = live.execution.start_request();
        let taken = || StartError::ExecutionAlreadyExists { id: start.id.clone() };
        let handle = match created {
            Ok(Created::New(revision)) => {
                live.revision = revision;
                let resident = loading.over();
                self.begin(&resident, live, step, &history, now);
                return Ok(ExecutionHandle::here(Arc::clone(self), resident));
            }
            Ok(Created::Existing(summary)) if summary.status.is_closed() => return Err(taken()),
            Ok(Created::Existing(summary)) if summary.input != start.input => Err(taken()),
            Ok(Created::Existing(_)) => Ok(ExecutionHandle::new(Arc::clone(self), start.id.clone())),
            Err(error) => {
                self.look_for_lost();
                Err(error.into())
            }
        };
        // It may have come to this runtime while it seemed not to be yet. Or it was us who created it, and heard that
        // it failed: then nobody else drives it.
        drop(loading);
        self.look_after(&start.id);
        handle
    }

    fn new_resident(&self, id: &ExecutionId) -> Arc<Resident> {
        Arc::new(Resident::busy(id.clone(), self.newest.fetch_add(1, Ordering::Relaxed)))
    }

    /// An execution has ended, or is somebody else's.
    fn leave(&self, resident: &Arc<Resident>) {
        if let Some(mut stranded) = self.stranded.look() {
            stranded.remove(&resident.id);
        }
        self.forget(resident);
    }

    /// An execution is not here any more.
    fn forget(&self, resident: &Arc<Resident>) {
        let mut residents = self.residents(&resident.id);
        let here = residents.take(&resident.id);
        // Another one may have come in its place.
        residents.extend(here.filter(|Here(here)| !Arc::ptr_eq(here, resident)));
    }

    /// Tells an execution something and waits until it is committed.
    pub(crate) async fn ask(self: &Arc<Self>, id: &ExecutionId, event: Event) -> Result<(), AskError> {
        loop {
            let resident = match self.resident(id).await {
                Err(AskError::Elsewhere) => return self.ask_elsewhere(id, event).await,
                resident => resident?,
            };
            let answered = match self.ask_now(&resident, &event) {
                Some(answered) => answered,
                None => {
                    let (answer, answered) = oneshot::channel();
                    let mail = Mail { answer: Answer::Sent(answer), ..Mail::of(event.clone()) };
                    match self.bring(id, mail).await {
                        Err(AskError::Elsewhere) => return self.ask_elsewhere(id, event).await,
                        brought => brought?,
                    }
                    answered.await.ok()
                }
            };
            return match answered {
                Some(Ok(())) => Ok(()),
                Some(Err(Refused::Rejected)) => Err(AskError::Rejected),
                Some(Err(Refused::Failed(_) | Refused::LetGo)) | None if self.shutdown.is_cancelled() => {
                    Err(AskError::ShuttingDown)
                }
                // Nobody has looked at it.
                Some(Err(Refused::LetGo)) => continue,
                Some(Err(Refused::Failed(kind))) => Err(AskError::Execution(StoreError::from(kind).into())),
                None => Err(AskError::Execution(StoreError::from(StoreErrorKind::Unavailable).into())),
            };
        }
    }

    /// Leaves it to the owner of an execution to tell it something, and waits until it is committed.
    async fn ask_elsewhere(&self, id: &ExecutionId, event: Event) -> Result<(), AskError> {
        // Nobody asks again in the name of a worker: it has the task, or it has not.
        let (insists, patience) = (matches!(event, Event::TaskStarted { .. }), Duration::from_secs(1));
        let asked = async {
            let posted = self.store.post(id, event).await?;
            loop {
                match self.store.settled(id, posted).await {
                    Err(error) if insists && error.is_retryable() => self.clock.sleep(patience).await,
                    settled => return settled,
                }
            }
        };
        tokio::select! {
            biased;
            asked = asked => match asked {
                Ok(true) => Ok(()),
                Ok(false) => Err(AskError::Rejected),
                Err(error) if error.kind() == StoreErrorKind::NotFound => Err(AskError::Unknown),
                Err(error) => Err(AskError::Execution(error.into())),
            },
            () = self.shutdown.cancelled() => Err(AskError::ShuttingDown),
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
            {
                // A shutdown waits for the step.
                let _under_way = self.steps.begin();
                match self.hand(&resident, mail, &mut Hands::none())? {
                    None => return Ok(()),
                    Some(again) => mail = again,
                }
            }
            resident.room().await;
        }
    }

    /// Hands mail to an execution that was seen here, and gives it back if it is not here any more, or has no room.
    fn hand(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        mail: Mail,
        hands: &mut Hands,
    ) -> Result<Option<Mail>, AskError> {
        match resident.bring(mail) {
            Brought::Queued => Ok(None),
            Brought::Woke(live, mail) => {
                self.drive_now(resident, live, mail, hands);
                Ok(None)
            }
            Brought::Closed => Err(AskError::Rejected),
            Brought::Full(again) | Brought::LetGo(again) => Ok(Some(again)),
        }
    }

    /// Begins to keep time, lets those who share the store know that this runtime is there, and learns which activities
    /// are not.
    async fn join(self: &Arc<Self>) -> Result<(), StoreError> {
        if self.joined.initialized() {
            return Ok(());
        }
        self.keep_time();
        let join = async || {
            if self.lease.is_some() {
                let claim = Claim::new(self.owner, self.clock.now(), 0).lease(self.lease);
                self.store.claim(claim).await?;
            }
            self.learn_activities().await
        };
        self.joined.get_or_try_init(join).await.copied()
    }

    fn keep_time(self: &Arc<Self>) {
        let keeps_it = || self.keeping_time.load(Ordering::Relaxed);
        if !keeps_it() && !self.keeping_time.swap(true, Ordering::Relaxed) {
            self.tracker.spawn(alarm::keep_time(Arc::downgrade(self)));
        }
    }

    /// Those among whom this execution is, if it is in memory.
    fn residents(&self, id: &ExecutionId) -> MutexGuard<'_, Residents> {
        self.residents.at(place_of(id))
    }

    /// Tokens that a step issues and retires, as soon as somebody may have them.
    fn learn_tokens(&self, id: &ExecutionId, tokens: &TokenChanges) {
        if let Some(known) = &self.tokens {
            known.learn(id, tokens);
        }
    }

    /// The events that observers will want to see.
    fn watched(&self, history: &[HistoryEvent]) -> Vec<HistoryEvent> {
        match self.observers.is_empty() {
            true => Vec::new(),
            false => history.to_vec(),
        }
    }
}
