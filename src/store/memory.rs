//! The reference implementation: everything in maps, gone with the process.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use foldhash::fast::RandomState;
use tokio::sync::Notify;

use crate::arn::Arn;
use crate::execution::{Event, ExecutionStatus, IssuedToken, Snapshot, TokenChanges};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::store::{
    Changed, Claim, Claimed, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId,
    NewExecution, OwnerId, Page, PageRequest, Posted, PromptStore, Revision, Store, StoreError,
    StoreErrorKind, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// Why there is an execution for each number.
const NUMBERED: &str = "executions have numbers until they are forgotten";

/// Up to how many events a history grows without room to spare.
const SHORT: usize = 32;

/// The hasher of keys that are hashes themselves, of secrets that nobody chooses.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

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
    /// A posted event was settled.
    settled: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// By their numbers, in the order they were started.
    executions: BTreeMap<u64, Box<Kept>>,
    numbers: HashMap<ExecutionId, u64, RandomState>,
    last_number: u64,
    tokens: HashMap<TokenHash, TaskAddress, BuildHasherDefault<Hashed>>,
    owners: BTreeMap<OwnerId, Owner>,
    /// When those that nobody owns have something to do.
    wakes: BTreeSet<(Timestamp, u64)>,
    /// Those that somebody owns and that have mail.
    mailed: BTreeSet<u64>,
    /// When those that have ended did.
    ended: BTreeSet<(Timestamp, u64)>,
    /// The same of those whose state was kept.
    redrivable: BTreeSet<(Timestamp, u64)>,
    last_posted: u64,
    offers: Offers,
    missing_activities: BTreeSet<Arn>,
}

#[derive(Debug)]
struct Offer {
    execution: u64,
    task: TaskId,
    /// Until when it is held for somebody.
    held: Option<Instant>,
}

/// Tasks that wait for workers.
#[derive(Debug, Default)]
struct Offers {
    /// Of each activity, in the order in which they were offered.
    waiting: BTreeMap<Arn, BTreeMap<u64, Offer>>,
    /// Where they are.
    places: HashMap<(u64, TaskId), (Arn, u64)>,
    last_number: u64,
}

#[derive(Debug)]
struct Kept {
    revision: Revision,
    /// Nothing once it has ended, unless it may be redriven.
    snapshot: Option<Snapshot>,
    definition: Arc<str>,
    summary: ExecutionSummary,
    history: Vec<HistoryEvent>,
    tokens: Vec<IssuedToken>,
    owner: Option<OwnerId>,
    wake: Option<Timestamp>,
    inbox: BTreeMap<InboxId, Event>,
    settled: BTreeMap<InboxId, bool>,
}

/// What was written.
struct Written {
    revision: Revision,
    /// State that is not needed any longer: it is for whoever wrote to free, when others have their turn.
    over: Option<Snapshot>,
    /// Whether there was mail.
    settles: bool,
}

/// Where an execution waits for a claim.
#[derive(PartialEq)]
enum Waits {
    Nowhere,
    /// Among those that somebody owns.
    Mailed,
    /// Among those that nobody owns.
    Until(Timestamp),
}

#[derive(Debug, Default)]
struct Owner {
    /// When its lease ends; one that never claimed, or is alone, has none.
    until: Option<Instant>,
    /// Its lease is over, and nothing is its own.
    gone: bool,
    /// It has claimed.
    claimed: bool,
    changed: Arc<Notify>,
}

impl MemoryStore {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing between lock and unlock panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&self, id: &ExecutionId) -> Option<&Kept> {
        self.numbers.get(id).map(|number| &*self.executions[number])
    }

    fn number(&self, id: &ExecutionId) -> Result<u64, StoreError> {
        Ok(*self.numbers.get(id).ok_or(StoreErrorKind::NotFound)?)
    }

    /// Changes an execution, and where it waits for a claim with it.
    fn change<R>(&mut self, number: u64, change: impl FnOnce(&mut Kept) -> R) -> R {
        let kept = self.executions.get_mut(&number).expect(NUMBERED);
        let before = kept.waits();
        let result = change(kept);
        let after = kept.waits();
        self.moved(number, &before, &after);
        result
    }

    /// An execution waits elsewhere for a claim.
    fn moved(&mut self, number: u64, before: &Waits, after: &Waits) {
        if before == after {
            return;
        }
        match *before {
            Waits::Nowhere => {}
            Waits::Mailed => drop(self.mailed.remove(&number)),
            Waits::Until(wake) => drop(self.wakes.remove(&(wake, number))),
        }
        match *after {
            Waits::Nowhere => {}
            Waits::Mailed => drop(self.mailed.insert(number)),
            Waits::Until(wake) => drop(self.wakes.insert((wake, number))),
        }
    }

    /// Writes a commit, if what is kept `fits`.
    fn write(
        &mut self,
        number: u64,
        commit: &mut Commit,
        fits: impl FnOnce(&Kept) -> bool,
    ) -> Result<Written, StoreError> {
        let kept = self.executions.get_mut(&number).expect(NUMBERED);
        if !fits(kept) {
            return Err(StoreErrorKind::Conflict.into());
        }
        let offered = self.offers.change(number, &commit.tokens);
        for issued in &commit.tokens.issued {
            let address =
                TaskAddress::new(kept.summary.id.clone(), issued.task, issued.activity.is_some(), true);
            self.tokens.insert(issued.hash, address);
        }
        for hash in &commit.tokens.retired {
            if let Some(address) = self.tokens.get_mut(hash) {
                address.open = false;
            }
        }
        let (before, settles) = (kept.waits(), !kept.inbox.is_empty());
        let over = kept.write(commit);
        let (after, revision) = (kept.waits(), kept.revision);
        if let Some(stopped_at) = kept.summary.stopped_at {
            self.ended.insert((stopped_at, number));
            if kept.snapshot.is_some() {
                self.redrivable.insert((stopped_at, number));
            }
        }
        self.moved(number, &before, &after);
        if offered {
            self.tell_all();
        }
        Ok(Written { revision, over, settles })
    }

    fn set_owner(&mut self, number: u64, owner: Option<OwnerId>) {
        self.change(number, |kept| kept.owner = owner);
    }

    /// Takes from owners what they had.
    fn orphan(&mut self, gone: &[OwnerId]) {
        if gone.is_empty() {
            return;
        }
        let owned = self.executions.iter().filter_map(|(number, kept)| Some((*number, kept.owner?)));
        let orphans: Vec<u64> =
            owned.filter(|(_, owner)| gone.contains(owner)).map(|(number, _)| number).collect();
        orphans.into_iter().for_each(|number| self.set_owner(number, None));
        self.tell_all();
    }

    /// Renews a lease; whether nothing was known of the owner.
    fn renew(&mut self, claim: &Claim) -> bool {
        let now = Instant::now();
        let owner = self.owners.entry(claim.owner).or_default();
        let fresh = owner.gone || !std::mem::replace(&mut owner.claimed, true);
        (owner.until, owner.gone) = (claim.lease.map(|lease| now + lease), false);
        let alone = claim.lease.is_none();
        let mut gone = Vec::new();
        for (id, owner) in &mut self.owners {
            let over = alone || owner.until.is_some_and(|until| until <= now);
            if *id != claim.owner && over && !owner.gone {
                // It is remembered: whatever it begins without a lease is not its own for ever.
                (owner.until, owner.gone) = (Some(now), true);
                gone.push(*id);
            }
        }
        self.orphan(&gone);
        fresh
    }

    fn take(&mut self, owner: OwnerId, number: u64) -> Claimed {
        self.set_owner(number, Some(owner));
        let kept = &self.executions[&number];
        let inbox = kept.inbox.iter().map(|(posted, event)| Posted::new(*posted, event.clone()));
        Claimed::new(kept.summary.id.clone(), inbox.collect())
    }

    fn tell_all(&self) {
        self.owners.values().for_each(|owner| owner.changed.notify_one());
    }
}

impl Offers {
    /// Takes over what a commit of an execution offers, if it does, and what it takes back.
    fn change(&mut self, execution: u64, tokens: &TokenChanges) -> bool {
        for task in &tokens.taken {
            let Some((activity, number)) = self.places.remove(&(execution, *task)) else { continue };
            let Some(waiting) = self.waiting.get_mut(&activity) else { continue };
            waiting.remove(&number);
            if waiting.is_empty() {
                self.waiting.remove(&activity);
            }
        }
        let before = self.last_number;
        for (activity, task) in tokens.offered() {
            self.last_number += 1;
            let waiting = self.waiting.entry(activity.clone()).or_default();
            waiting.insert(self.last_number, Offer { execution, task, held: None });
            self.places.insert((execution, task), (activity.clone(), self.last_number));
        }
        self.last_number > before
    }

    /// The first that are not held, which they are from now on.
    fn hold(&mut self, activity: &Arn, most: usize, held: Duration) -> Vec<(u64, TaskId)> {
        let now = Instant::now();
        let waiting = self.waiting.get_mut(activity).into_iter().flat_map(BTreeMap::values_mut);
        let free = waiting.filter(|offer| offer.held.is_none_or(|until| until <= now)).take(most);
        free.map(|offer| {
            offer.held = Some(now + held);
            (offer.execution, offer.task)
        })
        .collect()
    }
}

impl Kept {
    /// A new execution, before its first commit.
    fn new(execution: NewExecution) -> Self {
        let NewExecution { id, name, machine_arn, definition, input, started_at, owner } = execution;
        let summary = ExecutionSummary {
            id,
            name,
            machine_arn,
            input,
            status: ExecutionStatus::Running,
            started_at,
            stopped_at: None,
            redrives: None,
        };
        Self {
            revision: Revision::default(),
            snapshot: Some(Snapshot::default()),
            definition,
            summary,
            history: Vec::new(),
            tokens: Vec::new(),
            owner,
            wake: None,
            inbox: BTreeMap::new(),
            settled: BTreeMap::new(),
        }
    }

    fn is_open(&self) -> bool {
        !self.summary.status.is_closed()
    }

    fn waits(&self) -> Waits {
        match (self.owner, self.inbox.is_empty()) {
            (Some(_), true) => Waits::Nowhere,
            (Some(_), false) => Waits::Mailed,
            (None, true) => self.wake.map_or(Waits::Nowhere, Waits::Until),
            (None, false) => Waits::Until(Timestamp::EPOCH),
        }
    }

    fn write(&mut self, commit: &mut Commit) -> Option<Snapshot> {
        self.wake = commit.wake();
        if let Some(handled) = commit.handled
            && self.inbox.remove(&handled.posted).is_some()
        {
            self.settled.insert(handled.posted, handled.accepted);
        }
        self.summary.redrives = commit.changes.redrives().cloned();
        let over = match &mut self.snapshot {
            Some(snapshot) if commit.keeps_state() => {
                snapshot.take(&mut commit.changes);
                None
            }
            _ => self.snapshot.take(),
        };
        self.remember(std::mem::take(&mut commit.history));
        match self.tokens.is_empty() {
            true => self.tokens = std::mem::take(&mut commit.tokens.issued),
            false => self.tokens.append(&mut commit.tokens.issued),
        }
        self.summary.stopped_at = commit.status.is_closed().then_some(commit.at);
        if commit.status.is_closed() {
            self.owner = None;
            let refused = std::mem::take(&mut self.inbox);
            self.settled.extend(refused.into_keys().map(|posted| (posted, false)));
        }
        std::mem::swap(&mut self.summary.status, &mut commit.status);
        self.revision = self.revision.next();
        over
    }

    /// Short histories get no more room than they need: there may be many of them, asleep.
    fn remember(&mut self, mut history: Vec<HistoryEvent>) {
        if self.history.is_empty() {
            history.shrink_to_fit();
            self.history = history;
            return;
        }
        if self.history.len() + history.len() <= SHORT {
            self.history.reserve_exact(history.len());
        }
        self.history.extend(history);
    }
}

impl PromptStore for MemoryStore {
    fn create_now(&self, execution: NewExecution, mut first: Commit) -> Result<Created, StoreError> {
        let mut inner = self.inner();
        let number = inner.last_number + 1;
        match inner.numbers.entry(execution.id.clone()) {
            Entry::Occupied(number) => {
                let number = *number.get();
                return Ok(Created::Existing(inner.executions[&number].summary.clone()));
            }
            Entry::Vacant(place) => drop(place.insert(number)),
        }
        inner.last_number = number;
        if let Some(owner) = execution.owner {
            inner.owners.entry(owner).or_default().gone = false;
        }
        inner.executions.insert(number, Box::new(Kept::new(execution)));
        let Written { revision, .. } = inner.write(number, &mut first, |_| true)?;
        Ok(Created::New(revision))
    }

    fn commit_now(
        &self,
        id: &ExecutionId,
        expected: Revision,
        mut commit: Commit,
    ) -> Result<Revision, StoreError> {
        let fits = |kept: &Kept| kept.revision == expected && kept.is_open();
        let mut inner = self.inner();
        let number = inner.number(id)?;
        let Written { revision, over, settles } = inner.write(number, &mut commit, fits)?;
        drop(inner);
        drop(over);
        if settles {
            self.settled.notify_waiters();
        }
        Ok(revision)
    }

    fn find_task_now(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        Ok(self.inner().tokens.get(token).cloned())
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn prompt(&self) -> Option<&dyn PromptStore> {
        Some(self)
    }

    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        self.create_now(execution, first)
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        self.commit_now(id, expected, commit)
    }

    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        mut commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut inner = self.inner();
        let number = inner.number(id)?;
        let kept = &inner.executions[&number];
        let (true, true, Some(stopped_at)) =
            (kept.revision == expected, kept.snapshot.is_some(), kept.summary.stopped_at)
        else {
            return Err(StoreErrorKind::Conflict.into());
        };
        inner.ended.remove(&(stopped_at, number));
        inner.redrivable.remove(&(stopped_at, number));
        let Written { revision, .. } = inner.write(number, &mut commit, |_| true)?;
        inner.tell_all();
        Ok(revision)
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let inner = self.inner();
        Ok(inner.find(id).and_then(|kept| {
            let Kept { revision, snapshot, definition, summary, .. } = kept;
            let snapshot = snapshot.clone()?;
            Some(StoredExecution::new(*revision, snapshot, definition.clone(), summary.clone()))
        }))
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        Ok(self.inner().find(id).map(|kept| kept.summary.clone()))
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        self.find_task_now(token)
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
        let listed = page.of_numbered(&inner.executions, |kept| filter.passes(&kept.summary));
        Ok(listed.map(|kept| kept.summary.clone()))
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        let mut inner = self.inner();
        let fresh = inner.renew(&claim);
        let wanted = |inner: &Inner, number: &u64| {
            claim.except.is_empty() || !claim.except.contains(&inner.executions[number].summary.id)
        };
        let free: Vec<u64> = match &claim.only {
            Some(id) => {
                let mine = |kept: &Kept| kept.owner.is_none_or(|owner| owner == claim.owner);
                let number = inner.numbers.get(id).copied();
                let number = number.filter(|number| {
                    let kept = &inner.executions[number];
                    kept.is_open() && mine(kept)
                });
                number.into_iter().collect()
            }
            None => {
                let mine = |number: &&u64| inner.executions[*number].owner == Some(claim.owner);
                let mailed = inner.mailed.iter().filter(mine).copied();
                let due = inner.wakes.range(..=(claim.due, u64::MAX)).map(|(_, number)| *number);
                let due = due.filter(|number| wanted(&inner, number));
                mailed.chain(due).take(claim.most).collect()
            }
        };
        let executions = free.into_iter().map(|number| inner.take(claim.owner, number)).collect();
        let next = inner.wakes.iter().find(|(_, number)| wanted(&inner, number)).map(|(wake, _)| *wake);
        Ok(Claims::new(executions, next).fresh(fresh))
    }

    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let Some(executions) = executions else {
            inner.owners.remove(&owner);
            inner.orphan(&[owner]);
            return Ok(());
        };
        for id in executions {
            let Some(number) = inner.numbers.get(id).copied() else { continue };
            if inner.executions[&number].owner == Some(owner) {
                inner.set_owner(number, None);
            }
        }
        inner.tell_all();
        Ok(())
    }

    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        let inner = self.inner();
        let owned = inner.executions.values().filter(|kept| kept.owner == Some(owner));
        Ok(owned.map(|kept| kept.summary.id.clone()).collect())
    }

    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError> {
        let changed = Arc::clone(&self.inner().owners.entry(owner).or_default().changed);
        changed.notified().await;
        Ok(Changed::anything())
    }

    async fn post(&self, id: &ExecutionId, event: Event) -> Result<InboxId, StoreError> {
        let mut inner = self.inner();
        let number = inner.number(id)?;
        inner.last_posted += 1;
        let posted = InboxId::from(inner.last_posted);
        let owner = inner.change(number, |kept| {
            match kept.is_open() {
                true => drop(kept.inbox.insert(posted, event)),
                false => drop(kept.settled.insert(posted, false)),
            }
            kept.owner
        });
        match owner.and_then(|owner| inner.owners.get(&owner)) {
            Some(owner) => owner.changed.notify_one(),
            None => inner.tell_all(),
        }
        Ok(posted)
    }

    async fn settled(&self, id: &ExecutionId, posted: InboxId) -> Result<bool, StoreError> {
        loop {
            let settled = self.settled.notified();
            {
                let inner = self.inner();
                let kept = inner.find(id).ok_or(StoreErrorKind::NotFound)?;
                if let Some(accepted) = kept.settled.get(&posted) {
                    return Ok(*accepted);
                }
                if !kept.inbox.contains_key(&posted) {
                    return Err(StoreErrorKind::NotFound.into());
                }
            }
            settled.await;
        }
    }

    async fn offers(
        &self,
        activity: &Arn,
        most: usize,
        held: Duration,
    ) -> Result<Vec<TaskAddress>, StoreError> {
        let mut inner = self.inner();
        let offers = inner.offers.hold(activity, most, held);
        let address = |(execution, task)| {
            let kept = inner.executions.get(&execution)?;
            Some(TaskAddress::new(kept.summary.id.clone(), task, true, true))
        };
        Ok(offers.into_iter().filter_map(address).collect())
    }

    async fn set_activity(&self, activity: &Arn, exists: bool) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let missing = &mut inner.missing_activities;
        let _ = if exists { missing.remove(activity) } else { missing.insert(activity.clone()) };
        inner.tell_all();
        Ok(())
    }

    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError> {
        Ok(self.inner().missing_activities.clone())
    }

    async fn forget(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut inner = self.inner();
        let old = inner.ended.range(..(closed_before, 0)).take(most).copied();
        let old: Vec<(Timestamp, u64)> = old.collect();
        for entry in &old {
            inner.ended.remove(entry);
            inner.redrivable.remove(entry);
            let Some(kept) = inner.executions.remove(&entry.1) else { continue };
            inner.numbers.remove(&kept.summary.id);
            for token in &kept.tokens {
                inner.tokens.remove(&token.hash);
            }
        }
        Ok(old.len())
    }

    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut inner = self.inner();
        let old = inner.redrivable.range(..(closed_before, 0)).take(most).copied();
        let old: Vec<(Timestamp, u64)> = old.collect();
        for entry in &old {
            inner.redrivable.remove(entry);
            inner.change(entry.1, |kept| kept.snapshot = None);
        }
        Ok(old.len())
    }
}
