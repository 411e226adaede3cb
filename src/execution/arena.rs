//! The arena of frames: all of an execution's, in the order of their numbers, with marks on those that were
//! touched.

use crate::execution::ROOT;
use crate::execution::frame::{Finished, Frame};
use crate::id::FrameId;
use crate::json::Json;

/// The arena of frames, with marks on those that were touched.
///
/// Most executions have one frame, and it needs no list. Branches and iterations have numbers that follow one
/// another, so that a place in the list is found by counting.
#[derive(Debug, Default)]
pub(super) struct Frames {
    root: Slot,
    /// Those of branches and iterations, by number. Who leaves leaves an empty slot.
    inner: Vec<(FrameId, Slot)>,
    /// The touched ones, in the order they were touched.
    dirty: Vec<FrameId>,
    /// How many slots are empty.
    empty: usize,
}

#[derive(Debug, Default)]
struct Slot {
    held: Held,
    dirty: bool,
    /// Whether anybody outside knows of it, and has to be told when it is gone.
    saved: bool,
}

/// What is to be saved of a frame.
pub(super) enum Touched<'a> {
    Frame(&'a Frame),
    Finished(&'a Finished),
}

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Frame(Box<Frame>),
    Finished(Finished),
}

impl Held {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    fn frame(&self) -> Option<&Frame> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Nothing | Self::Finished(_) => None,
        }
    }
}

impl Frames {
    pub(super) fn get(&self, id: FrameId) -> Option<&Frame> {
        self.slot(id)?.held.frame()
    }

    /// Those that have not finished, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FrameId, &Frame)> {
        self.slots().filter_map(|(id, slot)| Some((id, slot.held.frame()?)))
    }

    /// Those that have, in order.
    pub(super) fn finished(&self) -> impl Iterator<Item = (FrameId, &Finished)> {
        self.slots().filter_map(|(id, slot)| match &slot.held {
            Held::Finished(finished) => Some((id, finished)),
            Held::Nothing | Held::Frame(_) => None,
        })
    }

    /// Those of the branches or iterations from `start` up to but not including `end`; of the finished ones with
    /// the history event of their end.
    pub(super) fn within(
        &self,
        start: FrameId,
        end: FrameId,
    ) -> impl Iterator<Item = (FrameId, Option<u64>)> {
        let first = self.inner.partition_point(|(id, _)| *id < start);
        let slots = self.inner[first..].iter().take_while(move |(id, _)| *id < end);
        slots.filter_map(|(id, slot)| match &slot.held {
            Held::Nothing => None,
            Held::Frame(_) => Some((*id, None)),
            Held::Finished(finished) => Some((*id, Some(finished.event))),
        })
    }

    pub(super) fn ids(&self) -> Vec<FrameId> {
        self.slots().filter(|(_, slot)| !slot.held.is_nothing()).map(|(id, _)| id).collect()
    }

    /// Takes a frame out that has not finished, to change it.
    pub(super) fn take(&mut self, id: FrameId) -> Option<Box<Frame>> {
        let slot = self.slot_mut(id)?;
        match std::mem::take(&mut slot.held) {
            Held::Frame(frame) => {
                self.empty += usize::from(id != ROOT);
                Some(frame)
            }
            held => {
                slot.held = held;
                None
            }
        }
    }

    /// Puts a frame in, and marks it.
    pub(super) fn put(&mut self, id: FrameId, frame: Box<Frame>) {
        self.set(id, Held::Frame(frame));
        self.mark(id);
    }

    /// Puts a frame back in which nothing changed that has to be saved.
    pub(super) fn put_back(&mut self, id: FrameId, frame: Box<Frame>) {
        self.set(id, Held::Frame(frame));
    }

    /// Puts in what is left of a frame that has finished, and marks it.
    pub(super) fn finish(&mut self, id: FrameId, finished: Finished) {
        self.set(id, Held::Finished(finished));
        self.mark(id);
    }

    /// Puts in a frame as it was saved.
    pub(super) fn restore(&mut self, id: FrameId, frame: Box<Frame>) {
        self.set(id, Held::Frame(frame)).saved = true;
    }

    /// Puts in what is left of a frame that has finished, as it was saved.
    pub(super) fn restore_finished(&mut self, id: FrameId, finished: Finished) {
        self.set(id, Held::Finished(finished)).saved = true;
    }

    /// Removes a frame, or one that was taken and will not come back.
    pub(super) fn remove(&mut self, id: FrameId) {
        self.take_out(id);
    }

    /// Removes a frame that has finished, for its output.
    pub(super) fn take_output(&mut self, id: FrameId) -> Option<Json> {
        match self.take_out(id) {
            Held::Finished(finished) => Some(finished.output),
            Held::Nothing | Held::Frame(_) => None,
        }
    }

    /// Makes room for `count` more.
    pub(super) fn reserve(&mut self, count: u32) {
        self.inner.reserve(count as usize);
    }

    /// What `save` makes of the frames touched since the last call, in order; of nothing where they are gone. Those
    /// that came and went since then are not among them.
    pub(super) fn take_dirty<R>(
        &mut self,
        mut save: impl FnMut(FrameId, Option<Touched<'_>>) -> R,
    ) -> Vec<R> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        let mut frames = Vec::with_capacity(dirty.len());
        for id in dirty {
            let Some(slot) = self.slot_mut(id) else { continue };
            let known = std::mem::replace(&mut slot.saved, !slot.held.is_nothing());
            slot.dirty = false;
            match &slot.held {
                Held::Nothing if known => frames.push(save(id, None)),
                Held::Nothing => {}
                Held::Frame(frame) => frames.push(save(id, Some(Touched::Frame(frame)))),
                Held::Finished(finished) => frames.push(save(id, Some(Touched::Finished(finished)))),
            }
        }
        if self.empty * 2 > self.inner.len() {
            self.inner.retain(|(_, slot)| !slot.held.is_nothing());
            self.inner.shrink_to_fit();
            self.empty = 0;
        }
        frames
    }

    /// Takes out what there is for good.
    fn take_out(&mut self, id: FrameId) -> Held {
        let Some(slot) = self.slot_mut(id) else { return Held::Nothing };
        let held = std::mem::take(&mut slot.held);
        let tell = slot.saved && !std::mem::replace(&mut slot.dirty, true);
        self.dirty.extend(tell.then_some(id));
        self.empty += usize::from(id != ROOT && !held.is_nothing());
        held
    }

    fn set(&mut self, id: FrameId, held: Held) -> &mut Slot {
        let slot = if id == ROOT {
            &mut self.root
        } else {
            let at = match self.place(id) {
                Ok(at) => {
                    self.empty -= usize::from(self.inner[at].1.held.is_nothing());
                    at
                }
                Err(at) => {
                    self.inner.insert(at, (id, Slot::default()));
                    at
                }
            };
            &mut self.inner[at].1
        };
        slot.held = held;
        slot
    }

    fn mark(&mut self, id: FrameId) {
        let Some(slot) = self.slot_mut(id) else { return };
        if !std::mem::replace(&mut slot.dirty, true) {
            self.dirty.push(id);
        }
    }

    fn slots(&self) -> impl Iterator<Item = (FrameId, &Slot)> {
        std::iter::once((ROOT, &self.root)).chain(self.inner.iter().map(|(id, slot)| (*id, slot)))
    }

    fn slot(&self, id: FrameId) -> Option<&Slot> {
        if id == ROOT {
            return Some(&self.root);
        }
        self.place(id).ok().map(|at| &self.inner[at].1)
    }

    fn slot_mut(&mut self, id: FrameId) -> Option<&mut Slot> {
        if id == ROOT {
            return Some(&mut self.root);
        }
        self.place(id).ok().map(|at| &mut self.inner[at].1)
    }

    /// Where in the list the frame is, or would be.
    fn place(&self, id: FrameId) -> Result<usize, usize> {
        let Some((last, _)) = self.inner.last() else { return Err(0) };
        let Some(before_last) = last.0.checked_sub(id.0) else { return Err(self.inner.len()) };
        let counted =
            usize::try_from(before_last).ok().and_then(|back| (self.inner.len() - 1).checked_sub(back));
        match counted {
            Some(at) if self.inner[at].0 == id => Ok(at),
            _ => self.inner.binary_search_by_key(&id, |(id, _)| *id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::machine::StateId;

    fn frame(mark: u64) -> Box<Frame> {
        Box::new(Frame::new(StateId(0), Json::Null, mark))
    }

    proptest! {
        #[test]
        fn it_does_what_maps_do(changes in prop::collection::vec((0..9u64, 0..4u8), 0..60)) {
            let (mut frames, mut map, mut dirty) = (Frames::default(), BTreeMap::new(), BTreeSet::new());
            let mut saved = BTreeMap::new();
            for (mark, (id, change)) in changes.into_iter().enumerate() {
                let (id, mark) = (FrameId(id), mark as u64);
                match change {
                    0 | 1 => {
                        frames.put(id, frame(mark));
                        map.insert(id, mark);
                        dirty.insert(id);
                    }
                    2 => {
                        let known = map.remove(&id);
                        prop_assert_eq!(frames.take(id).map(|frame| frame.last_event), known);
                        frames.remove(id);
                        if known.is_some() {
                            dirty.insert(id);
                        }
                    }
                    _ => {
                        let mark = |touched: Touched<'_>| match touched {
                            Touched::Frame(frame) => frame.last_event,
                            Touched::Finished(finished) => finished.event,
                        };
                        let taken = frames.take_dirty(|id, touched| (id, touched.map(mark)));
                        // What came and went meanwhile is not spoken of.
                        let told = |id: &FrameId| map.contains_key(id) || saved.contains_key(id);
                        let touched = std::mem::take(&mut dirty).into_iter().filter(told);
                        let expected: Vec<_> = touched.map(|id| (id, map.get(&id).copied())).collect();
                        prop_assert_eq!(taken, expected);
                        saved.clone_from(&map);
                    }
                }
                let seen: Vec<_> = frames.iter().map(|(id, frame)| (id, frame.last_event)).collect();
                prop_assert_eq!(seen, map.iter().map(|(id, mark)| (*id, *mark)).collect::<Vec<_>>());
                prop_assert_eq!(frames.get(id).map(|frame| frame.last_event), map.get(&id).copied());
            }
        }
    }
}
