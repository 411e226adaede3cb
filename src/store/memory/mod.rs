//! The reference implementation: everything in maps, gone with the process.

mod kept;
mod offers;
mod owners;
mod shard;
mod whole;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use self::kept::Kept;
use self::owners::Owners;
use self::shard::{Ended, Shard, number_at, place_of_number};
use self::whole::Whole;
use crate::arn::Arn;
use crate::execution::{Event, Snapshot};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TokenHash};
use crate::store::sharded::{Sharded, place_of};
use crate::store::{
    Changed, Claim, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId, NewExecution,
    OwnerId, Page, PageRequest, PromptStore, Revision, Store, StoreError, StoreErrorKind, StoredExecution,
    TaskAddress,
};
use crate::time::Timestamp;

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
    executions: Sharded<Shard>,
    tokens: Sharded<Tokens>,
    // Whoever needs several of these takes them in this order.
    owners: Mutex<Owners>,
    /// How many executions were begun, ever.
    began: AtomicU64,
    /// A posted event was settled.
    settled: Notify,
}

type Tokens = HashMap<TokenHash, TaskAddress, BuildHasherDefault<Hashed>>;

/// What was written.
struct Written {
    revision: Revision,
    /// State that is not needed any longer: it is for whoever wrote to free, when others have their turn.
    over: Option<Snapshot>,
    /// Whether there was mail.
    settles: bool,
}

impl MemoryStore {
    /// The part of the executions where this one is, if it is anywhere.
    fn shard(&self, id: &ExecutionId) -> MutexGuard<'_, Shard> {
        self.executions.at(place_of(id))
    }

    /// The part of the tokens where this one is: not by the bytes that find it there.
    fn tokens(&self, hash: &TokenHash) -> MutexGuard<'_, Tokens> {
        let [.., last] = hash.as_bytes();
        self.tokens.at(place_of_number((*last).into()))
    }

    fn owners(&self) -> MutexGuard<'_, Owners> {
        // Nothing between lock and unlock panics half-way through a change.
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn whole(&self) -> Whole<'_> {
        Whole::new(self.executions.all(), self.owners())
    }

    /// Writes a commit that fits what is kept.
    fn write(&self, kept: &mut Kept, ended: &mut Ended, commit: &mut Commit) -> Written {
        let tokens = &commit.tokens;
        if !tokens.taken.is_empty() || tokens.offered().next().is_some() {
            let mut owners = self.owners();
            if owners.offers.change(&kept.summary.id, tokens) {
                owners.tell_all();
            }
        }
        for issued in &tokens.issued {
            let id = kept.summary.id.clone();
            let address = TaskAddress::new(id, issued.task, issued.activity.is_some(), true);
            self.tokens(&issued.hash).insert(issued.hash, address);
        }
        for hash in &tokens.retired {
            if let Some(address) = self.tokens(hash).get_mut(hash) {
                address.open = false;
            }
        }
        let settles = kept.has_mail();
        let (over, moved) = kept.change(|kept| kept.write(commit));
        if let Some(moved) = moved {
            self.owners().moved(kept.number, moved);
        }
        if let Some(stopped_at) = kept.summary.stopped_at {
            ended.all.insert((stopped_at, kept.number));
            if kept.snapshot.is_some() {
                ended.redrivable.insert((stopped_at, kept.number));
            }
        }
        Written { revision: kept.revision, over, settles }
    }

    /// The first of those that ended before a time, in all parts.
    fn ended_before(
        shards: &[MutexGuard<'_, Shard>],
        before: Timestamp,
        most: usize,
        among: fn(&Ended) -> &BTreeSet<(Timestamp, u64)>,
    ) -> Vec<(Timestamp, u64)> {
        let first = |ended| among(ended).range(..(before, 0)).take(most);
        let mut first: Vec<_> = shards.iter().flat_map(|shard| first(&shard.ended)).copied().collect();
        first.sort_unstable();
        first.truncate(most);
        first
    }
}

impl PromptStore for MemoryStore {
    fn create_now(&self, execution: NewExecution, mut first: Commit) -> Result<Created, StoreError> {
        let (id, place, owner) = (execution.id.clone(), place_of(&execution.id), execution.owner);
        let mut shard = self.executions.at(place);
        let Shard { executions, order, ended, beginners } = &mut *shard;
        let kept = match executions.entry(id.clone()) {
            Entry::Occupied(kept) => return Ok(Created::Existing(kept.get().summary.clone())),
            Entry::Vacant(vacant) => {
                let number = number_at(place, self.began.fetch_add(1, Ordering::Relaxed) + 1);
                order.insert(number, id);
                vacant.insert(Box::new(Kept::new(execution, number)))
            }
        };
        if let Some(owner) = owner.filter(|owner| !beginners.contains(owner)) {
            beginners.push(owner);
        }
        Ok(Created::New(self.write(kept, ended, &mut first).revision))
    }

    fn commit_now(
        &self,
        id: &ExecutionId,
        expected: Revision,
        mut commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut shard = self.shard(id);
        let Shard { executions, ended, .. } = &mut *shard;
        let kept = executions.get_mut(id).ok_or(StoreErrorKind::NotFound)?;
        if kept.revision != expected || !kept.is_open() {
            return Err(StoreErrorKind::Conflict.into());
        }
        let Written { revision, over, settles } = self.write(kept, ended, &mut commit);
        drop(shard);
        drop(over);
        if settles {
            self.settled.notify_waiters();
        }
        Ok(revision)
    }

    fn find_task_now(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        Ok(self.tokens(token).get(token).cloned())
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
        let mut shard = self.shard(id);
        let Shard { executions, ended, .. } = &mut *shard;
        let kept = executions.get_mut(id).ok_or(StoreErrorKind::NotFound)?;
        let (true, true, Some(stopped_at)) =
            (kept.revision == expected, kept.snapshot.is_some(), kept.summary.stopped_at)
        else {
            return Err(StoreErrorKind::Conflict.into());
        };
        ended.all.remove(&(stopped_at, kept.number));
        ended.redrivable.remove(&(stopped_at, kept.number));
        let Written { revision, .. } = self.write(kept, ended, &mut commit);
        self.owners().tell_all();
        Ok(revision)
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let shard = self.shard(id);
        Ok(shard.executions.get(id).and_then(|kept| {
            let Kept { revision, snapshot, definition, summary, .. } = &**kept;
            let snapshot = snapshot.clone()?;
            Some(StoredExecution::new(*revision, snapshot, definition.clone(), summary.clone()))
        }))
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        Ok(self.shard(id).executions.get(id).map(|kept| kept.summary.clone()))
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        self.find_task_now(token)
    }

    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        let shard = self.shard(id);
        let kept = shard.find(id)?;
        Ok(page.of(kept.history.iter()).map(HistoryEvent::clone))
    }

    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        let shards = self.executions.all();
        let summary = |id: &ExecutionId| &shards[place_of(id)].executions[id].summary;
        let passing = |id| Some(summary(id)).filter(|summary| filter.passes(summary));
        let listed = page.of_numbered(shards.iter().map(|shard| &shard.order), passing);
        Ok(listed.map(ExecutionSummary::clone))
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        let mut whole = self.whole();
        let fresh = whole.renew(&claim);
        let wanted = |whole: &Whole<'_>, number: u64| {
            claim.except.is_empty() || !claim.except.contains(&whole.kept(number).summary.id)
        };
        let free: Vec<u64> = match &claim.only {
            Some(id) => {
                let free = |number: &u64| {
                    let kept = whole.kept(*number);
                    kept.is_open() && kept.owner.is_none_or(|owner| owner == claim.owner)
                };
                whole.number(id).filter(free).into_iter().collect()
            }
            None => {
                let mine = |number: &u64| whole.kept(*number).owner == Some(claim.owner);
                let mailed = whole.owners.mailed.iter().copied().filter(mine);
                let due = whole.owners.wakes.range(..=(claim.due, u64::MAX)).map(|(_, number)| *number);
                let due = due.filter(|number| wanted(&whole, *number));
                mailed.chain(due).take(claim.most).collect()
            }
        };
        let executions = free.into_iter().map(|number| whole.take(claim.owner, number)).collect();
        let next = whole.owners.wakes.iter().find(|(_, number)| wanted(&whole, *number));
        Ok(Claims::new(executions, next.map(|(wake, _)| *wake)).fresh(fresh))
    }

    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        let mut whole = self.whole();
        let Some(executions) = executions else {
            whole.owners.known.remove(&owner);
            whole.orphan(&[owner]);
            return Ok(());
        };
        for id in executions {
            let Some(number) = whole.number(id) else { continue };
            if whole.kept(number).owner == Some(owner) {
                whole.set_owner(number, None);
            }
        }
        whole.owners.tell_all();
        Ok(())
    }

    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        let mut owned = Vec::new();
        for shard in self.executions.all() {
            let of_owner = shard.executions.values().filter(|kept| kept.owner == Some(owner));
            owned.extend(of_owner.map(|kept| kept.summary.id.clone()));
        }
        Ok(owned)
    }

    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError> {
        let changed = self.owners().changed(owner);
        changed.notified().await;
        Ok(Changed::anything())
    }

    async fn post(&self, id: &ExecutionId, event: Event) -> Result<InboxId, StoreError> {
        let mut shard = self.shard(id);
        let kept = shard.executions.get_mut(id).ok_or(StoreErrorKind::NotFound)?;
        let mut owners = self.owners();
        owners.last_posted += 1;
        let posted = InboxId::from(owners.last_posted);
        let (owner, moved) = kept.change(|kept| {
            let is_open = kept.is_open();
            let post = kept.post.get_or_insert_default();
            match is_open {
                true => drop(post.inbox.insert(posted, event)),
                false => drop(post.settled.insert(posted, false)),
            }
            kept.owner
        });
        if let Some(moved) = moved {
            owners.moved(kept.number, moved);
        }
        owners.tell(owner);
        Ok(posted)
    }

    async fn settled(&self, id: &ExecutionId, posted: InboxId) -> Result<bool, StoreError> {
        loop {
            let settled = self.settled.notified();
            {
                let shard = self.shard(id);
                let post = shard.find(id)?.post.as_ref().ok_or(StoreErrorKind::NotFound)?;
                if let Some(accepted) = post.settled.get(&posted) {
                    return Ok(*accepted);
                }
                if !post.inbox.contains_key(&posted) {
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
        Ok(self.owners().offers.hold(activity, most, held))
    }

    async fn set_activity(&self, activity: &Arn, exists: bool) -> Result<(), StoreError> {
        let mut owners = self.owners();
        let missing = &mut owners.missing_activities;
        let _ = if exists { missing.remove(activity) } else { missing.insert(activity.clone()) };
        owners.tell_all();
        Ok(())
    }

    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError> {
        Ok(self.owners().missing_activities.clone())
    }

    async fn forget(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut shards = self.executions.all();
        let over = Self::ended_before(&shards, closed_before, most, |ended| &ended.all);
        for entry in &over {
            let shard = &mut *shards[place_of_number(entry.1)];
            shard.ended.all.remove(entry);
            shard.ended.redrivable.remove(entry);
            let id = shard.order.remove(&entry.1);
            let Some(kept) = id.and_then(|id| shard.executions.remove(&id)) else { continue };
            for token in &kept.tokens {
                self.tokens(&token.hash).remove(&token.hash);
                if token.activity.is_some() {
                    self.owners().offers.withdraw(&kept.summary.id, token.task);
                }
            }
        }
        Ok(over.len())
    }

    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut shards = self.executions.all();
        let over = Self::ended_before(&shards, closed_before, most, |ended| &ended.redrivable);
        for entry in &over {
            let shard = &mut *shards[place_of_number(entry.1)];
            shard.ended.redrivable.remove(entry);
            shard.numbered_mut(entry.1).snapshot = None;
        }
        Ok(over.len())
    }
}
