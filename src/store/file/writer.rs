//! The one thread that writes: what waits goes into one transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::Checkpoints;
use super::error::store_error;
use super::known::Known;
use super::owners::Owners;
use super::requests::{Closing, Requests};
use crate::store::{StoreError, StoreErrorKind};

/// How many writes go into one transaction at most.
const BATCH: usize = 1024;

/// How long writes are added to a transaction: at least, and at most. Nobody waits for ever, nor for little.
const LONGEST: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));

/// The database while it is written.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) owners: Arc<Owners>,
    pub(super) known: Known,
    /// Whether something was settled in this transaction.
    pub(super) settled: bool,
    checkpoints: Checkpoints,
    /// How long the last commit took.
    committing: Duration,
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
pub(super) fn write(mut database: Database, requests: &Requests) {
    let _closing = Closing(requests);
    while requests.wait() {
        database.transact(requests);
    }
    // What may be lost, is. The rest was committed.
    let _ = database.connection.execute_batch("PRAGMA optimize");
}

impl Database {
    pub(super) fn new(connection: Connection, checkpoints: Checkpoints, owners: Arc<Owners>) -> Self {
        let known = Known::default();
        Self { connection, owners, known, settled: false, checkpoints, committing: Duration::ZERO }
    }

    /// Runs what waits in one transaction. When that fails, each gets one of its own: what cannot be written at
    /// all does not keep the others waiting.
    fn transact(&mut self, requests: &Requests) {
        // A commit takes its time whatever is in it: what waits for it may take as long, and twice that.
        let longest = (self.committing * 2).clamp(LONGEST.0, LONGEST.1);
        let (began, mut count) = (Instant::now(), 0);
        let next = || {
            count += 1;
            let goes_on = count == 1 || (count <= BATCH && began.elapsed() < longest);
            if goes_on { requests.next() } else { None }
        };
        let mut batch = Vec::new();
        let mut result = self.attempt(&mut batch, next);
        if result.is_err() && batch.len() > 1 {
            for request in std::mem::take(&mut batch) {
                let mut request = Some(request);
                result = self.attempt(&mut batch, || request.take());
                reply(&mut batch, &result);
            }
        }
        if std::mem::take(&mut self.settled) {
            self.owners.settled.notify_waiters();
        }
        reply(&mut batch, &result);
    }

    /// Runs what is next in one transaction, and puts it into the batch.
    fn attempt(
        &mut self,
        batch: &mut Vec<Box<dyn Write>>,
        next: impl FnMut() -> Option<Box<dyn Write>>,
    ) -> rusqlite::Result<()> {
        let result = self.run(batch, next);
        if result.is_err() {
            if !self.connection.is_autocommit() {
                // SQLite may have done it already.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            self.known.forget();
        }
        result
    }

    fn run(
        &mut self,
        batch: &mut Vec<Box<dyn Write>>,
        mut next: impl FnMut() -> Option<Box<dyn Write>>,
    ) -> rusqlite::Result<()> {
        let begun = self.begin();
        let mut may_be_lost = true;
        // Each of the batch fails with it.
        while let Some(mut request) = next() {
            may_be_lost &= request.may_be_lost();
            let run = if begun.is_ok() { request.run(self) } else { Ok(()) };
            batch.push(request);
            run?;
        }
        begun?;
        if !may_be_lost {
            let began = Instant::now();
            self.connection.prepare_cached("COMMIT")?.execute(())?;
            self.committing = began.elapsed();
            // It was committed, whatever becomes of the log.
            let _ = self.checkpoints.committed(&self.connection);
        }
        Ok(())
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        // A transaction in which all may be lost stays open until there is something to keep.
        if self.connection.is_autocommit() {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        }
        self.known.look(&self.connection)
    }
}

fn reply(batch: &mut Vec<Box<dyn Write>>, result: &rusqlite::Result<()>) {
    for request in batch.drain(..) {
        request.reply(result.as_ref().err());
    }
}
