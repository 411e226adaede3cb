//! The stages of a JSONata state: Arguments, Output, Assign, and fields that hold one expression.

use std::sync::Arc;
use std::time::Duration;

use crate::dataflow::Mishap;
use crate::json::{Json, Object};
use crate::machine::io::Exit;
use crate::query::{Expected, JsonataTemplate, Scope};
use crate::time::Timestamp;

/// What a state leaves behind by one of its ways out; without `Output`, that is `default`.
pub(crate) fn leave(
    exit: &Exit,
    default: &Json,
    scope: &Scope<'_>,
) -> Result<(Json, Option<Arc<Object>>), Mishap> {
    let assigned = match &exit.assign {
        None => None,
        Some(template) => match template.evaluate(scope)? {
            Json::Object(assigned) if !assigned.is_empty() => Some(assigned),
            _ => None,
        },
    };
    Ok((value(exit.output.as_ref(), default, scope)?, assigned))
}

/// The value of a template, or `default`.
pub(crate) fn value(
    template: Option<&JsonataTemplate>,
    default: &Json,
    scope: &Scope<'_>,
) -> Result<Json, Mishap> {
    match template {
        None => Ok(default.clone()),
        Some(template) => Ok(template.evaluate(scope)?),
    }
}

/// `Condition`
pub(crate) fn holds(condition: &JsonataTemplate, scope: &Scope<'_>) -> Result<bool, Mishap> {
    Ok(condition.evaluate_as(Expected::Boolean, scope)?.as_bool().unwrap_or_default())
}

/// `Error`, `Cause`, `RoleArn`
pub(crate) fn text(template: &JsonataTemplate, scope: &Scope<'_>) -> Result<Arc<str>, Mishap> {
    match template.evaluate_as(Expected::String, scope)? {
        Json::String(text) => Ok(text),
        _ => Ok(Arc::default()),
    }
}

/// A whole number in a range: `TimeoutSeconds`, `MaxConcurrency`, `Seconds`.
pub(crate) fn whole(
    template: &JsonataTemplate,
    field: &str,
    range: std::ops::RangeInclusive<i64>,
    scope: &Scope<'_>,
) -> Result<i64, Mishap> {
    let number = template.evaluate_as(Expected::Integer, scope)?.as_i64().unwrap_or_default();
    match range.contains(&number) {
        true => Ok(number),
        // DIFFERENCE: AWS's words for this are not known.
        false => Err(Mishap::evaluation(
            format!(
                "The {field} field must be between {} and {}, but was: {number}",
                range.start(),
                range.end()
            ),
            Some(field),
        )),
    }
}

/// When `Seconds` are over.
pub(crate) fn seconds(template: &JsonataTemplate, scope: &Scope<'_>) -> Result<Timestamp, Mishap> {
    let seconds = whole(template, "Seconds", 0..=99_999_999, scope)?;
    Ok(scope.now + Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// `Timestamp`
pub(crate) fn timestamp(template: &JsonataTemplate, scope: &Scope<'_>) -> Result<Timestamp, Mishap> {
    let text = text(template, scope)?;
    text.parse().map_err(|_| {
        let message = format!(
            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
        );
        Mishap::evaluation(message, Some("Timestamp"))
    })
}

/// `Items`, or the state's input in their place.
pub(crate) fn items(template: Option<&JsonataTemplate>, scope: &Scope<'_>) -> Result<Json, Mishap> {
    match template {
        Some(template) => Ok(template.evaluate_as(Expected::Array, scope)?),
        None if scope.input.as_array().is_some() => Ok(scope.input.clone()),
        None => Err(Mishap::evaluation(
            format!("Map state input must be an array but was: {}", scope.input.compact()),
            None,
        )),
    }
}
