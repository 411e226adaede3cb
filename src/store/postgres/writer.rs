//! Steps that are written at the same time share a transaction: the disk is what takes long.

use std::collections::HashSet;
use std::future::{Future as _, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use deadpool_postgres::{Client, Pool};
use futures_util::future::maybe_done;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_postgres::Error;

use super::commit;
use super::error::is_dangling;
use super::statement::Statement;
use crate::id::ExecutionId;
use crate::store::{Commit, NewExecution, Revision, StoreError, StoreErrorKind};

/// How many steps share a transaction at most.
const BATCH: usize = 64;

/// How many steps may wait; whoever brings another waits too.
const WAITING: usize = 4096;

/// How many definitions the server is remembered to have.
const DEFINITIONS: usize = 1024;

/// Writes steps, as many as are there at once in one transaction.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Request>,
    pool: Pool,
    /// The connections that may write now.
    free: Arc<Semaphore>,
    definitions: Arc<Definitions>,
}

/// What is to be written.
pub(super) enum Write {
    Create(Box<(NewExecution, Commit)>),
    Commit(ExecutionId, Revision, Box<Commit>),
}

/// Whether it applied: the id was free, or the revision current.
type Applied = bool;

#[derive(Debug)]
struct Request {
    write: Write,
    answer: oneshot::Sender<Result<Applied, StoreError>>,
}

/// The definitions that the server has, as far as is known.
#[derive(Debug, Default)]
struct Definitions(Mutex<HashSet<Arc<str>>>);

impl Writer {
    /// A writer that uses `connections` of a pool at most.
    pub(super) fn new(pool: Pool, connections: usize) -> Self {
        let (queue, requests) = mpsc::channel(WAITING);
        let (free, definitions) = (Arc::new(Semaphore::new(connections)), Arc::default());
        tokio::spawn(serve(pool.clone(), Arc::clone(&free), Arc::clone(&definitions), requests));
        Self { queue, pool, free, definitions }
    }

    /// Writes; what was written is on disk.
    pub(super) async fn write(&self, write: Write) -> Result<Applied, StoreError> {
        // Where nobody waits, there is nobody to share a transaction with.
        if self.queue.capacity() == WAITING
            && let Ok(_permit) = self.free.try_acquire()
        {
            let client = self.pool.get().await?;
            return Ok(alone(&client, &write, &self.definitions).await?);
        }
        let (answer, answered) = oneshot::channel();
        let gone = || StoreError::from(StoreErrorKind::Unavailable);
        self.queue.send(Request { write, answer }).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

async fn serve(
    pool: Pool,
    free: Arc<Semaphore>,
    definitions: Arc<Definitions>,
    mut requests: mpsc::Receiver<Request>,
) {
    while let Some(first) = requests.recv().await {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let mut batch = vec![first];
        let client = pool.get().await;
        while batch.len() < BATCH
            && let Ok(next) = requests.try_recv()
        {
            batch.push(next);
        }
        let definitions = Arc::clone(&definitions);
        tokio::spawn(async move {
            match client {
                Ok(client) => write_all(&client, batch, &definitions).await,
                Err(error) => fail(batch, &error),
            }
            drop(permit);
        });
    }
}

fn fail(batch: Vec<Request>, reason: &impl ToString) {
    for request in batch {
        // Who does not wait for the answer any longer does not miss it.
        let _ = request.answer.send(Err(StoreError::new(StoreErrorKind::Unavailable, reason.to_string())));
    }
}

async fn write_all(client: &Client, mut batch: Vec<Request>, definitions: &Definitions) {
    if batch.len() > 1 {
        // Those who write to the same rows take them in the same order.
        batch.sort_by(|one, other| one.write.id().as_str().cmp(other.write.id().as_str()));
        match together(client, &batch, definitions).await {
            Ok(applied) => {
                for (request, applied) in batch.into_iter().zip(applied) {
                    let _ = request.answer.send(Ok(applied));
                }
                return;
            }
            // The server said why: nothing was written, and one of them is to blame.
            Err(error) if error.code().is_some() => {}
            Err(error) => return fail(batch, &error),
        }
    }
    for request in batch {
        let applied = alone(client, &request.write, definitions).await;
        let _ = request.answer.send(applied.map_err(StoreError::from));
    }
}

/// Writes all in one transaction, in flight side by side.
async fn together(
    client: &Client,
    batch: &[Request],
    definitions: &Definitions,
) -> Result<Vec<Applied>, Error> {
    let mut statements = Vec::with_capacity(batch.len());
    for request in batch {
        let statement = request.write.statement(definitions);
        let prepared = statement.prepare(client).await?;
        statements.push((statement, prepared));
    }
    let (mut begin, mut commit) = (
        Box::pin(maybe_done(client.batch_execute("BEGIN"))),
        Box::pin(maybe_done(client.batch_execute("COMMIT"))),
    );
    let mut steps: Vec<_> = statements
        .iter()
        .map(|(statement, prepared)| Box::pin(maybe_done(statement.run(client, prepared))))
        .collect();
    // They are sent in the order in which they are first polled: each of them, and the commit last.
    poll_fn(|cx| {
        let mut ready = begin.as_mut().poll(cx).is_ready();
        for step in &mut steps {
            ready &= step.as_mut().poll(cx).is_ready();
        }
        ready &= commit.as_mut().poll(cx).is_ready();
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let done = "it was polled until it was ready";
    begin.as_mut().take_output().expect(done)?;
    // After a failure, what the server does at COMMIT is to roll back.
    let rows = steps.iter_mut().map(|step| step.as_mut().take_output().expect(done));
    let applied = rows.map(|rows| Ok(!rows?.is_empty())).collect::<Result<Vec<_>, Error>>()?;
    commit.as_mut().take_output().expect(done)?;
    batch.iter().for_each(|request| request.write.remember(definitions));
    Ok(applied)
}

async fn alone(client: &Client, write: &Write, definitions: &Definitions) -> Result<Applied, Error> {
    let mut result = write.statement(definitions).query(client).await;
    if let (Err(error), Write::Create(create)) = (&result, write)
        && is_dangling(error)
    {
        definitions.lock().remove(&create.0.definition);
        result = write.statement(definitions).query(client).await;
    }
    let applied = !result?.is_empty();
    write.remember(definitions);
    Ok(applied)
}

impl Write {
    fn id(&self) -> &ExecutionId {
        match self {
            Self::Create(create) => &create.0.id,
            Self::Commit(id, ..) => id,
        }
    }

    fn statement(&self, definitions: &Definitions) -> Statement {
        match self {
            Self::Create(create) => {
                let (new, first) = &**create;
                let known = definitions.lock().contains(&new.definition);
                commit::create(new, first, !known)
            }
            Self::Commit(id, expected, commit) => commit::commit(id, *expected, commit),
        }
    }

    fn remember(&self, definitions: &Definitions) {
        let Self::Create(create) = self else { return };
        let mut definitions = definitions.lock();
        if definitions.len() >= DEFINITIONS {
            definitions.clear();
        }
        definitions.insert(create.0.definition.clone());
    }
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Write").field(self.id()).finish()
    }
}

impl Definitions {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Arc<str>>> {
        // A set is whole between any two operations.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
