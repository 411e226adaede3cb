//! Calls of handlers, on tokio tasks: where one is done, the next of its execution may go on.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::task::TaskTracker;

/// How many calls that never wait follow one another before others have their turn.
const MOST: u32 = 4;

/// A call of a handler, until its execution has been told what it came to. What comes next of the execution, if it is
/// to be done on the same task, is what it gives.
pub(super) struct Work(Pin<Box<dyn Future<Output = Option<Self>> + Send>>);

/// Who does the work that steps ask for, if it is all there is to do for an execution.
#[derive(Debug)]
pub(super) struct Hands {
    /// Whether whoever makes the step may do some of it.
    free: bool,
    full: Option<Work>,
}

/// One call after the other, on a tokio task.
struct Chain(Work);

impl Work {
    pub(super) fn new(work: impl Future<Output = Option<Self>> + Send + 'static) -> Self {
        Self(Box::pin(work))
    }

    /// Does it on a task of its own.
    fn begin(self, tracker: &TaskTracker) {
        tracker.spawn(Chain(self));
    }
}

impl Hands {
    /// All of it is done on tasks of their own: whoever makes the step has something else to do.
    pub(super) fn none() -> Self {
        Self { free: false, full: None }
    }

    /// It is done on the task that the step is made on, which would end otherwise.
    pub(super) fn free() -> Self {
        Self { free: true, full: None }
    }

    /// Begins with it. Only what is `alone` in its execution is kept for here: handlers of other branches wait for their
    /// turn, and any thread may take any of them.
    pub(super) fn take(&mut self, work: Work, alone: bool, tracker: &TaskTracker) {
        if self.free && alone && self.full.is_none() {
            self.full = Some(work);
        } else {
            self.pass_on(tracker);
            work.begin(tracker);
        }
    }

    /// There is more to do first: what was taken is done on a task of its own.
    pub(super) fn pass_on(&mut self, tracker: &TaskTracker) {
        if let Some(work) = self.full.take() {
            work.begin(tracker);
        }
    }

    /// What was taken to be done here.
    pub(super) fn taken(self) -> Option<Work> {
        self.full
    }
}

impl Future for Chain {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MOST {
            let Self(Work(work)) = &mut *self;
            match work.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(next)) => self.0 = next,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}
