//! When to wake which execution: one ordered set and one sleeper for all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::execution::Event;
use crate::id::ExecutionId;
use crate::runtime::Inner;
use crate::runtime::resident::{Brought, Mail};
use crate::time::Timestamp;

/// The deadlines of all executions, ordered.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: Mutex<BTreeSet<(Timestamp, ExecutionId)>>,
    sooner: Notify,
}

impl Alarms {
    /// Moves an execution's alarm from `old` to `new`.
    pub(super) fn set(&self, id: &ExecutionId, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        let mut set = self.lock();
        if let Some(old) = old {
            set.remove(&(old, id.clone()));
        }
        if let Some(new) = new {
            let first = set.first().is_none_or(|(first, _)| new < *first);
            set.insert((new, id.clone()));
            if first {
                self.sooner.notify_one();
            }
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.lock().first().map(|(time, _)| *time)
    }

    /// Takes out the executions whose time has come by `now`.
    fn take_due(&self, now: Timestamp) -> Vec<ExecutionId> {
        let mut set = self.lock();
        let mut due = Vec::new();
        while set.first().is_some_and(|(time, _)| *time <= now) {
            due.extend(set.pop_first().map(|(_, id)| id));
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Timestamp, ExecutionId)>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Tells an execution that its time has come. One that is not here has ended, or is somebody else's.
    fn wake(self: &Arc<Self>, id: &ExecutionId) {
        let Some(resident) = self.residents().get(id).cloned() else { return };
        // A driver whose mailbox is full looks at the clock after every event.
        if let Brought::Woke(live) = resident.bring(Mail::of(Event::Tick)) {
            self.drive(resident, live);
        }
    }
}

/// Wakes executions until the runtime shuts down.
pub(super) async fn keep_time(runtime: Weak<Inner>) {
    let Some((alarms, clock, shutdown)) = runtime
        .upgrade()
        .map(|inner| (Arc::clone(&inner.alarms), Arc::clone(&inner.clock), inner.shutdown.clone()))
    else {
        return;
    };
    loop {
        let sooner = alarms.sooner.notified();
        let due = async {
            match alarms.next() {
                Some(next) => clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sooner => continue,
            () = due => {}
        }
        let Some(inner) = runtime.upgrade() else { return };
        for id in alarms.take_due(clock.now()) {
            inner.wake(&id);
        }
    }
}
