//! A part of the executions, behind a lock of its own: threads that step different ones seldom wait for each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::kept::Kept;
use crate::id::ExecutionId;
use crate::store::sharded::SHARDS;
use crate::store::{OwnerId, StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// Some executions.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) executions: HashMap<ExecutionId, Box<Kept>, RandomState>,
    /// By their numbers: in the order they were started.
    pub(super) order: BTreeMap<u64, ExecutionId>,
    pub(super) ended: Ended,
    /// Who began executions here since somebody asked for it.
    pub(super) beginners: Vec<OwnerId>,
}

/// When those that have ended did.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) all: BTreeSet<(Timestamp, u64)>,
    /// Those whose state was kept.
    pub(super) redrivable: BTreeSet<(Timestamp, u64)>,
}

/// The number of the execution at a place that is the `nth` of all.
pub(super) fn number_at(place: usize, nth: u64) -> u64 {
    nth * SHARDS as u64 + place as u64
}

/// Where the execution with a number is.
pub(super) fn place_of_number(number: u64) -> usize {
    (number % SHARDS as u64) as usize
}

impl Shard {
    pub(super) fn find(&self, id: &ExecutionId) -> Result<&Kept, StoreError> {
        Ok(self.executions.get(id).ok_or(StoreErrorKind::NotFound)?)
    }

    pub(super) fn numbered(&self, number: u64) -> &Kept {
        &self.executions[&self.order[&number]]
    }

    pub(super) fn numbered_mut(&mut self, number: u64) -> &mut Kept {
        self.executions
            .get_mut(&self.order[&number])
            .expect("executions have numbers until they are forgotten")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_where_executions_are_and_in_which_order_they_began() {
        let numbers: Vec<u64> = (0..40_u64).map(|nth| number_at(nth as usize * 7 % SHARDS, nth)).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next));
        assert!((0..40).all(|nth| place_of_number(numbers[nth]) == nth * 7 % SHARDS));
    }
}
