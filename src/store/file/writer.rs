//! The one thread that writes: what waits goes into one transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::checkpoint::Checkpoints;
use super::known::Known;
use super::owners::Owners;
use super::request::Asked;
use super::requests::{Closing, Requests};
use super::unkept::Unkept;
use crate::store::StoreErrorKind;

/// How many writes go into one transaction at most.
const BATCH: usize = 1024;

/// How long writes are added to a transaction: at least, and at most. Nobody waits for ever, nor for little.
const LONGEST: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));

/// Who waits for less than this waits for longer.
const LITTLE: Duration = Duration::from_micros(200);

/// The database while it is written.
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) owners: Arc<Owners>,
    pub(super) known: Known,
    pub(super) unkept: Unkept,
    /// Whether something was settled in this transaction.
    pub(super) settled: bool,
    /// Whether all owners are to hear of it: tasks were offered, or activities came or went.
    pub(super) changed: bool,
    /// Until when offers are held for somebody, by their executions and tasks.
    pub(super) held: HashMap<(i64, i64), Instant>,
    pub(super) count: Count,
    /// How many were told of the last transaction, and may go on.
    coming: usize,
    checkpoints: Checkpoints,
    /// How long the last commit took.
    committing: Duration,
}

/// How many executions did what in this transaction.
#[derive(Default)]
pub(super) struct Count {
    /// They began, and are at work.
    pub(super) began: usize,
    /// They came back for the first time.
    pub(super) came_back: usize,
    pub(super) ended: usize,
}

/// What a write comes to: SQLite's failures concern the whole transaction, the store's only the write.
pub(super) type Written<T> = rusqlite::Result<Result<T, StoreErrorKind>>;

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
        Self {
            connection,
            owners,
            known: Known::default(),
            unkept: Unkept::default(),
            settled: false,
            changed: false,
            held: HashMap::new(),
            count: Count::default(),
            coming: 0,
            checkpoints,
            committing: Duration::ZERO,
        }
    }

    /// Runs what waits in one transaction. When that fails, each gets one of its own: what cannot be written at
    /// all does not keep the others waiting.
    fn transact(&mut self, requests: &Requests) {
        // A commit takes its time whatever is in it: what waits for it may take as long, and twice that; and whoever
        // has heard of the last one, and goes on, is waited for a little.
        let longest = (self.committing * 2).clamp(LONGEST.0, LONGEST.1);
        let (pause, most) = (self.committing / 8, self.committing / 2);
        let (began, mut count, mut lingered) = (Instant::now(), 0, Duration::ZERO);
        let coming = std::mem::take(&mut self.coming);
        let next = || {
            loop {
                if count > 0 && (count >= BATCH || began.elapsed() >= longest) {
                    return None;
                }
                if let Some(request) = requests.next() {
                    count += 1;
                    return Some(request);
                }
                let lingers = Instant::now();
                if pause < LITTLE || lingered >= most || !requests.linger(coming, pause) {
                    return None;
                }
                lingered += lingers.elapsed();
            }
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
        if std::mem::take(&mut self.changed) {
            self.owners.tell(None);
        }
        let count = std::mem::take(&mut self.count);
        self.coming = batch.len().saturating_sub(count.ended);
        requests.count(count.began, count.came_back);
        reply(&mut batch, &result);
    }

    /// Runs what is next in one transaction, and puts it into the batch.
    fn attempt(
        &mut self,
        batch: &mut Vec<Asked>,
        next: impl FnMut() -> Option<Asked>,
    ) -> rusqlite::Result<()> {
        let result = self.run(batch, next);
        if result.is_err() {
            if !self.connection.is_autocommit() {
                // SQLite may have done it already.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            self.known.forget();
            self.unkept.failed();
            self.count = Count::default();
        }
        result
    }

    fn run(
        &mut self,
        batch: &mut Vec<Asked>,
        mut next: impl FnMut() -> Option<Asked>,
    ) -> rusqlite::Result<()> {
        let begun = self.begin();
        let mut may_be_lost = true;
        // Each of the batch fails with it.
        while let Some(request) = next() {
            may_be_lost &= request.may_be_lost();
            let run = if begun.is_ok() { request.run(self) } else { Ok(()) };
            batch.push(request);
            run?;
        }
        begun?;
        if !may_be_lost || self.unkept.answered() {
            let began = Instant::now();
            self.connection.prepare_cached("COMMIT")?.execute(())?;
            self.committing = began.elapsed();
            self.unkept.committed();
            // It was committed, whatever becomes of the log.
            let _ = self.checkpoints.committed(&self.connection, batch.len());
        }
        Ok(())
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        // A transaction in which all may be lost stays open until there is something to keep.
        if self.connection.is_autocommit() {
            self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
            self.unkept.begun(&self.connection)?;
        }
        self.known.look(&self.connection)
    }
}

fn reply(batch: &mut Vec<Asked>, result: &rusqlite::Result<()>) {
    for request in batch.drain(..) {
        request.tell(result.as_ref().err());
    }
}
