//! What waits for the writer. New executions wait their turn under load, and answers do not: only so many begin in a
//! transaction, and no more while many that have begun are still to come back.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::request::Asked;

/// How many executions begin in a transaction while others go on, and while none does. Those that wait to begin cost
/// nothing; those that have begun would wait for one another.
const BEGIN: (usize, usize) = (48, 96);

/// How many may have begun that are at work, and not have come back with what they did.
const AWAY: usize = 100;

/// In what time half of them is not counted any longer: some are away for long.
const HALF_LIFE: Duration = Duration::from_millis(5);

/// The queue of the writer.
#[derive(Default)]
pub(super) struct Requests {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    going_on: VecDeque<Asked>,
    beginning: VecDeque<Asked>,
    /// How many of this transaction go on.
    went_on: usize,
    /// How many more of this transaction may begin something.
    may_begin: usize,
    away: Away,
    /// Nothing more comes, or nobody writes any longer.
    closed: bool,
    /// The writer waits until there are so many; 0 while it writes.
    wanted: usize,
}

/// Executions that have begun and did not come back, about.
struct Away {
    count: usize,
    since: Instant,
}

impl Default for Away {
    fn default() -> Self {
        Self { count: 0, since: Instant::now() }
    }
}

impl Away {
    /// How many more there may be.
    fn room(&mut self) -> usize {
        let halved = self.since.elapsed().as_millis() / HALF_LIFE.as_millis();
        if halved > 0 {
            let halved = u32::try_from(halved).unwrap_or(u32::MAX);
            (self.count, self.since) = (self.count.checked_shr(halved).unwrap_or(0), Instant::now());
        }
        AWAY.saturating_sub(self.count)
    }
}

/// Closes the queue when the writer ends, and be it by a panic: whoever waits hears of it.
pub(super) struct Closing<'a>(pub(super) &'a Requests);

impl Requests {
    /// Adds a write. When nobody writes any longer, that is its end.
    pub(super) fn add(&self, request: Asked, begins: bool) {
        let mut waiting = self.lock();
        if waiting.closed {
            drop(waiting);
            return;
        }
        // With the first that waits to begin, the writer looks whether it may.
        let is_first = begins && waiting.beginning.is_empty();
        match begins {
            true => waiting.beginning.push_back(request),
            false => waiting.going_on.push_back(request),
        }
        if waiting.wanted > 0 && (is_first || waiting.ready() >= waiting.wanted) {
            waiting.wanted = 0;
            self.came.notify_one();
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.came.notify_one();
    }

    /// Waits until there is something to write in another transaction; `false` when there is not, and never will be.
    pub(super) fn wait(&self) -> bool {
        let mut waiting = self.lock();
        let most = if waiting.went_on > 0 { BEGIN.0 } else { BEGIN.1 };
        waiting.went_on = 0;
        loop {
            waiting.may_begin = waiting.away.room().min(most);
            if waiting.ready() > 0 {
                waiting.wanted = 0;
                return true;
            }
            waiting.wanted = 1;
            waiting = match (waiting.beginning.is_empty(), waiting.closed) {
                (true, true) => return false,
                (true, false) => self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                (false, _) => {
                    let waited = self.came.wait_timeout(waiting, HALF_LIFE);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// So many began in a transaction and are at work, and so many came back.
    pub(super) fn count(&self, began: usize, came_back: usize) {
        let away = &mut self.lock().away;
        away.count = (away.count + began).saturating_sub(came_back);
    }

    /// The next one, if one waits. What begins comes first: meanwhile others come that go on.
    pub(super) fn next(&self) -> Option<Asked> {
        let mut waiting = self.lock();
        if waiting.may_begin > 0
            && let Some(begins) = waiting.beginning.pop_front()
        {
            waiting.may_begin -= 1;
            return Some(begins);
        }
        let goes_on = waiting.going_on.pop_front()?;
        waiting.went_on += 1;
        Some(goes_on)
    }

    /// Waits for more of the `coming` that go on, unless there is enough to do for the next transaction; whether there
    /// is something to write in this one.
    pub(super) fn linger(&self, coming: usize, longest: Duration) -> bool {
        let mut waiting = self.lock();
        let missing = coming.saturating_sub(waiting.went_on);
        if missing > 0 && waiting.beginning.is_empty() {
            waiting.wanted = missing;
            let few = |waiting: &mut Waiting| waiting.ready() < missing && !waiting.closed;
            let waited = self.came.wait_timeout_while(waiting, longest, few);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.wanted = 0;
        }
        waiting.ready() > 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue is whole between any two operations.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// How many can be written in this transaction.
    fn ready(&self) -> usize {
        self.going_on.len() + self.may_begin.min(self.beginning.len())
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        let left = (std::mem::take(&mut waiting.going_on), std::mem::take(&mut waiting.beginning));
        drop(waiting);
        // Who waits for them is told by their end.
        drop(left);
    }
}
