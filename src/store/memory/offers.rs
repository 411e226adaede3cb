//! Tasks that wait for workers.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::arn::Arn;
use crate::execution::TokenChanges;
use crate::id::{ExecutionId, TaskId};
use crate::store::TaskAddress;

/// Tasks that wait for workers.
#[derive(Debug, Default)]
pub(super) struct Offers {
    /// Of each activity, in the order in which they were offered.
    waiting: BTreeMap<Arn, BTreeMap<u64, Offer>>,
    /// Where they are.
    places: HashMap<(ExecutionId, TaskId), (Arn, u64)>,
    last_number: u64,
}

#[derive(Debug)]
struct Offer {
    execution: ExecutionId,
    task: TaskId,
    /// Until when it is held for somebody.
    held: Option<Instant>,
}

impl Offers {
    /// Takes over what a commit of an execution offers, if it does, and what it takes back.
    pub(super) fn change(&mut self, execution: &ExecutionId, tokens: &TokenChanges) -> bool {
        tokens.taken.iter().for_each(|task| self.withdraw(execution, *task));
        let before = self.last_number;
        for (activity, task) in tokens.offered() {
            self.last_number += 1;
            let waiting = self.waiting.entry(activity.clone()).or_default();
            waiting.insert(self.last_number, Offer { execution: execution.clone(), task, held: None });
            self.places.insert((execution.clone(), task), (activity.clone(), self.last_number));
        }
        self.last_number > before
    }

    /// A task does not wait for a worker any longer, if it did.
    pub(super) fn withdraw(&mut self, execution: &ExecutionId, task: TaskId) {
        let Some((activity, number)) = self.places.remove(&(execution.clone(), task)) else { return };
        let Some(waiting) = self.waiting.get_mut(&activity) else { return };
        waiting.remove(&number);
        if waiting.is_empty() {
            self.waiting.remove(&activity);
        }
    }

    /// The first that are not held, which they are from now on.
    pub(super) fn hold(&mut self, activity: &Arn, most: usize, held: Duration) -> Vec<TaskAddress> {
        let now = Instant::now();
        let waiting = self.waiting.get_mut(activity).into_iter().flat_map(BTreeMap::values_mut);
        let free = waiting.filter(|offer| offer.held.is_none_or(|until| until <= now)).take(most);
        free.map(|offer| {
            offer.held = Some(now + held);
            TaskAddress::new(offer.execution.clone(), offer.task, true, true)
        })
        .collect()
    }
}
