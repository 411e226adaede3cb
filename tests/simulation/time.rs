//! Virtual time: the world's, which only goes on, and each node's clock, which may be set.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use stepwright::{Clock, Timestamp};

/// When the world begins: 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600_000;

/// The world's time, in milliseconds, and who sleeps until when.
#[derive(Debug, Default)]
pub(crate) struct Time {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: u64,
    sleepers: BTreeMap<(u64, u64), Waker>,
    last_sleeper: u64,
    activity: u64,
}

impl Time {
    pub(crate) fn now(&self) -> u64 {
        self.state.lock().unwrap().now
    }

    /// Something is going on.
    pub(crate) fn touch(&self) {
        self.state.lock().unwrap().activity += 1;
    }

    /// How much has gone on: while it grows, nothing is idle.
    pub(crate) fn activity(&self) -> u64 {
        self.state.lock().unwrap().activity
    }

    /// When the next sleeper wakes.
    pub(crate) fn next(&self) -> Option<u64> {
        self.state.lock().unwrap().sleepers.first_key_value().map(|((time, _), _)| *time)
    }

    /// Lets time pass until `time`.
    pub(crate) fn pass(&self, time: u64) {
        let mut state = self.state.lock().unwrap();
        state.now = state.now.max(time);
        state.activity += 1;
        let now = state.now;
        while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 <= now) {
            entry.remove().wake();
        }
    }

    pub(crate) fn sleep(self: &Arc<Self>, milliseconds: u64) -> Sleeper {
        Sleeper::new(self, Until::World(self.now() + milliseconds))
    }
}

/// A node's clock.
#[derive(Clone, Debug)]
pub(crate) struct NodeClock {
    time: Arc<Time>,
    offset: Arc<AtomicI64>,
}

impl NodeClock {
    pub(crate) fn new(time: &Arc<Time>) -> Self {
        Self { time: Arc::clone(time), offset: Arc::default() }
    }

    /// Sets it by so many milliseconds forward or back. Whoever sleeps looks at it again.
    pub(crate) fn set(&self, by: i64) {
        self.offset.fetch_add(by, Ordering::Relaxed);
        let mut state = self.time.state.lock().unwrap();
        state.activity += 1;
        std::mem::take(&mut state.sleepers).into_values().for_each(Waker::wake);
    }

    fn shows(&self, world: u64) -> i64 {
        BEGIN + world.cast_signed() + self.offset.load(Ordering::Relaxed)
    }
}

impl Clock for NodeClock {
    fn now(&self) -> Timestamp {
        self.time.touch();
        Timestamp::from_millis(self.shows(self.time.now()))
    }

    fn sleep_until(&self, deadline: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Sleeper::new(&self.time, Until::Clock(self.clone(), deadline)))
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.time.sleep(u64::try_from(duration.as_millis()).unwrap()))
    }
}

/// One sleep.
pub(crate) struct Sleeper {
    time: Arc<Time>,
    until: Until,
    registered: Option<(u64, u64)>,
}

enum Until {
    World(u64),
    Clock(NodeClock, Timestamp),
}

impl Sleeper {
    fn new(time: &Arc<Time>, until: Until) -> Self {
        Self { time: Arc::clone(time), until, registered: None }
    }

    fn leave(&mut self, state: &mut State) {
        if let Some(place) = self.registered.take() {
            state.sleepers.remove(&place);
        }
    }
}

impl Future for Sleeper {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let time = Arc::clone(&self.time);
        let mut state = time.state.lock().unwrap();
        self.leave(&mut state);
        let deadline = match &self.until {
            Until::World(deadline) => *deadline,
            Until::Clock(clock, deadline) => {
                let left = deadline.as_millis().saturating_sub(clock.shows(state.now));
                state.now.saturating_add(u64::try_from(left).unwrap_or(0))
            }
        };
        if deadline <= state.now {
            return Poll::Ready(());
        }
        state.last_sleeper += 1;
        let place = (deadline, state.last_sleeper);
        state.sleepers.insert(place, cx.waker().clone());
        self.registered = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let time = Arc::clone(&self.time);
        let mut state = time.state.lock().unwrap();
        self.leave(&mut state);
    }
}
