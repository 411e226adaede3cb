//! What comes of a test, as AWS answers it.

use serde::{Serialize, Serializer};

use crate::diagnostic::invalid_execution_input;
use crate::json::{Json, JsonError};

/// What came of the test of a state.
///
/// Documents in it are written as JSON text, as AWS's response has them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TestStateOutcome {
    /// How it ended.
    pub status: TestStateStatus,
    /// The state's output; that of the catcher, if one caught the error.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// The error's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The error's cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_state: Option<String>,
    /// What each stage made, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspection_data: Option<InspectionData>,
}

/// How the test of a state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum TestStateStatus {
    /// It has an output.
    Succeeded,
    /// It failed, and nothing takes that over.
    Failed,
    /// It failed, and would be tried again.
    Retriable,
    /// It failed, and a catcher takes over.
    CaughtError,
}

/// What each stage of a state made. Stages that it does not have, or did not reach, are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InspectionData {
    /// The state's input.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// `Arguments`.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_arguments: Option<Json>,
    /// `InputPath`.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_input_path: Option<Json>,
    /// `Parameters`.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_parameters: Option<Json>,
    /// What the work gave.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// `ResultSelector`.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_result_selector: Option<Json>,
    /// `ResultPath`.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_result_path: Option<Json>,
    /// `ItemsPath`.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_items_path: Option<Json>,
    /// `ItemSelector`: the inputs of all iterations.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub after_item_selector: Option<Json>,
    /// How many iterations a Map runs at once; 0 for no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<i64>,
    /// How many iterations may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_count: Option<i64>,
    /// How many of a hundred iterations may fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_percentage: Option<f64>,
    /// What Retry and Catch made of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_details: Option<ErrorDetails>,
    /// The variables after the state, if there are any.
    #[serde(serialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub variables: Option<Json>,
}

/// What Retry and Catch made of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ErrorDetails {
    /// The catcher that takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_index: Option<usize>,
    /// The retrier that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_index: Option<usize>,
    /// How long it would wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_backoff_interval_seconds: Option<u64>,
}

/// Why a state cannot be tested, in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TestStateError {
    code: TestStateErrorCode,
    message: String,
}

/// What kind of mistake a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TestStateErrorCode {
    /// The definition.
    InvalidDefinition,
    /// The input.
    InvalidExecutionInput,
    /// Anything else.
    ValidationException,
}

impl TestStateError {
    /// What kind of mistake it is.
    pub fn code(&self) -> TestStateErrorCode {
        self.code
    }

    pub(super) fn definition(message: impl Into<String>) -> Self {
        Self { code: TestStateErrorCode::InvalidDefinition, message: message.into() }
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self { code: TestStateErrorCode::ValidationException, message: message.into() }
    }

    pub(super) fn input(text: &str, error: &JsonError) -> Self {
        let message = invalid_execution_input(text, error);
        Self { code: TestStateErrorCode::InvalidExecutionInput, message }
    }
}

impl TestStateErrorCode {
    /// AWS's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidDefinition => "InvalidDefinition",
            Self::InvalidExecutionInput => "InvalidExecutionInput",
            Self::ValidationException => "ValidationException",
        }
    }
}

fn text<S: Serializer>(json: &Option<Json>, serializer: S) -> Result<S::Ok, S::Error> {
    json.as_ref().map(Json::to_string).serialize(serializer)
}
