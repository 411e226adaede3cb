//! Where executions live between steps: the trait, what it moves, and the reference in memory.

mod claim;
mod decorator;
mod error;
#[cfg(any(feature = "file-store", feature = "postgres"))]
mod events;
#[cfg(feature = "file-store")]
mod file;
mod memory;
mod page;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod sharded;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The attribute that implementations of [`Store`] need.
pub use async_trait::async_trait;
pub use claim::{Changed, Claim, Claimed, Claims, Handled, InboxId, OwnerId, Posted};
pub use decorator::Decorator;
pub use error::{StoreError, StoreErrorKind};
#[cfg(feature = "file-store")]
pub use file::{FileStore, FileStoreError};
pub use memory::MemoryStore;
pub use page::{Page, PageRequest};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresOptions, PostgresStore};

use crate::arn::Arn;
use crate::execution::{Changes, Event, ExecutionStatus, NotRedrivable, Redrives, Snapshot, TokenChanges};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::json::Json;
use crate::limits::Limits;
use crate::time::Timestamp;

/// Where executions live between steps.
///
/// # Guarantees an implementation gives
///
/// * **Atomic.** A commit is visible whole or not at all, and durable when the method returns.
/// * **Fenced.** A commit whose `expected` revision is not current changes nothing and fails with
///   [`StoreErrorKind::Conflict`]. Two owners may race; at most one wins.
/// * **Ordered.** History pages return events by id, without holes.
/// * **Remembering.** A token that was retired is still known as one that was.
/// * **Patient.** An event that was posted stays until a commit says what became of it, or the execution ends.
///
/// # Owners
///
/// Whoever drives an execution [claims](Self::claim) it first. That is for liveness: an owner that falls silent
/// for longer than its lease loses what it has to the next who claims. Safety is the revision alone, so nothing
/// breaks when an owner that was thought dead wakes up: its next commit is a conflict. The time of leases is the
/// store's own; no owner's clock is compared with another's.
///
/// An execution that nobody owns has *something to do* when its deadline has come, when an event was posted to
/// it, or when its last commit said that it wants to be [attended](Commit::attended).
///
/// # Activities
///
/// Tasks that a commit [offers](TokenChanges::offered) wait for workers, until another one says that they were
/// [taken](TokenChanges::taken). Whoever has a worker finds them here, asks their executions to begin, and may be too
/// late: the execution says so.
///
/// `testing::store` checks all of this. What changes little about another store is a [`Decorator`].
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Whether others may be at work on the same data, so that owners need leases.
    fn is_shared(&self) -> bool;

    /// The same store, if it answers at once, from memory.
    fn prompt(&self) -> Option<&dyn PromptStore> {
        None
    }

    /// Keeps a new execution with its first commit, unless its id is taken.
    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError>;

    /// Adds a step to an execution.
    ///
    /// Of one that has ended, the state is needed only if the commit [keeps it](Commit::keeps_state), and what waits
    /// in its inbox is refused.
    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError>;

    /// Opens an execution again that has ended, with the commit that says it was redriven. Nobody owns it then.
    ///
    /// It is fenced as a commit is: one that is open, or whose state is gone, is a conflict.
    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError>;

    /// Everything that is needed to go on with an execution; nothing when it never was, or has ended and its state
    /// was not kept.
    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError>;

    /// What is known about an execution without loading its state.
    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError>;

    /// The task that a token completes or completed.
    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError>;

    /// An execution's history, a page at a time.
    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError>;

    /// Executions that pass the filter, in the order they were started, a page at a time.
    ///
    /// One that passes all the time is on exactly one page, whatever starts and ends between the pages.
    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError>;

    /// Gives an owner executions that have something to do, those that are due longest first, and renews its
    /// lease. Its own that have mail are among them, each time until the mail was handled. An owner whose lease was
    /// over, and whose executions others may have since, [hears of it](Claims::fresh).
    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError>;

    /// Takes executions back from an owner, all of them and its lease when none are named.
    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError>;

    /// Everything that an owner has, in any order: for one that did not hear what it was given.
    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError>;

    /// Waits until there may be something to claim for `owner` that the last claim did not give: mail came, or
    /// executions were released; or until tasks were offered to workers, or activities came or went. It may return for
    /// nothing, it need not notice that time passes, and whoever stops waiting loses nothing: the next call returns at
    /// once.
    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError>;

    /// Leaves an event for whoever owns an execution, or will.
    async fn post(&self, id: &ExecutionId, event: Event) -> Result<InboxId, StoreError>;

    /// Waits until it is known what became of an event that was posted: whether it was accepted.
    async fn settled(&self, id: &ExecutionId, posted: InboxId) -> Result<bool, StoreError>;

    /// Tasks of an activity that wait for a worker: those that were offered first, `most` at most, and none that
    /// this gave to anybody within the time for which they are `held`, by the store's clock.
    async fn offers(
        &self,
        activity: &Arn,
        most: usize,
        held: Duration,
    ) -> Result<Vec<TaskAddress>, StoreError>;

    /// Keeps whether there is an activity. There is, unless this said otherwise.
    async fn set_activity(&self, activity: &Arn, exists: bool) -> Result<(), StoreError>;

    /// The activities that there are not.
    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError>;

    /// Removes executions that ended before `closed_before`, the oldest first and `most` at most, with their
    /// histories and tokens. It says how many; their names may be used again.
    async fn forget(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError>;

    /// Removes the state of executions that ended before `closed_before`, the oldest first and `most` at most: they
    /// cannot be redriven any longer. It says how many.
    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError>;
}

/// A store that answers at once, since it waits for nothing: whoever drives an execution need not wait either.
///
/// Its answers are those of the [`Store`] that it is a part of, and its errors are final: nothing is tried again.
///
/// ```
/// use stepwright::MemoryStore;
/// use stepwright::store::Store as _;
///
/// assert!(MemoryStore::default().prompt().is_some());
/// ```
pub trait PromptStore: Send + Sync {
    /// [`Store::create`].
    ///
    /// # Errors
    ///
    /// The same.
    fn create_now(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError>;

    /// [`Store::commit`].
    ///
    /// # Errors
    ///
    /// The same.
    fn commit_now(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError>;

    /// [`Store::find_task`].
    ///
    /// # Errors
    ///
    /// The same.
    fn find_task_now(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError>;
}

/// An execution to be kept: what never changes about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewExecution {
    /// Its ARN.
    pub id: ExecutionId,
    /// Its name.
    pub name: Arc<str>,
    /// The machine's ARN.
    pub machine_arn: Arc<str>,
    /// The machine's definition: an execution stays with the one it was started with.
    pub definition: Arc<str>,
    /// Its input.
    pub input: Json,
    /// When it was started.
    pub started_at: Timestamp,
    /// Who drives it from the first step on, if anybody does.
    pub owner: Option<OwnerId>,
}

/// What is written together: one step.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// The frames that the step touched.
    pub changes: Changes,
    /// What it meant, in AWS's shape.
    pub history: Vec<HistoryEvent>,
    /// Tokens that came and went.
    pub tokens: TokenChanges,
    /// How the execution stands.
    pub status: ExecutionStatus,
    /// When to wake it.
    pub deadline: Option<Timestamp>,
    /// Whether tasks of it run or are watched over: if its owner is gone, somebody has to begin with them again,
    /// and not only at the deadline.
    pub attended: bool,
    /// The posted event that the step answers, if it answers one.
    pub handled: Option<Handled>,
    /// When the step was made.
    pub at: Timestamp,
}

/// How often an execution was written: a commit says which revision it follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

/// What [`Store::create`] came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Created {
    /// The execution is kept.
    New(Revision),
    /// There is one with this id already; nothing was written.
    Existing(ExecutionSummary),
}

/// An execution as a store kept it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredExecution {
    /// The revision to commit after.
    pub revision: Revision,
    /// Its state.
    pub snapshot: Snapshot,
    /// The definition it was started with.
    pub definition: Arc<str>,
    /// What is known about it without its state.
    pub summary: ExecutionSummary,
}

/// What is known about an execution without its state.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExecutionSummary {
    /// Its ARN.
    pub id: ExecutionId,
    /// Its name.
    pub name: Arc<str>,
    /// The machine's ARN.
    pub machine_arn: Arc<str>,
    /// Its input.
    pub input: Json,
    /// How it stands.
    pub status: ExecutionStatus,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended, if it has.
    pub stopped_at: Option<Timestamp>,
    /// How often it was redriven; nothing for one that never was, and never ended without success.
    pub redrives: Option<Arc<Redrives>>,
}

/// Where a token leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskAddress {
    /// The execution.
    pub execution: ExecutionId,
    /// The task in it.
    pub task: TaskId,
    /// Whether the task is an activity's.
    pub activity: bool,
    /// Whether the token completes the task still.
    pub open: bool,
}

/// Which executions to list; an absent field lets all pass.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExecutionFilter {
    /// Only those of this machine.
    pub machine_arn: Option<Arc<str>>,
    /// Only those with this status: AWS's word for it.
    pub status: Option<&'static str>,
    /// Only those whose names begin so.
    pub name_prefix: Option<Arc<str>>,
    /// Only those started at this time or later.
    pub started_from: Option<Timestamp>,
    /// Only those started before this time.
    pub started_before: Option<Timestamp>,
}

impl NewExecution {
    /// An execution to be kept.
    pub fn new(
        id: ExecutionId,
        name: Arc<str>,
        machine_arn: Arc<str>,
        definition: Arc<str>,
        input: Json,
        started_at: Timestamp,
    ) -> Self {
        Self { id, name, machine_arn, definition, input, started_at, owner: None }
    }

    /// The same, driven by `owner` from the first step on.
    #[must_use]
    pub fn owner(mut self, owner: OwnerId) -> Self {
        self.owner = Some(owner);
        self
    }
}

impl Commit {
    /// The commit of `step`, made at `at`.
    pub fn new(step: &mut crate::execution::Step, changes: Changes, at: Timestamp) -> Self {
        Self {
            changes,
            history: std::mem::take(&mut step.history),
            tokens: std::mem::take(&mut step.tokens),
            status: step.status.clone(),
            deadline: step.deadline,
            attended: false,
            handled: None,
            at,
        }
    }

    /// The same of an execution that wants to be attended, or not.
    #[must_use]
    pub fn attended(mut self, attended: bool) -> Self {
        self.attended = attended;
        self
    }

    /// The same, saying what became of a posted event.
    #[must_use]
    pub fn handled(mut self, posted: InboxId, accepted: bool) -> Self {
        self.handled = Some(Handled { posted, accepted });
        self
    }

    /// Whether the state of the execution is to be kept: that of one that is open, and of one that has ended and may
    /// be redriven.
    pub fn keeps_state(&self) -> bool {
        !self.status.is_closed() || self.changes.is_kept()
    }

    /// When an execution that nobody owns has something to do; one that is attended has it at once.
    pub fn wake(&self) -> Option<Timestamp> {
        match (self.status.is_closed(), self.attended) {
            (true, _) => None,
            (false, true) => Some(Timestamp::EPOCH),
            (false, false) => self.deadline,
        }
    }
}

impl Revision {
    /// The revision numbered `number`; that of a new execution is 1.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl StoredExecution {
    /// An execution as a store kept it.
    pub fn new(
        revision: Revision,
        snapshot: Snapshot,
        definition: Arc<str>,
        summary: ExecutionSummary,
    ) -> Self {
        Self { revision, snapshot, definition, summary }
    }
}

impl ExecutionSummary {
    /// What is known about `execution` just after it was created.
    pub fn new(execution: &NewExecution, status: ExecutionStatus) -> Self {
        let stopped_at = status.is_closed().then_some(execution.started_at);
        Self {
            id: execution.id.clone(),
            name: execution.name.clone(),
            machine_arn: execution.machine_arn.clone(),
            input: execution.input.clone(),
            status,
            started_at: execution.started_at,
            stopped_at,
            redrives: None,
        }
    }

    /// How often it was redriven.
    pub fn redrive_count(&self) -> u32 {
        self.redrives.as_ref().map_or(0, |redrives| redrives.count)
    }

    /// Whether it may be redriven at `now`, where `limits` are those of the runtime: AWS's `redriveStatus`.
    ///
    /// # Errors
    ///
    /// Why not: AWS's `redriveStatusReason`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Limits, NotRedrivable, Runtime, StateMachine, Timestamp};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let machine = Arc::new(StateMachine::parse(
    ///     r#"{ "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } }"#)?);
    /// let runtime = Runtime::builder().build()?;
    /// let execution = runtime.start_execution(&machine, "order-17", json!({})).await?;
    /// let summary = runtime.describe_execution(execution.id()).await?;
    /// let now = Timestamp::EPOCH;
    /// assert_eq!(summary.may_be_redriven(&Limits::AWS, now), Err(NotRedrivable::Succeeded));
    /// # Ok(())
    /// # }
    /// ```
    pub fn may_be_redriven(&self, limits: &Limits, now: Timestamp) -> Result<(), NotRedrivable> {
        let redrives = self.redrives.as_deref().cloned().unwrap_or_default();
        let stopped_at = self.stopped_at.unwrap_or(now);
        redrives.allow(&self.status, self.started_at, stopped_at, limits, now)
    }
}

impl TaskAddress {
    /// Where a token leads.
    pub fn new(execution: ExecutionId, task: TaskId, activity: bool, open: bool) -> Self {
        Self { execution, task, activity, open }
    }
}

impl ExecutionFilter {
    /// Only those of the machine with this ARN.
    #[must_use]
    pub fn machine(mut self, arn: impl Into<Arc<str>>) -> Self {
        self.machine_arn = Some(arn.into());
        self
    }

    /// Only those whose status has this name: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    #[must_use]
    pub fn status(mut self, status: &'static str) -> Self {
        self.status = Some(status);
        self
    }

    /// Only those whose names begin with `prefix`.
    #[must_use]
    pub fn name_prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.name_prefix = Some(prefix.into());
        self
    }

    /// Only those that were started at `from` or later and before `before`.
    ///
    /// ```
    /// use stepwright::Timestamp;
    /// use stepwright::store::ExecutionFilter;
    ///
    /// let first_second = ExecutionFilter::default().started(Timestamp::EPOCH, Timestamp::from_millis(1_000));
    /// # assert_eq!(first_second.started_from, Some(Timestamp::EPOCH));
    /// ```
    #[must_use]
    pub fn started(
        mut self,
        from: impl Into<Option<Timestamp>>,
        before: impl Into<Option<Timestamp>>,
    ) -> Self {
        self.started_from = from.into();
        self.started_before = before.into();
        self
    }

    /// Whether `execution` passes.
    pub fn passes(&self, execution: &ExecutionSummary) -> bool {
        self.machine_arn.as_ref().is_none_or(|arn| *arn == execution.machine_arn)
            && self.status.is_none_or(|status| status == execution.status.as_str())
            && self.name_prefix.as_ref().is_none_or(|prefix| execution.name.starts_with(&**prefix))
            && self.started_from.is_none_or(|from| from <= execution.started_at)
            && self.started_before.is_none_or(|before| execution.started_at < before)
    }
}
