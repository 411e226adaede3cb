//! The reference implementation: everything in maps, gone with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::execution::{Snapshot, TokenChanges};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TokenHash};
use crate::store::{
    Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, Page, PageRequest, Revision, Store,
    StoreError, StoreErrorKind, StoredExecution, TaskAddress,
};

/// Up to how many events a history grows without room to spare.
const SHORT: usize = 32;

/// A store in memory: the shortest true implementation, and the one for tests.
///
/// It outlives a runtime that is dropped, so that a test can start another one on it, as after a crash.
///
/// ```
/// use std::sync::Arc;
/// use stepwright::{MemoryStore, Runtime};
///
/// let store = Arc::new(MemoryStore::default());
/// let runtime = Runtime::builder().store(store).build()?;
/// # Ok::<(), stepwright::BuildError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In the order they were started.
    #[expect(clippy::vec_box, reason = "a list that grows keeps room for as many again: of pointers only")]
    executions: Vec<Box<Kept>>,
    /// Where they are.
    places: HashMap<ExecutionId, usize>,
    tokens: HashMap<TokenHash, TaskAddress>,
}

#[derive(Debug)]
struct Kept {
    revision: Revision,
    snapshot: Snapshot,
    definition: std::sync::Arc<str>,
    summary: ExecutionSummary,
    history: Vec<HistoryEvent>,
}

impl MemoryStore {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing between lock and unlock panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&self, id: &ExecutionId) -> Option<&Kept> {
        self.places.get(id).map(|place| &*self.executions[*place])
    }

    fn kept(&mut self, id: &ExecutionId) -> Result<&mut Kept, StoreError> {
        let place = self.places.get(id).ok_or(StoreErrorKind::NotFound)?;
        Ok(&mut self.executions[*place])
    }

    fn change_tokens(&mut self, id: &ExecutionId, changes: TokenChanges) {
        for issued in changes.issued {
            let address = TaskAddress::new(id.clone(), issued.task, issued.activity, true);
            self.tokens.insert(issued.hash, address);
        }
        for hash in changes.retired {
            if let Some(address) = self.tokens.get_mut(&hash) {
                address.open = false;
            }
        }
    }
}

impl Kept {
    fn write(&mut self, commit: Commit) -> Revision {
        self.snapshot.apply(&commit.changes);
        self.remember(commit.history);
        if commit.status.is_closed() && !self.summary.status.is_closed() {
            self.summary.stopped_at = Some(commit.at);
        }
        self.summary.status = commit.status;
        self.revision = self.revision.next();
        self.revision
    }

    /// Short histories get no more room than they need: there may be many of them, asleep.
    fn remember(&mut self, history: Vec<HistoryEvent>) {
        if self.history.len() + history.len() <= SHORT {
            self.history.reserve_exact(history.len());
        }
        self.history.extend(history);
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, execution: NewExecution, mut first: Commit) -> Result<Created, StoreError> {
        let mut inner = self.inner();
        if let Some(kept) = inner.find(&execution.id) {
            return Ok(Created::Existing(kept.summary.clone()));
        }
        let id = execution.id.clone();
        let mut kept = Box::new(Kept {
            revision: Revision::default(),
            snapshot: Snapshot::default(),
            definition: execution.definition.clone(),
            summary: ExecutionSummary::new(&execution, first.status.clone()),
            history: Vec::new(),
        });
        inner.change_tokens(&id, std::mem::take(&mut first.tokens));
        let revision = kept.write(first);
        let place = inner.executions.len();
        inner.executions.push(kept);
        inner.places.insert(id, place);
        Ok(Created::New(revision))
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        mut commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut inner = self.inner();
        if inner.kept(id)?.revision != expected {
            return Err(StoreErrorKind::Conflict.into());
        }
        inner.change_tokens(id, std::mem::take(&mut commit.tokens));
        Ok(inner.kept(id)?.write(commit))
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let inner = self.inner();
        Ok(inner.find(id).map(|kept| {
            let Kept { revision, snapshot, definition, summary, .. } = kept;
            StoredExecution::new(*revision, snapshot.clone(), definition.clone(), summary.clone())
        }))
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        Ok(self.inner().find(id).map(|kept| kept.summary.clone()))
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        Ok(self.inner().tokens.get(token).cloned())
    }

    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        let inner = self.inner();
        let kept = inner.find(id).ok_or(StoreErrorKind::NotFound)?;
        Ok(page.of(kept.history.iter()).map(HistoryEvent::clone))
    }

    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        let inner = self.inner();
        let summaries = inner.executions.iter().map(|kept| &kept.summary);
        let listed = page.of_passing(summaries, |summary| filter.passes(summary));
        Ok(listed.map(ExecutionSummary::clone))
    }
}
