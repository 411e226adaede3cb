//! What was answered before it was on the disk: who owns what. A transaction that fails takes it back, and the next one
//! does it again.

use rusqlite::{Connection, params};

/// How many changes may be answered before they are committed after all.
const MOST: usize = 10_000;

/// A change of what somebody owns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// The execution is the owner's.
    Claimed { execution: i64, owner: i64 },
    /// The execution is nobody's, if it was the owner's.
    Released { execution: i64, owner: i64 },
    /// Nothing is the owner's.
    Gone { owner: i64 },
}

impl Change {
    /// Makes it; whether that changed anything.
    fn make(self, connection: &Connection) -> rusqlite::Result<bool> {
        let changed = match self {
            Self::Claimed { execution, owner } => {
                let sql = "UPDATE live SET owner = ?1 WHERE execution = ?2 AND owner IS NOT ?1";
                connection.prepare_cached(sql)?.execute(params![owner, execution])
            }
            Self::Released { execution, owner } => {
                let sql = "UPDATE live SET owner = NULL WHERE execution = ?1 AND owner = ?2";
                connection.prepare_cached(sql)?.execute(params![execution, owner])
            }
            Self::Gone { owner } => {
                let sql = "UPDATE live SET owner = NULL WHERE owner = ?1";
                connection.prepare_cached(sql)?.execute(params![owner])
            }
        };
        Ok(changed? > 0)
    }
}

/// The changes since the last commit.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    answered: Vec<Change>,
    /// Those that nobody was told of.
    new: Vec<Change>,
}

impl Unkept {
    /// Makes a change in the transaction.
    pub(super) fn make(&mut self, connection: &Connection, change: Change) -> rusqlite::Result<()> {
        if change.make(connection)? {
            self.new.push(change);
        }
        Ok(())
    }

    /// A transaction has begun: what was answered in one that failed is made again.
    pub(super) fn begun(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.answered.iter().try_for_each(|change| change.make(connection).map(drop))
    }

    /// Who waits is told, and nothing is on the disk; whether that was often enough.
    pub(super) fn answered(&mut self) -> bool {
        self.answered.append(&mut self.new);
        self.answered.len() > MOST
    }

    pub(super) fn committed(&mut self) {
        self.answered.clear();
        self.new.clear();
    }

    /// What nobody was told of was not.
    pub(super) fn failed(&mut self) {
        self.new.clear();
    }
}
