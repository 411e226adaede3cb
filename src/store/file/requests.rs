//! What waits for the writer. What goes on with an execution comes before what begins one, but never keeps it
//! from its turn: under load new executions wait, and answers do not.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::writer::Write;

/// One in so many writes begins something while both kinds wait.
const TURNS: usize = 4;

/// How many executions begin in a transaction while others go on: as many as are answered, in about the time that a
/// commit takes. Those that wait to begin cost nothing; those that have begun would wait for one another.
const BEGIN: usize = 64;

/// The queue of the writer.
#[derive(Default)]
pub(super) struct Requests {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

#[derive(Default)]
struct Waiting {
    going_on: VecDeque<Box<dyn Write>>,
    beginning: VecDeque<Box<dyn Write>>,
    /// How many were taken for this transaction, and how many of them begin something.
    taken: (usize, usize),
    /// How many of this transaction may begin something.
    may_begin: usize,
    /// Nothing more comes, or nobody writes any longer.
    closed: bool,
    /// The writer waits.
    idle: bool,
}

/// Closes the queue when the writer ends, and be it by a panic: whoever waits hears of it.
pub(super) struct Closing<'a>(pub(super) &'a Requests);

impl Requests {
    /// Adds a write; `false` when nobody writes any longer.
    pub(super) fn add(&self, request: Box<dyn Write>, begins: bool) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        match begins {
            true => waiting.beginning.push_back(request),
            false => waiting.going_on.push_back(request),
        }
        if std::mem::take(&mut waiting.idle) {
            self.came.notify_one();
        }
        true
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.came.notify_one();
    }

    /// Waits until there is something to write in another transaction; `false` when there is not, and never will be.
    pub(super) fn wait(&self) -> bool {
        let mut waiting = self.lock();
        let (taken, began) = std::mem::take(&mut waiting.taken);
        waiting.may_begin = if taken > began { BEGIN } else { usize::MAX };
        while waiting.going_on.is_empty() && waiting.beginning.is_empty() {
            if waiting.closed {
                return false;
            }
            waiting.idle = true;
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// The next one, if one waits.
    pub(super) fn next(&self) -> Option<Box<dyn Write>> {
        let mut waiting = self.lock();
        let (taken, began) = waiting.taken;
        let may_begin = began < waiting.may_begin && !waiting.beginning.is_empty();
        let begins = may_begin && (waiting.going_on.is_empty() || taken % TURNS == TURNS - 1);
        let next = if begins { waiting.beginning.pop_front() } else { waiting.going_on.pop_front() }?;
        waiting.taken = (taken + 1, began + usize::from(begins));
        Some(next)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue is whole between any two operations.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
