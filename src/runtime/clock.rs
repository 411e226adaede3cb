//! The runtime's source of time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use crate::time::Timestamp;

/// A boxed future, as [`Clock::sleep_until`] returns one.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The runtime's source of time; the core has none.
///
/// It is wall time: durable timers outlive processes, so a monotonic clock would lie to them.
///
/// ```
/// use stepwright::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::EPOCH);
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> Timestamp;

    /// Completes when `now` has reached `deadline`.
    fn sleep_until(&self, deadline: Timestamp) -> Sleep;

    /// Completes after `duration`, to whatever time the clock is set meanwhile: for those who have to be heard of
    /// by others. Unless a clock says otherwise, it is tokio that waits.
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// How long at most to sleep without looking at the clock: it may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        Box::pin(async move {
            loop {
                let left = deadline.since(Self.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(NAP)).await;
            }
        })
    }
}
