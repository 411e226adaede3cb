//! When to wake which execution: ordered sets of times, and one sleeper for all of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::execution::Event;
use crate::id::ExecutionId;
use crate::runtime::Inner;
use crate::runtime::resident::{Brought, Here, Mail, Resident};
use crate::store::Changed;
use crate::store::sharded::{SHARDS, Sharded};
use crate::time::Timestamp;

/// The deadlines of all executions that are here, and when to look for others in the store.
#[derive(Debug)]
pub(super) struct Alarms {
    /// Of equal times, whoever came into memory first is first.
    times: Sharded<BTreeMap<(Timestamp, u64), ExecutionId>>,
    look: Mutex<Option<Timestamp>>,
    /// Until when, in milliseconds since the epoch, nobody need be woken: for ever while that is found out anew.
    quiet: AtomicI64,
    sooner: Notify,
}

impl Default for Alarms {
    fn default() -> Self {
        let quiet = AtomicI64::new(Timestamp::MAX.as_millis());
        Self { times: Sharded::default(), look: Mutex::default(), quiet, sooner: Notify::new() }
    }
}

impl Alarms {
    /// Moves an execution's alarm from `old` to `new`.
    pub(super) fn set(&self, resident: &Resident, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        let mut times = self.times.at(resident.number as usize % SHARDS);
        if let Some(old) = old {
            times.remove(&(old, resident.number));
        }
        if let Some(new) = new {
            times.insert((new, resident.number), resident.id.clone());
            drop(times);
            self.notice(new);
        }
    }

    /// Executions in the store are due at `time`, if there are any: look for them then.
    pub(super) fn look(&self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        {
            let mut look = self.time_to_look();
            *look = Some(look.map_or(time, |look| look.min(time)));
        }
        self.notice(time);
    }

    /// Something was set for a time: who keeps time is told, if they might sleep for longer.
    fn notice(&self, time: Timestamp) {
        if time.as_millis() < self.quiet.load(Ordering::SeqCst) {
            self.sooner.notify_one();
        }
    }

    /// The store is looked into now.
    pub(super) fn looked(&self) {
        *self.time_to_look() = None;
    }

    /// When the next one is due.
    fn next(&self) -> Option<Timestamp> {
        // What is set where it was looked for already, says so.
        self.quiet.store(Timestamp::MAX.as_millis(), Ordering::SeqCst);
        let first =
            |times: MutexGuard<'_, BTreeMap<_, _>>| times.first_key_value().map(|((time, _), _)| *time);
        let look = *self.time_to_look();
        let next = self.times.each().filter_map(first).chain(look).min();
        self.quiet.store(next.unwrap_or(Timestamp::MAX).as_millis(), Ordering::SeqCst);
        next
    }

    fn is_time_to_look(&self, now: Timestamp) -> bool {
        self.time_to_look().is_some_and(|look| look <= now)
    }

    /// Takes out the executions whose time has come by `now`.
    fn take_due(&self, now: Timestamp) -> Vec<ExecutionId> {
        let mut due = Vec::new();
        for mut times in self.times.each() {
            while let Some(first) = times.first_entry().filter(|first| first.key().0 <= now) {
                due.push(first.remove_entry());
            }
        }
        due.sort_unstable_by_key(|(alarm, _)| *alarm);
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn time_to_look(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Tells an execution that its time has come. One that is not here has ended, or is somebody else's.
    fn wake(self: &Arc<Self>, id: &ExecutionId) {
        let Some(Here(resident)) = self.residents(id).get(id).cloned() else { return };
        // A driver whose mailbox is full looks at the clock after every event.
        if let Brought::Woke(live, mail) = resident.bring(Mail::of(Event::Tick)) {
            self.drive(&resident, live, Some(mail));
        }
    }
}

/// Wakes executions until the runtime shuts down, and looks for those in the store that have something to do.
pub(super) async fn keep_time(runtime: Weak<Inner>) {
    let Some(inner) = runtime.upgrade() else { return };
    let (alarms, clock) = (Arc::clone(&inner.alarms), Arc::clone(&inner.clock));
    // Whoever does not share the store is the only one that could leave mail there.
    let shared = inner.lease.map(|lease| (Arc::clone(&inner.store), inner.owner, lease));
    let shutdown = Arc::clone(&inner.shutdown);
    drop(inner);
    // Whoever shares the store has to be heard of in time, by the world's clock, however much else there is to do.
    let beat = || shared.as_ref().map(|(.., lease)| clock.sleep(*lease / 3));
    let mut next_beat = beat();
    loop {
        let sooner = alarms.sooner.notified();
        let due = async {
            match alarms.next() {
                Some(next) => clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        let heard = async {
            match (&shared, &mut next_beat) {
                (Some((store, owner, _)), Some(next_beat)) => tokio::select! {
                    biased;
                    () = next_beat => Changed::anything(),
                    Ok(changed) = store.changed(*owner) => changed,
                },
                _ => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            changed = heard => changed,
            () = due => Changed::default(),
            () = sooner => continue,
        };
        let Some(inner) = runtime.upgrade() else { return };
        let now = clock.now();
        for id in alarms.take_due(now) {
            inner.wake(&id);
        }
        if changed.claims || alarms.is_time_to_look(now) {
            // One that fails is tried again.
            let _ = inner.claim().await;
            next_beat = beat();
        }
        if changed.offers {
            inner.look_for_offers();
        }
        if changed.activities {
            let _ = inner.learn_activities().await;
        }
    }
}
