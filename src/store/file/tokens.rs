//! Tokens that were issued lately, and are open: who answers soon is not looked up in the file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::id::TokenHash;
use crate::store::TaskAddress;

/// How many are remembered at most: then all are forgotten.
const MOST: usize = 16_000;

/// Where tokens lead that are on the disk and open. One that is not here may be open, too.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: HashMap<TokenHash, TaskAddress, RandomState>,
    /// The tokens of executions, by the executions' numbers.
    of: HashMap<i64, Vec<TokenHash>, RandomState>,
}

impl Tokens {
    pub(super) fn find(&self, hash: &TokenHash) -> Option<TaskAddress> {
        self.lock().addresses.get(hash).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // What is in it is true at any time.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a transaction does to tokens: those that it issues are known when it is on the disk; those that it retires
/// are looked up in the file from now on.
#[derive(Debug)]
pub(super) struct Changes {
    tokens: Arc<Tokens>,
    issued: Vec<(i64, TokenHash, TaskAddress)>,
}

impl Changes {
    pub(super) fn new(tokens: Arc<Tokens>) -> Self {
        Self { tokens, issued: Vec::new() }
    }

    /// A token of the execution with this number is issued.
    pub(super) fn issue(&mut self, execution: i64, hash: TokenHash, address: TaskAddress) {
        self.issued.push((execution, hash, address));
    }

    /// One is not open any longer.
    pub(super) fn retire(&mut self, execution: i64, hash: &TokenHash) {
        self.issued.retain(|(_, issued, _)| issued != hash);
        let mut known = self.tokens.lock();
        known.addresses.remove(hash);
        if let Entry::Occupied(mut of) = known.of.entry(execution) {
            of.get_mut().retain(|known| known != hash);
            if of.get().is_empty() {
                of.remove();
            }
        }
    }

    /// None of the execution is.
    pub(super) fn end(&mut self, execution: i64) {
        self.issued.retain(|(of, ..)| *of != execution);
        let mut known = self.tokens.lock();
        for hash in known.of.remove(&execution).unwrap_or_default() {
            known.addresses.remove(&hash);
        }
    }

    /// The transaction is on the disk.
    pub(super) fn committed(&mut self) {
        let mut known = self.tokens.lock();
        if known.addresses.len() + self.issued.len() > MOST {
            *known = Known::default();
        }
        for (execution, hash, address) in self.issued.drain(..) {
            known.of.entry(execution).or_default().push(hash);
            known.addresses.insert(hash, address);
        }
    }

    /// It is not.
    pub(super) fn failed(&mut self) {
        self.issued.clear();
    }
}
