//! What the branches or iterations of a state gave, until all of them have ended.

use std::ops::Range;
use std::sync::Arc;

use crate::execution::frame::Children;
use crate::id::FrameId;
use crate::json::Json;

/// The outputs of branches or iterations, in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs {
    /// Those that were saved, as they were handed out.
    saved: Vec<Arc<[Output]>>,
    new: Vec<Output>,
}

/// What a branch or iteration gave.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) slot: u32,
    /// The history event of its end.
    pub(super) event: u64,
    pub(super) json: Json,
}

/// Outputs to be saved, each in the place of the frame that gave it.
#[derive(Clone)]
pub(super) struct Ended {
    pub(super) parent: FrameId,
    /// The frame of the first branch or iteration.
    pub(super) base: FrameId,
    pub(super) outputs: Arc<[Output]>,
}

impl Outputs {
    /// Adds one; answers whether it is the first since the last [`save`](Self::save).
    pub(super) fn add(&mut self, output: Output) -> bool {
        self.new.push(output);
        self.new.len() == 1
    }

    /// Those that were not saved before.
    pub(super) fn save(&mut self) -> Option<Arc<[Output]>> {
        if self.new.is_empty() {
            return None;
        }
        let new: Arc<[Output]> = std::mem::take(&mut self.new).into();
        self.saved.push(Arc::clone(&new));
        Some(new)
    }

    /// Adds some as they were saved.
    pub(super) fn restore(&mut self, outputs: Vec<Output>) {
        self.saved.push(outputs.into());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Output> {
        self.saved.iter().flat_map(|outputs| outputs.iter()).chain(&self.new)
    }

    /// What they are, in the order of their slots; their places stay.
    pub(super) fn take(&mut self, total: u32) -> Vec<Json> {
        let mut taken = vec![Json::Null; total as usize];
        let mut put = |slot: u32, json| taken[slot as usize] = json;
        for outputs in &mut self.saved {
            match Arc::get_mut(outputs) {
                Some(outputs) => {
                    outputs.iter_mut().for_each(|output| put(output.slot, std::mem::take(&mut output.json)));
                }
                None => outputs.iter().for_each(|output| put(output.slot, output.json.clone())),
            }
        }
        self.new.iter_mut().for_each(|output| put(output.slot, std::mem::take(&mut output.json)));
        taken
    }

    /// Gives back what was [taken](Self::take): what others share was not.
    pub(super) fn give_back(&mut self, taken: &[Json]) {
        let saved = self.saved.iter_mut().filter_map(Arc::get_mut).flatten();
        saved.chain(&mut self.new).for_each(|output| output.json = taken[output.slot as usize].clone());
    }
}

impl Children {
    /// The frames in whose places outputs were saved.
    pub(super) fn saved(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for output in self.outputs.saved.iter().flat_map(|outputs| outputs.iter()) {
            let FrameId(id) = self.frame(output.slot);
            match ranges.last_mut() {
                Some(last) if last.end == id => last.end += 1,
                _ => ranges.push(id..id + 1),
            }
        }
        ranges
    }
}
