//! Executions that are in the store and not here: loading them, and going on with them.

use std::sync::{Arc, PoisonError};

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
        let mut recovered = 0;
        for id in open {
            let here = self.residents().contains_key(&id);
            if here {
                continue;
            }
            match self.resident(&id).await {
                Ok(_) => recovered += 1,
                Err(AskError::Execution(error)) => return Err(error),
                // It has ended meanwhile, or the runtime ends.
                Err(_) => {}
            }
        }
        Ok(recovered)
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
        let loaded = self.load(id).await;
        match loaded {
            Ok(live) => {
                self.keep_time();
                self.resume(&resident, Box::new(live));
                Ok(resident)
            }
            Err(error) => {
                self.residents().remove(id);
                resident.let_go();
                Err(error)
            }
        }
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
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(machine) = machines.get(&stored.definition) {
            return Ok(Arc::clone(machine));
        }
        let machine = StateMachine::parse(&stored.definition).map_err(|error| error.to_string())?;
        let name = stored.summary.machine_arn.rsplit(':').next().unwrap_or_default();
        let machine = Arc::new(machine.named(name));
        machines.insert(stored.definition.clone(), Arc::clone(&machine));
        Ok(machine)
    }
}
