//! How many executions stay in memory while they sleep: those that slept longest leave it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::runtime::Inner;
use crate::runtime::resident::{Live, Resident};

/// Who sleeps, in the order they fell asleep; some of them may have been woken since.
#[derive(Debug)]
pub(super) struct Sleepers {
    most: usize,
    asleep: Mutex<VecDeque<(Weak<Resident>, u64)>>,
}

impl Sleepers {
    pub(super) fn new(most: usize) -> Self {
        Self { most, asleep: Mutex::default() }
    }

    /// Adds one, and takes out those who are too many, some at a time.
    fn add(&self, resident: &Arc<Resident>) -> Vec<(Weak<Resident>, u64)> {
        if self.most == usize::MAX {
            return Vec::new();
        }
        let mut asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        asleep.push_back((Arc::downgrade(resident), resident.naps()));
        let too_many = asleep.len().saturating_sub(self.most);
        match too_many > self.most / 16 {
            true => asleep.drain(..too_many).collect(),
            false => Vec::new(),
        }
    }
}

impl Inner {
    /// An execution has fallen asleep.
    pub(super) fn nap(self: &Arc<Self>, resident: &Arc<Resident>) {
        let mut released = Vec::new();
        let mut due = None;
        for (sleeper, naps) in self.sleepers.add(resident) {
            let Some(sleeper) = sleeper.upgrade().filter(|sleeper| sleeper.naps() == naps) else { continue };
            let Some(mut live) = self.put_out(&sleeper) else { continue };
            due = due.into_iter().chain(live.alarm).min();
            self.alarms.set(&sleeper, live.alarm.take(), None);
            released.push(sleeper.id.clone());
        }
        if released.is_empty() {
            return;
        }
        self.claiming.store(true, Ordering::Relaxed);
        let inner = Arc::clone(self);
        self.tracker.spawn(async move {
            inner.give_back(&released).await;
            inner.alarms.look(due);
        });
    }

    /// Takes a sleeper out of memory, unless somebody waits for it.
    fn put_out(&self, sleeper: &Arc<Resident>) -> Option<Box<Live>> {
        let mut residents = self.residents(&sleeper.id);
        // One is in the map, the other is ours.
        let wanted = Arc::strong_count(sleeper) > 2;
        let live = if wanted { None } else { sleeper.put_out() }?;
        residents.remove(&sleeper.id);
        Some(live)
    }
}
