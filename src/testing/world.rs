//! What will happen to an execution in virtual time, in order.

use std::collections::BTreeMap;

use crate::execution::Event;
use crate::failure::Failure;
use crate::id::TaskId;
use crate::testing::script::{Happening, Script};
use crate::time::Timestamp;

/// What will happen to one execution: by time, then in the order it was found out.
#[derive(Debug, Default)]
pub(super) struct World {
    coming: BTreeMap<(Timestamp, u64), Coming>,
    next: u64,
}

#[derive(Debug)]
enum Coming {
    Task(TaskId, Happening),
    Stop(Failure),
}

impl World {
    /// Lets all of `script` happen to `task`, which was called at `now`.
    pub(super) fn play(&mut self, task: TaskId, script: Script, now: Timestamp) {
        for (after, happening) in script.happenings {
            self.add(now + after, Coming::Task(task, happening));
        }
    }

    /// Lets somebody stop the execution.
    pub(super) fn stop(&mut self, at: Timestamp, failure: Failure) {
        self.add(at, Coming::Stop(failure));
    }

    /// The handler of `task` does nothing any more; whoever holds its token does not know.
    pub(super) fn cancel(&mut self, task: TaskId) {
        self.coming.retain(|_, coming| match coming {
            Coming::Task(other, happening) => *other != task || !happening.is_handlers(),
            Coming::Stop(_) => true,
        });
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.coming.first_key_value().map(|((time, _), _)| *time)
    }

    /// The next thing that happens.
    pub(super) fn take(&mut self) -> Option<Event> {
        self.coming.pop_first().map(|(_, coming)| match coming {
            Coming::Task(task, happening) => happening.event(task),
            Coming::Stop(failure) => Event::Stop { failure },
        })
    }

    fn add(&mut self, at: Timestamp, coming: Coming) {
        self.next += 1;
        self.coming.insert((at, self.next), coming);
    }
}
