//! What is due when: one deadline for each frame that has one.

use crate::execution::few::Few;
use crate::id::FrameId;
use crate::time::Timestamp;

/// The deadlines of frames, ordered by time, then by frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    due: Few<(Timestamp, FrameId), ()>,
}

impl Timers {
    /// Moves the deadline of `frame` from `old` to `new`.
    pub(super) fn set(&mut self, frame: FrameId, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.due.remove((old, frame));
        }
        if let Some(new) = new {
            self.due.insert((new, frame), ());
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first_key().map(|(time, _)| time)
    }

    /// The frame whose deadline has come by `now`, the longest overdue first.
    pub(super) fn due(&self, now: Timestamp) -> Option<FrameId> {
        self.due.first_key().filter(|(time, _)| *time <= now).map(|(_, frame)| frame)
    }
}
