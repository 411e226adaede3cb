//! The conformance suite on each store, and on broken ones, which it has to catch.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stepwright::store::{
    Commit, Created, Decorator, ExecutionFilter, ExecutionSummary, NewExecution, Page, PageRequest, Revision,
    StoreError, StoredExecution, TaskAddress,
};
use stepwright::testing;
use stepwright::{
    Arn, ExecutionId, FileStore, HistoryEvent, MemoryStore, Snapshot, Store, Timestamp, TokenHash,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_keeps_every_promise() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    testing::store::all(&store).await;
    // What is in it already does not disturb.
    testing::store::all(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_file_store_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    for _ in 0..2 {
        // What was kept before does not disturb.
        let store: Arc<dyn Store> = Arc::new(FileStore::open(&path).unwrap());
        testing::store::all(&store).await;
        testing::store::all(&store).await;
    }
}

/// What a broken store does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    LosesTokens,
    ForgetsThatTokensWere,
    IgnoresTheRevision,
    WritesHistoryOfRefusedCommits,
    LosesAnEvent,
    RepeatsAnEventBetweenPages,
    ReadsBackwardsForwards,
    KeepsTheFirstState,
    TakesIdsTwice,
    CountsPagesOfWhatPasses,
    ListsOtherMachines,
    LosesTheStateOfWhatEnded,
    ReopensWhatIsStale,
    ExpiresNothing,
    OffersForEver,
    HoldsNothing,
}

/// A true store behind something that breaks one promise.
#[derive(Debug)]
struct Broken {
    inner: MemoryStore,
    fault: Fault,
    first_states: Mutex<HashMap<ExecutionId, Snapshot>>,
    stray: Mutex<HashMap<ExecutionId, Vec<HistoryEvent>>>,
}

#[tokio::test]
async fn broken_stores_are_caught() {
    for (fault, promise) in [
        (Fault::LosesTokens, "a token that was issued leads to its task"),
        (Fault::ForgetsThatTokensWere, "a token that was retired is known as one that was"),
        (Fault::IgnoresTheRevision, "a commit at a revision that is not current is refused"),
        (Fault::WritesHistoryOfRefusedCommits, "a commit that was refused changes nothing"),
        (Fault::LosesAnEvent, "the numbers of the history's events"),
        (Fault::RepeatsAnEventBetweenPages, "the pages of a history give each event once"),
        (Fault::ReadsBackwardsForwards, "the pages of a history give each event once"),
        (Fault::KeepsTheFirstState, "a commit that has returned is visible: the state"),
        (Fault::TakesIdsTwice, "an id that is taken was taken again"),
        (Fault::CountsPagesOfWhatPasses, "what passes a filter all the time is listed"),
        (Fault::ListsOtherMachines, "the pages of ExecutionFilter"),
        (Fault::LosesTheStateOfWhatEnded, "the state is needed of what may be redriven"),
        (Fault::ReopensWhatIsStale, "what cannot be redriven is not opened"),
        (Fault::ExpiresNothing, "what ended before the time is not redriven any longer"),
        (Fault::OffersForEver, "a task that was taken is not offered any longer"),
        (Fault::HoldsNothing, "a task that is held for somebody is not given to others"),
    ] {
        let store: Arc<dyn Store> = Arc::new(Broken {
            inner: MemoryStore::default(),
            fault,
            first_states: Mutex::default(),
            stray: Mutex::default(),
        });
        let suite = tokio::spawn(async move { testing::store::all(&store).await });
        let panic = suite.await.expect_err(&format!("{fault:?} is caught")).into_panic();
        let message = match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(other) => (*other.downcast::<&str>().expect("panics say why")).to_owned(),
        };
        assert!(message.contains(promise), "{fault:?}: {message}");
    }
}

impl Decorator for Broken {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    async fn create(&self, mut new: NewExecution, mut first: Commit) -> Result<Created, StoreError> {
        if self.fault == Fault::LosesTokens {
            first.tokens.issued.clear();
        }
        if self.fault == Fault::TakesIdsTwice && self.inner.describe(&new.id).await?.is_some() {
            new.id = format!("{}-again", new.id).into();
        }
        let mut snapshot = Snapshot::default();
        snapshot.apply(&first.changes);
        self.first_states.lock().unwrap().entry(new.id.clone()).or_insert(snapshot);
        self.inner.create(new, first).await
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        mut commit: Commit,
    ) -> Result<Revision, StoreError> {
        let history = commit.history.clone();
        let expected = match (self.fault, self.inner.load(id).await?) {
            (Fault::IgnoresTheRevision, Some(stored)) => stored.revision,
            _ => expected,
        };
        if self.fault == Fault::OffersForEver {
            commit.tokens.taken.clear();
        }
        if self.fault == Fault::LosesAnEvent && commit.history.len() > 1 {
            commit.history.remove(0);
        }
        let written = self.inner.commit(id, expected, commit).await;
        if written.is_err() && self.fault == Fault::WritesHistoryOfRefusedCommits {
            self.stray.lock().unwrap().entry(id.clone()).or_default().extend(history);
        }
        written
    }

    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let expected = match (self.fault, self.inner.load(id).await?) {
            (Fault::ReopensWhatIsStale, Some(stored)) => stored.revision,
            _ => expected,
        };
        self.inner.reopen(id, expected, commit).await
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let Some(mut stored) = self.inner.load(id).await? else { return Ok(None) };
        if self.fault == Fault::LosesTheStateOfWhatEnded && stored.summary.stopped_at.is_some() {
            return Ok(None);
        }
        if self.fault == Fault::KeepsTheFirstState {
            stored.snapshot = self.first_states.lock().unwrap()[id].clone();
        }
        Ok(Some(stored))
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        let found = self.inner.find_task(token).await?;
        Ok(found.filter(|address| address.open || self.fault != Fault::ForgetsThatTokensWere))
    }

    async fn history(
        &self,
        id: &ExecutionId,
        mut page: PageRequest,
    ) -> Result<Page<HistoryEvent>, StoreError> {
        if self.fault == Fault::ReadsBackwardsForwards {
            page.reverse = false;
        }
        let repeats = self.fault == Fault::RepeatsAnEventBetweenPages && page.limit > 1 && !page.reverse;
        let mut page = self.inner.history(id, page).await?;
        if let Some(next) = page.next.as_mut().filter(|_| repeats) {
            *next -= 1;
        }
        page.items.extend(self.stray.lock().unwrap().get(id).into_iter().flatten().cloned());
        Ok(page)
    }

    async fn list(
        &self,
        mut filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        match self.fault {
            Fault::ListsOtherMachines => filter.machine_arn = None,
            Fault::CountsPagesOfWhatPasses => {
                let passing = self.inner.list(filter, PageRequest::first(usize::MAX)).await?.items;
                return Ok(page.of(passing.into_iter()));
            }
            _ => {}
        }
        self.inner.list(filter, page).await
    }

    async fn offers(
        &self,
        activity: &Arn,
        most: usize,
        held: Duration,
    ) -> Result<Vec<TaskAddress>, StoreError> {
        let held = if self.fault == Fault::HoldsNothing { Duration::ZERO } else { held };
        self.inner.offers(activity, most, held).await
    }

    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        match self.fault {
            Fault::ExpiresNothing => Ok(0),
            _ => self.inner.expire(closed_before, most).await,
        }
    }
}
