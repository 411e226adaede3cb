//! Runs a machine with mocks in virtual time, without a runtime.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::arn::Arn;
use crate::execution::{
    Command, Event, EventRejected, Execution, NotRedrivable, Record, RecordKey, RestoreError, Seed, Snapshot,
    Start, Step, TaskStart,
};
use crate::failure::Failure;
use crate::history::HistoryEvent;
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
#[cfg(feature = "runtime")]
use crate::store::{Store, StoreError};
#[cfg(feature = "runtime")]
use crate::testing::keeper::Keeper;
use crate::testing::mock::Mock;
use crate::testing::mocks::{Mocks, Unmocked};
use crate::testing::run::Run;
use crate::testing::script::Call;
use crate::testing::world::World;
use crate::time::Timestamp;

/// When virtual time begins: 2026-01-01T00:00:00Z.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How many steps a run may make.
const STEPS: u64 = 100_000;

/// Runs a machine with mocks in virtual time: a wait of thirty days takes no time at all.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use serde_json::json;
/// use stepwright::StateMachine;
/// use stepwright::testing::{Mock, Simulator};
///
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "Pay", "States": { "Pay": { "Type": "Task", "End": true,
///         "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Pay",
///         "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 1, "BackoffRate": 2 }] } } }"#,
/// )?);
/// let run = Simulator::new(&machine)
///     .function("Pay", Mock::fail("Busy", "try later").times(2).then(Mock::ok(7)))
///     .run(json!({ "total": 42 }));
///
/// assert_eq!(run.output()?, json!(7));
/// assert_eq!(run.elapsed(), Duration::from_secs(3));
/// assert_eq!(run.calls().len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A run depends on nothing but what it is given: the same machine, mocks, input and [seed](Self::seed) give the
/// same history.
#[derive(Debug)]
#[must_use = "a simulator does nothing until it runs"]
pub struct Simulator {
    machine: Arc<StateMachine>,
    mocks: Mocks,
    name: String,
    begin: Timestamp,
    seed: Seed,
    limits: Limits,
    missing: Option<Arc<BTreeSet<Arn>>>,
    steps: u64,
    crashes: bool,
    digest: bool,
    stop: Option<(Duration, Failure)>,
    redrives: VecDeque<Duration>,
    #[cfg(feature = "runtime")]
    keeper: Option<Keeper>,
}

/// Why a simulation could not go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// No mock answers a call.
    #[error(transparent)]
    Unmocked(#[from] Unmocked),
    /// The execution does not come to an end.
    #[error("the execution has not ended after {0} steps")]
    TooManySteps(u64),
    /// Its state, saved, cannot be gone on with. This is a mistake of this crate.
    #[error("the execution's saved state cannot be gone on with: {0}")]
    Restore(Arc<RestoreError>),
    /// After a crash it asks for other tasks than before. This is a mistake of this crate.
    #[error("after a crash the execution asks for other tasks than before: {asked} instead of {expected}")]
    OtherTasks {
        /// The tasks it asks for, with their numbers.
        asked: String,
        /// Those it had asked for.
        expected: String,
    },
    /// The store failed.
    #[cfg(feature = "runtime")]
    #[error("the store failed: {0}")]
    Store(Arc<StoreError>),
}

impl Simulator {
    /// A simulator of `machine`, without mocks.
    pub fn new(machine: &Arc<StateMachine>) -> Self {
        Self {
            machine: Arc::clone(machine),
            mocks: Mocks::default(),
            name: "simulation".into(),
            begin: BEGIN,
            seed: Seed::from([0; 32]),
            limits: Limits::AWS,
            missing: None,
            steps: STEPS,
            crashes: false,
            digest: false,
            stop: None,
            redrives: VecDeque::new(),
            #[cfg(feature = "runtime")]
            keeper: None,
        }
    }

    /// Answers the calls of resources that match `pattern`, in which `*` stands for any run of characters.
    pub fn mock(mut self, pattern: &str, mock: Mock) -> Self {
        self.mocks = self.mocks.resource(pattern, mock);
        self
    }

    /// Answers the calls of Lambda functions whose names match `pattern`, by whichever resource they are called.
    /// The mock gets the payload and gives the function's result, without the envelope of `lambda:invoke`.
    pub fn function(mut self, pattern: &str, mock: Mock) -> Self {
        self.mocks = self.mocks.function(pattern, mock);
        self
    }

    /// Answers the calls of the state called `name`.
    pub fn state(mut self, name: &str, mock: Mock) -> Self {
        self.mocks = self.mocks.state(name, mock);
        self
    }

    /// Answers calls with these mocks, and no others.
    pub fn mocks(mut self, mocks: Mocks) -> Self {
        self.mocks = mocks;
        self
    }

    /// The execution's name: `simulation`, unless told otherwise.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// When it begins: 2026-01-01T00:00:00Z, unless told otherwise.
    pub fn at(mut self, begin: Timestamp) -> Self {
        self.begin = begin;
        self
    }

    /// Where UUIDs, random numbers and jitter come from.
    pub fn seed(mut self, seed: impl Into<Seed>) -> Self {
        self.seed = seed.into();
        self
    }

    /// How much is too much: AWS's quotas, unless told otherwise.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Somebody stops the execution, so long after its start.
    pub fn stop(mut self, after: Duration, failure: Failure) -> Self {
        self.stop = Some((after, failure));
        self
    }

    /// Somebody redrives the execution, so long after its end. Said more than once, it is redriven more than once,
    /// each time after it has ended again.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use serde_json::json;
    /// use stepwright::StateMachine;
    /// use stepwright::testing::{Mock, Simulator};
    ///
    /// let machine = Arc::new(StateMachine::parse(
    ///     r#"{ "StartAt": "Pay", "States": { "Pay": { "Type": "Task", "End": true,
    ///         "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Pay" } } }"#,
    /// )?);
    /// let run = Simulator::new(&machine)
    ///     .function("Pay", Mock::fail("Closed", "come back tomorrow").then(Mock::ok("paid")))
    ///     .redrive(Duration::from_secs(24 * 60 * 60))
    ///     .run(json!({}));
    /// assert_eq!(run.output()?, json!("paid"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn redrive(mut self, after: Duration) -> Self {
        self.redrives.push_back(after);
        self
    }

    /// There is no such activity: a Task that needs it fails before it is scheduled.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::StateMachine;
    /// use stepwright::testing::Simulator;
    ///
    /// let machine = Arc::new(StateMachine::parse(r#"{ "StartAt": "Sign", "States": { "Sign": { "Type": "Task",
    ///     "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign", "End": true } } }"#)?);
    /// let sign = "arn:aws:states:us-east-1:123456789012:activity:Sign".parse()?;
    /// let run = Simulator::new(&machine).missing_activity(sign).run(json!({}));
    /// assert_eq!(run.failure().unwrap().error, Some("States.Runtime".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn missing_activity(mut self, activity: Arn) -> Self {
        Arc::make_mut(self.missing.get_or_insert_default()).insert(activity);
        self
    }

    /// How many steps it may make: 100,000, unless told otherwise.
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// After every step the execution is dropped and gone on with from the bytes that a store would have. That
    /// changes nothing that can be seen.
    ///
    /// The mocks do not crash: a task that is asked for again is one they know.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::StateMachine;
    /// use stepwright::testing::Simulator;
    ///
    /// let machine = Arc::new(StateMachine::parse(
    ///     r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 60, "End": true } } }"#,
    /// )?);
    /// let run = Simulator::new(&machine).run(json!({}));
    /// let crashed = Simulator::new(&machine).crash_after_every_step().run(json!({}));
    /// assert_eq!(crashed.history(), run.history());
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn crash_after_every_step(mut self) -> Self {
        self.crashes = true;
        self
    }

    /// The same with `store`: every step is committed to it, and gone on with from what it has. No execution of
    /// this machine and name may be in it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::testing::Simulator;
    /// use stepwright::{MemoryStore, StateMachine};
    ///
    /// let machine = Arc::new(StateMachine::parse(
    ///     r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 60, "End": true } } }"#,
    /// )?);
    /// let run = Simulator::new(&machine).run(json!({}));
    /// let store = Arc::new(MemoryStore::default());
    /// let crashed = Simulator::new(&machine).crash_into(store).run(json!({}));
    /// assert_eq!(crashed.history(), run.history());
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    #[cfg(feature = "runtime")]
    pub fn crash_into(mut self, store: Arc<dyn Store>) -> Self {
        self.keeper = Some(Keeper::new(store));
        self.crash_after_every_step()
    }

    /// Makes a digest of every byte that a store would be given.
    pub fn digest(mut self) -> Self {
        self.digest = true;
        self
    }

    /// Runs the machine until the execution has ended, and nobody redrives it.
    pub fn run(self, input: impl Into<Json>) -> Run {
        let machine = self.machine.name();
        let account = "us-east-1:123456789012";
        let start = Start::new(&self.name, input)
            .arns(
                &format!("arn:aws:states:{account}:execution:{machine}:{}", self.name),
                format!("arn:aws:states:{account}:stateMachine:{machine}"),
                "arn:aws:iam::123456789012:role/StepFunctionsRole",
            )
            .seed(self.seed.clone())
            .limits(self.limits)
            .missing_activities(self.missing.clone());
        let mut world = World::default();
        if let Some((after, failure)) = self.stop.clone() {
            world.stop(self.begin + after, failure);
        }
        let (execution, step) = Execution::start(Arc::clone(&self.machine), start, self.begin);
        let mut simulation = Simulation {
            now: self.begin,
            world,
            store: BTreeMap::new(),
            hash: self.digest.then(Sha256::new),
            history: Vec::new(),
            calls: Vec::new(),
            rejected: Vec::new(),
            refused: Vec::new(),
            steps: 0,
            execution,
            settings: self,
        };
        let error = simulation.go(step).err();
        simulation.end(error)
    }
}

/// A run that is being made.
struct Simulation {
    settings: Simulator,
    execution: Execution,
    now: Timestamp,
    world: World,
    /// What a store would have.
    store: BTreeMap<RecordKey, Vec<u8>>,
    hash: Option<Sha256>,
    history: Vec<HistoryEvent>,
    calls: Vec<Call>,
    rejected: Vec<EventRejected>,
    refused: Vec<NotRedrivable>,
    steps: u64,
}

impl Simulation {
    fn go(&mut self, first: Step) -> Result<(), SimulatorError> {
        self.take(first)?;
        while !self.execution.status().is_closed() || self.redrive()? {
            if self.steps >= self.settings.steps {
                return Err(SimulatorError::TooManySteps(self.steps));
            }
            let deadline = self.execution.deadline();
            // A running execution has a deadline: at least that of the longest time it may take.
            let Some(next) = deadline.into_iter().chain(self.world.next()).min() else {
                return Err(SimulatorError::TooManySteps(self.steps));
            };
            self.now = self.now.max(next);
            let event = match deadline {
                Some(deadline) if deadline <= self.now => Event::Tick,
                _ => self.world.take().unwrap_or(Event::Tick),
            };
            match self.execution.handle(event, self.now) {
                Ok(step) => self.take(step)?,
                Err(rejected) => self.rejected.push(rejected),
            }
        }
        Ok(())
    }

    /// Redrives an execution that has ended; whether anybody did, and it goes on.
    fn redrive(&mut self) -> Result<bool, SimulatorError> {
        while let Some(after) = self.settings.redrives.pop_front() {
            self.now = self.now + after;
            // What happens to it meanwhile comes too late.
            while self.world.next().is_some_and(|next| next <= self.now) {
                self.rejected.extend(self.world.take().map(|_| EventRejected::Closed));
            }
            match self.execution.redrive(None, self.now) {
                Ok(step) => return self.take(step).map(|()| true),
                Err(refused) => self.refused.push(refused),
            }
        }
        Ok(false)
    }

    /// Commits a step, and acts on it.
    fn take(&mut self, step: Step) -> Result<(), SimulatorError> {
        self.steps += 1;
        let empty = step.is_empty();
        if !empty && (self.settings.crashes || self.hash.is_some()) {
            let changes = self.execution.take_changes();
            self.write(changes.records(), &step.history);
            #[cfg(feature = "runtime")]
            if let Some(keeper) = &mut self.settings.keeper {
                keeper.keep(&self.execution, &step, changes, self.now)?;
            }
        }
        let Step { commands, history, .. } = step;
        self.history.extend(history);
        for command in &commands {
            match command {
                // What is cancelled in the same step has begun all the same.
                Command::StartTask(start) if !self.settings.crashes || is_cancelled(start, &commands) => {
                    self.call(start)?;
                }
                Command::StartTask(_) => {}
                Command::CancelTask { task, .. } => self.world.cancel(*task),
            }
        }
        if self.settings.crashes {
            self.crash(&commands)?;
        }
        Ok(())
    }

    fn write(&mut self, records: Vec<Record>, history: &[HistoryEvent]) {
        if let Some(hash) = &mut self.hash {
            for record in &records {
                hash.update(format!("{:?}", record.key));
                hash.update(record.bytes.as_deref().unwrap_or_default());
            }
            for event in history {
                hash.update(serde_json::to_vec(event).unwrap_or_default());
            }
        }
        for record in records {
            match record.bytes {
                Some(bytes) => self.store.insert(record.key, bytes),
                None => self.store.remove(&record.key),
            };
        }
    }

    /// Goes on from what the store has, and asks for the tasks again that were not reported.
    fn crash(&mut self, commands: &[Command]) -> Result<(), SimulatorError> {
        let expected = self.execution.outstanding();
        let Some(snapshot) = self.saved()? else { return Ok(()) };
        let machine = Arc::clone(&self.settings.machine);
        let restored = Execution::restore(machine, &snapshot, self.settings.limits, self.now);
        self.execution = restored.map_err(|error| SimulatorError::Restore(Arc::new(error)))?;
        self.execution.set_missing_activities(self.settings.missing.as_ref());
        let asked = self.execution.outstanding();
        let open = !self.execution.status().is_closed();
        let started = commands.iter().filter_map(|command| match command {
            Command::StartTask(start) => Some(start).filter(|start| !is_cancelled(start, commands)),
            Command::CancelTask { .. } => None,
        });
        let mut lost = started.filter(|start| open && !asked.contains(start));
        if asked != expected || lost.next().is_some() {
            return Err(SimulatorError::OtherTasks {
                asked: format!("{asked:?}"),
                expected: format!("{expected:?}"),
            });
        }
        asked.iter().try_for_each(|start| self.call(start))
    }

    /// The state that was saved; a store has none of an execution that has ended for good.
    fn saved(&self) -> Result<Option<Snapshot>, SimulatorError> {
        #[cfg(feature = "runtime")]
        if let Some(keeper) = &self.settings.keeper {
            return keeper.load(self.execution.id());
        }
        let records = self.store.iter().map(|(key, bytes)| Record::new(*key, bytes.clone()));
        Snapshot::from_records(records).map(Some).map_err(|error| SimulatorError::Restore(Arc::new(error)))
    }

    /// Calls a mock, unless the task is one that was asked for before.
    fn call(&mut self, start: &TaskStart) -> Result<(), SimulatorError> {
        if self.calls.iter().rev().any(|call| call.task == start.task) {
            return Ok(());
        }
        let call = Call::new(start);
        let script = self.settings.mocks.answer(&call)?;
        self.world.play(start.task, script, self.now);
        self.calls.push(call);
        Ok(())
    }

    fn end(self, error: Option<SimulatorError>) -> Run {
        Run {
            status: self.execution.status().clone(),
            elapsed: self.now.since(self.settings.begin),
            history: self.history,
            steps: self.steps,
            calls: self.calls,
            rejected: self.rejected,
            refused: self.refused,
            digest: self.hash.map(|hash| hash.finalize().into()),
            error,
        }
    }
}

/// Whether the task is cancelled by one of `commands`.
fn is_cancelled(start: &TaskStart, commands: &[Command]) -> bool {
    commands.iter().any(|command| matches!(command, Command::CancelTask { task, .. } if *task == start.task))
}
