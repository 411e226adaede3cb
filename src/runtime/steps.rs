//! Steps that are made where somebody asked for them, and not on a task: a shutdown waits for them, too.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many steps are being made on their callers' time.
#[derive(Debug, Default)]
pub(super) struct Steps {
    count: AtomicUsize,
    /// Whether somebody waits for the last of them.
    awaited: AtomicBool,
    over: Notify,
}

/// A step that is being made.
#[must_use]
pub(super) struct UnderWay<'a>(&'a Steps);

impl Steps {
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        UnderWay(self)
    }

    pub(super) fn are_over(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Waits until none is being made.
    pub(super) async fn over(&self) {
        loop {
            let over = self.over.notified();
            // Whoever is counted below sees this at its end.
            self.awaited.store(true, Ordering::SeqCst);
            if self.are_over() {
                return;
            }
            over.await;
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Self(steps) = self;
        if steps.count.fetch_sub(1, Ordering::SeqCst) == 1 && steps.awaited.load(Ordering::SeqCst) {
            steps.over.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn the_last_one_is_waited_for() {
        let steps = Steps::default();
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(pin!(steps.over()).poll(&mut cx), Poll::Ready(()));
        let (first, second) = (steps.begin(), steps.begin());
        let mut over = pin!(steps.over());
        assert_eq!(over.as_mut().poll(&mut cx), Poll::Pending);
        drop(first);
        assert_eq!(over.as_mut().poll(&mut cx), Poll::Pending);
        drop(second);
        assert_eq!(over.as_mut().poll(&mut cx), Poll::Ready(()));
    }
}
