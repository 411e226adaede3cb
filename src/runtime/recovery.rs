//! Executions that are in the store and not here: claiming them, loading them, and going on with them.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::execution::{Event, Execution, Step, TaskStart};
use crate::id::ExecutionId;
use crate::machine::StateMachine;
use crate::runtime::context::Begun;
use crate::runtime::resident::{Answer, Brought, Here, Live, Mail, Refused, Resident};
use crate::runtime::work::Hands;
use crate::runtime::{AskError, ExecutionError, Inner};
use crate::store::{Claim, Claimed, Claims, Posted, StoreError, StoredExecution};

/// How many executions to claim at a time.
const BATCH: usize = 64;

/// How long to wait before a claim that failed is tried again.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many executions at most are left to others because they cannot be read here. More stay here.
const UNUSABLE: usize = 1_000;

/// How many machines are kept compiled though no execution of theirs is in memory.
const MACHINES: usize = 128;

impl Inner {
    /// Goes on with all executions of the store that have something to do, from now on.
    pub(super) async fn recover(self: &Arc<Self>) -> Result<usize, ExecutionError> {
        self.join().await?;
        self.claiming.store(true, Ordering::Relaxed);
        self.tidy(self.clock.now());
        Ok(self.claim().await?)
    }

    /// Claims executions that have something to do, and says how many that were not here came.
    ///
    /// A runtime that was not told to [`recover`](Self::recover) only says that it is there, until executions
    /// have left its memory.
    pub(super) async fn claim(self: &Arc<Self>) -> Result<usize, StoreError> {
        let mut came = 0;
        let most = if self.claiming.load(Ordering::Relaxed) { BATCH } else { 0 };
        self.alarms.looked();
        loop {
            let now = self.clock.now();
            let claims = self.give_back_and_claim(Claim::new(self.owner, now, most).lease(self.lease)).await;
            let claims = claims.inspect_err(|_| self.alarms.look(Some(now + PATIENCE)))?;
            let full = claims.executions.len() >= most;
            let mut fresh = 0;
            for claimed in claims.executions {
                let Claimed { id, inbox } = claimed;
                // What became of it is known to those who ask for the execution, and to `stranded`.
                if let Ok((resident, came)) = self.resident_of(&id, true).await {
                    fresh += usize::from(came);
                    let mailed = !inbox.is_empty();
                    let is_new = self.deliver(&resident, inbox);
                    // With mail that it has already it was asked before.
                    if !came && (is_new || !mailed) {
                        self.question(&resident);
                    }
                }
            }
            came += fresh;
            if most > 0 && (!full || fresh == 0) {
                self.alarms.look(claims.next);
            }
            if !full || fresh == 0 || self.shutdown.is_cancelled() {
                return Ok(came);
            }
        }
    }

    /// Claims, and before that lets go of what counts as this runtime's and is not here.
    async fn give_back_and_claim(self: &Arc<Self>, claim: Claim) -> Result<Claims, StoreError> {
        let adrift = self.adrift.swap(false, Ordering::Relaxed);
        let claimed = async {
            if adrift {
                let mut lost = self.store.owned(self.owner).await?;
                lost.retain(|id| !self.residents(id).contains(id));
                if !lost.is_empty() {
                    self.store.release(self.owner, Some(&lost)).await?;
                }
            }
            let unusable = self.unusable();
            self.claim_anew(claim.except(unusable)).await
        };
        claimed.await.inspect_err(|_| self.look_for_lost())
    }

    /// Claims. If this runtime was silent for longer than its lease, it lets go of what others have since.
    async fn claim_anew(self: &Arc<Self>, claim: Claim) -> Result<Claims, StoreError> {
        let newest = self.newest.load(Ordering::Relaxed);
        let claims = self.store.claim(claim).await?;
        if claims.fresh && self.residents.each().any(|residents| !residents.is_empty()) {
            let inner = Arc::clone(self);
            self.tracker.spawn(async move { inner.let_go_of_taken(newest).await });
        }
        Ok(claims)
    }

    /// Lets go of whatever came here before `newest` and is not this runtime's any longer.
    async fn let_go_of_taken(self: &Arc<Self>, newest: u64) {
        let owned: HashSet<ExecutionId> = loop {
            match self.store.owned(self.owner).await {
                Ok(owned) => break owned.into_iter().collect(),
                Err(error) if error.is_retryable() && !self.shutdown.is_cancelled() => {
                    self.clock.sleep(PATIENCE).await;
                }
                Err(_) => return,
            }
        };
        let mut taken: Vec<Arc<Resident>> = Vec::new();
        for residents in self.residents.each() {
            taken.extend(residents.iter().map(|Here(resident)| Arc::clone(resident)));
        }
        taken.retain(|resident| resident.number < newest && !owned.contains(&resident.id));
        for resident in taken {
            resident.lose();
            if let Brought::Woke(live, mail) = resident.bring(Mail::of(Event::Tick)) {
                self.drive(&resident, live, Some(mail));
            }
        }
    }

    /// The store failed. It may have done what it was asked for: then there are executions that are this runtime's
    /// and not here, and nobody else would go on with them. They are given back with the next claim, which is soon.
    pub(super) fn look_for_lost(&self) {
        self.adrift.store(true, Ordering::Relaxed);
        self.claiming.store(true, Ordering::Relaxed);
        self.alarms.look(Some(self.clock.now() + PATIENCE));
    }

    /// Takes executions that left this memory back from this runtime.
    pub(super) async fn give_back(&self, ids: &[ExecutionId]) {
        let released = self.store.release(self.owner, Some(ids)).await;
        // What is not given back now is with the next claim.
        let _ = released.inspect_err(|_| self.look_for_lost());
    }

    /// Executions that others may be able to go on with.
    fn unusable(&self) -> Vec<ExecutionId> {
        let Some(stranded) = self.stranded.look() else { return Vec::new() };
        let unusable =
            stranded.iter().filter(|(_, error)| matches!(***error, ExecutionError::Unusable { .. }));
        unusable.map(|(id, _)| id.clone()).take(UNUSABLE).collect()
    }

    /// Lets an execution that was nobody's, and seems to be here, show that it is, and is what the store has: it may
    /// be of before it was somebody else's, or not come to be here after all. If it is let go of, it is brought in.
    fn question(self: &Arc<Self>, resident: &Arc<Resident>) {
        let (answer, answered) = oneshot::channel();
        let mail = Mail { answer: Answer::Sent(answer), ..Mail::of(Event::Tick) };
        match resident.bring(mail) {
            Brought::Queued => {}
            Brought::Woke(live, mail) => self.drive(resident, live, Some(mail)),
            // One that has ended here was nobody's: it was redriven since.
            Brought::LetGo(_) | Brought::Closed => return self.look_after(&resident.id),
            // Whoever left the mail there asks again.
            Brought::Full(_) => return,
        }
        let (inner, id) = (Arc::clone(self), resident.id.clone());
        self.tracker.spawn(async move {
            if let Ok(Err(Refused::LetGo | Refused::Rejected)) = answered.await {
                drop(inner.resident(&id).await);
            }
        });
    }

    /// Brings what was posted; whether some of it was not brought before.
    fn deliver(self: &Arc<Self>, resident: &Arc<Resident>, inbox: Vec<Posted>) -> bool {
        let mut is_new = false;
        for brought in inbox.into_iter().filter_map(|posted| resident.bring_posted(posted)) {
            is_new = true;
            if let Brought::Woke(live, mail) = brought {
                self.drive(resident, live, Some(mail));
            }
        }
        is_new
    }

    /// The execution in memory, loaded if need be. Whoever comes first loads it; others leave their mail.
    pub(super) async fn resident(self: &Arc<Self>, id: &ExecutionId) -> Result<Arc<Resident>, AskError> {
        self.resident_of(id, false).await.map(|(resident, _)| resident)
    }

    /// The same for nobody: unless another runtime has it, it goes on.
    pub(super) fn look_after(self: &Arc<Self>, id: &ExecutionId) {
        let (inner, id) = (Arc::clone(self), id.clone());
        self.tracker.spawn(async move { drop(inner.resident(&id).await) });
    }

    /// The same of an execution that was claimed, or was not; and whether it came.
    async fn resident_of(
        self: &Arc<Self>,
        id: &ExecutionId,
        claimed: bool,
    ) -> Result<(Arc<Resident>, bool), AskError> {
        let resident = {
            let mut residents = self.residents(id);
            if let Some(Here(resident)) = residents.get(id) {
                return Ok((Arc::clone(resident), false));
            }
            if self.shutdown.is_cancelled() {
                return Err(AskError::ShuttingDown);
            }
            let resident = self.new_resident(id);
            residents.insert(Here(Arc::clone(&resident)));
            resident
        };
        // On a task of its own: whoever asked first may lose patience, and others wait for it too.
        let (inner, loading) = (Arc::clone(self), Arc::clone(&resident));
        let loaded = self.tracker.spawn(async move { inner.bring_in(&loading, claimed).await });
        ended(loaded).await.unwrap_or(Err(AskError::ShuttingDown)).map(|()| (resident, true))
    }

    async fn bring_in(self: &Arc<Self>, resident: &Arc<Resident>, claimed: bool) -> Result<(), AskError> {
        let loading = Loading::new(self, Arc::clone(resident), true);
        let brought = async {
            self.join().await.map_err(|error| AskError::Execution(error.into()))?;
            let inbox = if claimed { Vec::new() } else { self.claim_one(&resident.id).await? };
            Ok((inbox, self.load(&resident.id).await?))
        };
        let (inbox, live) = match brought.await {
            Ok(brought) => brought,
            Err(error) => {
                match &error {
                    AskError::Execution(error @ ExecutionError::Unusable { .. }) => {
                        let reason = error.to_string();
                        self.strand(&resident.id, ExecutionError::Unusable { reason });
                        self.give_back(std::slice::from_ref(&resident.id)).await;
                    }
                    AskError::Execution(ExecutionError::Store(_)) => self.look_for_lost(),
                    _ => {}
                }
                return Err(error);
            }
        };
        if let Some(mut stranded) = self.stranded.look() {
            stranded.remove(&resident.id);
        }
        loading.over();
        self.resume(resident, Box::new(live));
        self.deliver(resident, inbox);
        Ok(())
    }

    async fn claim_one(self: &Arc<Self>, id: &ExecutionId) -> Result<Vec<Posted>, AskError> {
        let failed = |error: StoreError| AskError::Execution(error.into());
        let claim = Claim::new(self.owner, self.clock.now(), 1).lease(self.lease).only(id.clone());
        let mut claims = self.claim_anew(claim).await.map_err(failed)?;
        match claims.executions.pop() {
            Some(claimed) => Ok(claimed.inbox),
            None => match self.store.describe(id).await.map_err(failed)? {
                None => Err(AskError::Unknown),
                Some(summary) if summary.status.is_closed() => Err(AskError::Rejected),
                Some(_) => Err(AskError::Elsewhere),
            },
        }
    }

    async fn load(&self, id: &ExecutionId) -> Result<Live, AskError> {
        let stored = self.store.load(id).await.map_err(|error| {
            AskError::Execution(match error.is_retryable() {
                true => error.into(),
                false => ExecutionError::Unusable { reason: error.to_string() },
            })
        })?;
        // It was claimed, so it was: it has ended.
        let open = stored.filter(|stored| !stored.summary.status.is_closed());
        let stored = open.ok_or(AskError::Rejected)?;
        let execution = self.restore(&stored).map_err(AskError::Execution)?;
        let permit = Arc::clone(&self.room).try_acquire_owned().ok();
        Ok(Live {
            machine: Arc::clone(execution.machine()),
            execution,
            revision: stored.revision,
            attended: false,
            alarm: None,
            running: Default::default(),
            permit,
            left: None,
        })
    }

    /// An execution as it was stored.
    pub(super) fn restore(&self, stored: &StoredExecution) -> Result<Execution, ExecutionError> {
        let unusable = |reason: String| ExecutionError::Unusable { reason };
        let machine = self.machine(stored).map_err(unusable)?;
        Execution::restore(machine, &stored.snapshot, Arc::clone(&self.limits), self.clock.now())
            .map_err(|error| unusable(error.to_string()))
    }

    /// Starts again what was started and not reported, watches again over what was handed on, and lets time go on.
    fn resume(self: &Arc<Self>, resident: &Arc<Resident>, mut live: Box<Live>) {
        let outstanding = live.execution.outstanding();
        let handed_on = live.execution.handed_on();
        live.attended = !outstanding.is_empty() || !handed_on.is_empty();
        for start in outstanding {
            self.start_again(resident, &mut live, start, Begun::Again);
        }
        for start in handed_on {
            self.start_again(resident, &mut live, start, Begun::HandedOn);
        }
        self.set_alarm(resident, &mut live);
        self.begin(resident, live, Step::default(), &[], self.clock.now());
    }

    /// Calls a task's handler again; where there is none any longer, the execution waits for a runtime that has it.
    fn start_again(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        live: &mut Live,
        start: TaskStart,
        begun: Begun,
    ) {
        if self.service(&start.resource).is_none() && !start.resource.is_activity() {
            self.strand(&resident.id, ExecutionError::NoHandler { resource: start.resource });
            return;
        }
        self.start_task(resident, live, start, begun, &mut Hands::none());
    }

    pub(super) fn strand(&self, id: &ExecutionId, error: ExecutionError) {
        self.stranded.lock().insert(id.clone(), Arc::new(error));
    }

    /// The machine that an execution was started with: its definition is stored beside it.
    fn machine(&self, stored: &StoredExecution) -> Result<Arc<StateMachine>, String> {
        let key = (stored.definition.clone(), stored.summary.machine_arn.clone());
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(machine) = machines.get(&key) {
            return Ok(Arc::clone(machine));
        }
        let machine = StateMachine::parse(&stored.definition).map_err(|error| error.to_string())?;
        let name = stored.summary.machine_arn.rsplit(':').next().unwrap_or_default();
        let machine = Arc::new(machine.named(name));
        if machines.len() >= MACHINES {
            machines.retain(|_, machine| Arc::strong_count(machine) > 1);
        }
        machines.insert(key, Arc::clone(&machine));
        Ok(machine)
    }
}

/// Lets go of an execution that could not be loaded, or whose loading was given up.
pub(super) struct Loading<'a> {
    inner: &'a Inner,
    /// Nothing once it is loaded.
    resident: Option<Arc<Resident>>,
    /// Whoever asks for the execution finds this resident.
    here: bool,
}

impl<'a> Loading<'a> {
    pub(super) fn new(inner: &'a Inner, resident: Arc<Resident>, here: bool) -> Self {
        Self { inner, resident: Some(resident), here }
    }

    /// It is loaded: whoever asks for the execution finds the resident.
    pub(super) fn over(mut self) -> Arc<Resident> {
        let resident = self.resident.take().expect("it is over once");
        if !self.here {
            self.inner.residents(&resident.id).replace(Here(Arc::clone(&resident)));
        }
        resident
    }
}

/// Waits for the end of a task; `None` when its runtime is gone. A panic goes on here.
pub(super) async fn ended<T>(task: JoinHandle<T>) -> Option<T> {
    match task.await {
        Ok(done) => Some(done),
        Err(ended) => std::panic::resume_unwind(ended.try_into_panic().ok()?),
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if let Some(resident) = self.resident.take() {
            self.inner.forget(&resident);
            resident.let_go();
        }
    }
}
