//! Where tokens lead that were issued here: whoever answers soon need not ask the store first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::execution::TokenChanges;
use crate::id::{ExecutionId, TaskId, TokenHash};

/// How many are known at most.
const MOST: usize = 16_384;

/// Tokens that were issued here a short while ago. A token leads to one task for ever: what is known stays true,
/// though the task may have ended, as its execution will say.
#[derive(Debug, Default)]
pub(super) struct KnownTokens(Mutex<HashMap<TokenHash, (ExecutionId, TaskId), RandomState>>);

impl KnownTokens {
    /// A step of an execution issued and retired tokens.
    pub(super) fn learn(&self, execution: &ExecutionId, tokens: &TokenChanges) {
        if tokens.is_empty() {
            return;
        }
        let mut known = self.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.extend(tokens.issued.iter().map(|issued| (issued.hash, (execution.clone(), issued.task))));
        for hash in &tokens.retired {
            known.remove(hash);
        }
    }

    /// The task that a token completes, or completed.
    pub(super) fn find(&self, token: &TokenHash) -> Option<(ExecutionId, TaskId)> {
        self.lock().get(token).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenHash, (ExecutionId, TaskId), RandomState>> {
        // A map is whole between any two operations.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
