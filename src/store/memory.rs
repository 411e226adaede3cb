//! The reference implementation: everything in maps, gone with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::execution::Snapshot;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TokenHash};
use crate::store::{
    Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, Page, PageRequest, Revision, Store,
    StoreError, StoreErrorKind, StoredExecution, TaskAddress,
};

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
    executions: HashMap<ExecutionId, Kept>,
    /// In the order they were started.
    order: Vec<ExecutionId>,
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
    fn kept(&self, id: &ExecutionId) -> Result<&Kept, StoreError> {
        self.executions.get(id).ok_or_else(|| StoreErrorKind::NotFound.into())
    }

    fn write(&mut self, id: &ExecutionId, commit: Commit) -> Result<Revision, StoreError> {
        for issued in commit.tokens.issued {
            let address = TaskAddress::new(id.clone(), issued.task, issued.activity, true);
            self.tokens.insert(issued.hash, address);
        }
        for hash in commit.tokens.retired {
            if let Some(address) = self.tokens.get_mut(&hash) {
                address.open = false;
            }
        }
        let kept = self.executions.get_mut(id).ok_or(StoreErrorKind::NotFound)?;
        kept.snapshot.apply(&commit.changes);
        kept.history.extend(commit.history);
        if commit.status.is_closed() && !kept.summary.status.is_closed() {
            kept.summary.stopped_at = Some(commit.at);
        }
        kept.summary.status = commit.status;
        kept.revision = kept.revision.next();
        Ok(kept.revision)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        let mut inner = self.inner();
        if let Some(kept) = inner.executions.get(&execution.id) {
            return Ok(Created::Existing(kept.summary.clone()));
        }
        let id = execution.id.clone();
        let kept = Kept {
            revision: Revision::default(),
            snapshot: Snapshot::default(),
            definition: execution.definition.clone(),
            summary: ExecutionSummary::new(&execution, first.status.clone()),
            history: Vec::new(),
        };
        inner.executions.insert(id.clone(), kept);
        inner.order.push(id.clone());
        inner.write(&id, first).map(Created::New)
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut inner = self.inner();
        match inner.kept(id)?.revision == expected {
            true => inner.write(id, commit),
            false => Err(StoreErrorKind::Conflict.into()),
        }
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let inner = self.inner();
        Ok(inner.executions.get(id).map(|kept| {
            let Kept { revision, snapshot, definition, summary, .. } = kept;
            StoredExecution::new(*revision, snapshot.clone(), definition.clone(), summary.clone())
        }))
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        Ok(self.inner().executions.get(id).map(|kept| kept.summary.clone()))
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        Ok(self.inner().tokens.get(token).cloned())
    }

    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        let inner = self.inner();
        Ok(page.of(inner.kept(id)?.history.iter().cloned()))
    }

    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        let inner = self.inner();
        let passing: Vec<&ExecutionSummary> = inner
            .order
            .iter()
            .filter_map(|id| inner.executions.get(id))
            .map(|kept| &kept.summary)
            .filter(|summary| filter.passes(summary))
            .collect();
        Ok(page.of(passing.into_iter().cloned()))
    }
}
