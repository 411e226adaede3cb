//! Moves what is in the log into the database while the writer writes on: it takes long, and nobody waits for it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::error::FileStoreError;

/// How many pages of the log are moved at once. While the disk is busy with many, commits wait for it; with few, pages
/// that change often are moved again and again.
const PIECE: i64 = 5_000;

/// From how many pages on the log begins anew. It is overwritten then, which is faster than a file that grows.
const LONG: i64 = 12_000;

/// How many of so many may be left for the writer to move when the log begins anew: it writes nothing meanwhile.
const SHORT: i64 = 400;

/// After how many writes to look how long the log is, unless it is long.
const WRITES: usize = 512;

/// A thread that moves the log, when it is told to.
pub(super) struct Checkpoints {
    asked: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    moving: Arc<AtomicBool>,
    /// How many writes until it is looked at.
    writes: usize,
}

impl Checkpoints {
    pub(super) fn open(path: &Path) -> Result<Self, FileStoreError> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let moving = Arc::new(AtomicBool::new(false));
        let file = File::options().write(true).open(path);
        let file = file.map_err(|error| FileStoreError::Database(error.into()))?;
        let (asked, asks) = sync_channel(1);
        let moves = Arc::clone(&moving);
        let thread = std::thread::Builder::new()
            .name("stepwright-moves".into())
            .spawn(move || {
                work(&connection, &file, &asks, &moves);
                drop(connection);
                // When a file is closed, the process loses its locks of it: the connections have none any longer.
                drop(file);
            })
            .map_err(|error| FileStoreError::Database(error.into()))?;
        Ok(Self { asked: Some(asked), thread: Some(thread), moving, writes: WRITES })
    }

    /// Looks after the log when the writer has committed so many writes.
    ///
    /// # Errors
    ///
    /// When the disk fails; what was committed is in the log all the same.
    pub(super) fn committed(&mut self, writer: &Connection, writes: usize) -> rusqlite::Result<()> {
        self.writes = self.writes.saturating_sub(writes);
        if self.writes > 0 || self.moving.load(Ordering::Acquire) {
            return Ok(());
        }
        let (pages, moved) = checkpoint(writer, "PRAGMA wal_checkpoint(NOOP)")?;
        let left = pages - moved;
        if pages < LONG {
            self.writes = WRITES;
        }
        // Where the disk does not keep up, a longer log has more left.
        if pages >= LONG && left * LONG <= SHORT * pages {
            checkpoint(writer, "PRAGMA wal_checkpoint(PASSIVE)")?;
        } else if left >= PIECE || pages >= LONG {
            self.moving.store(true, Ordering::Release);
            if let Some(asked) = &self.asked
                && asked.try_send(()).is_err()
            {
                self.moving.store(false, Ordering::Release);
            }
        }
        Ok(())
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

fn work(connection: &Connection, file: &File, asks: &Receiver<()>, moving: &AtomicBool) {
    while asks.recv().is_ok() {
        // What fails is tried again when the log is longer.
        let moved = checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        if moved.is_ok_and(|(pages, _)| pages >= LONG) {
            // Before the log begins anew the writer waits until all that was moved is on the disk: now that is little.
            let _ = file.sync_data();
        }
        moving.store(false, Ordering::Release);
    }
}

/// How many pages the log has, and how many of them were moved.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<(i64, i64)> {
    connection.prepare_cached(sql)?.query_row((), |row| Ok((row.get(1)?, row.get(2)?)))
}
