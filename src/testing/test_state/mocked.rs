//! What stands for the work of a state: a result or an error, and whether it could be one.

use serde::Deserialize;

use crate::failure::{ErrorName, Failure};
use crate::json::{Json, verbatim};
use crate::machine::state::{State, StateKind};
use crate::testing::test_state::{TestStateError, shape, shared};

/// What stands for the work of a state: a result, or an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct MockedResult {
    /// The result, as JSON text.
    pub result: Option<String>,
    /// The error.
    pub error_output: Option<ErrorOutput>,
    /// How closely the result is compared with what the service's API answers.
    pub field_validation_mode: FieldValidation,
}

/// A mocked error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ErrorOutput {
    /// Its name.
    pub error: Option<String>,
    /// Its cause.
    pub cause: Option<String>,
}

/// How closely a mocked result is compared with what the service's API answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum FieldValidation {
    /// Fields that are always there have to be, and all that are there need the right types.
    #[default]
    Strict,
    /// Fields that are there need the right types.
    Present,
    /// Not at all.
    None,
}

impl MockedResult {
    pub(super) fn check(&self, state: &State) -> Result<(), TestStateError> {
        let validation = |message| Err(TestStateError::validation(message));
        if self.result.is_some() && self.error_output.is_some() {
            return validation(
                "A test mock should have only one of the following fields: [result, errorOutput].",
            );
        }
        let Some(text) = &self.result else { return Ok(()) };
        let Ok(result) = text.parse::<Json>() else { return validation("Mocked result must be valid JSON") };
        let writes = |map: &crate::machine::state::Map| {
            map.distribution.as_ref().is_some_and(|distribution| distribution.writes)
        };
        match &state.kind {
            StateKind::Map(map) if writes(map) => match result {
                Json::Object(_) => Ok(()),
                _ => validation("Mocked result must be a JSON object."),
            },
            StateKind::Map(_) if result.as_array().is_none() => validation("Mocked result must be an array."),
            StateKind::Parallel(parallel) => match result.as_array() {
                None => validation("Mocked result must be an array."),
                Some(items) if items.len() != parallel.branches.len() => validation(
                    "Mocked result must contain the same number of items as number of Parallel branches.",
                ),
                Some(_) => Ok(()),
            },
            StateKind::Task(task) => match shape::check(&task.kind, &result, self.field_validation_mode) {
                Ok(()) => Ok(()),
                Err(complaint) => Err(TestStateError::validation(format!(
                    "Mock result schema validation error: {complaint}"
                ))),
            },
            _ => Ok(()),
        }
    }

    /// What the work comes to.
    pub(super) fn outcome(&self) -> Result<Json, Failure> {
        match &self.error_output {
            Some(error) => Err(Failure {
                error: error.error.as_deref().map(ErrorName::from),
                cause: shared(error.cause.as_ref()),
            }),
            None => {
                let text = self.result.as_deref().unwrap_or("null");
                // It has been read before.
                Ok(verbatim::parse(text).unwrap_or_default())
            }
        }
    }
}
