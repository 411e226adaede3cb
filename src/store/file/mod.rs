//! Executions in one SQLite database file.
//!
//! The tables are in `schema.rs`, what writes them in `writer.rs` and `write.rs`, what reads them in `read.rs`. What
//! waits for the writer is in `request.rs` and `requests.rs`, what was answered before it was on the disk in
//! `unkept.rs`, and `checkpoint.rs` empties its log.

mod checkpoint;
mod error;
mod known;
mod owners;
mod read;
mod request;
mod requests;
mod schema;
mod unkept;
mod write;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

pub use error::FileStoreError;

use crate::arn::Arn;
use crate::execution::Event;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TokenHash};
use crate::store::events::Decoded;
use crate::store::file::checkpoint::Checkpoints;
use crate::store::file::owners::Owners;
use crate::store::file::read::Readers;
use crate::store::file::request::{Asked, Request};
use crate::store::file::requests::Requests;
use crate::store::file::write::{Encoded, EncodedNew, encode_event};
use crate::store::file::writer::{Database, Written};
use crate::store::{
    Changed, Claim, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId, NewExecution,
    OwnerId, Page, PageRequest, Revision, Store, StoreError, StoreErrorKind, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// A store in one file: a SQLite database, which tools that know those can read.
///
/// A commit is on the disk when it returns (write-ahead log, `synchronous=FULL`). One thread writes, and everything
/// that waits for it goes into one transaction; who reads does not keep it waiting. Beside the file there are its
/// log (`-wal`, `-shm`), and a lock (`-lock`): one process has the file open at a time.
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use stepwright::{FileStore, Runtime, StateMachine};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("stepwright-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("executions.db");
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 1, "End": true } } }"#,
/// )?);
/// let runtime = Runtime::builder().store(Arc::new(FileStore::open(&path)?)).build()?;
/// let id = runtime.start_execution(&machine, "nap", json!({})).await?.id().clone();
/// runtime.shutdown().await;
/// drop(runtime);
///
/// // Next week, after a deployment:
/// let runtime = Runtime::builder().store(Arc::new(FileStore::open(&path)?)).build()?;
/// runtime.recover().await?;
/// # let execution = runtime.start_execution(&machine, "nap", json!({})).await?;
/// # execution.wait().await?;
/// # assert_eq!(runtime.describe_execution(&id).await?.status.as_str(), "SUCCEEDED");
/// # runtime.shutdown().await;
/// # drop((runtime, execution));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
pub struct FileStore {
    path: PathBuf,
    requests: Arc<Requests>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    owners: Arc<Owners>,
    /// Locked for as long as the store is open.
    _lock: File,
}

/// How a write is to be made.
#[derive(Clone, Copy, PartialEq)]
enum Urgency {
    /// Durably.
    GoesOn,
    /// Durably, once those that go on had their turn.
    Begins,
    /// It need not outlive the process.
    MayBeLost,
}

impl FileStore {
    /// Opens a store, and makes it if it is not there. One of an older version is brought up to date.
    ///
    /// # Errors
    ///
    /// See [`FileStoreError`].
    ///
    /// ```
    /// use stepwright::FileStore;
    /// use stepwright::store::FileStoreError;
    ///
    /// # let folder = std::env::temp_dir().join(format!("stepwright-doc-open-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # let path = folder.join("executions.db");
    /// let store = FileStore::open(&path)?;
    /// assert!(matches!(FileStore::open(&path), Err(FileStoreError::InUse { .. })));
    /// # drop(store);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileStoreError> {
        let path = path.as_ref().to_owned();
        let lock = lock(&path)?;
        let mut connection = Connection::open(&path)?;
        // A log that is made beside it now could not be written later either.
        if connection.is_readonly("main")? {
            return Err(FileStoreError::ReadOnly);
        }
        connection.set_prepared_statement_cache_capacity(64);
        // Statements stay as they were prepared, whatever is bound to them.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Only a file that is empty takes this over; it has to be said before anything is written.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        schema::check(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Others move the log; this is the net beneath.
        connection.pragma_update(None, "wal_autocheckpoint", 128_000)?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        // All of it is looked through when a commit has split a page.
        connection.pragma_update(None, "cache_size", -16 * 1024)?;
        schema::migrate(&mut connection)?;
        let owners = Arc::new(Owners::default());
        let checkpoints = Checkpoints::open(&path)?;
        let database = Database::new(connection, checkpoints, Arc::clone(&owners));
        let requests = Arc::new(Requests::default());
        let waiting = Arc::clone(&requests);
        let writer = std::thread::Builder::new()
            .name("stepwright-writer".into())
            .spawn(move || writer::write(database, &waiting))
            .map_err(|error| FileStoreError::Database(error.into()))?;
        Ok(Self {
            readers: Arc::new(Readers::new(&path)),
            path,
            requests,
            writer: Some(writer),
            owners,
            _lock: lock,
        })
    }

    /// Lets the file grow to so many bytes, and a page. What does not fit then fails as on a full disk, with
    /// [`StoreErrorKind::Unavailable`], and fits again when the limit is lifted or something was forgotten.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn limit_bytes(&self, bytes: u64) -> Result<(), StoreError> {
        self.write(Urgency::MayBeLost, move |database| {
            let page: u32 = database.connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = u32::try_from(bytes.div_ceil(page.max(1).into())).unwrap_or(u32::MAX - 1);
            let limit = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            database.connection.pragma_update_and_check(None, "max_page_count", pages, limit)?;
            Ok(Ok(()))
        })
        .await
    }

    /// Waits until `work` is written, in the way of its urgency.
    async fn write<T, F>(&self, urgency: Urgency, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Database) -> Written<T> + Send + 'static,
    {
        let request = Arc::new(Request::new(work, urgency == Urgency::MayBeLost));
        self.requests.add(Asked::new(Arc::clone(&request) as _), urgency == Urgency::Begins);
        poll_fn(|cx| request.poll(cx)).await
    }

    /// Reads much, on a thread that may wait for the disk.
    async fn read_aside<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let reading = tokio::task::spawn_blocking(move || readers.read(read));
        reading.await.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?
    }
}

/// Takes the lock of a store.
fn lock(path: &Path) -> Result<File, FileStoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(FileStoreError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(FileStoreError::InUse { path: Path::new(&name).display().to_string() })
        }
        Err(TryLockError::Error(error)) => Err(FileStoreError::Lock(error)),
    }
}

impl Drop for FileStore {
    /// Waits until everything is written and the file is closed.
    fn drop(&mut self) {
        // The last connection clears up the log, and one that only reads cannot: those are closed before the others.
        self.readers.close();
        self.requests.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for FileStore {
    fn is_shared(&self) -> bool {
        false
    }

    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        let (execution, first) = (EncodedNew::of(execution), Encoded::of(first));
        self.write(Urgency::Begins, move |database| database.create(&execution, &first)).await
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let (id, commit) = (id.clone(), Encoded::of(commit));
        self.write(Urgency::GoesOn, move |database| database.commit(&id, expected, &commit)).await
    }

    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let (id, commit) = (id.clone(), Encoded::of_redrive(commit));
        self.write(Urgency::GoesOn, move |database| database.reopen(&id, expected, &commit)).await
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let loaded = self.readers.read(|connection| read::load(connection, id))?;
        loaded.map(read::Loaded::decode).transpose()
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        let described = self.readers.read_one(|connection| read::describe(connection, id))?;
        Ok(described.transpose()?)
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        self.readers.read_one(|connection| read::find_task(connection, token))
    }

    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        let (number, asked) = (id.clone(), page.clone());
        let records = self.read_aside(move |connection| read::history(connection, &number, &asked)).await?;
        let mut records = read::decode(&records.ok_or(StoreErrorKind::NotFound)?)?;
        let summary = match records.iter_mut().any(Decoded::shows_summary) {
            true => self.describe(id).await?,
            false => None,
        };
        read::page_of(records, summary.as_ref(), &page)
    }

    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        let (listed, next) =
            self.read_aside(move |connection| read::list(connection, &filter, &page)).await?;
        Ok(Page::new(listed.into_iter().collect::<Result<_, _>>()?, next))
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        self.write(Urgency::MayBeLost, move |database| database.claim(&claim)).await
    }

    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        let executions = executions.map(<[ExecutionId]>::to_vec);
        self.write(Urgency::MayBeLost, move |database| database.release(owner, executions.as_deref())).await
    }

    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        self.write(Urgency::MayBeLost, move |database| database.owned(owner)).await
    }

    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError> {
        self.owners.changed(owner).notified().await;
        Ok(Changed::anything())
    }

    async fn post(&self, id: &ExecutionId, event: Event) -> Result<InboxId, StoreError> {
        let (id, event) = (id.clone(), encode_event(&event));
        self.write(Urgency::GoesOn, move |database| database.post(&id, &event)).await
    }

    async fn settled(&self, id: &ExecutionId, posted: InboxId) -> Result<bool, StoreError> {
        loop {
            let settled = self.owners.settled.notified();
            let found = self.readers.read_one(|connection| read::settled(connection, id, posted))?;
            match found.ok_or(StoreErrorKind::NotFound)? {
                Some(accepted) => return Ok(accepted),
                None => settled.await,
            }
        }
    }

    async fn offers(
        &self,
        activity: &Arn,
        most: usize,
        held: Duration,
    ) -> Result<Vec<TaskAddress>, StoreError> {
        let activity = activity.clone();
        self.write(Urgency::MayBeLost, move |database| database.offers(activity.as_str(), most, held)).await
    }

    async fn set_activity(&self, activity: &Arn, exists: bool) -> Result<(), StoreError> {
        let activity = activity.clone();
        self.write(Urgency::GoesOn, move |database| database.set_activity(activity.as_str(), exists)).await
    }

    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError> {
        let missing = self.readers.read_one(read::missing_activities)?;
        missing.iter().map(|arn| arn.parse().map_err(|_| StoreErrorKind::Corrupt.into())).collect()
    }

    async fn forget(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.write(Urgency::Begins, move |database| database.forget(closed_before, most)).await
    }

    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.write(Urgency::Begins, move |database| database.expire(closed_before, most)).await
    }
}
