//! The stages of a JSONPath state: InputPath, Parameters, ResultSelector, ResultPath, OutputPath.

use std::str::FromStr;
use std::sync::Arc;

use crate::dataflow::Mishap;
use crate::dataflow::context::entry;
use crate::failure::Failure;
use crate::json::{Json, Object};
use crate::machine::io::{ResultPath, Select, Stages};
use crate::query::{Path, QueryError, Scope, Template};

/// Raw input to effective input: `InputPath`.
pub(crate) fn effective_input(flow: &Stages, scope: &Scope<'_>) -> Result<Json, Mishap> {
    select(&flow.input, scope)
}

/// Effective input to what the work gets: `Parameters`.
pub(crate) fn parameters(flow: &Stages, scope: &Scope<'_>) -> Result<Json, Mishap> {
    apply(flow.parameters.as_ref(), scope)
}

/// Raw result to result: `ResultSelector`.
pub(crate) fn result(flow: &Stages, scope: &Scope<'_>) -> Result<Json, Mishap> {
    apply(flow.selector.as_ref(), scope)
}

/// Result to output: `ResultPath` into the raw `input`, then `OutputPath`.
pub(crate) fn output(flow: &Stages, input: Json, result: Json, scope: &Scope<'_>) -> Result<Json, Mishap> {
    let merged = merge(&flow.result, input, result)?;
    selected(flow, merged, scope)
}

/// The last stage: `OutputPath`.
pub(crate) fn selected(flow: &Stages, merged: Json, scope: &Scope<'_>) -> Result<Json, Mishap> {
    match &flow.output {
        Select::All => Ok(merged),
        stage => select(stage, &Scope { input: &merged, ..*scope }),
    }
}

/// What `Assign` assigns, with `$` as the state's result; nothing when it is absent or empty.
pub(crate) fn assign(assign: Option<&Template>, scope: &Scope<'_>) -> Result<Option<Arc<Object>>, Mishap> {
    let Some(template) = assign else { return Ok(None) };
    match template.evaluate(scope)? {
        Json::Object(assigned) if !assigned.is_empty() => Ok(Some(assigned)),
        _ => Ok(None),
    }
}

/// The Error Output: what a catcher sees as its input.
///
/// A failure without a cause has an empty one, unless it has no name either: then both are null
/// (recorded: `invoke_timeout`, `sqs_failure_in_wait_for_task_tok_no_error_field`).
pub(crate) fn error_output(failure: &Failure) -> Json {
    let error = failure.error.as_ref().map_or(Json::Null, |error| Json::string(error.as_str()));
    let cause = match (&failure.cause, &failure.error) {
        (Some(cause), _) => Json::String(cause.clone()),
        (None, Some(_)) => Json::string(""),
        (None, None) => Json::Null,
    };
    Json::object([entry("Error", error), entry("Cause", cause)])
}

/// The number that a path leads to. One as text is taken too (recorded: max_concurrency_path,
/// map_state_tolerated_failure_count_path).
pub(crate) fn number<T: FromStr>(
    path: &Path,
    field: &str,
    kind: &str,
    scope: &Scope<'_>,
    number: impl Fn(&Json) -> Option<T>,
) -> Result<T, Mishap> {
    let value = path.select(scope).map_err(|miss| QueryError::invalid_path(&miss))?;
    number(&value).or_else(|| value.as_str()?.trim().parse().ok()).ok_or_else(|| {
        let shown = value.as_str().map_or_else(|| value.compact().to_string(), str::to_owned);
        let path = path.as_str();
        Mishap::runtime(format!(
            "The {field} field refers to value \"{shown}\" which is not a valid {kind}: {path}"
        ))
    })
}

fn select(stage: &Select, scope: &Scope<'_>) -> Result<Json, Mishap> {
    match stage {
        Select::All => Ok(scope.input.clone()),
        Select::Nothing => Ok(Json::empty_object()),
        Select::Path(path) => path.select(scope).map_err(|miss| QueryError::invalid_path(&miss).into()),
    }
}

fn apply(stage: Option<&Template>, scope: &Scope<'_>) -> Result<Json, Mishap> {
    match stage {
        None => Ok(scope.input.clone()),
        Some(template) => Ok(template.evaluate(scope)?),
    }
}

/// `ResultPath`: the result, put into the raw `input`.
pub(crate) fn merge(path: &ResultPath, input: Json, result: Json) -> Result<Json, Mishap> {
    match path {
        ResultPath::Replace => Ok(result),
        ResultPath::Discard => Ok(input),
        ResultPath::Write(path) => Ok(path.write(input, result)?),
    }
}
