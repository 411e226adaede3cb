//! What the writer knows of the file without looking: it is the only one who writes.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use crate::id::ExecutionId;

/// How many executions are known by their numbers at most.
const MOST: usize = 100_000;

/// What is in the file, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The numbers of machines, by their digests.
    pub(super) machines: HashMap<[u8; 32], i64>,
    /// The executions with mail that waits: all of them, once it was looked for.
    pub(super) mailed: HashSet<i64>,
    looked: bool,
    /// The numbers of open executions.
    numbers: HashMap<ExecutionId, i64>,
}

impl Known {
    /// Looks for what has to be known.
    pub(super) fn look(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.looked {
            let sql = "SELECT DISTINCT execution FROM inbox WHERE accepted IS NULL";
            let mut find = connection.prepare_cached(sql)?;
            self.mailed = find.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
            self.looked = true;
        }
        Ok(())
    }

    /// Forgets everything: what was learned in a transaction that failed is not so.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn number(&self, id: &ExecutionId) -> Option<i64> {
        self.numbers.get(id).copied()
    }

    /// An open execution has this number.
    pub(super) fn live(&mut self, id: &ExecutionId, number: i64) {
        if self.numbers.len() >= MOST {
            self.numbers.clear();
        }
        self.numbers.entry(id.clone()).or_insert(number);
    }

    pub(super) fn ended(&mut self, id: &ExecutionId) {
        self.numbers.remove(id);
    }
}
