//! Running one state without a machine around it: its stages in their order, then Retry and Catch.

use std::sync::Arc;

use crate::dataflow::{self, Mishap, choose, integration, jsonata, jsonpath};
use crate::failure::{ErrorName, Failure};
use crate::json::{Json, Object, verbatim};
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::machine::choice::Rules;
use crate::machine::io::{DataFlow, Exit};
use crate::machine::retry::Fault;
use crate::machine::state::{Choice, Distribution, Map, Next, Pass, State, StateKind, Task};
use crate::query::{Entropy, Scope, Template};
use crate::testing::test_state::outcome::{
    ErrorDetails, InspectionData, TestStateError, TestStateOutcome, TestStateStatus,
};
use crate::testing::test_state::{TestState, TestedCall};
use crate::time::Timestamp;

/// A state, and all that its expressions see.
pub(super) struct Alone<'a> {
    pub(super) test: &'a TestState,
    pub(super) machine: &'a StateMachine,
    pub(super) state: &'a State,
    pub(super) input: Json,
    pub(super) variables: Json,
    pub(super) context: Json,
    pub(super) entropy: Entropy,
    pub(super) now: Timestamp,
}

/// What a state leaves behind, and where it leads.
struct Done {
    output: Json,
    assigned: Option<Arc<Object>>,
    next: Next,
}

/// Why a state leaves nothing behind.
enum Trouble {
    /// It fails.
    Failed(Failure),
    /// What was asked makes no sense.
    Refused(TestStateError),
}

impl From<Mishap> for Trouble {
    fn from(mishap: Mishap) -> Self {
        Self::Failed(Failure::new(mishap.error, mishap.message))
    }
}

impl Alone<'_> {
    pub(super) fn run(
        &self,
        call: impl FnOnce(TestedCall) -> Result<Json, Failure>,
    ) -> Result<TestStateOutcome, TestStateError> {
        let mut seen = InspectionData { input: Some(self.input.clone()), ..InspectionData::default() };
        let mut outcome = match self.enter(&mut seen, call) {
            Ok(done) => self.done(&mut seen, done),
            Err(Trouble::Failed(failure)) => self.failed(&mut seen, failure),
            Err(Trouble::Refused(error)) => return Err(error),
        };
        if seen.variables.is_none() && self.variables.as_object().is_some_and(|object| !object.is_empty()) {
            seen.variables = Some(self.variables.clone());
        }
        outcome.inspection_data = Some(seen);
        Ok(outcome)
    }

    fn enter(
        &self,
        seen: &mut InspectionData,
        call: impl FnOnce(TestedCall) -> Result<Json, Failure>,
    ) -> Result<Done, Trouble> {
        match &self.state.kind {
            StateKind::Pass(pass) => self.pass(seen, pass),
            StateKind::Task(task) => self.task(seen, task, call),
            StateKind::Choice(choice) => self.choice(seen, choice),
            StateKind::Wait(wait) => {
                let effective = self.effective(seen)?;
                dataflow::wait::until(wait, &self.scope(&effective))?;
                self.pass_on(&effective)
            }
            StateKind::Succeed => {
                let effective = self.effective(seen)?;
                self.pass_on(&effective)
            }
            StateKind::Fail(fail) => {
                let effective = self.effective(seen)?;
                Err(Trouble::Failed(dataflow::fail::failure(fail, &self.scope(&effective))?))
            }
            StateKind::Parallel(_) => {
                // AWS shows neither of the two (recorded: base_parallel_state_mock_success).
                let effective = dataflow::effective_input(&self.state.flow, &self.scope(&self.input))?;
                dataflow::parameters(&self.state.flow, &self.scope(&effective))?;
                let result = self.mocked()?;
                self.take_result(seen, &result)
            }
            StateKind::Map(map) => self.map(seen, map),
        }
    }

    fn pass(&self, seen: &mut InspectionData, pass: &Pass) -> Result<Done, Trouble> {
        let DataFlow::JsonPath(stages) = &self.state.flow else { return self.pass_on(&self.input) };
        let mut before = InspectionData::default();
        let effective = self.effective(&mut before)?;
        let parameters = jsonpath::parameters(stages, &self.scope(&effective))?;
        let result = match &pass.result {
            // Then AWS shows nothing of what it does not use (recorded: base_inspection_level_debug).
            Some(result) => {
                seen.result = Some(result.clone());
                result.clone()
            }
            None => {
                seen.after_input_path = before.after_input_path;
                seen.after_parameters = Some(parameters.clone());
                parameters
            }
        };
        self.take_result(seen, &result)
    }

    fn task(
        &self,
        seen: &mut InspectionData,
        task: &Task,
        call: impl FnOnce(TestedCall) -> Result<Json, Failure>,
    ) -> Result<Done, Trouble> {
        let effective = self.effective(seen)?;
        let scope = self.scope(&effective);
        let parameters = dataflow::parameters(&self.state.flow, &scope)?;
        match &self.state.flow {
            DataFlow::JsonPath(_) => seen.after_parameters = Some(parameters.clone()),
            DataFlow::Jsonata(_) => seen.after_arguments = Some(parameters.clone()),
        }
        let input = integration::accept(&task.kind, parameters)?;
        dataflow::task::seconds(task.timeout.as_ref(), "TimeoutSeconds", &scope)?;
        dataflow::task::seconds(task.heartbeat.as_ref(), "HeartbeatSeconds", &scope)?;
        dataflow::task::role(task.credentials.as_ref(), &scope)?;
        let result = match &self.test.mock {
            Some(_) => self.mocked()?,
            None => call(TestedCall { resource: task.resource.clone(), input }).map_err(Trouble::Failed)?,
        };
        seen.result = Some(result.clone());
        self.take_result(seen, &result)
    }

    fn choice(&self, seen: &mut InspectionData, choice: &Choice) -> Result<Done, Trouble> {
        let effective = self.effective(seen)?;
        let scope = self.scope(&effective);
        let chosen = match &choice.rules {
            Rules::JsonPath(rules) => {
                let rule = choose::first(rules, |rule| choose::holds(&rule.condition, &scope))?;
                rule.map(|rule| Ok((self.pass_on_by(rule.assign.as_ref(), &effective)?, rule.next)))
            }
            Rules::Jsonata(rules) => {
                let rule = choose::first(rules, |rule| jsonata::holds(&rule.condition, &scope))?;
                rule.map(|rule| Ok((self.leave(&rule.exit, &effective, &scope)?, rule.next)))
            }
        };
        match (chosen.transpose().map_err(|trouble: Trouble| trouble)?, choice.default) {
            (Some((done, next)), _) => Ok(Done { next: Next::State(next), ..done }),
            (None, Some(default)) => Ok(Done { next: Next::State(default), ..self.pass_on(&effective)? }),
            (None, None) => Err(choose::nowhere().into()),
        }
    }

    fn map(&self, seen: &mut InspectionData, map: &Map) -> Result<Done, Trouble> {
        let effective = self.effective(seen)?;
        let scope = self.scope(&effective);
        let distribution = map.distribution.as_deref();
        let items = match distribution {
            Some(distribution) if distribution.reads => self.read_items()?,
            _ => {
                let items = dataflow::map::items(map, &self.state.flow, &scope)?;
                if let DataFlow::JsonPath(_) = self.state.flow {
                    seen.after_items_path = Some(items.clone());
                }
                items
            }
        };
        let items = items.as_array().unwrap_or_default();
        seen.max_concurrency = Some(dataflow::map::concurrency(map.concurrency.as_ref(), &scope)?);
        if let Some(distribution) = distribution {
            let Distribution { tolerated_count, tolerated_percentage, .. } = distribution;
            let count = tolerated_count.as_ref().map(|count| dataflow::map::tolerated_count(count, &scope));
            seen.tolerated_failure_count = count.transpose()?;
            let percentage =
                tolerated_percentage.as_ref().map(|part| dataflow::map::tolerated_percentage(part, &scope));
            seen.tolerated_failure_percentage = percentage.transpose()?;
        }
        if let Some(selector) = &map.selector {
            let selected: Result<Vec<Json>, Mishap> = (0_u32..)
                .zip(items)
                .map(|(index, item)| {
                    let context = self.context_of(index, item);
                    dataflow::payload(selector, &Scope { context: &context, ..scope })
                })
                .collect();
            seen.after_item_selector = Some(Json::array(selected?));
        }
        let failures = self.test.state_configuration.map_iteration_failure_count.unwrap_or(0);
        if failures > items.len() as u64 {
            return Err(Trouble::Refused(TestStateError::validation(
                "Map iteration failure count must be less than or equal to the number of Map iterations",
            )));
        }
        let result = self.mocked()?;
        let too_many =
            seen.tolerated_failure_count.is_some_and(|tolerated| failures as f64 > tolerated as f64);
        let too_large_a_part = seen
            .tolerated_failure_percentage
            .is_some_and(|tolerated| failures as f64 * 100.0 > tolerated * items.len() as f64);
        if too_many || too_large_a_part {
            return Err(Trouble::Failed(Failure::new(
                ErrorName::EXCEED_TOLERATED_FAILURE_THRESHOLD,
                "The specified tolerated failure threshold was exceeded",
            )));
        }
        self.take_result(seen, &result)
    }

    /// What the `ItemReader` reads.
    fn read_items(&self) -> Result<Json, Trouble> {
        let Some(text) = &self.test.state_configuration.map_item_reader_data else { return Ok(Json::Null) };
        // unverified: AWS's words, and what becomes of data that is no JSON.
        verbatim::parse(text).map_err(|_| {
            Trouble::Refused(TestStateError::validation("Map item reader data must be valid JSON"))
        })
    }

    fn context_of(&self, index: u32, item: &Json) -> Json {
        let item = Json::object([("Index".into(), Json::from(index)), ("Value".into(), item.compact())]);
        let item = Json::object([("Item".into(), item)]);
        let mut context = self.context.clone();
        if let Some(fields) = context.object_mut() {
            fields.insert("Map".into(), item);
        }
        context
    }

    /// What stands for the work; `null` where nothing does.
    fn mocked(&self) -> Result<Json, Trouble> {
        self.test.mock.as_ref().map_or(Ok(Json::Null), |mock| mock.outcome().map_err(Trouble::Failed))
    }

    fn effective(&self, seen: &mut InspectionData) -> Result<Json, Trouble> {
        let effective = dataflow::effective_input(&self.state.flow, &self.scope(&self.input))?;
        if let DataFlow::JsonPath(_) = self.state.flow {
            seen.after_input_path = Some(effective.clone());
        }
        Ok(effective)
    }

    fn take_result(&self, seen: &mut InspectionData, result: &Json) -> Result<Done, Trouble> {
        let stages = match &self.state.flow {
            DataFlow::JsonPath(stages) => stages,
            DataFlow::Jsonata(expressions) => {
                let scope = Scope { result: Some(result), ..self.scope(&self.input) };
                return self.leave(&expressions.exit, result, &scope);
            }
        };
        let scope = self.scope(result);
        let assigned = jsonpath::assign(stages.assign.as_ref(), &scope)?;
        let selected = jsonpath::result(stages, &scope)?;
        seen.after_result_selector = Some(selected.clone());
        let merged = jsonpath::merge(&stages.result, self.input.clone(), selected)?;
        seen.after_result_path = Some(merged.clone());
        let output = jsonpath::selected(stages, merged, &scope)?;
        Ok(Done { output, assigned, next: self.state.next })
    }

    fn pass_on(&self, effective: &Json) -> Result<Done, Trouble> {
        match &self.state.flow {
            DataFlow::JsonPath(stages) => self.pass_on_by(stages.assign.as_ref(), effective),
            DataFlow::Jsonata(expressions) => {
                self.leave(&expressions.exit, effective, &self.scope(effective))
            }
        }
    }

    fn pass_on_by(&self, assign: Option<&Template>, effective: &Json) -> Result<Done, Trouble> {
        let scope = self.scope(effective);
        let assigned = jsonpath::assign(assign, &scope)?;
        let output = match &self.state.flow {
            DataFlow::JsonPath(stages) => jsonpath::selected(stages, effective.clone(), &scope)?,
            DataFlow::Jsonata(_) => effective.clone(),
        };
        Ok(Done { output, assigned, next: self.state.next })
    }

    fn leave(&self, exit: &Exit, default: &Json, scope: &Scope<'_>) -> Result<Done, Trouble> {
        let (output, assigned) = jsonata::leave(exit, default, scope)?;
        Ok(Done { output, assigned, next: self.state.next })
    }

    fn scope<'s>(&'s self, input: &'s Json) -> Scope<'s> {
        Scope {
            context: &self.context,
            variables: &self.variables,
            now: self.now,
            ..Scope::new(input, &self.entropy, &Limits::AWS)
        }
    }

    fn done(&self, seen: &mut InspectionData, done: Done) -> TestStateOutcome {
        if let Some(assigned) = done.assigned {
            let mut variables = self.variables.clone();
            if let Some(fields) = variables.object_mut() {
                assigned.iter().for_each(|(name, value)| fields.insert(name.clone(), value.clone()));
            }
            seen.variables = Some(variables);
        }
        TestStateOutcome {
            status: TestStateStatus::Succeeded,
            output: Some(done.output),
            error: None,
            cause: None,
            next_state: match done.next {
                Next::State(next) => Some(self.machine.state(next).name.to_string()),
                Next::End => None,
            },
            inspection_data: None,
        }
    }

    /// Retry, then catch, then fail.
    fn failed(&self, seen: &mut InspectionData, failure: Failure) -> TestStateOutcome {
        let fault = Fault { failure, heartbeat: false, task: matches!(self.state.kind, StateKind::Task(_)) };
        let mut details = ErrorDetails::default();
        if let Some(at) = self.state.retry.iter().position(|retrier| retrier.errors.matches(&fault)) {
            let retrier = &self.state.retry[at];
            let tried = self.test.state_configuration.retrier_retry_count;
            details.retry_index = Some(at);
            if tried < retrier.max_attempts {
                let delay = retrier.delay(tried, || self.entropy.unit());
                details.retry_backoff_interval_seconds = Some(delay.as_secs());
                seen.error_details = Some(details);
                return ended(TestStateStatus::Retriable, fault.failure);
            }
        }
        let catcher = self.state.catch.iter().position(|catcher| catcher.errors.matches(&fault));
        let outcome = match catcher {
            None => ended(TestStateStatus::Failed, fault.failure),
            Some(at) => {
                details.catch_index = Some(at);
                let catcher = &self.state.catch[at];
                match dataflow::caught(&catcher.handover, &fault.failure, &self.scope(&self.input)) {
                    Ok((output, assigned)) => {
                        let done = Done { output, assigned, next: Next::State(catcher.next) };
                        let done = self.done(seen, done);
                        TestStateOutcome {
                            output: done.output,
                            next_state: done.next_state,
                            ..ended(TestStateStatus::CaughtError, fault.failure)
                        }
                    }
                    Err(mishap) => ended(TestStateStatus::Failed, Failure::new(mishap.error, mishap.message)),
                }
            }
        };
        seen.error_details = (details != ErrorDetails::default()).then_some(details);
        outcome
    }
}

fn ended(status: TestStateStatus, failure: Failure) -> TestStateOutcome {
    TestStateOutcome {
        status,
        output: None,
        error: failure.error.map(|error| error.to_string()),
        cause: failure.cause.map(|cause| cause.to_string()),
        next_state: None,
        inspection_data: None,
    }
}
