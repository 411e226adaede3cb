//! Who drives executions in this process: their numbers in the file, their leases, and how they hear of changes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::store::OwnerId;

/// The owners that there are.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// A posted event was settled.
    pub(super) settled: Notify,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    owners: BTreeMap<OwnerId, Owner>,
    last_number: i64,
}

#[derive(Debug)]
struct Owner {
    number: i64,
    /// When its lease ends; one that never claimed, or is alone, has none.
    until: Option<Instant>,
    /// Its lease is over, and nothing is its own.
    gone: bool,
    /// It has claimed.
    claimed: bool,
    changed: Arc<Notify>,
}

impl Owners {
    /// The owner's number, for something that is its own from now on.
    pub(super) fn number(&self, owner: OwnerId) -> i64 {
        let mut known = self.lock();
        let owner = known.get(owner);
        owner.gone = false;
        owner.number
    }

    /// Renews a lease, and ends those that are over; with the numbers of their owners, and whether nothing was known
    /// of this one.
    pub(super) fn renew(&self, owner: OwnerId, lease: Option<Duration>) -> (i64, Vec<i64>, bool) {
        let now = Instant::now();
        let mut known = self.lock();
        let mine = known.get(owner);
        let fresh = mine.gone || !std::mem::replace(&mut mine.claimed, true);
        (mine.until, mine.gone) = (lease.map(|lease| now + lease), false);
        let number = mine.number;
        let mut gone = Vec::new();
        for other in known.owners.values_mut().filter(|other| other.number != number && !other.gone) {
            if lease.is_none() || other.until.is_some_and(|until| until <= now) {
                // It is remembered: whatever it begins without a lease is not its own for ever.
                (other.until, other.gone) = (Some(now), true);
                gone.push(other.number);
            }
        }
        (number, gone, fresh)
    }

    /// Ends an owner's lease; with its number, if it had one.
    pub(super) fn end(&self, owner: OwnerId) -> Vec<i64> {
        self.lock().owners.remove(&owner).map(|owner| owner.number).into_iter().collect()
    }

    /// What tells `owner` of changes.
    pub(super) fn changed(&self, owner: OwnerId) -> Arc<Notify> {
        Arc::clone(&self.lock().get(owner).changed)
    }

    /// Tells the owner with this number, or all of them.
    pub(super) fn tell(&self, number: Option<i64>) {
        let known = self.lock();
        let told = known.owners.values().filter(|owner| number.is_none_or(|number| owner.number == number));
        told.for_each(|owner| owner.changed.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn get(&mut self, owner: OwnerId) -> &mut Owner {
        let last = &mut self.last_number;
        self.owners.entry(owner).or_insert_with(|| {
            *last += 1;
            Owner { number: *last, until: None, gone: false, claimed: false, changed: Arc::default() }
        })
    }
}
