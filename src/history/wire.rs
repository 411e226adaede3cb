//! History events as the JSON of `GetExecutionHistory`, and back.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::HistoryEvent;
use super::kind::{
    EvaluationFailure, HistoryEventKind as Kind, MachineQualifier, StateType, TaskResource, TaskTerms,
};
use crate::arn::Arn;
use crate::failure::{ErrorName, Failure};
use crate::id::StateName;
use crate::json::{Json, Object};
use crate::time::Timestamp;

/// JSON that is not a history event.
#[derive(Debug, thiserror::Error)]
#[error("this is not a history event: {0}")]
pub struct HistoryEventError(#[from] serde_json::Error);

impl HistoryEvent {
    /// The event as an element of `events` in AWS's `GetExecutionHistory`.
    pub fn to_wire(&self) -> Value {
        serde_json::to_value(self).expect("the keys of a history event are strings")
    }

    /// The event that `wire` is, an element of `events` in AWS's `GetExecutionHistory`.
    ///
    /// Members that it does not know are ignored, and documents that were left out read as `null`.
    ///
    /// # Errors
    ///
    /// When the type is unknown or a member that the type needs is missing.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::HistoryEvent;
    ///
    /// let error = HistoryEvent::from_wire(&json!({ "id": 1, "type": "TeaServed", "timestamp": 0 })).unwrap_err();
    /// assert_eq!(error.to_string(), "this is not a history event: `TeaServed` is not a type of history event");
    /// ```
    pub fn from_wire(wire: &Value) -> Result<Self, HistoryEventError> {
        Ok(Self::deserialize(wire)?)
    }

    /// The event without inputs and outputs, as `includeExecutionData=false` asks for it.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::{HistoryEvent, HistoryEventKind, Json, Timestamp};
    ///
    /// let kind = HistoryEventKind::ExecutionSucceeded { output: Json::string("secret") };
    /// let event = HistoryEvent::new(9, 8, Timestamp::from_millis(0), kind);
    /// assert_eq!(
    ///     serde_json::to_value(event.without_data()).unwrap(),
    ///     json!({
    ///         "timestamp": 0.0, "type": "ExecutionSucceeded", "id": 9, "previousEventId": 8,
    ///         "executionSucceededEventDetails": {},
    ///     })
    /// );
    /// ```
    pub fn without_data(&self) -> WithoutData<'_> {
        WithoutData(self)
    }
}

/// A history event that serializes without inputs and outputs; see [`HistoryEvent::without_data`].
#[derive(Clone, Copy, Debug)]
pub struct WithoutData<'a>(&'a HistoryEvent);

impl Serialize for HistoryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self, Details::of(&self.kind), serializer)
    }
}

impl Serialize for WithoutData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0, Details::of(&self.0.kind).map(Details::without_data), serializer)
    }
}

fn write<S: Serializer>(
    event: &HistoryEvent,
    details: Option<Details>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(4 + usize::from(details.is_some())))?;
    map.serialize_entry("timestamp", &(event.timestamp.as_millis() as f64 / 1000.0))?;
    map.serialize_entry("type", event.type_name())?;
    map.serialize_entry("id", &event.id)?;
    map.serialize_entry("previousEventId", &event.previous)?;
    if let Some(details) = details {
        map.serialize_entry(details_name(&event.kind).as_ref(), &details)?;
    }
    map.end()
}

impl<'de> Deserialize<'de> for HistoryEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = HistoryEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a history event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HistoryEvent, A::Error> {
        let (mut timestamp, mut id, mut previous) = (None, None, 0);
        let mut type_name: Option<String> = None;
        let mut details: Option<Details> = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "timestamp" => timestamp = Some(map.next_value::<f64>()?),
                "type" => type_name = Some(map.next_value()?),
                "id" => id = Some(map.next_value()?),
                "previousEventId" => previous = map.next_value()?,
                name if name.ends_with("EventDetails") => details = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let seconds = timestamp.ok_or_else(|| de::Error::missing_field("timestamp"))?;
        let type_name = type_name.ok_or_else(|| de::Error::missing_field("type"))?;
        let kind = read(&type_name, details.unwrap_or_default()).map_err(de::Error::custom)?;
        Ok(HistoryEvent {
            id: id.ok_or_else(|| de::Error::missing_field("id"))?,
            previous,
            timestamp: Timestamp::from_millis((seconds * 1000.0).round() as i64),
            kind,
        })
    }
}

/// The member that holds an event's details: `stateEnteredEventDetails`.
fn details_name(kind: &Kind) -> std::borrow::Cow<'static, str> {
    match kind {
        Kind::StateEntered { .. } => "stateEnteredEventDetails".into(),
        Kind::StateExited { .. } => "stateExitedEventDetails".into(),
        _ => {
            let type_name = kind.type_name();
            let (first, rest) = type_name.split_at(1);
            format!("{}{rest}EventDetails", first.to_ascii_lowercase()).into()
        }
    }
}

/// The members of all the `...EventDetails` objects together; each type uses a few of them.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<StateName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    input_details: Option<Untruncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    output_details: Option<Untruncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_variables: Option<Assigned>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    assigned_variables_details: Option<Untruncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_credentials: Option<Credentials>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<Arn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<Arn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker_name: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<Arn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateName>,
}

impl Details {
    /// The details of `kind`; `None` for the types that have no such member at all.
    fn of(kind: &Kind) -> Option<Self> {
        let none = Self::default;
        Some(match kind {
            Kind::ExecutionStarted { input, role_arn, qualifier } => {
                let qualifier = qualifier.as_deref().cloned().unwrap_or_default();
                Self {
                    role_arn: role_arn.clone(),
                    state_machine_alias_arn: qualifier.alias_arn,
                    state_machine_version_arn: qualifier.version_arn,
                    ..none().with_input(input)
                }
            }
            Kind::ExecutionSucceeded { output }
            | Kind::LambdaFunctionSucceeded { output }
            | Kind::ActivitySucceeded { output } => none().with_output(output),
            Kind::ExecutionRedriven { redrive_count } => {
                Self { redrive_count: Some(*redrive_count), ..none() }
            }
            Kind::StateEntered { name, input, state_type: _ } => {
                Self { name: Some(name.clone()), ..none().with_input(input) }
            }
            Kind::StateExited { name, output, assigned, state_type: _ } => Self {
                name: Some(name.clone()),
                assigned_variables_details: assigned.is_some().then_some(Untruncated),
                assigned_variables: assigned.clone().map(Assigned),
                ..none().with_output(output)
            },
            Kind::MapStateStarted { length } => Self { length: Some(*length), ..none() },
            Kind::MapIterationStarted { name, index }
            | Kind::MapIterationSucceeded { name, index }
            | Kind::MapIterationFailed { name, index }
            | Kind::MapIterationAborted { name, index } => {
                Self { name: Some(name.clone()), index: Some(*index), ..none() }
            }
            Kind::MapRunStarted { map_run_arn } => Self { map_run_arn: Some(map_run_arn.clone()), ..none() },
            Kind::MapRunRedriven { map_run_arn, redrive_count } => {
                Self { map_run_arn: Some(map_run_arn.clone()), redrive_count: Some(*redrive_count), ..none() }
            }
            Kind::TaskScheduled { resource, region, parameters, terms } => Self {
                region: Some(region.clone()),
                parameters: Some(Text(parameters.clone())),
                ..none().with_resource(resource).with_terms(terms.as_deref())
            },
            Kind::TaskStarted { resource } => none().with_resource(resource),
            Kind::TaskSubmitted { resource, output } | Kind::TaskSucceeded { resource, output } => {
                none().with_resource(resource).with_output(output)
            }
            Kind::TaskStartFailed { resource, failure }
            | Kind::TaskSubmitFailed { resource, failure }
            | Kind::TaskFailed { resource, failure }
            | Kind::TaskTimedOut { resource, failure } => {
                none().with_resource(resource).with_failure(failure)
            }
            Kind::LambdaFunctionScheduled { resource, input, terms }
            | Kind::ActivityScheduled { resource, input, terms } => Self {
                resource: Some(resource.as_str().into()),
                ..none().with_input(input).with_terms(terms.as_deref())
            },
            Kind::ActivityStarted { worker } => Self { worker_name: worker.clone(), ..none() },
            Kind::EvaluationFailed(failed) => Self {
                location: failed.location.clone(),
                state: Some(failed.state.clone()),
                ..none().with_failure(&failed.failure)
            },
            Kind::ExecutionFailed { failure }
            | Kind::ExecutionAborted { failure }
            | Kind::ExecutionTimedOut { failure }
            | Kind::MapRunFailed { failure }
            | Kind::LambdaFunctionScheduleFailed { failure }
            | Kind::LambdaFunctionStartFailed { failure }
            | Kind::LambdaFunctionFailed { failure }
            | Kind::LambdaFunctionTimedOut { failure }
            | Kind::ActivityScheduleFailed { failure }
            | Kind::ActivityFailed { failure }
            | Kind::ActivityTimedOut { failure } => none().with_failure(failure),
            Kind::StateAborted { .. }
            | Kind::MapStateSucceeded
            | Kind::MapStateFailed
            | Kind::MapRunSucceeded
            | Kind::MapRunAborted
            | Kind::ParallelStateStarted
            | Kind::ParallelStateSucceeded
            | Kind::ParallelStateFailed
            | Kind::LambdaFunctionStarted => return None,
        })
    }

    fn with_input(self, input: &Json) -> Self {
        Self { input: Some(Text(input.clone())), input_details: Some(Untruncated), ..self }
    }

    fn with_output(self, output: &Json) -> Self {
        Self { output: Some(Text(output.clone())), output_details: Some(Untruncated), ..self }
    }

    fn with_failure(self, failure: &Failure) -> Self {
        Self { error: failure.error.clone(), cause: failure.cause.clone(), ..self }
    }

    fn with_resource(self, resource: &TaskResource) -> Self {
        Self {
            resource_type: Some(resource.service.clone()),
            resource: Some(resource.action.clone()),
            ..self
        }
    }

    fn with_terms(self, terms: Option<&TaskTerms>) -> Self {
        let terms = terms.cloned().unwrap_or_default();
        Self {
            timeout_in_seconds: terms.timeout_seconds,
            heartbeat_in_seconds: terms.heartbeat_seconds,
            task_credentials: terms.role_arn.map(|role_arn| Credentials { role_arn }),
            ..self
        }
    }

    fn without_data(self) -> Self {
        // AWS keeps the parameters of scheduled tasks; variables are data like any other.
        Self {
            input: None,
            input_details: None,
            output: None,
            output_details: None,
            assigned_variables: None,
            assigned_variables_details: None,
            ..self
        }
    }
}

/// The event of type `type_name` with `details`.
fn read(type_name: &str, details: Details) -> Result<Kind, Mistake> {
    let Details { error, cause, .. } = &details;
    let failure = Failure { error: error.clone(), cause: cause.clone() };
    let input = details.input.unwrap_or_default().0;
    let output = details.output.unwrap_or_default().0;
    let terms = TaskTerms {
        timeout_seconds: details.timeout_in_seconds,
        heartbeat_seconds: details.heartbeat_in_seconds,
        role_arn: details.task_credentials.map(|credentials| credentials.role_arn),
    };
    let terms = (terms != TaskTerms::default()).then(|| Arc::new(terms));
    let name = || details.name.clone().ok_or(Mistake::Missing("name"));
    let index = || details.index.ok_or(Mistake::Missing("index"));
    let redrive_count = || details.redrive_count.ok_or(Mistake::Missing("redriveCount"));
    let map_run_arn = || details.map_run_arn.clone().ok_or(Mistake::Missing("mapRunArn"));
    let action = || details.resource.clone().ok_or(Mistake::Missing("resource"));
    let arn = || -> Result<Arn, Mistake> {
        action()?.parse().map_err(|_| Mistake::Missing("resource that is an ARN"))
    };
    let resource = || -> Result<Arc<TaskResource>, Mistake> {
        let service = details.resource_type.clone().ok_or(Mistake::Missing("resourceType"))?;
        Ok(Arc::new(TaskResource { service, action: action()? }))
    };
    Ok(match type_name {
        "ExecutionStarted" => {
            let qualifier = MachineQualifier {
                alias_arn: details.state_machine_alias_arn,
                version_arn: details.state_machine_version_arn,
            };
            Kind::ExecutionStarted {
                input,
                role_arn: details.role_arn,
                qualifier: (qualifier != MachineQualifier::default()).then(|| Arc::new(qualifier)),
            }
        }
        "ExecutionSucceeded" => Kind::ExecutionSucceeded { output },
        "ExecutionFailed" => Kind::ExecutionFailed { failure },
        "ExecutionAborted" => Kind::ExecutionAborted { failure },
        "ExecutionTimedOut" => Kind::ExecutionTimedOut { failure },
        "ExecutionRedriven" => Kind::ExecutionRedriven { redrive_count: redrive_count()? },
        "EvaluationFailed" => Kind::EvaluationFailed(Arc::new(EvaluationFailure {
            state: details.state.ok_or(Mistake::Missing("state"))?,
            failure,
            location: details.location,
        })),
        "MapStateStarted" => {
            Kind::MapStateStarted { length: details.length.ok_or(Mistake::Missing("length"))? }
        }
        "MapStateSucceeded" => Kind::MapStateSucceeded,
        "MapStateFailed" => Kind::MapStateFailed,
        "MapIterationStarted" => Kind::MapIterationStarted { name: name()?, index: index()? },
        "MapIterationSucceeded" => Kind::MapIterationSucceeded { name: name()?, index: index()? },
        "MapIterationFailed" => Kind::MapIterationFailed { name: name()?, index: index()? },
        "MapIterationAborted" => Kind::MapIterationAborted { name: name()?, index: index()? },
        "MapRunStarted" => Kind::MapRunStarted { map_run_arn: map_run_arn()? },
        "MapRunSucceeded" => Kind::MapRunSucceeded,
        "MapRunFailed" => Kind::MapRunFailed { failure },
        "MapRunAborted" => Kind::MapRunAborted,
        "MapRunRedriven" => {
            Kind::MapRunRedriven { map_run_arn: map_run_arn()?, redrive_count: redrive_count()? }
        }
        "ParallelStateStarted" => Kind::ParallelStateStarted,
        "ParallelStateSucceeded" => Kind::ParallelStateSucceeded,
        "ParallelStateFailed" => Kind::ParallelStateFailed,
        "TaskScheduled" => Kind::TaskScheduled {
            resource: resource()?,
            region: details.region.clone().unwrap_or_else(|| "".into()),
            parameters: details.parameters.clone().unwrap_or_default().0,
            terms,
        },
        "TaskStartFailed" => Kind::TaskStartFailed { resource: resource()?, failure },
        "TaskStarted" => Kind::TaskStarted { resource: resource()? },
        "TaskSubmitFailed" => Kind::TaskSubmitFailed { resource: resource()?, failure },
        "TaskSubmitted" => Kind::TaskSubmitted { resource: resource()?, output },
        "TaskSucceeded" => Kind::TaskSucceeded { resource: resource()?, output },
        "TaskFailed" => Kind::TaskFailed { resource: resource()?, failure },
        "TaskTimedOut" => Kind::TaskTimedOut { resource: resource()?, failure },
        "LambdaFunctionScheduled" => Kind::LambdaFunctionScheduled { resource: arn()?, input, terms },
        "LambdaFunctionScheduleFailed" => Kind::LambdaFunctionScheduleFailed { failure },
        "LambdaFunctionStarted" => Kind::LambdaFunctionStarted,
        "LambdaFunctionStartFailed" => Kind::LambdaFunctionStartFailed { failure },
        "LambdaFunctionSucceeded" => Kind::LambdaFunctionSucceeded { output },
        "LambdaFunctionFailed" => Kind::LambdaFunctionFailed { failure },
        "LambdaFunctionTimedOut" => Kind::LambdaFunctionTimedOut { failure },
        "ActivityScheduled" => Kind::ActivityScheduled { resource: arn()?, input, terms },
        "ActivityScheduleFailed" => Kind::ActivityScheduleFailed { failure },
        "ActivityStarted" => Kind::ActivityStarted { worker: details.worker_name },
        "ActivitySucceeded" => Kind::ActivitySucceeded { output },
        "ActivityFailed" => Kind::ActivityFailed { failure },
        "ActivityTimedOut" => Kind::ActivityTimedOut { failure },
        _ => return read_state(type_name, name, input, output, details.assigned_variables),
    })
}

/// The families: `PassStateEntered`, `PassStateExited`, `TaskStateAborted`.
fn read_state(
    type_name: &str,
    name: impl Fn() -> Result<StateName, Mistake>,
    input: Json,
    output: Json,
    assigned: Option<Assigned>,
) -> Result<Kind, Mistake> {
    let unknown = || Mistake::Unknown(type_name.into());
    let (state_type, what) = type_name.split_once("State").ok_or_else(unknown)?;
    let state_type: StateType = state_type.parse().map_err(|_| unknown())?;
    let composed =
        matches!(state_type, StateType::Task | StateType::Wait | StateType::Map | StateType::Parallel);
    match what {
        "Entered" => Ok(Kind::StateEntered { state_type, name: name()?, input }),
        "Exited" if state_type != StateType::Fail => {
            let assigned = assigned.map(|assigned| assigned.0);
            Ok(Kind::StateExited { state_type, name: name()?, output, assigned })
        }
        "Aborted" if composed => Ok(Kind::StateAborted { state_type }),
        _ => Err(unknown()),
    }
}

#[derive(Debug, thiserror::Error)]
enum Mistake {
    #[error("`{0}` is not a type of history event")]
    Unknown(String),
    #[error("it has no {0}")]
    Missing(&'static str),
}

/// A document as a string that contains its JSON.
#[derive(Clone, Default)]
struct Text(Json);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string that contains JSON")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        text.parse().map(Text).map_err(E::custom)
    }
}

/// Variables, each as a string that contains its JSON.
struct Assigned(Arc<Object>);

impl Serialize for Assigned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Text(value.clone()))))
    }
}

impl<'de> Deserialize<'de> for Assigned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AssignedVisitor)
    }
}

struct AssignedVisitor;

impl<'de> Visitor<'de> for AssignedVisitor {
    type Value = Assigned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of variables")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Assigned, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, Text(value))) = map.next_entry::<Arc<str>, Text>()? {
            entries.push((name, value));
        }
        Ok(Assigned(Arc::new(Object::from_entries(entries))))
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    role_arn: Arc<str>,
}

/// `{"truncated": false}`: we never cut.
#[derive(Clone, Copy)]
struct Untruncated;

impl Serialize for Untruncated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("truncated", false)])
    }
}
