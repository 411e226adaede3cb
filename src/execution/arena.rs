//! The arena of frames: all of an execution's, in the order of their numbers, with marks on those that were
//! touched.

use std::ops::Range;

use crate::execution::ROOT;
use crate::execution::frame::{Children, Doing, Frame};
use crate::execution::outputs::Ended;
use crate::id::FrameId;

/// The arena of frames, with marks on those that were touched.
///
/// Most executions have one frame, and it needs no list. Branches and iterations have numbers that follow one
/// another, so that a place in the list is found by counting.
#[derive(Debug, Default)]
pub(super) struct Frames {
    root: Slot,
    /// Nothing until there is a branch or an iteration.
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others {
    /// The frames of branches and iterations, by number. Who leaves leaves an empty slot.
    inner: Vec<(FrameId, Slot)>,
    /// The touched ones of these, in the order they were touched.
    dirty: Vec<FrameId>,
    /// How many slots are empty.
    empty: usize,
    /// Those of whose branches or iterations some have ended since the last changes were saved.
    growing: Vec<FrameId>,
    /// In whose places outputs were saved that nobody needs any longer.
    gone: Vec<Range<u64>>,
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
    Gone,
    /// Its output takes its place.
    Ended,
    Frame(&'a Frame),
}

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Frame(Box<Frame>),
    /// A frame was here that was saved, and an output takes its place when the next changes are saved.
    Ended,
}

impl Held {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    fn frame(&self) -> Option<&Frame> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Nothing | Self::Ended => None,
        }
    }
}

impl Slot {
    /// What `save` makes of what is here, if it was touched and is to be told of.
    fn take_dirty<R>(&mut self, save: impl FnOnce(Touched<'_>) -> R) -> Option<R> {
        if !std::mem::replace(&mut self.dirty, false) {
            return None;
        }
        let known = std::mem::replace(&mut self.saved, matches!(self.held, Held::Frame(_)));
        match &self.held {
            Held::Nothing => known.then(|| save(Touched::Gone)),
            Held::Frame(frame) => Some(save(Touched::Frame(frame))),
            Held::Ended => Some(save(Touched::Ended)),
        }
    }
}

impl Frames {
    pub(super) fn get(&self, id: FrameId) -> Option<&Frame> {
        self.slot(id)?.held.frame()
    }

    pub(super) fn get_mut(&mut self, id: FrameId) -> Option<&mut Frame> {
        match &mut self.slot_mut(id)?.held {
            Held::Frame(frame) => Some(frame),
            Held::Nothing | Held::Ended => None,
        }
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FrameId, &Frame)> {
        self.slots().filter_map(|(id, slot)| Some((id, slot.held.frame()?)))
    }

    /// Those of the branches or iterations from `start` up to but not including `end`.
    pub(super) fn within(&self, start: FrameId, end: FrameId) -> impl Iterator<Item = FrameId> {
        let inner = self.inner();
        let first = inner.partition_point(|(id, _)| *id < start);
        let slots = inner[first..].iter().take_while(move |(id, _)| *id < end);
        slots.filter_map(|(id, slot)| slot.held.frame().map(|_| *id))
    }

    pub(super) fn ids(&self) -> Vec<FrameId> {
        self.slots().filter(|(_, slot)| !slot.held.is_nothing()).map(|(id, _)| id).collect()
    }

    /// Takes a frame out, to change it.
    pub(super) fn take(&mut self, id: FrameId) -> Option<Box<Frame>> {
        let slot = self.slot_mut(id)?;
        match std::mem::take(&mut slot.held) {
            Held::Frame(frame) => {
                if id != ROOT {
                    self.others().empty += 1;
                }
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

    /// A frame that was taken has ended: an output takes its place.
    pub(super) fn end(&mut self, id: FrameId) {
        let known = self.slot(id).is_some_and(|slot| slot.saved);
        if known {
            self.set(id, Held::Ended);
            self.mark(id);
        }
    }

    /// Marks a frame one of whose branches or iterations has ended.
    pub(super) fn grows(&mut self, id: FrameId) {
        self.others().growing.push(id);
    }

    /// Forgets the outputs of `children`; those in the places `saved` were saved.
    pub(super) fn forget(&mut self, children: &Children, saved: Vec<Range<u64>>) {
        if saved.is_empty() && self.others.is_none() {
            return;
        }
        let Others { inner, gone, empty, .. } = self.others();
        gone.extend(saved);
        let FrameId(base) = children.base;
        let first = inner.partition_point(|(id, _)| id.0 < base);
        let end = base.saturating_add(children.total.into());
        for (_, slot) in inner[first..].iter_mut().take_while(|(id, _)| id.0 < end) {
            if let Held::Ended = slot.held {
                slot.held = Held::Nothing;
                *empty += 1;
            }
        }
    }

    /// The outputs since the last call, and the places of those that are gone.
    pub(super) fn take_outputs(&mut self) -> (Vec<Ended>, Vec<Range<u64>>) {
        let Some(others) = &mut self.others else { return Default::default() };
        let (growing, gone) = (std::mem::take(&mut others.growing), std::mem::take(&mut others.gone));
        let mut ended = Vec::new();
        for parent in growing {
            let Some(Frame { doing: Doing::Children(children), .. }) = self.get_mut(parent) else { continue };
            let outputs = children.outputs.save();
            ended.extend(outputs.map(|outputs| Ended { parent, base: children.base, outputs }));
        }
        (ended, gone)
    }

    /// Puts in a frame as it was saved.
    pub(super) fn restore(&mut self, id: FrameId, frame: Box<Frame>) {
        self.set(id, Held::Frame(frame)).saved = true;
    }

    /// Removes a frame, or one that was taken and will not come back.
    pub(super) fn remove(&mut self, id: FrameId) {
        self.take_out(id);
    }

    /// Makes room for `count` more.
    pub(super) fn reserve(&mut self, count: u32) {
        if count > 0 {
            self.others().inner.reserve(count as usize);
        }
    }

    /// What `save` makes of the frames touched since the last call: of the root, then of the others in order; of
    /// nothing where they are gone. Those that came and went since then are not among them.
    pub(super) fn take_dirty<R>(
        &mut self,
        mut save: impl FnMut(FrameId, Touched<'_>) -> R,
    ) -> (Option<R>, Vec<R>) {
        let root = self.root.take_dirty(|touched| save(ROOT, touched));
        let Some(others) = &mut self.others else { return (root, Vec::new()) };
        let mut dirty = std::mem::take(&mut others.dirty);
        dirty.sort_unstable();
        let mut inner = Vec::new();
        for id in dirty {
            let Some(slot) = self.slot_mut(id) else { continue };
            inner.extend(slot.take_dirty(|touched| save(id, touched)));
            if let Held::Ended = slot.held {
                self.take_out(id);
            }
        }
        self.others().tidy();
        (root, inner)
    }

    /// Takes out what there is for good.
    fn take_out(&mut self, id: FrameId) -> Held {
        let Some(slot) = self.slot_mut(id) else { return Held::Nothing };
        let held = std::mem::take(&mut slot.held);
        let tell = slot.saved && !std::mem::replace(&mut slot.dirty, true);
        if id != ROOT {
            let Others { dirty, empty, .. } = self.others();
            dirty.extend(tell.then_some(id));
            *empty += usize::from(!held.is_nothing());
        }
        held
    }

    fn set(&mut self, id: FrameId, held: Held) -> &mut Slot {
        let slot = if id == ROOT { &mut self.root } else { self.others().slot_for(id) };
        slot.held = held;
        slot
    }

    fn mark(&mut self, id: FrameId) {
        let Some(slot) = self.slot_mut(id) else { return };
        if !std::mem::replace(&mut slot.dirty, true) && id != ROOT {
            self.others().dirty.push(id);
        }
    }

    fn slots(&self) -> impl Iterator<Item = (FrameId, &Slot)> {
        std::iter::once((ROOT, &self.root)).chain(self.inner().iter().map(|(id, slot)| (*id, slot)))
    }

    fn slot(&self, id: FrameId) -> Option<&Slot> {
        if id == ROOT {
            return Some(&self.root);
        }
        let others = self.others.as_ref()?;
        others.place(id).ok().map(|at| &others.inner[at].1)
    }

    fn slot_mut(&mut self, id: FrameId) -> Option<&mut Slot> {
        if id == ROOT {
            return Some(&mut self.root);
        }
        let others = self.others.as_mut()?;
        others.place(id).ok().map(|at| &mut others.inner[at].1)
    }

    fn inner(&self) -> &[(FrameId, Slot)] {
        self.others.as_ref().map_or(&[], |others| &others.inner)
    }

    fn others(&mut self) -> &mut Others {
        self.others.get_or_insert_default()
    }
}

impl Others {
    /// The slot of a frame that is about to be put in.
    fn slot_for(&mut self, id: FrameId) -> &mut Slot {
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
    }

    /// Gives back the memory of empty slots, if there are many.
    fn tidy(&mut self) {
        if self.empty * 2 > self.inner.len() {
            self.inner.retain(|(_, slot)| !slot.held.is_nothing());
            self.inner.shrink_to_fit();
            self.empty = 0;
        }
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
    use crate::json::Json;
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
                        match mark % 2 {
                            0 if known.is_some() => frames.end(id),
                            _ => frames.remove(id),
                        }
                        if known.is_some() {
                            dirty.insert(id);
                        }
                    }
                    _ => {
                        let mark = |touched: Touched<'_>| match touched {
                            Touched::Frame(frame) => Some(frame.last_event),
                            Touched::Gone | Touched::Ended => None,
                        };
                        let (root, inner) = frames.take_dirty(|id, touched| (id, mark(touched)));
                        let taken: Vec<_> = root.into_iter().chain(inner).collect();
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
