//! Who drives which execution, and what others leave for whoever does.

use std::time::Duration;

use crate::execution::Event;
use crate::id::ExecutionId;
use crate::time::Timestamp;

/// Who drives executions: a runtime, by a number that nobody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerId(u128);

/// What an owner asks for in order to drive it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// Who asks.
    pub owner: OwnerId,
    /// How long it may be silent before others take over what it has, by the store's clock; `None` is for an
    /// owner that is alone, and takes over what any other has at once.
    pub lease: Option<Duration>,
    /// Only this execution, whether it has something to do or not.
    pub only: Option<ExecutionId>,
    /// Deadlines up to this one have come.
    pub due: Timestamp,
    /// How many executions at most.
    pub most: usize,
    /// None of these, unless one is asked for: executions that others may be able to go on with.
    pub except: Vec<ExecutionId>,
}

/// What an owner got.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Claims {
    /// The executions.
    pub executions: Vec<Claimed>,
    /// When the next one that nobody owns is due.
    pub next: Option<Timestamp>,
    /// Whether nothing was known of the owner: it is new, or its lease was over, and others have what it had.
    pub fresh: bool,
}

/// An execution that is the claimer's now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claimed {
    /// Which one.
    pub id: ExecutionId,
    /// The events that were posted to it and have not been handled, the oldest first.
    pub inbox: Vec<Posted>,
}

/// What an owner that waits for changes hears of.
///
/// ```
/// let mut changed = stepwright::store::Changed::default();
/// changed.offers = true;
/// assert!(!changed.claims);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// There may be something to claim.
    pub claims: bool,
    /// Tasks were offered to workers.
    pub offers: bool,
    /// An activity was deleted, or is there again.
    pub activities: bool,
}

/// An event that was posted.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Posted {
    /// Its number.
    pub number: InboxId,
    /// What happened.
    pub event: Event,
}

/// The number of a posted event: later ones of the same execution have higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId(u64);

/// What became of a posted event. One that was settled before stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handled {
    /// Which one.
    pub posted: InboxId,
    /// Whether it applied.
    pub accepted: bool,
}

impl OwnerId {
    /// Its number.
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl From<u128> for OwnerId {
    fn from(number: u128) -> Self {
        Self(number)
    }
}

impl InboxId {
    /// Its number.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl From<u64> for InboxId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Claim {
    /// `most` executions that have something to do when it is `due`, for an owner that is alone.
    pub fn new(owner: OwnerId, due: Timestamp, most: usize) -> Self {
        Self { owner, lease: None, only: None, due, most, except: Vec::new() }
    }

    /// The same for an owner that shares the store.
    #[must_use]
    pub fn lease(mut self, lease: impl Into<Option<Duration>>) -> Self {
        self.lease = lease.into();
        self
    }

    /// The same without some executions.
    #[must_use]
    pub fn except(mut self, ids: Vec<ExecutionId>) -> Self {
        self.except = ids;
        self
    }

    /// One execution, whether it has something to do or not.
    #[must_use]
    pub fn only(mut self, id: ExecutionId) -> Self {
        self.only = Some(id);
        self
    }
}

impl Changed {
    /// For a store that does not say what: all of it.
    pub fn anything() -> Self {
        Self { claims: true, offers: true, activities: true }
    }
}

impl Claims {
    /// Executions, and when the next one is due.
    pub fn new(executions: Vec<Claimed>, next: Option<Timestamp>) -> Self {
        Self { executions, next, fresh: false }
    }

    /// The same for an owner of whom nothing was known, or was.
    #[must_use]
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.fresh = fresh;
        self
    }
}

impl Claimed {
    /// An execution with its mail.
    pub fn new(id: ExecutionId, inbox: Vec<Posted>) -> Self {
        Self { id, inbox }
    }
}

impl Posted {
    /// An event that was posted.
    pub fn new(number: InboxId, event: Event) -> Self {
        Self { number, event }
    }
}
