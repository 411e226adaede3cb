//! Where executions live between steps: the trait, what it moves, and the reference in memory.

mod error;
mod memory;
mod page;

use std::fmt;
use std::sync::Arc;

/// The attribute that implementations of [`Store`] need.
pub use async_trait::async_trait;
pub use error::{StoreError, StoreErrorKind};
pub use memory::MemoryStore;
pub use page::{Page, PageRequest};

use crate::execution::{Changes, ExecutionStatus, Snapshot, TokenChanges};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::json::Json;
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
///
/// `testing::store` checks all four.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Keeps a new execution with its first commit, unless its id is taken.
    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError>;

    /// Adds a step to an execution.
    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError>;

    /// Everything that is needed to go on with an execution.
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
#[derive(Clone, Debug)]
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
        Self { id, name, machine_arn, definition, input, started_at }
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
            at,
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
        }
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

    /// Whether `execution` passes.
    pub fn passes(&self, execution: &ExecutionSummary) -> bool {
        self.machine_arn.as_ref().is_none_or(|arn| *arn == execution.machine_arn)
            && self.status.is_none_or(|status| status == execution.status.as_str())
    }
}
