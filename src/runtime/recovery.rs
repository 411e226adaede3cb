//! Executions that are in the store and not here: loading them, and going on with them.

use std::sync::{Arc, PoisonError, Weak};

use crate::execution::{Execution, Step};
use crate::id::ExecutionId;
use crate::machine::StateMachine;
use crate::runtime::context::Begun;
use crate::runtime::resident::{Live, Resident};
use crate::runtime::{AskError, ExecutionError, Inner};
use crate::store::{ExecutionFilter, PageRequest, StoredExecution};

/// How many executions to list at a time.
const PAGE: usize = 256;

impl Inner {
    /// Goes on with all open executions of the store that are not here.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<usize, ExecutionError> {
        // Listing and loading change what is listed: the ids come first.
        let mut open = Vec::new();
        let mut page = PageRequest::first(PAGE);
        loop {
            let listed = self.store.list(ExecutionFilter::default().status("RUNNING"), page.clone()).await?;
            open.extend(listed.items.into_iter().map(|execution| execution.id));
            match listed.next {
                Some(next) => page = page.after(next),
                None => break,
            }
        }
        {
            let residents = self.residents();
            open.retain(|id| !residents.contains_key(id));
        }
        let (mut recovered, mut failed) = (0, None);
        for id in open {
            // One that another has woken meanwhile is gone on with all the same.
            match self.resident(&id).await {
                Ok(_) => recovered += 1,
                // One that cannot be gone on with does not keep the others waiting.
                Err(AskError::Execution(error)) => failed = failed.or(Some(error)),
                // It has ended meanwhile, or the runtime ends.
                Err(_) => {}
            }
        }
        failed.map_or(Ok(recovered), Err)
    }

    /// The execution in memory, loaded if need be. Whoever comes first loads it; others leave their mail.
    pub(super) async fn resident(self: &Arc<Self>, id: &ExecutionId) -> Result<Arc<Resident>, AskError> {
        let resident = {
            let mut residents = self.residents();
            if let Some(resident) = residents.get(id) {
                return Ok(Arc::clone(resident));
            }
            if self.shutdown.is_cancelled() {
                return Err(AskError::ShuttingDown);
            }
            let resident = Arc::new(Resident::busy(id.clone()));
            residents.insert(id.clone(), Arc::clone(&resident));
            resident
        };
        // On a task of its own: whoever asked first may lose patience, and others wait for it too.
        let (inner, loading) = (Arc::clone(self), Arc::clone(&resident));
        let loaded = self.tracker.spawn(async move { inner.bring_in(&loading).await }).await;
        match loaded {
            Ok(Ok(())) => Ok(resident),
            Ok(Err(error)) => Err(error),
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(AskError::ShuttingDown),
            },
        }
    }

    async fn bring_in(self: &Arc<Self>, resident: &Arc<Resident>) -> Result<(), AskError> {
        let mut loading = Loading { inner: self, resident, over: false };
        let live = self.load(&resident.id).await?;
        loading.over = true;
        self.keep_time();
        self.resume(resident, Box::new(live));
        Ok(())
    }

    async fn load(&self, id: &ExecutionId) -> Result<Live, AskError> {
        let stored = self.store.load(id).await.map_err(|error| AskError::Execution(error.into()))?;
        let stored = stored.ok_or(AskError::Unknown)?;
        if stored.summary.status.is_closed() {
            return Err(AskError::Rejected);
        }
        let unusable = |reason: String| AskError::Execution(ExecutionError::Unusable { reason });
        let machine = self.machine(&stored).map_err(unusable)?;
        let execution = Execution::restore(machine, &stored.snapshot, self.limits, self.clock.now())
            .map_err(|error| unusable(error.to_string()))?;
        let permit = Arc::clone(&self.room).try_acquire_owned().ok();
        Ok(Live { execution, revision: stored.revision, alarm: None, running: Default::default(), permit })
    }

    /// Starts again what was started and not reported, watches again over what was handed on, and lets time go on.
    fn resume(self: &Arc<Self>, resident: &Arc<Resident>, mut live: Box<Live>) {
        for start in live.execution.outstanding() {
            self.start_task(resident, &mut live, start, Begun::Again);
        }
        for start in live.execution.handed_on() {
            self.start_task(resident, &mut live, start, Begun::HandedOn);
        }
        self.set_alarm(resident, &mut live);
        self.begin(resident, live, Step::default(), &[]);
    }

    /// The machine that an execution was started with: its definition is stored beside it.
    fn machine(&self, stored: &StoredExecution) -> Result<Arc<StateMachine>, String> {
        let key = (stored.definition.clone(), stored.summary.machine_arn.clone());
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(machine) = machines.get(&key).and_then(Weak::upgrade) {
            return Ok(machine);
        }
        let machine = StateMachine::parse(&stored.definition).map_err(|error| error.to_string())?;
        let name = stored.summary.machine_arn.rsplit(':').next().unwrap_or_default();
        let machine = Arc::new(machine.named(name));
        machines.retain(|_, machine| machine.strong_count() > 0);
        machines.insert(key, Arc::downgrade(&machine));
        Ok(machine)
    }
}

/// Lets go of an execution that could not be loaded, or whose loading was given up.
pub(super) struct Loading<'a> {
    pub(super) inner: &'a Inner,
    pub(super) resident: &'a Arc<Resident>,
    /// It is there.
    pub(super) over: bool,
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.inner.forget(self.resident);
            self.resident.let_go();
        }
    }
}
