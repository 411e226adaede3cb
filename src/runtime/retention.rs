//! Executions that ended long ago are forgotten, a few at a time, while others end.

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

    /// Until when executions ended that are to be forgotten now; nothing when it is not time yet.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.next.load(Ordering::Relaxed);
        if now.as_millis() < next {
            return None;
        }
        let later = (now + PAUSE).as_millis();
        let first = self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let kept = i64::try_from(self.kept.as_millis()).unwrap_or(i64::MAX);
        first.then(|| Timestamp::from_millis(now.as_millis().saturating_sub(kept)))
    }
}

impl Inner {
    /// Forgets what ended long ago, if it is time.
    pub(super) fn tidy(self: &Arc<Self>) {
        let Some(before) = self.retention.due(self.clock.now()) else { return };
        let inner = Arc::clone(self);
        self.tracker.spawn(async move {
            // What a store fails to forget now is forgotten later.
            while !inner.shutdown.is_cancelled()
                && inner.store.forget(before, BATCH).await.is_ok_and(|forgotten| forgotten == BATCH)
            {
                tokio::task::yield_now().await;
            }
        });
    }
}
