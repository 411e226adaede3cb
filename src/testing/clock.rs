//! A clock that jumps: thirty days in a millisecond.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::runtime::{Clock, Sleep};
use crate::time::Timestamp;

/// How often everybody else has to have had their turn, without anybody looking at the clock, before everything
/// counts as idle.
const QUIET_ROUNDS: u32 = 16;

/// A [`Clock`] in virtual time. Nothing ever waits: when everything is idle, it jumps to the next deadline.
///
/// "Idle" is what a current-thread tokio runtime (that of `#[tokio::test]`) knows: no task can go on by itself.
/// What waits for the network or another thread looks idle too, so use a [`manual`](Self::manual) clock for
/// tests with real I/O, and move it yourself.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use serde_json::json;
/// use stepwright::testing::VirtualClock;
/// use stepwright::{Clock, Runtime, StateMachine};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "Sleep", "States": { "Sleep": { "Type": "Wait", "Seconds": 2592000, "End": true } } }"#,
/// )?);
/// let clock = VirtualClock::new();
/// let begin = clock.now();
/// let runtime = Runtime::builder().clock(Arc::new(clock.clone())).build()?;
/// runtime.start_execution(&machine, None, json!({})).await?.wait().await?;
/// assert_eq!(clock.now().since(begin), Duration::from_secs(30 * 24 * 60 * 60));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next_sleeper: u64,
    /// How often anybody looked at the clock or went to sleep: while it grows, something is going on.
    activity: u64,
    /// Whether the clock moves by itself.
    automatic: bool,
    /// Whether the task that moves it runs.
    moving: bool,
}

/// When virtual time begins: 2026-01-01T00:00:00Z.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl VirtualClock {
    /// A clock that jumps to the next deadline by itself whenever everything is idle.
    #[expect(clippy::new_without_default, reason = "there are two kinds, and neither is the default")]
    pub fn new() -> Self {
        Self::starting(BEGIN, true)
    }

    /// A clock that stands still until it is moved.
    ///
    /// ```
    /// use std::time::Duration;
    /// use stepwright::testing::VirtualClock;
    /// use stepwright::Clock;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let clock = VirtualClock::manual();
    /// let before = clock.now();
    /// clock.advance(Duration::from_secs(60)).await;
    /// assert_eq!(clock.now().since(before), Duration::from_secs(60));
    /// assert!(!clock.advance_to_next().await, "nobody sleeps");
    /// # }
    /// ```
    pub fn manual() -> Self {
        Self::starting(BEGIN, false)
    }

    /// The same, beginning at another time.
    #[must_use]
    pub fn at(self, begin: Timestamp) -> Self {
        self.inner.lock().now = begin;
        self
    }

    /// Moves the clock by `duration`, stopping at every deadline on the way until what it woke is idle again.
    pub async fn advance(&self, duration: Duration) {
        let end = self.inner.lock().now + duration;
        self.settle().await;
        while self.inner.jump(Some(end)) {
            self.settle().await;
        }
        let mut state = self.inner.lock();
        state.now = state.now.max(end);
    }

    /// Waits until everything is idle, then jumps to the next deadline and waits until everything is idle again;
    /// `false` when nobody sleeps.
    pub async fn advance_to_next(&self) -> bool {
        self.settle().await;
        let jumped = self.inner.jump(None);
        self.settle().await;
        jumped
    }

    /// Waits until everything else is idle.
    pub async fn settle(&self) {
        self.inner.settle().await;
    }

    fn starting(now: Timestamp, automatic: bool) -> Self {
        let state = State { now, automatic, ..State::default() };
        Self { inner: Arc::new(Inner { state: Mutex::new(state) }) }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let mut state = self.inner.lock();
        state.activity += 1;
        state.now
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        Box::pin(Sleeper { clock: Arc::clone(&self.inner), deadline, registered: None })
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock").field("now", &self.inner.lock().now).finish_non_exhaustive()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn settle(&self) {
        let mut seen = self.lock().activity;
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            tokio::task::yield_now().await;
            let activity = self.lock().activity;
            quiet = if activity == seen { quiet + 1 } else { 0 };
            seen = activity;
        }
    }

    /// Jumps to the next deadline, if there is one and it is not after `end`.
    fn jump(&self, end: Option<Timestamp>) -> bool {
        let mut state = self.lock();
        let Some((&(next, _), _)) = state.sleepers.first_key_value() else { return false };
        if end.is_some_and(|end| next > end) {
            return false;
        }
        state.now = state.now.max(next);
        let now = state.now;
        while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 <= now) {
            entry.remove().wake();
        }
        state.activity += 1;
        true
    }

    /// Moves the clock for as long as anybody holds it.
    async fn keep_moving(clock: Weak<Self>) {
        loop {
            let Some(inner) = clock.upgrade() else { return };
            inner.settle().await;
            if inner.jump(None) {
                continue;
            }
            // Nobody sleeps: whoever sleeps next starts this again.
            inner.lock().moving = false;
            return;
        }
    }
}

/// One sleep on a virtual clock.
struct Sleeper {
    clock: Arc<Inner>,
    deadline: Timestamp,
    registered: Option<u64>,
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = Arc::clone(&self.clock);
        let mut state = clock.lock();
        if state.now >= self.deadline {
            return Poll::Ready(());
        }
        let number = match self.registered {
            Some(number) => number,
            None => {
                state.next_sleeper += 1;
                state.activity += 1;
                state.next_sleeper
            }
        };
        self.registered = Some(number);
        state.sleepers.insert((self.deadline, number), cx.waker().clone());
        if state.automatic && !state.moving {
            state.moving = true;
            tokio::spawn(Inner::keep_moving(Arc::downgrade(&clock)));
        }
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(number) = self.registered {
            self.clock.lock().sleepers.remove(&(self.deadline, number));
        }
    }
}
