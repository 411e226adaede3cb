//! What an execution starts from.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arn::Arn;
use crate::dataflow::context::{ExecutionContext, entry};
use crate::execution::redrive::Redrives;
use crate::id::{ExecutionId, TaskId, TaskToken};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::ExecutionKind;
use crate::time::Timestamp;

/// What an execution starts from: who it is, its input, the seed of its randomness, its limits.
///
/// ```
/// use serde_json::json;
/// use stepwright::{Seed, Start};
///
/// let start = Start::new("order-17", json!({ "total": 42 })).seed(Seed::from([7; 32]));
/// assert_eq!(start.name.as_ref(), "order-17");
/// assert!(start.id.as_str().ends_with(":execution:StateMachine:order-17"));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Start {
    /// The execution's ARN.
    pub id: ExecutionId,
    /// Its name, the last part of the ARN.
    pub name: Arc<str>,
    /// The machine's ARN.
    pub machine_arn: Arc<str>,
    /// The role that the Context Object and the first history event name.
    pub role_arn: Arc<str>,
    /// The execution's input.
    #[serde(with = "crate::json::verbatim")]
    pub input: Json,
    /// Standard or express.
    pub kind: ExecutionKind,
    /// Where its randomness comes from.
    pub seed: Seed,
    /// How much is too much. It is not saved: whoever goes on with an execution says it anew.
    #[serde(skip)]
    pub limits: Arc<Limits>,
    /// Whether to keep a history at all.
    pub history: bool,
    /// Activities that do not exist. Like the limits they are not saved.
    #[serde(skip)]
    pub(super) missing: Option<Arc<BTreeSet<Arn>>>,
}

/// 32 secret bytes from which an execution's randomness comes: UUIDs, jitter, and its task tokens.
///
/// Whoever knows it can compute the tokens, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed([u8; 32]);

impl Start {
    /// An execution called `name`, in AWS's form with the account `123456789012` of the documentation. Its
    /// seed is known to everybody: give it [another](Self::seed) outside of tests.
    pub fn new(name: &str, input: impl Into<Json>) -> Self {
        Self::of(
            format!("arn:aws:states:us-east-1:123456789012:execution:StateMachine:{name}").into(),
            name.into(),
            "arn:aws:states:us-east-1:123456789012:stateMachine:StateMachine".into(),
            "arn:aws:iam::123456789012:role/StepFunctionsRole".into(),
            input.into(),
            Arc::new(Limits::AWS),
        )
    }

    pub(crate) fn of(
        id: ExecutionId,
        name: Arc<str>,
        machine_arn: Arc<str>,
        role_arn: Arc<str>,
        input: Json,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            id,
            name,
            machine_arn,
            role_arn,
            input,
            kind: ExecutionKind::default(),
            seed: Seed([0; 32]),
            limits,
            history: true,
            missing: None,
        }
    }

    /// The same under these ARNs; the name is what follows the machine's in the execution's.
    #[must_use]
    pub fn arns(mut self, execution: &str, machine: impl Into<Arc<str>>, role: impl Into<Arc<str>>) -> Self {
        let mut parts = execution.split(':').skip(5);
        // `execution` or `express`, the machine, the name.
        let name = parts.nth(2);
        self.id = execution.into();
        self.name = name.unwrap_or_default().into();
        self.machine_arn = machine.into();
        self.role_arn = role.into();
        self
    }

    /// The same with another seed.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// The same with other limits; many executions may hold them together.
    #[must_use]
    pub fn limits(mut self, limits: impl Into<Arc<Limits>>) -> Self {
        self.limits = limits.into();
        self
    }

    /// The same with a history, or without.
    #[must_use]
    pub fn history(mut self, history: bool) -> Self {
        self.history = history;
        self
    }

    /// The same in a world without these activities: a Task that needs one of them fails before it is scheduled.
    /// What changes later is told to [`Execution::set_missing_activities`](crate::Execution::set_missing_activities).
    ///
    /// ```
    /// use std::collections::BTreeSet;
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Execution, ExecutionStatus, Start, StateMachine, Timestamp};
    ///
    /// let machine = StateMachine::parse(r#"{ "StartAt": "Sign", "States": { "Sign": { "Type": "Task",
    ///     "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign", "End": true } } }"#)?;
    /// let missing = BTreeSet::from(["arn:aws:states:us-east-1:123456789012:activity:Sign".parse()?]);
    /// let start = Start::new("case", json!({})).missing_activities(Some(Arc::new(missing)));
    /// let (execution, _) = Execution::start(Arc::new(machine), start, Timestamp::EPOCH);
    /// let ExecutionStatus::Failed { failure } = execution.status() else { unreachable!() };
    /// assert!(failure.cause.as_ref().unwrap().ends_with("activity:Sign does not exist."));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn missing_activities(mut self, missing: Option<Arc<BTreeSet<Arn>>>) -> Self {
        self.missing = missing;
        self
    }

    pub(super) fn is_missing(&self, activity: &Arn) -> bool {
        self.missing.as_ref().is_some_and(|missing| missing.contains(activity))
    }

    /// The region that events of service integrations name.
    pub(super) fn region(&self) -> Arc<str> {
        self.id.as_str().split(':').nth(3).unwrap_or_default().into()
    }

    /// The token of `task`: nobody can guess it who does not know the seed.
    pub(super) fn token(&self, task: TaskId) -> TaskToken {
        let hash = Sha256::new()
            .chain_update(self.seed.0)
            .chain_update(b"task token")
            .chain_update(task.0.to_be_bytes());
        TaskToken::from_secret(&hash.finalize().into())
    }

    /// The parts of the Context Object that do not change, in AWS's order (recorded: context_object).
    pub(super) fn context(&self, started: Timestamp, redrives: &Redrives) -> ExecutionContext {
        let text = |text: &Arc<str>| Json::String(text.clone());
        let machine_name = self.machine_arn.rsplit(':').next().unwrap_or_default();
        let start_time = entry("StartTime", Json::string(started.to_string()));
        let name = entry("Name", text(&self.name));
        let role = entry("RoleArn", text(&self.role_arn));
        let mut execution =
            vec![entry("Id", Json::String(self.id.shared())), entry("Input", self.input.compact())];
        execution.extend(match self.kind {
            ExecutionKind::Standard => [start_time, name, role],
            ExecutionKind::Express => [name, role, start_time],
        });
        execution.push(entry("RedriveCount", Json::from(redrives.count)));
        execution.extend(redrives.last.map(|time| entry("RedriveTime", Json::string(time.to_string()))));
        ExecutionContext {
            execution: Json::object(execution),
            machine: Json::object([
                entry("Id", text(&self.machine_arn)),
                entry("Name", Json::string(machine_name)),
            ]),
        }
    }
}

impl Seed {
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Seed {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(redacted)")
    }
}
