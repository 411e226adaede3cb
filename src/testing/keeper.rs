//! A store that a simulation commits to: it waits for the store where it stands.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::execution::{Changes, Execution, Snapshot, Step};
use crate::history::HistoryEventKind;
use crate::id::ExecutionId;
use crate::store::{Commit, Created, NewExecution, Revision, Store, StoreError, StoreErrorKind};
use crate::testing::simulator::SimulatorError;
use crate::time::Timestamp;

/// A store, and the revision of the execution in it.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Arc<dyn Store>,
    revision: Option<Revision>,
}

impl Keeper {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, revision: None }
    }

    /// Commits a step.
    pub(super) fn keep(
        &mut self,
        execution: &Execution,
        step: &Step,
        changes: Changes,
        now: Timestamp,
    ) -> Result<(), SimulatorError> {
        let commit = Commit::new(&mut step.clone(), changes, now);
        let redriven = matches!(
            step.history.first().map(|event| &event.kind),
            Some(HistoryEventKind::ExecutionRedriven { .. })
        );
        let written = match self.revision {
            Some(revision) if redriven => block_on(self.store.reopen(execution.id(), revision, commit)),
            Some(revision) => block_on(self.store.commit(execution.id(), revision, commit)),
            None => {
                let start = execution.start_request();
                let new = NewExecution::new(
                    start.id.clone(),
                    start.name.clone(),
                    start.machine_arn.clone(),
                    execution.machine().definition.clone(),
                    start.input.clone(),
                    execution.started_at(),
                );
                block_on(self.store.create(new, commit)).and_then(|created| match created {
                    Created::New(revision) => Ok(revision),
                    Created::Existing(_) => Err(StoreErrorKind::Conflict.into()),
                })
            }
        };
        self.revision = Some(written.map_err(failed)?);
        Ok(())
    }

    /// The state of an execution that has not ended, or may be redriven.
    pub(super) fn load(&self, id: &ExecutionId) -> Result<Option<Snapshot>, SimulatorError> {
        let loaded = block_on(self.store.load(id)).map_err(failed)?;
        Ok(loaded.map(|stored| stored.snapshot))
    }
}

fn failed(error: StoreError) -> SimulatorError {
    SimulatorError::Store(Arc::new(error))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => std::thread::park(),
        }
    }
}
