//! History events as the JSON of `GetExecutionHistory`, and back.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::HistoryEvent;
use super::details::{Assigned, Details};
use super::kind::{
    EvaluationFailure, HistoryEventKind as Kind, MachineQualifier, StateType, TaskResource, TaskTerms,
};
use crate::arn::Arn;
use crate::failure::Failure;
use crate::id::StateName;
use crate::json::Json;
use crate::time::Timestamp;

/// JSON that is not a history event.
#[derive(Debug, thiserror::Error)]
#[error("this is not a history event: {0}")]
pub struct HistoryEventError(#[from] pub(super) serde_json::Error);

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
        write(self, Details::of(&self.kind).as_ref(), serializer)
    }
}

impl Serialize for WithoutData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0, Details::of(&self.0.kind).map(Details::without_data).as_ref(), serializer)
    }
}

pub(super) fn write<S: Serializer>(
    event: &HistoryEvent,
    details: Option<&Details>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(4 + usize::from(details.is_some())))?;
    map.serialize_entry("timestamp", &(event.timestamp.as_millis() as f64 / 1000.0))?;
    map.serialize_entry("type", event.type_name())?;
    map.serialize_entry("id", &event.id)?;
    map.serialize_entry("previousEventId", &event.previous)?;
    if let Some(details) = details {
        let mut name = [0; LONGEST_NAME];
        map.serialize_entry(details_name(&event.kind, &mut name), details)?;
    }
    map.end()
}

/// An event that was read, in which numbers may stand for documents.
pub(crate) struct Unfilled {
    id: u64,
    previous: u64,
    timestamp: Timestamp,
    type_name: String,
    pub(super) details: Details,
}

impl Unfilled {
    /// The numbers that stand for documents.
    pub(crate) fn numbers(&mut self) -> impl Iterator<Item = i64> {
        self.details.numbers()
    }

    pub(super) fn event<E: de::Error>(mut self) -> Result<HistoryEvent, E> {
        if let Some(number) = self.numbers().next() {
            return Err(E::invalid_type(de::Unexpected::Signed(number), &"a string that contains JSON"));
        }
        let kind = read(&self.type_name, self.details).map_err(E::custom)?;
        Ok(HistoryEvent { id: self.id, previous: self.previous, timestamp: self.timestamp, kind })
    }
}

impl<'de> Deserialize<'de> for HistoryEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Unfilled::deserialize(deserializer)?.event()
    }
}

impl<'de> Deserialize<'de> for Unfilled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Unfilled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a history event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unfilled, A::Error> {
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
        Ok(Unfilled {
            id: id.ok_or_else(|| de::Error::missing_field("id"))?,
            previous,
            timestamp: Timestamp::from_millis((seconds * 1000.0).round() as i64),
            type_name: type_name.ok_or_else(|| de::Error::missing_field("type"))?,
            details: details.unwrap_or_default(),
        })
    }
}

/// More bytes than the longest name of a member that holds details.
const LONGEST_NAME: usize = 64;

/// The member that holds an event's details: `stateEnteredEventDetails`.
fn details_name<'a>(kind: &Kind, name: &'a mut [u8; LONGEST_NAME]) -> &'a str {
    match kind {
        Kind::StateEntered { .. } => "stateEnteredEventDetails",
        Kind::StateExited { .. } => "stateExitedEventDetails",
        _ => {
            let (type_name, rest) = (kind.type_name().as_bytes(), b"EventDetails");
            let length = type_name.len() + rest.len();
            name[..type_name.len()].copy_from_slice(type_name);
            name[type_name.len()..length].copy_from_slice(rest);
            name[0].make_ascii_lowercase();
            std::str::from_utf8(&name[..length]).expect("types are ASCII")
        }
    }
}

/// The event of type `type_name` with `details`.
fn read(type_name: &str, details: Details) -> Result<Kind, Mistake> {
    let Details { error, cause, .. } = &details;
    let failure = Failure { error: error.clone(), cause: cause.clone() };
    let input = details.input.unwrap_or_default().document();
    let output = details.output.unwrap_or_default().document();
    let parameters = details.parameters.unwrap_or_default().document();
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
            parameters,
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
            let assigned = assigned.map(Assigned::variables);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::failure::ErrorName;
    use crate::json::Object;

    fn event(kind: Kind) -> HistoryEvent {
        HistoryEvent::new(3, 2, Timestamp::from_millis(1_700_000_000_123), kind)
    }

    fn keys(kind: Kind) -> Vec<String> {
        event(kind).to_wire().as_object().unwrap().keys().skip(4).cloned().collect()
    }

    #[test]
    fn some_types_have_no_details_and_some_have_empty_ones() {
        for kind in [
            Kind::LambdaFunctionStarted,
            Kind::MapStateSucceeded,
            Kind::MapStateFailed,
            Kind::MapRunSucceeded,
            Kind::MapRunAborted,
            Kind::ParallelStateStarted,
            Kind::StateAborted { state_type: StateType::Task },
        ] {
            assert!(keys(kind).is_empty());
        }
        let failure = Failure::default();
        for (kind, name) in [
            (Kind::ExecutionFailed { failure: failure.clone() }, "executionFailedEventDetails"),
            (Kind::ExecutionAborted { failure }, "executionAbortedEventDetails"),
            (Kind::ActivityStarted { worker: None }, "activityStartedEventDetails"),
        ] {
            assert_eq!(event(kind).to_wire()[name], json!({}));
        }
    }

    #[test]
    fn the_white_space_of_a_document_survives() {
        let kind = Kind::ExecutionSucceeded { output: r#"["Hello", "World"]"#.parse().unwrap() };
        let wire = event(kind).to_wire();
        assert_eq!(wire["executionSucceededEventDetails"]["output"], r#"["Hello", "World"]"#);
        assert_eq!(HistoryEvent::from_wire(&wire).unwrap().to_wire(), wire);
    }

    #[test]
    fn without_data_the_parameters_stay() {
        let kind = Kind::TaskScheduled {
            resource: Arc::new(TaskResource { service: "sqs".into(), action: "sendMessage".into() }),
            region: "eu-west-1".into(),
            parameters: Json::empty_object(),
            terms: None,
        };
        let event = event(kind);
        assert_eq!(serde_json::to_value(event.without_data()).unwrap(), event.to_wire());
    }

    #[test]
    fn what_is_not_an_event_says_why() {
        for (type_name, why) in [
            ("FailStateExited", "`FailStateExited` is not a type of history event"),
            ("PassStateAborted", "`PassStateAborted` is not a type of history event"),
            ("PassStateEntered", "it has no name"),
            ("TaskStarted", "it has no resourceType"),
        ] {
            let wire = json!({ "timestamp": 0, "type": type_name, "id": 1, "previousEventId": 0 });
            let error = HistoryEvent::from_wire(&wire).unwrap_err();
            assert_eq!(error.to_string(), format!("this is not a history event: {why}"));
        }
    }

    fn document() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // Not any double: without its feature `float_roundtrip` serde_json misreads the last digit of
            // some that have seventeen.
            (any::<i32>(), 0..8).prop_map(|(digits, e)| Value::from(f64::from(digits) / 10_f64.powi(e))),
            any::<String>().prop_map(Value::from),
        ];
        let tree = leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        });
        (tree, any::<bool>()).prop_map(|(value, spaced)| match spaced {
            true => serde_json::to_string_pretty(&value).unwrap().parse().unwrap(),
            false => Json::from(value),
        })
    }

    fn text() -> impl Strategy<Value = Arc<str>> {
        any::<String>().prop_map(Arc::from)
    }

    fn failure() -> impl Strategy<Value = Failure> {
        let error = prop::option::of(any::<String>().prop_map(ErrorName::from));
        (error, prop::option::of(text())).prop_map(|(error, cause)| Failure { error, cause })
    }

    fn arn() -> impl Strategy<Value = Arn> {
        "[a-z]{1,8}".prop_map(|name| format!("arn:aws:states:us-east-1:1:activity:{name}").parse().unwrap())
    }

    fn terms() -> impl Strategy<Value = Option<Arc<TaskTerms>>> {
        let seconds = || prop::option::of(any::<u64>());
        (seconds(), seconds(), prop::option::of(text())).prop_map(
            |(timeout_seconds, heartbeat_seconds, role_arn)| {
                let terms = TaskTerms { timeout_seconds, heartbeat_seconds, role_arn };
                (terms != TaskTerms::default()).then(|| Arc::new(terms))
            },
        )
    }

    fn states() -> impl Strategy<Value = Kind> {
        let assigned = prop::option::of(prop::collection::vec((text(), document()), 0..3));
        let name = any::<String>().prop_map(StateName::from);
        let aborted = [StateType::Task, StateType::Wait, StateType::Map, StateType::Parallel];
        prop_oneof![
            (prop::sample::select(&StateType::ALL[..]), name.clone(), document())
                .prop_map(|(state_type, name, input)| Kind::StateEntered { state_type, name, input }),
            (prop::sample::select(&StateType::ALL[2..]), name.clone(), document(), assigned).prop_map(
                |(state_type, name, output, assigned)| {
                    let assigned = assigned.map(|entries| Arc::new(Object::from_entries(entries)));
                    Kind::StateExited { state_type, name, output, assigned }
                }
            ),
            prop::sample::select(aborted.to_vec()).prop_map(|state_type| Kind::StateAborted { state_type }),
            (name.clone(), failure(), prop::option::of(text())).prop_map(|(state, failure, location)| {
                Kind::EvaluationFailed(Arc::new(EvaluationFailure { state, failure, location }))
            }),
            any::<u64>().prop_map(|length| Kind::MapStateStarted { length }),
            Just(Kind::MapStateSucceeded),
            Just(Kind::MapStateFailed),
            (name.clone(), any::<u64>()).prop_map(|(name, index)| Kind::MapIterationStarted { name, index }),
            (name.clone(), any::<u64>())
                .prop_map(|(name, index)| Kind::MapIterationSucceeded { name, index }),
            (name.clone(), any::<u64>()).prop_map(|(name, index)| Kind::MapIterationFailed { name, index }),
            (name, any::<u64>()).prop_map(|(name, index)| Kind::MapIterationAborted { name, index }),
            Just(Kind::ParallelStateStarted),
            Just(Kind::ParallelStateSucceeded),
            Just(Kind::ParallelStateFailed),
        ]
    }

    fn executions() -> impl Strategy<Value = Kind> {
        let arn_or_none = || prop::option::of(arn());
        prop_oneof![
            (document(), prop::option::of(text()), arn_or_none(), arn_or_none()).prop_map(
                |(input, role_arn, alias_arn, version_arn)| {
                    let qualifier = MachineQualifier { alias_arn, version_arn };
                    let qualifier = (qualifier != MachineQualifier::default()).then(|| Arc::new(qualifier));
                    Kind::ExecutionStarted { input, role_arn, qualifier }
                }
            ),
            document().prop_map(|output| Kind::ExecutionSucceeded { output }),
            failure().prop_map(|failure| Kind::ExecutionFailed { failure }),
            failure().prop_map(|failure| Kind::ExecutionAborted { failure }),
            failure().prop_map(|failure| Kind::ExecutionTimedOut { failure }),
            any::<u64>().prop_map(|redrive_count| Kind::ExecutionRedriven { redrive_count }),
            arn().prop_map(|map_run_arn| Kind::MapRunStarted { map_run_arn }),
            Just(Kind::MapRunSucceeded),
            failure().prop_map(|failure| Kind::MapRunFailed { failure }),
            Just(Kind::MapRunAborted),
            (arn(), any::<u64>())
                .prop_map(|(map_run_arn, redrive_count)| Kind::MapRunRedriven { map_run_arn, redrive_count }),
        ]
    }

    fn tasks() -> impl Strategy<Value = Kind> {
        let resource =
            || (text(), text()).prop_map(|(service, action)| Arc::new(TaskResource { service, action }));
        let with_output = || (resource(), document());
        let with_failure = || (resource(), failure());
        prop_oneof![
            (resource(), text(), document(), terms()).prop_map(|(resource, region, parameters, terms)| {
                Kind::TaskScheduled { resource, region, parameters, terms }
            }),
            resource().prop_map(|resource| Kind::TaskStarted { resource }),
            with_output().prop_map(|(resource, output)| Kind::TaskSubmitted { resource, output }),
            with_output().prop_map(|(resource, output)| Kind::TaskSucceeded { resource, output }),
            with_failure().prop_map(|(resource, failure)| Kind::TaskStartFailed { resource, failure }),
            with_failure().prop_map(|(resource, failure)| Kind::TaskSubmitFailed { resource, failure }),
            with_failure().prop_map(|(resource, failure)| Kind::TaskFailed { resource, failure }),
            with_failure().prop_map(|(resource, failure)| Kind::TaskTimedOut { resource, failure }),
        ]
    }

    fn functions_and_activities() -> impl Strategy<Value = Kind> {
        prop_oneof![
            (arn(), document(), terms()).prop_map(|(resource, input, terms)| {
                Kind::LambdaFunctionScheduled { resource, input, terms }
            }),
            Just(Kind::LambdaFunctionStarted),
            document().prop_map(|output| Kind::LambdaFunctionSucceeded { output }),
            failure().prop_map(|failure| Kind::LambdaFunctionScheduleFailed { failure }),
            failure().prop_map(|failure| Kind::LambdaFunctionStartFailed { failure }),
            failure().prop_map(|failure| Kind::LambdaFunctionFailed { failure }),
            failure().prop_map(|failure| Kind::LambdaFunctionTimedOut { failure }),
            (arn(), document(), terms()).prop_map(|(resource, input, terms)| Kind::ActivityScheduled {
                resource,
                input,
                terms
            }),
            prop::option::of(text()).prop_map(|worker| Kind::ActivityStarted { worker }),
            document().prop_map(|output| Kind::ActivitySucceeded { output }),
            failure().prop_map(|failure| Kind::ActivityScheduleFailed { failure }),
            failure().prop_map(|failure| Kind::ActivityFailed { failure }),
            failure().prop_map(|failure| Kind::ActivityTimedOut { failure }),
        ]
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![states(), executions(), tasks(), functions_and_activities()]
    }

    proptest! {
        #[test]
        fn the_wire_loses_nothing(
            id in any::<u64>(),
            previous in any::<u64>(),
            millis in -62_135_596_800_000_i64..253_402_300_799_999,
            kind in kind(),
        ) {
            let event = HistoryEvent::new(id, previous, Timestamp::from_millis(millis), kind);
            let wire = event.to_wire();
            let read = HistoryEvent::from_wire(&wire).unwrap();
            prop_assert_eq!(&read, &event);
            // Texts too, and not only what they mean.
            prop_assert_eq!(read.to_wire(), wire);
            let stored = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(serde_json::from_str::<HistoryEvent>(&stored).unwrap(), event);
        }
    }
}
