//! Who owns executions, and what waits for owners: executions, mail, and tasks of activities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::kept::Waits;
use super::offers::Offers;
use crate::arn::Arn;
use crate::store::{Claim, OwnerId};
use crate::time::Timestamp;

/// Who owns executions, and what waits for them. Steps of executions that are owned and have no mail leave it alone.
#[derive(Debug, Default)]
pub(super) struct Owners {
    pub(super) known: BTreeMap<OwnerId, Owner>,
    /// When those that nobody owns have something to do.
    pub(super) wakes: BTreeSet<(Timestamp, u64)>,
    /// Those that somebody owns and that have mail.
    pub(super) mailed: BTreeSet<u64>,
    pub(super) last_posted: u64,
    pub(super) offers: Offers,
    pub(super) missing_activities: BTreeSet<Arn>,
}

#[derive(Debug, Default)]
pub(super) struct Owner {
    /// When its lease ends; one that never claimed, or is alone, has none.
    until: Option<Instant>,
    /// Its lease is over, and nothing is its own.
    gone: bool,
    /// It has claimed.
    claimed: bool,
    pub(super) changed: Arc<Notify>,
}

impl Owners {
    /// An owner began something.
    pub(super) fn is_there(&mut self, owner: OwnerId) {
        self.owner(owner).gone = false;
    }

    /// Tells an owner of changes. One that nothing was known of may have missed some.
    pub(super) fn changed(&mut self, owner: OwnerId) -> Arc<Notify> {
        Arc::clone(&self.owner(owner).changed)
    }

    fn owner(&mut self, owner: OwnerId) -> &mut Owner {
        self.known.entry(owner).or_insert_with(|| {
            let owner = Owner::default();
            owner.changed.notify_one();
            owner
        })
    }

    /// An execution waits elsewhere for a claim.
    pub(super) fn moved(&mut self, number: u64, (before, after): (Waits, Waits)) {
        match before {
            Waits::Nowhere => {}
            Waits::Mailed => drop(self.mailed.remove(&number)),
            Waits::Until(wake) => drop(self.wakes.remove(&(wake, number))),
        }
        match after {
            Waits::Nowhere => {}
            Waits::Mailed => drop(self.mailed.insert(number)),
            Waits::Until(wake) => drop(self.wakes.insert((wake, number))),
        }
    }

    /// Renews a lease: whether nothing was known of the owner, and who is gone.
    pub(super) fn renew(&mut self, claim: &Claim) -> (bool, Vec<OwnerId>) {
        let now = Instant::now();
        let owner = self.known.entry(claim.owner).or_default();
        let fresh = owner.gone || !std::mem::replace(&mut owner.claimed, true);
        (owner.until, owner.gone) = (claim.lease.map(|lease| now + lease), false);
        let alone = claim.lease.is_none();
        let mut gone = Vec::new();
        for (id, owner) in &mut self.known {
            let over = alone || owner.until.is_some_and(|until| until <= now);
            if *id != claim.owner && over && !owner.gone {
                // It is remembered: whatever it begins without a lease is not its own for ever.
                (owner.until, owner.gone) = (Some(now), true);
                gone.push(*id);
            }
        }
        (fresh, gone)
    }

    /// Tells the owner of an execution, or everybody where nobody owns it.
    pub(super) fn tell(&mut self, owner: Option<OwnerId>) {
        match owner {
            Some(owner) => self.owner(owner).changed.notify_one(),
            None => self.tell_all(),
        }
    }

    pub(super) fn tell_all(&self) {
        self.known.values().for_each(|owner| owner.changed.notify_one());
    }
}
