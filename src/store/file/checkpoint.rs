//! Moves what is in the log into the database while the writer writes on: it takes long, and nobody waits for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::error::FileStoreError;

/// From how many pages on the log is moved: seldom is better than often.
const LONG: i64 = 16_000;

/// How many pages may be left to the writer, with whose pass the log begins anew.
const SHORT: i64 = 500;

/// How often to go on with what was written meanwhile, before more is left to the writer.
const PASSES: usize = 5;

/// After how many commits to look how long the log is.
const COMMITS: usize = 16;

/// A thread that moves the log, when it is told to.
pub(super) struct Checkpoints {
    asked: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<AtomicU8>,
    commits: usize,
}

/// Nobody moves the log.
const RESTING: u8 = 0;
/// The thread does.
const MOVING: u8 = 1;
/// The rest is left for the writer.
const LEFT: u8 = 2;

impl Checkpoints {
    pub(super) fn open(path: &Path) -> Result<Self, FileStoreError> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let state = Arc::new(AtomicU8::new(RESTING));
        let (asked, asks) = sync_channel(1);
        let moving = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("stepwright-moves".into())
            .spawn(move || work(&connection, &asks, &moving))
            .map_err(|error| FileStoreError::Database(error.into()))?;
        Ok(Self { asked: Some(asked), thread: Some(thread), state, commits: 0 })
    }

    /// Looks after the log when the writer has committed.
    ///
    /// # Errors
    ///
    /// When the disk fails; what was committed is in the log all the same.
    pub(super) fn committed(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        self.commits += 1;
        match self.state.load(Ordering::Acquire) {
            LEFT => {
                self.state.store(RESTING, Ordering::Release);
                checkpoint(writer, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
            }
            RESTING if self.commits.is_multiple_of(COMMITS) => {
                let (pages, _) = checkpoint(writer, "PRAGMA wal_checkpoint(NOOP)")?;
                let asked = self.asked.as_ref().filter(|_| pages >= LONG);
                if asked.is_some_and(|asked| asked.try_send(()).is_ok()) {
                    self.state.store(MOVING, Ordering::Release);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.asked = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn work(connection: &Connection, asks: &Receiver<()>, state: &AtomicU8) {
    while asks.recv().is_ok() {
        for _ in 0..PASSES {
            // What fails is tried again when the log is longer.
            let Ok((pages, moved)) = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)") else { break };
            if pages - moved <= SHORT {
                break;
            }
        }
        state.store(LEFT, Ordering::Release);
    }
}

/// How many pages the log has, and how many of them were moved.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<(i64, i64)> {
    connection.prepare_cached(sql)?.query_row((), |row| Ok((row.get(1)?, row.get(2)?)))
}
