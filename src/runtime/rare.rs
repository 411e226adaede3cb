//! What most runtimes never have: looking for it takes no lock then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What most runtimes never have.
#[derive(Debug, Default)]
pub(super) struct Rare<T> {
    /// Whether somebody ever changed it.
    used: AtomicBool,
    things: Mutex<T>,
}

impl<T> Rare<T> {
    /// To change it.
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.used.store(true, Ordering::Relaxed);
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To look for something, or to take it out; nothing while there never was anything.
    pub(super) fn look(&self) -> Option<MutexGuard<'_, T>> {
        self.used.load(Ordering::Relaxed).then(|| self.lock())
    }
}
