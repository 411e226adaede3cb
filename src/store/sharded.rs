//! What many threads change, in parts with a lock each: those that are about different things seldom meet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::id::ExecutionId;

/// Into how many parts things are divided: a power of two.
pub(crate) const SHARDS: usize = 16;

/// Things in parts with a lock each, found by where their keys say.
#[derive(Debug)]
pub(crate) struct Sharded<T>([Part<T>; SHARDS]);

/// No two of them share a cache line, nor does anything beside them.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part<T>(Mutex<T>);

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Part::default()))
    }
}

impl<T> Sharded<T> {
    /// The part at a place.
    pub(crate) fn at(&self, place: usize) -> MutexGuard<'_, T> {
        // Nothing between lock and unlock panics half-way through a change.
        self.0[place].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All parts at once.
    pub(crate) fn all(&self) -> [MutexGuard<'_, T>; SHARDS] {
        std::array::from_fn(|place| self.at(place))
    }

    /// One part after the other.
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        (0..SHARDS).map(|place| self.at(place))
    }
}

/// Where an execution is: how its id ends says it, which is where ids differ.
pub(crate) fn place_of(id: &ExecutionId) -> usize {
    /// As long as the random names that executions get, nearly.
    const END: usize = 32;
    let id = id.as_str().as_bytes();
    let end = &id[id.len().saturating_sub(END)..];
    let (words, rest) = end.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    // The upper bits of a product depend on all of its factors' bits.
    let mix = |sum: u64, word: u64| (sum.rotate_left(29) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (words.chain(rest).fold(0, mix) >> (u64::BITS - SHARDS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn executions_whose_names_are_alike_are_in_different_parts() {
        let arn = "arn:aws:states:us-east-1:123456789012:execution:Orders";
        let alike: [&dyn Fn(u32) -> String; 3] =
            [&|n| format!("{arn}:order-{n}"), &|n| format!("{arn}:{n}/monthly-report"), &|n| n.to_string()];
        for name in alike {
            let places: BTreeSet<usize> = (0..200).map(|n| place_of(&name(n).into())).collect();
            assert_eq!(places.len(), SHARDS, "{}", name(0));
        }
    }
}
