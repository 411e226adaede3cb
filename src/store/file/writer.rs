//! The one thread that writes: everything that waits goes into one transaction.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::store_error;
use super::owners::Owners;
use crate::store::{StoreError, StoreErrorKind};

/// How many writes go into one transaction at most: nobody waits for ever.
const BATCH: usize = 1024;

/// The database while it is written.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) owners: Arc<Owners>,
    /// Whether something was settled in this transaction.
    pub(super) settled: bool,
}

/// What a write comes to: SQLite's failures concern the whole transaction, the store's only the write.
pub(super) type Written<T> = rusqlite::Result<Result<T, StoreErrorKind>>;

/// Something to write.
pub(super) trait Write: Send {
    fn run(&mut self, database: &mut Database) -> rusqlite::Result<()>;

    /// Tells who waits: what it came to, or that the transaction failed.
    fn reply(self: Box<Self>, failed: Option<&rusqlite::Error>);

    /// Whether it may be lost in a crash; then nobody waits for the disk.
    fn may_be_lost(&self) -> bool;
}

/// A write, and who waits for it.
pub(super) struct Request<T, F> {
    pub(super) work: F,
    pub(super) came: Option<Result<T, StoreErrorKind>>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
    pub(super) may_be_lost: bool,
}

impl<T: Send, F: FnMut(&mut Database) -> Written<T> + Send> Write for Request<T, F> {
    fn run(&mut self, database: &mut Database) -> rusqlite::Result<()> {
        self.came = Some((self.work)(database)?);
        Ok(())
    }

    fn reply(self: Box<Self>, failed: Option<&rusqlite::Error>) {
        let result = match (failed, self.came) {
            (None, Some(came)) => came.map_err(StoreError::from),
            (Some(error), _) => Err(store_error(error)),
            (None, None) => Err(StoreErrorKind::Unavailable.into()),
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(result);
    }

    fn may_be_lost(&self) -> bool {
        self.may_be_lost
    }
}

/// Writes until nobody can ask for it any longer.
pub(super) fn write(mut database: Database, requests: &Receiver<Box<dyn Write>>) {
    let mut batch = Vec::new();
    while let Ok(request) = requests.recv() {
        batch.push(request);
        while batch.len() < BATCH {
            match requests.try_recv() {
                Ok(request) => batch.push(request),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        database.transact(&mut batch);
    }
    // What may be lost, is. The rest was committed.
    let _ = database.connection.execute_batch("PRAGMA optimize");
}

impl Database {
    /// Runs a batch in one transaction. When that fails, each of the batch gets one of its own: what cannot be
    /// written at all does not keep the others waiting.
    fn transact(&mut self, batch: &mut Vec<Box<dyn Write>>) {
        let mut result = self.attempt(batch);
        if result.is_err() && batch.len() > 1 {
            for mut request in batch.drain(..) {
                result = self.attempt(std::slice::from_mut(&mut request));
                request.reply(result.as_ref().err());
            }
        }
        if std::mem::take(&mut self.settled) {
            self.owners.settled.notify_waiters();
        }
        for request in batch.drain(..) {
            request.reply(result.as_ref().err());
        }
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        let result = self.run(batch);
        if result.is_err() && !self.connection.is_autocommit() {
            // SQLite may have done it already.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        result
    }

    fn run(&mut self, batch: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        // A transaction in which all may be lost stays open until there is something to keep.
        if self.connection.is_autocommit() {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        }
        for request in batch.iter_mut() {
            request.run(self)?;
        }
        if !batch.iter().all(|request| request.may_be_lost()) {
            self.connection.prepare_cached("COMMIT")?.execute(())?;
        }
        Ok(())
    }
}
