//! All of a store at once, for what concerns more than one execution.

use std::sync::MutexGuard;

use super::kept::Kept;
use super::owners::Owners;
use super::shard::{Shard, place_of_number};
use crate::id::ExecutionId;
use crate::store::sharded::{SHARDS, place_of};
use crate::store::{Claim, Claimed, OwnerId, Posted};

/// All shards, and their owners: nobody else changes anything meanwhile.
pub(super) struct Whole<'a> {
    shards: [MutexGuard<'a, Shard>; SHARDS],
    pub(super) owners: MutexGuard<'a, Owners>,
}

impl<'a> Whole<'a> {
    pub(super) fn new(shards: [MutexGuard<'a, Shard>; SHARDS], owners: MutexGuard<'a, Owners>) -> Self {
        let mut whole = Self { shards, owners };
        let beginners = whole.shards.iter_mut().flat_map(|shard| std::mem::take(&mut shard.beginners));
        beginners.for_each(|owner| whole.owners.is_there(owner));
        whole
    }

    pub(super) fn number(&self, id: &ExecutionId) -> Option<u64> {
        self.shards[place_of(id)].executions.get(id).map(|kept| kept.number)
    }

    pub(super) fn kept(&self, number: u64) -> &Kept {
        self.shards[place_of_number(number)].numbered(number)
    }

    pub(super) fn set_owner(&mut self, number: u64, owner: Option<OwnerId>) {
        let kept = self.shards[place_of_number(number)].numbered_mut(number);
        let ((), moved) = kept.change(|kept| kept.owner = owner);
        if let Some(moved) = moved {
            self.owners.moved(number, moved);
        }
    }

    /// Takes from owners what they had.
    pub(super) fn orphan(&mut self, gone: &[OwnerId]) {
        if gone.is_empty() {
            return;
        }
        let executions = self.shards.iter().flat_map(|shard| shard.executions.values());
        let orphans = executions.filter(|kept| kept.owner.is_some_and(|owner| gone.contains(&owner)));
        let orphans: Vec<u64> = orphans.map(|kept| kept.number).collect();
        orphans.into_iter().for_each(|number| self.set_owner(number, None));
        self.owners.tell_all();
    }

    /// Renews a lease; whether nothing was known of the owner.
    pub(super) fn renew(&mut self, claim: &Claim) -> bool {
        let (fresh, gone) = self.owners.renew(claim);
        self.orphan(&gone);
        fresh
    }

    pub(super) fn take(&mut self, owner: OwnerId, number: u64) -> Claimed {
        self.set_owner(number, Some(owner));
        let kept = self.kept(number);
        let inbox = kept.post.iter().flat_map(|post| &post.inbox);
        let inbox = inbox.map(|(posted, event)| Posted::new(*posted, event.clone()));
        Claimed::new(kept.summary.id.clone(), inbox.collect())
    }
}
