//! What executions start from: the ARNs that those of a machine have in common, and bytes that nobody can guess.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::execution::{Seed, Start};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::runtime::builder::{Account, Arns};

/// How many seeds are asked of the operating system at once.
const BATCH: usize = 16;

/// What the executions that are started here start from.
#[derive(Default)]
pub(super) struct Origins {
    /// The ARNs of machines, by their names.
    arns: HashMap<Arc<str>, Arns, RandomState>,
    /// Seeds that were not given out yet: one that was is not here any more.
    seeds: Vec<[u8; 32]>,
}

impl Origins {
    /// What an execution of `machine` called `name` starts from.
    pub(super) fn start(
        &mut self,
        account: &Account,
        machine: &StateMachine,
        name: Arc<str>,
        input: Json,
        limits: Arc<Limits>,
    ) -> Start {
        let seed = self.seed();
        let arns = self.arns.entry(machine.name.clone()).or_insert_with(|| account.arns(&machine.name));
        arns.start(name, input, limits).seed(seed)
    }

    fn seed(&mut self) -> Seed {
        if self.seeds.is_empty() {
            let bytes: [u8; 32 * BATCH] = random();
            self.seeds.extend(bytes.as_chunks().0);
        }
        let seed = self.seeds.last_mut().map_or_else(random, std::mem::take);
        self.seeds.pop();
        seed.into()
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins").field("arns", &self.arns).finish_non_exhaustive()
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_seed_is_another_one() {
        let mut origins = Origins::default();
        let drawn: HashSet<[u8; 32]> = (0..3 * BATCH).map(|_| *origins.seed().bytes()).collect();
        assert_eq!(drawn.len(), 3 * BATCH);
        assert!(!drawn.contains(&[0; 32]));
    }
}
