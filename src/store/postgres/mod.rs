//! PostgreSQL: one database, and any number of runtimes on any number of machines that share its executions.
//!
//! What is in which table is said in `migrations/`.

mod claim;
mod commit;
mod connect;
mod error;
mod listen;
mod offer;
mod read;
mod schema;
mod statement;
mod writer;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Client, Pool};

pub use connect::PostgresOptions;
pub use error::PostgresError;

use self::connect::Connector;
use self::listen::Listener;
use self::writer::{Write, Writer};
use crate::arn::Arn;
use crate::execution::Event;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TokenHash};
use crate::store::{
    Changed, Claim, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId, NewExecution,
    OwnerId, Page, PageRequest, Revision, Store, StoreError, StoreErrorKind, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// How often to look for what was not heard of.
const POLL: Duration = Duration::from_secs(1);

/// A store in a PostgreSQL database that any number of runtimes share.
///
/// Each execution is driven by one of them under a lease; a runtime that falls silent for longer loses what it
/// has to the others, and what it writes should it wake up is refused. Leases are measured by the server's clock.
/// An answer that comes to one runtime reaches the one that drives the execution through `LISTEN` and `NOTIFY`,
/// and within a second where those do not get through.
///
/// A step is one statement, and steps that are written at the same time share a transaction. It needs
/// PostgreSQL 13 or later, connections that are its own (a pooler between has to keep sessions), and a server that
/// loses nothing: `synchronous_commit` decides whether that is so after a crash, and it is the server's default.
///
/// ```no_run
/// use std::sync::Arc;
/// use stepwright::Runtime;
/// use stepwright::store::PostgresStore;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://orders@localhost/orders").await?;
/// let runtime = Runtime::builder().store(Arc::new(store)).build()?;
/// runtime.recover().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    writer: Writer,
    listener: Listener,
    /// Whether those who have workers are about to be told that there are tasks for them.
    telling: Arc<AtomicBool>,
}

impl PostgresStore {
    /// Opens the store that a connection string names, a URL or `key=value` pairs as PostgreSQL has them, and
    /// brings its tables up to date.
    ///
    /// # Errors
    ///
    /// See [`PostgresError`].
    pub async fn connect(url: &str) -> Result<Self, PostgresError> {
        Self::options(url).connect().await
    }

    /// The same with options.
    pub fn options(url: &str) -> PostgresOptions {
        PostgresOptions::new(url)
    }

    fn new(pool: Pool, connector: Connector, connections: usize) -> Self {
        // Whoever reads does not wait for those who write.
        let writer = Writer::new(pool.clone(), connections / 2);
        Self { pool, writer, listener: Listener::new(connector), telling: Arc::default() }
    }

    async fn client(&self) -> Result<Client, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Writes a commit, and tells of what it offers once it is written: a notification within the transaction would
    /// keep all others waiting for its end.
    async fn write(&self, write: Write, offers: bool) -> Result<bool, StoreError> {
        let applied = self.writer.write(write).await?;
        if applied && offers && !self.telling.swap(true, Ordering::AcqRel) {
            let (pool, telling) = (self.pool.clone(), Arc::clone(&self.telling));
            tokio::spawn(async move {
                let client = pool.get().await;
                telling.store(false, Ordering::Release);
                if let Ok(client) = client {
                    offer::tell(&client).await;
                }
            });
        }
        Ok(applied)
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn is_shared(&self) -> bool {
        true
    }

    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        let offers = first.tokens.offered().next().is_some();
        let create = Box::new((execution, first));
        let id = create.0.id.clone();
        loop {
            if self.write(Write::Create(create.clone()), offers).await? {
                return Ok(Created::New(Revision::default().next()));
            }
            // It may be forgotten at this moment.
            if let Some(summary) = self.describe(&id).await? {
                return Ok(Created::Existing(summary));
            }
        }
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let offers = commit.tokens.offered().next().is_some();
        if self.write(Write::Commit(id.clone(), expected, Box::new(commit)), offers).await? {
            return Ok(expected.next());
        }
        stale(&self.client().await?, id).await
    }

    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let client = self.client().await?;
        if !commit::reopen(id, expected, &commit).query(&client).await?.is_empty() {
            return Ok(expected.next());
        }
        stale(&client, id).await
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        read::load(&self.client().await?, id).await
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        read::describe(&self.client().await?, id).await
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        read::find_task(&self.client().await?, token).await
    }

    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        read::history(&self.client().await?, id, page).await
    }

    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        read::list(&self.client().await?, filter, page).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        // From here on it hears of what this claim does not give.
        self.listener.owner(claim.owner);
        claim::claim(&self.client().await?, claim).await
    }

    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        if executions.is_none() {
            self.listener.forget(owner);
        }
        claim::release(&self.client().await?, owner, executions).await
    }

    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        claim::owned(&self.client().await?, owner).await
    }

    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError> {
        let ear = self.listener.owner(owner);
        // Too early is not wrong.
        let heard = tokio::time::timeout(POLL, ear.hear()).await;
        Ok(heard.unwrap_or(Changed::anything()))
    }

    async fn post(&self, id: &ExecutionId, event: Event) -> Result<InboxId, StoreError> {
        claim::post(&self.client().await?, id, &event).await
    }

    async fn settled(&self, id: &ExecutionId, posted: InboxId) -> Result<bool, StoreError> {
        let mut settlements = self.listener.settlements();
        loop {
            if let Some(accepted) = claim::settled(&self.client().await?, id, posted).await? {
                return Ok(accepted);
            }
            let heard = async {
                // Who missed some looks.
                while let Ok(Some(other)) = settlements.recv().await {
                    if other == posted {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(POLL, heard).await;
        }
    }

    async fn offers(
        &self,
        activity: &Arn,
        most: usize,
        held: Duration,
    ) -> Result<Vec<TaskAddress>, StoreError> {
        offer::offers(&self.client().await?, activity, most, held).await
    }

    async fn set_activity(&self, activity: &Arn, exists: bool) -> Result<(), StoreError> {
        offer::set_activity(&self.client().await?, activity, exists).await
    }

    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError> {
        offer::missing_activities(&self.client().await?).await
    }

    async fn forget(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        claim::forget(&self.client().await?, closed_before, most).await
    }

    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        claim::expire(&self.client().await?, closed_before, most).await
    }
}

/// What a commit hears that follows another revision than the newest.
async fn stale(client: &Client, id: &ExecutionId) -> Result<Revision, StoreError> {
    match read::exists(client, id).await? {
        true => Err(StoreErrorKind::Conflict.into()),
        false => Err(StoreErrorKind::NotFound.into()),
    }
}
