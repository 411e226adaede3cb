//! The `...EventDetails` objects of the wire form: their members, and which type has which.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::kind::{HistoryEventKind as Kind, TaskResource, TaskTerms};
use crate::arn::Arn;
use crate::failure::{ErrorName, Failure};
use crate::id::StateName;
use crate::json::{Json, Object};

/// The members of all the `...EventDetails` objects together; each type uses a few of them.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<StateName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_type: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameters: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(super) input_details: Option<Untruncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(super) output_details: Option<Untruncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assigned_variables: Option<Assigned>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(super) assigned_variables_details: Option<Untruncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) heartbeat_in_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) task_credentials: Option<Credentials>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role_arn: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_machine_alias_arn: Option<Arn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state_machine_version_arn: Option<Arn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) worker_name: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) map_run_arn: Option<Arn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redrive_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ErrorName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<StateName>,
}

impl Details {
    /// The details of `kind`; `None` for the types that have no such member at all.
    pub(super) fn of(kind: &Kind) -> Option<Self> {
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
                assigned_variables: assigned.as_deref().map(Assigned::of),
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
                parameters: Some(Text::Document(parameters.clone())),
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
        Self { input: Some(Text::Document(input.clone())), input_details: Some(Untruncated), ..self }
    }

    fn with_output(self, output: &Json) -> Self {
        Self { output: Some(Text::Document(output.clone())), output_details: Some(Untruncated), ..self }
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

    /// The members that are documents.
    pub(super) fn documents_mut(&mut self) -> impl Iterator<Item = &mut Text> {
        let single = [&mut self.parameters, &mut self.input, &mut self.output];
        let assigned = self.assigned_variables.iter_mut().flat_map(|assigned| &mut assigned.0);
        single.into_iter().flatten().chain(assigned.map(|(_, text)| text))
    }

    /// The numbers that stand for documents.
    pub(super) fn numbers(&mut self) -> impl Iterator<Item = i64> {
        self.documents_mut().filter_map(|text| match text {
            Text::Number(number) => Some(*number),
            Text::Document(_) => None,
        })
    }

    pub(super) fn without_data(self) -> Self {
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

/// A document as a string that contains its JSON; in stores also as the number of one that is written elsewhere.
pub(super) enum Text {
    Document(Json),
    Number(i64),
}

impl Text {
    /// The document. What is not found is shown as one that was left out.
    pub(super) fn document(self) -> Json {
        match self {
            Self::Document(json) => json,
            Self::Number(_) => Json::Null,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Document(Json::Null)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Document(json) => serializer.collect_str(json),
            Self::Number(number) => serializer.serialize_i64(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string that contains JSON")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        text.parse().map(Text::Document).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text::Number(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
        i64::try_from(number).map(Text::Number).map_err(E::custom)
    }
}

/// Variables, each as a string that contains its JSON.
pub(super) struct Assigned(Vec<(Arc<str>, Text)>);

impl Assigned {
    fn of(variables: &Object) -> Self {
        let text = |(name, value): (&Arc<str>, &Json)| (name.clone(), Text::Document(value.clone()));
        Self(variables.iter().map(text).collect())
    }

    pub(super) fn variables(self) -> Arc<Object> {
        let variables = self.0.into_iter().map(|(name, text)| (name, text.document()));
        Arc::new(Object::from_entries(variables.collect()))
    }
}

impl Serialize for Assigned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, text)| (name, text)))
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
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Assigned(entries))
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credentials {
    pub(super) role_arn: Arc<str>,
}

/// `{"truncated": false}`: we never cut.
#[derive(Clone, Copy)]
pub(super) struct Untruncated;

impl Serialize for Untruncated {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("truncated", false)])
    }
}
