//! Work that is mostly done at once: it needs no task of its own then.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;

use crate::runtime::Inner;

/// What became of work that was begun.
pub(super) enum Begun<T> {
    /// It is done, or panicked.
    Done(std::thread::Result<T>),
    /// It goes on as a task, whoever waits for it.
    Task(JoinHandle<T>),
}

impl Inner {
    /// Does `work` here and now, up to where it has to wait for something. The rest of it, if there is one, does
    /// not end with whoever began it.
    pub(super) fn at_once<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Begun<T> {
        // A shutdown waits for it, too.
        let _tracked = self.tracker.token();
        let mut work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
        // The task polls it again, with a waker that wakes.
        let mut nobody = Context::from_waker(Waker::noop());
        match std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut nobody))) {
            Ok(Poll::Ready(done)) => Begun::Done(Ok(done)),
            Ok(Poll::Pending) => Begun::Task(self.tracker.spawn(work)),
            Err(panic) => Begun::Done(Err(panic)),
        }
    }
}

impl<T> Begun<T> {
    /// Waits for its end; `None` when the runtime of its task is gone. A panic goes on here.
    pub(super) async fn end(self) -> Option<T> {
        let panic = match self {
            Self::Done(Ok(done)) => return Some(done),
            Self::Done(Err(panic)) => panic,
            Self::Task(task) => match task.await {
                Ok(done) => return Some(done),
                Err(ended) => ended.try_into_panic().ok()?,
            },
        };
        std::panic::resume_unwind(panic)
    }
}
