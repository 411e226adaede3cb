//! Executions that ended long ago are forgotten, a few at a time, while others end; before that, what they would be
//! redriven with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::runtime::Inner;
use crate::time::Timestamp;

/// How often the store is looked through, at most.
const PAUSE: Duration = Duration::from_secs(60);

/// How many executions are forgotten at once.
const BATCH: usize = 100;

/// How long executions are kept, and when it is time to look again.
#[derive(Debug)]
pub(super) struct Retention {
    kept: Duration,
    next: AtomicI64,
}

impl Retention {
    pub(super) fn new(kept: Duration) -> Self {
        Self { kept, next: AtomicI64::new(i64::MIN) }
    }

    /// Whether it is time to look, and nobody else does.
    fn is_due(&self, now: Timestamp) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let later = (now + PAUSE).as_millis();
        now.as_millis() >= next
            && self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// So long before `now`.
fn before(now: Timestamp, duration: Duration) -> Timestamp {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}

impl Inner {
    /// Forgets what ended long ago, if it is time.
    pub(super) fn tidy(self: &Arc<Self>, now: Timestamp) {
        if !self.retention.is_due(now) {
            return;
        }
        let inner = Arc::clone(self);
        let (forgotten, expired) = (before(now, self.retention.kept), before(now, self.limits.redrive_time));
        self.tracker.spawn(async move {
            // What a store fails to forget now is forgotten later.
            while !inner.shutdown.is_cancelled()
                && inner.store.forget(forgotten, BATCH).await.is_ok_and(|forgotten| forgotten == BATCH)
            {
                tokio::task::yield_now().await;
            }
            while !inner.shutdown.is_cancelled()
                && inner.store.expire(expired, BATCH).await.is_ok_and(|expired| expired == BATCH)
            {
                tokio::task::yield_now().await;
            }
        });
    }
}
