//! The frames that can go on at once, in their order: mostly there is one at most.

use std::collections::VecDeque;

use crate::id::FrameId;

/// A queue whose only frame needs no memory of its own.
#[derive(Debug, Default)]
pub(super) struct Ready {
    next: Option<FrameId>,
    /// INVARIANT: empty unless there is a next one.
    others: VecDeque<FrameId>,
}

impl Ready {
    pub(super) fn push_back(&mut self, id: FrameId) {
        match self.next {
            None => self.next = Some(id),
            Some(_) => self.others.push_back(id),
        }
    }

    pub(super) fn push_front(&mut self, id: FrameId) {
        if let Some(second) = self.next.replace(id) {
            self.others.push_front(second);
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<FrameId> {
        std::mem::replace(&mut self.next, self.others.pop_front())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next.is_none()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = FrameId> {
        self.next.into_iter().chain(self.others.iter().copied())
    }
}

impl Extend<FrameId> for Ready {
    fn extend<I: IntoIterator<Item = FrameId>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| self.push_back(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_a_deque_does() {
        let (mut ready, mut deque) = (Ready::default(), VecDeque::new());
        // 0 takes one out, 1 puts one in front, 2 puts one behind: every order of six of them.
        for order in 0..729 {
            for step in 0..6 {
                let id = FrameId(step);
                match order / 3_u64.pow(step as u32) % 3 {
                    0 => assert_eq!(ready.pop_front(), deque.pop_front()),
                    1 => {
                        ready.push_front(id);
                        deque.push_front(id);
                    }
                    _ => {
                        ready.push_back(id);
                        deque.push_back(id);
                    }
                }
                assert!(ready.iter().eq(deque.iter().copied()));
                assert_eq!(ready.is_empty(), deque.is_empty());
            }
        }
    }
}
