//! Putting a runtime together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio_util::task::TaskTracker;

use crate::execution::Start;
use crate::function::FunctionCall;
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::registry::Registry;
use crate::runtime::activity::Activities;
use crate::runtime::alarm::Alarms;
use crate::runtime::clock::{Clock, SystemClock};
use crate::runtime::error::{BuildError, StartError};
use crate::runtime::function::Functions;
use crate::runtime::handler::{ResourceHandler, SharedHandler};
use crate::runtime::nested::StartExecution;
use crate::runtime::observer::Observer;
use crate::runtime::origins::random;
use crate::runtime::retention::Retention;
use crate::runtime::service::Service;
use crate::runtime::sleepers::Sleepers;
use crate::runtime::steps::Steps;
use crate::runtime::token::KnownTokens;
use crate::runtime::{Inner, Runtime};
use crate::store::{MemoryStore, OwnerId, Store};

/// AWS's quota of open executions in a region.
const OPEN_EXECUTIONS: usize = 1_000_000;

/// How many sleeping executions stay in memory where the store is elsewhere, unless told otherwise.
const RESIDENTS: usize = 10_000;

/// How long AWS keeps executions that have ended, and their names taken.
const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long a runtime that shares its store may be silent, unless told otherwise.
const LEASE: Duration = Duration::from_secs(10);

/// Puts a [`Runtime`] together; made by [`Runtime::builder`].
///
/// The first mistake is kept and reported by [`build`](Self::build).
///
/// ```
/// use stepwright::{BuildError, Failure, Runtime, handler_fn};
///
/// let tea = || handler_fn(async |_, _| Ok::<_, Failure>("tea"));
/// let mistake = Runtime::builder().handler("arn:aws:*", tea()).handler("arn:aws:*", tea()).build();
/// assert!(matches!(mistake, Err(BuildError::DuplicateHandler { .. })));
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct RuntimeBuilder {
    handlers: Registry<Service>,
    functions: Functions,
    machines: Vec<Arc<StateMachine>>,
    observers: Vec<Arc<dyn Observer>>,
    store: Option<Arc<dyn Store>>,
    clock: Arc<dyn Clock>,
    account: Account,
    limits: Limits,
    history: bool,
    open_executions: usize,
    residents: Option<usize>,
    lease: Option<Duration>,
    retention: Duration,
    cancel_grace: Duration,
    mistake: Option<BuildError>,
}

impl Default for RuntimeBuilder {
    fn default() -> Self {
        Self {
            handlers: Registry::default(),
            functions: Functions::default(),
            machines: Vec::new(),
            observers: Vec::new(),
            store: None,
            clock: Arc::new(SystemClock),
            account: Account::default(),
            limits: Limits::AWS,
            history: true,
            open_executions: OPEN_EXECUTIONS,
            residents: None,
            lease: None,
            retention: RETENTION,
            cancel_grace: Duration::from_secs(1),
            mistake: None,
        }
    }
}

impl RuntimeBuilder {
    /// Serves the resources that match `pattern`, an ARN in which `*` stands for any run of characters. Of
    /// several patterns that match, the one with the most other characters wins.
    pub fn handler(mut self, pattern: &str, handler: impl ResourceHandler) -> Self {
        let fresh = self.handlers.add(pattern, Service::of(handler));
        self.mistaken(fresh, pattern)
    }

    /// Serves the Lambda functions whose names match `pattern`, by whichever resource they are called: their
    /// own ARN, or `arn:aws:states:::lambda:invoke` with a `FunctionName`. The handler gets the payload and
    /// gives the function's result, without the envelope that `lambda:invoke` puts around it.
    pub fn function(mut self, pattern: &str, handler: impl ResourceHandler) -> Self {
        let fresh = self.functions.add(pattern, SharedHandler::new(handler));
        self.mistaken(fresh, pattern)
    }

    /// Lets executions start `machine` with `arn:aws:states:::states:startExecution`, in all its patterns, by the
    /// ARN that its [name](StateMachine::named) makes in this runtime's [account](Self::account). The children
    /// are executions of this runtime; with `.sync` and `.sync:2` the task waits for them, and they are stopped
    /// when it times out or its execution ends. A child that has no `Name` gets one that is the same whenever the
    /// task is started: a restart finds it again.
    ///
    /// A handler whose pattern matches the resource goes first.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Runtime, StateMachine};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let child = StateMachine::parse(r#"{ "StartAt": "Pack", "States": { "Pack": {
    ///     "Type": "Pass", "Result": { "boxes": 2 }, "End": true } } }"#)?.named("Pack");
    /// let parent = Arc::new(StateMachine::parse(r#"{ "StartAt": "Ship", "States": { "Ship": {
    ///     "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
    ///     "Parameters": { "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Pack" },
    ///     "OutputPath": "$.Output.boxes", "End": true } } }"#)?);
    /// let runtime = Runtime::builder().machine(child).build()?;
    /// let execution = runtime.start_execution(&parent, None, json!({})).await?;
    /// assert_eq!(execution.wait().await?, json!(2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn machine(mut self, machine: impl Into<Arc<StateMachine>>) -> Self {
        let machine = machine.into();
        let taken = self.machines.iter().any(|other| other.name() == machine.name());
        if taken && self.mistake.is_none() {
            self.mistake = Some(BuildError::DuplicateMachine { name: machine.name().into() });
        }
        self.machines.push(machine);
        self
    }

    /// Serves every resource that nothing else does, activities among them.
    pub fn fallback(mut self, handler: impl ResourceHandler) -> Self {
        self.handlers.set_fallback(Service::of(handler));
        self
    }

    /// Where executions live between steps: in memory, unless told otherwise.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The source of time: the machine's clock, unless told otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Lets somebody watch.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// The partition, region, account and role that ARNs name.
    pub fn account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// How much is too much: AWS's quotas, unless told otherwise.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether histories are kept: they are, unless told otherwise.
    pub fn history(mut self, history: bool) -> Self {
        self.history = history;
        self
    }

    /// How many executions may be open at once: a million, unless told otherwise.
    pub fn open_executions(mut self, most: usize) -> Self {
        self.open_executions = most;
        self
    }

    /// How many executions stay in memory while they sleep. Unless told otherwise it is 10,000, or all of them if
    /// the store has them in memory anyway. Those that slept longest leave it, and come back from the store when they
    /// are due or asked for; they do not count as open in [`open_executions`](Self::open_executions).
    pub fn residents(mut self, most: usize) -> Self {
        self.residents = Some(most);
        self
    }

    /// Shares the store with other runtimes: for how long this one may be silent before the others take over its
    /// executions. Unless told otherwise it is 10 seconds if the store [is shared](Store::is_shared); if it is
    /// not, the runtime counts as the only one.
    ///
    /// One that shares goes on with what others leave from its first call on, as after
    /// [`Runtime::recover`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// How long executions are kept after they have ended, and their names taken: 90 days, unless told otherwise.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long a handler may take to clean up after its cancellation: a second, unless told otherwise.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.cancel_grace = grace;
        self
    }

    /// The runtime.
    ///
    /// # Errors
    ///
    /// The first mistake that was made on the way.
    pub fn build(mut self) -> Result<Runtime, BuildError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        if !self.functions.is_empty() {
            let functions = Service::Functions(Arc::new(self.functions));
            for pattern in FunctionCall::RESOURCES {
                // A handler that was registered for exactly this pattern goes first.
                self.handlers.add(pattern, functions.clone());
            }
        }
        let arn = |machine: &StateMachine| self.account.arns(machine.name()).machine;
        let catalog = self.machines.into_iter().map(|machine| (arn(&machine), machine)).collect();
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::default()));
        let in_memory = store.prompt().is_some();
        let residents = self.residents.unwrap_or(if in_memory { usize::MAX } else { RESIDENTS });
        let lease = self.lease.or(store.is_shared().then_some(LEASE));
        Ok(Runtime::new(Inner {
            catalog,
            owner: OwnerId::from(u128::from_be_bytes(random())),
            retention: Retention::new(self.retention),
            lease,
            joined: OnceCell::new(),
            // Who shares a store is told by it what others left.
            claiming: AtomicBool::new(lease.is_some()),
            sleepers: Sleepers::new(residents),
            stranded: Default::default(),
            adrift: AtomicBool::new(false),
            activities: Activities::default(),
            tokens: (!in_memory).then(KnownTokens::default),
            clock: self.clock,
            store,
            handlers: self.handlers,
            observers: self.observers,
            account: self.account,
            engine: Service::of(StartExecution),
            limits: Arc::new(self.limits),
            history: self.history,
            cancel_grace: self.cancel_grace,
            residents: Default::default(),
            machines: Default::default(),
            origins: Default::default(),
            alarms: Arc::new(Alarms::default()),
            steps: Steps::default(),
            keeping_time: AtomicBool::new(false),
            room: Arc::new(Semaphore::new(self.open_executions.min(Semaphore::MAX_PERMITS))),
            newest: AtomicU64::new(0),
            shutdown: Default::default(),
            tracker: TaskTracker::new(),
        }))
    }

    fn mistaken(mut self, fresh: bool, pattern: &str) -> Self {
        if !fresh && self.mistake.is_none() {
            self.mistake = Some(BuildError::DuplicateHandler { pattern: pattern.into() });
        }
        self
    }
}

/// The partition, region, account and role that ARNs name.
///
/// ```
/// use stepwright::{Account, Runtime};
///
/// let account = Account { id: "111122223333".into(), ..Account::default() };
/// let runtime = Runtime::builder().account(account).build()?;
/// # Ok::<(), stepwright::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `aws`.
    pub partition: String,
    /// `us-east-1`, unless told otherwise.
    pub region: String,
    /// `123456789012`, the account of AWS's documentation, unless told otherwise.
    pub id: String,
    /// The name of the role that executions name as theirs.
    pub role: String,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            partition: "aws".into(),
            region: "us-east-1".into(),
            id: "123456789012".into(),
            role: "StepFunctionsRole".into(),
        }
    }
}

impl Account {
    /// A name for an execution: the given one if AWS would take it, a random one if none is given.
    pub(super) fn execution_name(&self, name: Option<&str>, longest: usize) -> Result<Arc<str>, StartError> {
        let Some(name) = name else {
            return Ok(uuid::Builder::from_random_bytes(random()).into_uuid().to_string().into());
        };
        let legal = |c: char| {
            c.is_ascii_alphanumeric()
                || !c.is_whitespace()
                    && !c.is_control()
                    && !"<>{}[]?*\"#%\\^|~`$&,;:/\u{fffe}\u{ffff}".contains(c)
        };
        match (1..=longest).contains(&name.chars().count()) && name.chars().all(legal) {
            true => Ok(name.into()),
            false => Err(StartError::InvalidName { name: name.into() }),
        }
    }

    /// The ARNs of the machine called `machine`, of its executions and of the role.
    pub(super) fn arns(&self, machine: &str) -> Arns {
        let Self { partition, region, id, role } = self;
        Arns {
            machine: format!("arn:{partition}:states:{region}:{id}:stateMachine:{machine}").into(),
            common: format!("arn:{partition}:states:{region}:{id}:execution:{machine}:"),
            role: format!("arn:{partition}:iam::{id}:role/{role}").into(),
        }
    }
}

/// The ARNs that all executions of a machine have in common: they share them.
#[derive(Debug)]
pub(super) struct Arns {
    pub(super) machine: Arc<str>,
    role: Arc<str>,
    /// All of an execution's but its name; with room for a name.
    common: String,
}

impl Arns {
    /// What an execution called `name` starts from.
    pub(super) fn start(&mut self, name: Arc<str>, input: Json, limits: Arc<Limits>) -> Start {
        let common = self.common.len();
        self.common.push_str(&name);
        let execution = self.common.as_str().into();
        self.common.truncate(common);
        Start::of(execution, name, self.machine.clone(), self.role.clone(), input, limits)
    }
}
