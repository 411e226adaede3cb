//! One state run alone, as AWS's `TestState` does.
//!
//! What comes of it is in `outcome.rs`; the Context Object that the state sees in `context.rs`; what mocks have to
//! look like in `mocked.rs` and `shape.rs`; running the state in `alone.rs`.

mod alone;
mod context;
mod mocked;
mod outcome;
mod shape;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

pub use self::mocked::{ErrorOutput, FieldValidation, MockedResult};
pub use self::outcome::{
    ErrorDetails, InspectionData, TestStateError, TestStateErrorCode, TestStateOutcome, TestStateStatus,
};

use self::alone::Alone;
use crate::compile;
use crate::diagnostic::Source;
use crate::failure::Failure;
use crate::json::{Json, verbatim};
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::machine::state::{State, StateKind};
use crate::query::Entropy;
use crate::time::Timestamp;

/// What a state is called that comes without a machine around it; so AWS calls every state.
const UNNAMED: &str = "StateName";

/// One state to run alone, as AWS's `TestState` does: what it makes of an input, stage by stage, and where it leads.
///
/// ```
/// use serde_json::json;
/// use stepwright::testing::{InspectionLevel, TestState, TestStateStatus};
///
/// let tested = TestState::new(json!({
///     "Type": "Task", "QueryLanguage": "JSONata", "Next": "Ship",
///     "Resource": "arn:aws:states:::lambda:invoke",
///     "Arguments": { "FunctionName": "Pay", "Payload": "{% $states.input.order %}" },
///     "Output": "{% $states.result.Payload %}"
/// }))
/// .input(json!({ "order": 17 }))
/// .inspect(InspectionLevel::Debug)
/// .result(json!({ "Payload": "paid" }))
/// .run()?;
///
/// assert_eq!(tested.status, TestStateStatus::Succeeded);
/// assert_eq!(tested.output, Some(json!("paid").into()));
/// assert_eq!(tested.next_state.as_deref(), Some("Ship"));
/// let inspected = tested.inspection_data.unwrap();
/// assert_eq!(inspected.after_arguments, Some(json!({ "FunctionName": "Pay", "Payload": 17 }).into()));
/// # Ok::<(), stepwright::testing::TestStateError>(())
/// ```
///
/// It reads AWS's requests, and [`TestStateOutcome`] writes AWS's responses:
///
/// ```
/// use serde_json::json;
/// use stepwright::testing::TestState;
///
/// let request: TestState = serde_json::from_value(json!({
///     "definition": r#"{ "Type": "Pass", "End": true }"#, "input": "[1, 2]", "inspectionLevel": "INFO"
/// }))?;
/// let response = serde_json::to_value(request.run()?)?;
/// assert_eq!(response, json!({ "status": "SUCCEEDED", "output": "[1, 2]" }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A Task without a mock is answered by the function that [`run_with`](Self::run_with) is given. Map and Parallel
/// need a mock, and other states take none.
///
/// DIFFERENCE: the stages of an `ItemBatcher` and an `ItemsPointer`, and requests of HTTP tasks, are not shown.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[must_use = "a state is not tested before it runs"]
pub struct TestState {
    definition: String,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    inspection_level: InspectionLevel,
    #[serde(default)]
    reveal_secrets: bool,
    #[serde(default)]
    variables: Option<String>,
    #[serde(default)]
    state_name: Option<String>,
    #[serde(default)]
    mock: Option<MockedResult>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    state_configuration: StateConfiguration,
    /// Region and account of the ARNs in the Context Object.
    #[serde(skip)]
    account: Option<(String, String)>,
    #[serde(skip)]
    now: Option<Timestamp>,
    #[serde(skip)]
    seed: [u8; 32],
}

/// How much a test of a state shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum InspectionLevel {
    /// What came of it.
    #[default]
    Info,
    /// Also what each stage made.
    Debug,
    /// The same, and what HTTP tasks send and get.
    Trace,
}

/// What happened to the state before, and what is around it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct StateConfiguration {
    /// How often the retrier that matches has tried again.
    pub retrier_retry_count: u32,
    /// The state within a Map or Parallel that a mocked error comes from.
    pub error_caused_by_state: Option<String>,
    /// How many iterations of a Map failed.
    pub map_iteration_failure_count: Option<u64>,
    /// What a Map's `ItemReader` reads, as JSON text.
    pub map_item_reader_data: Option<String>,
}

/// The call of a Task that has no mock.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TestedCall {
    /// What is called.
    pub resource: crate::arn::Arn,
    /// What it gets.
    pub input: Json,
}

impl TestState {
    /// A test of the state that `definition` is, or of one in the machine that it is: then with
    /// [`state`](Self::state).
    pub fn new(definition: impl Into<Value>) -> Self {
        Self {
            definition: definition.into().to_string(),
            role_arn: None,
            input: None,
            inspection_level: InspectionLevel::Info,
            reveal_secrets: false,
            variables: None,
            state_name: None,
            mock: None,
            context: None,
            state_configuration: StateConfiguration::default(),
            account: None,
            now: None,
            seed: [0; 32],
        }
    }

    /// Tests the state called `name`, which may be within a Map or a Parallel.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::testing::TestState;
    ///
    /// let machine = json!({ "StartAt": "A", "States": {
    ///     "A": { "Type": "Pass", "Next": "B" },
    ///     "B": { "Type": "Pass", "Result": "b", "End": true }
    /// } });
    /// let tested = TestState::new(machine).state("B").run()?;
    /// assert_eq!(tested.output, Some(json!("b").into()));
    /// # Ok::<(), stepwright::testing::TestStateError>(())
    /// ```
    pub fn state(mut self, name: impl Into<String>) -> Self {
        self.state_name = Some(name.into());
        self
    }

    /// The state's input: `{}`, unless told otherwise.
    pub fn input(mut self, input: impl Into<Json>) -> Self {
        self.input = Some(input.into().to_string());
        self
    }

    /// The variables that the state sees: an object.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::testing::TestState;
    ///
    /// let tested = TestState::new(json!({
    ///     "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $price * 2 %}", "End": true
    /// }))
    /// .variables(json!({ "price": 21 }))
    /// .run()?;
    /// assert_eq!(tested.output, Some(json!(42).into()));
    /// # Ok::<(), stepwright::testing::TestStateError>(())
    /// ```
    pub fn variables(mut self, variables: impl Into<Json>) -> Self {
        self.variables = Some(variables.into().to_string());
        self
    }

    /// How much to show.
    pub fn inspect(mut self, level: InspectionLevel) -> Self {
        self.inspection_level = level;
        self
    }

    /// The work of a Task, Map or Parallel gives this result.
    pub fn result(mut self, result: impl Into<Json>) -> Self {
        self.mock.get_or_insert_default().result = Some(result.into().to_string());
        self
    }

    /// The work of a Task, Map or Parallel fails.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::testing::{InspectionLevel, TestState, TestStateStatus};
    ///
    /// let tested = TestState::new(json!({
    ///     "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Pay", "End": true,
    ///     "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 3 }]
    /// }))
    /// .failure("Busy", "try later")
    /// .inspect(InspectionLevel::Debug)
    /// .run()?;
    /// assert_eq!(tested.status, TestStateStatus::Retriable);
    /// let details = tested.inspection_data.unwrap().error_details.unwrap();
    /// assert_eq!((details.retry_index, details.retry_backoff_interval_seconds), (Some(0), Some(3)));
    /// # Ok::<(), stepwright::testing::TestStateError>(())
    /// ```
    pub fn failure(mut self, error: impl Into<String>, cause: impl Into<String>) -> Self {
        let output = ErrorOutput { error: Some(error.into()), cause: Some(cause.into()) };
        self.mock.get_or_insert_default().error_output = Some(output);
        self
    }

    /// How closely a mocked result is compared with what the service's API answers: strictly, unless told otherwise.
    pub fn field_validation(mut self, validation: FieldValidation) -> Self {
        self.mock.get_or_insert_default().field_validation_mode = validation;
        self
    }

    /// The Context Object that the state sees. It needs a mock.
    pub fn context(mut self, context: impl Into<Json>) -> Self {
        self.context = Some(context.into().to_string());
        self
    }

    /// What happened to the state before, and what is around it.
    pub fn configuration(mut self, configuration: StateConfiguration) -> Self {
        self.state_configuration = configuration;
        self
    }

    /// The role that executions of the state would have. A Task without a mock needs one.
    pub fn role(mut self, arn: impl Into<String>) -> Self {
        self.role_arn = Some(arn.into());
        self
    }

    /// Where it runs, in the Context Object's ARNs: in `us-east-1`, in the role's account, or else in the
    /// documentation's.
    pub fn account(mut self, region: &str, account: &str) -> Self {
        self.account = Some((region.into(), account.into()));
        self
    }

    /// When it runs: 2026-01-01T00:00:00Z, unless told otherwise.
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Where names, UUIDs and random numbers come from.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = seed;
        self
    }

    /// Runs the state.
    ///
    /// # Errors
    ///
    /// The request makes no sense, as AWS says it. A state that fails is no error, but an outcome.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::testing::TestState;
    ///
    /// let error = TestState::new(json!({ "Type": "Pass", "End": true })).result(json!(1)).run().unwrap_err();
    /// assert_eq!(error.to_string(), "State type 'Pass' is not supported when a mock is specified");
    /// ```
    pub fn run(&self) -> Result<TestStateOutcome, TestStateError> {
        self.run_with(|call| {
            Err(Failure::new("States.TaskFailed", format!("nobody answers `{}`", call.resource)))
        })
    }

    /// Runs the state; `call` does the work of a Task that has no mock.
    ///
    /// # Errors
    ///
    /// The request makes no sense, as AWS says it. A state that fails is no error, but an outcome.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::testing::TestState;
    ///
    /// let task = json!({
    ///     "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Double", "End": true
    /// });
    /// let test = TestState::new(task).role("arn:aws:iam::123456789012:role/Role").input(21);
    /// let tested = test.run_with(|call| Ok(json!(call.input.as_i64().unwrap_or(0) * 2).into()))?;
    /// assert_eq!(tested.output, Some(json!(42).into()));
    /// # Ok::<(), stepwright::testing::TestStateError>(())
    /// ```
    pub fn run_with(
        &self,
        call: impl FnOnce(TestedCall) -> Result<Json, Failure>,
    ) -> Result<TestStateOutcome, TestStateError> {
        let (machine, name) = self.machine()?;
        let found = machine.states.iter().find(|state| state.name.as_str() == name);
        let state = found.ok_or_else(|| TestStateError::validation("State not found in definition"))?;
        let input = self.input.as_deref().unwrap_or("{}");
        let input = verbatim::parse(input).map_err(|error| TestStateError::input(input, &error))?;
        self.check(state)?;
        let entropy = Entropy::new(self.seed);
        let alone = Alone {
            test: self,
            machine: &machine,
            state,
            variables: self.object(self.variables.as_deref(), "Variables")?,
            context: context::of(self, state, &input, &entropy)?,
            input,
            entropy,
            now: self.now(),
        };
        let mut outcome = alone.run(call)?;
        if self.inspection_level == InspectionLevel::Info {
            outcome.inspection_data = None;
        }
        Ok(outcome)
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or(crate::testing::simulator::BEGIN)
    }

    /// The machine with the state in it, and the state's name there.
    fn machine(&self) -> Result<(StateMachine, &str), TestStateError> {
        let definition: Option<Value> = serde_json::from_str(&self.definition).ok();
        let single = definition.filter(|value| value.is_object() && value.get("States").is_none());
        let (text, name) = match (single, &self.state_name) {
            (Some(_), Some(name)) if name != UNNAMED => {
                return Err(TestStateError::validation("State not found in definition"));
            }
            (Some(state), _) => (around(state).to_string(), UNNAMED),
            (None, Some(name)) => (self.definition.clone(), name.as_str()),
            // unverified: AWS's words.
            (None, None) => (self.definition.clone(), ""),
        };
        let machine = compile::compile_to_inspect(&Source::new("definition", text.as_str()), &Limits::AWS)
            .map_err(|diagnostics| TestStateError::definition(diagnostics.invalid_definition()))?;
        Ok((machine, name))
    }

    /// Whether the request makes sense for `state`.
    fn check(&self, state: &State) -> Result<(), TestStateError> {
        let validation = |message: &str| Err(TestStateError::validation(message));
        let configured = self.state_configuration.map_iteration_failure_count.is_some();
        let Some(mock) = &self.mock else {
            if configured {
                return validation(
                    "TestState does not support MapIterationFailureCount when a mock is not specified.",
                );
            }
            if self.context.is_some() {
                // unverified: AWS's words.
                return validation("TestState does not support Context when a mock is not specified.");
            }
            return match state.kind {
                StateKind::Map(_) | StateKind::Parallel(_) => Err(TestStateError::definition(
                    "TestState API does not support Map or Parallel states. Supported state types include: \
                     [Task, Wait, Pass, Succeed, Fail, Choice]",
                )),
                StateKind::Task(_) if self.role_arn.is_none() => {
                    validation("RoleArn must be specified when testing a Task state")
                }
                _ => Ok(()),
            };
        };
        if !matches!(state.kind, StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_)) {
            let kind = state.kind.state_type();
            return validation(&format!("State type '{kind}' is not supported when a mock is specified"));
        }
        if self.reveal_secrets {
            return validation("TestState does not support RevealSecrets when a mock is specified.");
        }
        mock.check(state)
    }

    fn object(&self, text: Option<&str>, what: &str) -> Result<Json, TestStateError> {
        let Some(text) = text else { return Ok(Json::empty_object()) };
        // unverified: AWS's words.
        text.parse()
            .ok()
            .filter(|json: &Json| json.as_object().is_some())
            .ok_or_else(|| TestStateError::validation(format!("{what} must be a valid JSON object")))
    }
}

/// A machine with this one state, and an end wherever it leads.
fn around(state: Value) -> Value {
    let mut targets: Vec<String> = Vec::new();
    let mut target = |value: &Value, field: &str| targets.extend(value[field].as_str().map(str::to_owned));
    target(&state, "Next");
    target(&state, "Default");
    for list in ["Choices", "Catch"] {
        state[list].as_array().into_iter().flatten().for_each(|entry| target(entry, "Next"));
    }
    let mut states = serde_json::Map::new();
    states.insert(UNNAMED.into(), state);
    for target in targets {
        states.entry(target).or_insert_with(|| json!({ "Type": "Succeed" }));
    }
    json!({ "StartAt": UNNAMED, "States": states })
}

/// A text of the request, shared.
fn shared(text: Option<&String>) -> Option<Arc<str>> {
    text.map(|text| text.as_str().into())
}
