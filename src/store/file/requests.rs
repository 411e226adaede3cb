//! What waits for the writer. New executions wait their turn under load, and answers do not: only so many begin in a
//! transaction.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::request::Asked;

/// How many executions begin in a transaction while others go on, and while none does. Those that wait to begin cost
/// nothing; those that have begun would wait for one another.
const BEGIN: (usize, usize) = (64, 128);

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
    /// Nothing more comes, or nobody writes any longer.
    closed: bool,
    /// The writer waits until there are so many; 0 while it writes.
    wanted: usize,
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
        match begins {
            true => waiting.beginning.push_back(request),
            false => waiting.going_on.push_back(request),
        }
        if waiting.wanted > 0 && waiting.ready() >= waiting.wanted {
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
        waiting.may_begin = if waiting.went_on > 0 { BEGIN.0 } else { BEGIN.1 };
        waiting.went_on = 0;
        while waiting.ready() == 0 {
            if waiting.closed {
                return false;
            }
            waiting.wanted = 1;
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        true
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
