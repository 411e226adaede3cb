//! The recorder: numbers history events, chains them, and stops at the limit.

use crate::history::{HistoryEvent, HistoryEventKind};
use crate::time::Timestamp;

/// Numbers and keeps the history events of a step until the step takes them.
///
/// With history off, events are numbered all the same, since causes mention the numbers.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    next: u64,
    keep: bool,
    limit: u64,
    full: bool,
    pending: Vec<HistoryEvent>,
}

impl Recorder {
    pub(super) fn new(next: u64, keep: bool, limit: u64) -> Self {
        Self { next, keep, limit, full: false, pending: Vec::new() }
    }

    /// Records what `kind` makes, chained to the event `previous`, and returns its number.
    ///
    /// The last place of a history is for the event that ends it: what else would take it is dropped, and
    /// [`is_full`](Self::is_full) says so.
    pub(super) fn record(
        &mut self,
        now: Timestamp,
        previous: u64,
        kind: impl FnOnce() -> HistoryEventKind,
    ) -> u64 {
        if self.full || self.next >= self.limit {
            self.full = true;
            return previous;
        }
        self.push(now, previous, kind)
    }

    /// Records the event that ends the execution: there is always room for it.
    pub(super) fn record_last(
        &mut self,
        now: Timestamp,
        previous: u64,
        kind: impl FnOnce() -> HistoryEventKind,
    ) {
        self.push(now, previous, kind);
    }

    /// The number of the newest event.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Whether an event was dropped because only the last place is left.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn take(&mut self) -> Vec<HistoryEvent> {
        std::mem::take(&mut self.pending)
    }

    fn push(&mut self, now: Timestamp, previous: u64, kind: impl FnOnce() -> HistoryEventKind) -> u64 {
        let id = self.next;
        self.next += 1;
        if self.keep {
            self.pending.push(HistoryEvent::new(id, previous, now, kind()));
        }
        id
    }
}
