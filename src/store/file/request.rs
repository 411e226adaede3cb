//! Something to write, and who waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::error::store_error;
use super::writer::{Database, Written};
use crate::store::{StoreError, StoreErrorKind};

/// Something to write.
pub(super) trait Write: Send + Sync {
    fn run(&self, database: &mut Database) -> rusqlite::Result<()>;

    /// Tells who waits: what it came to, or that it was not written. It is let go of before.
    fn tell(self: Arc<Self>, failed: Option<StoreError>);

    /// Whether it may be lost in a crash; then nobody waits for the disk.
    fn may_be_lost(&self) -> bool;
}

/// A write, and who waits for it. Whoever waits made it, and frees it: what threads free for one another, they do one
/// after the other.
pub(super) struct Request<T, F> {
    work: Mutex<(F, Option<Result<T, StoreErrorKind>>)>,
    reply: Mutex<Reply<T>>,
    may_be_lost: bool,
}

enum Reply<T> {
    /// Not yet; and who waits for it.
    None(Option<Waker>),
    Given(Result<T, StoreError>),
    Taken,
}

impl<T, F> Request<T, F> {
    pub(super) fn new(work: F, may_be_lost: bool) -> Self {
        Self { work: Mutex::new((work, None)), reply: Mutex::new(Reply::None(None)), may_be_lost }
    }

    /// What it came to, once.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Result<T, StoreError>> {
        let mut reply = lock(&self.reply);
        match std::mem::replace(&mut *reply, Reply::Taken) {
            Reply::Given(result) => Poll::Ready(result),
            Reply::Taken => Poll::Ready(Err(StoreErrorKind::Unavailable.into())),
            Reply::None(_) => {
                *reply = Reply::None(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl<T: Send, F: FnMut(&mut Database) -> Written<T> + Send> Write for Request<T, F> {
    fn run(&self, database: &mut Database) -> rusqlite::Result<()> {
        let (work, came) = &mut *lock(&self.work);
        *came = Some(work(database)?);
        Ok(())
    }

    fn tell(self: Arc<Self>, failed: Option<StoreError>) {
        let came = lock(&self.work).1.take();
        let result = match (failed, came) {
            (None, Some(came)) => came.map_err(StoreError::from),
            (Some(error), _) => Err(error),
            (None, None) => Err(StoreErrorKind::Unavailable.into()),
        };
        let reply = std::mem::replace(&mut *lock(&self.reply), Reply::Given(result));
        drop(self);
        if let Reply::None(Some(waits)) = reply {
            waits.wake();
        }
    }

    fn may_be_lost(&self) -> bool {
        self.may_be_lost
    }
}

/// A write for the writer: whoever waits for it hears of its end, whatever that is.
pub(super) struct Asked(Option<Arc<dyn Write>>);

impl Asked {
    pub(super) fn new(request: Arc<dyn Write>) -> Self {
        Self(Some(request))
    }

    pub(super) fn run(&self, database: &mut Database) -> rusqlite::Result<()> {
        self.0.as_ref().map_or(Ok(()), |request| request.run(database))
    }

    pub(super) fn may_be_lost(&self) -> bool {
        self.0.as_ref().is_none_or(|request| request.may_be_lost())
    }

    pub(super) fn tell(mut self, failed: Option<&rusqlite::Error>) {
        if let Some(request) = self.0.take() {
            request.tell(failed.map(store_error));
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(request) = self.0.take() {
            request.tell(Some(StoreErrorKind::Unavailable.into()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is not gone on with.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
