//! Task: what it looks up besides its parameters.

use std::sync::Arc;

use crate::dataflow::{Mishap, jsonata, jsonpath};
use crate::json::Json;
use crate::machine::state::{Amount, Role};
use crate::query::Scope;

/// `TimeoutSeconds` or `HeartbeatSeconds`, with the effective input as `$`.
pub(crate) fn seconds(value: Option<&Amount>, field: &str, scope: &Scope<'_>) -> Result<Option<u32>, Mishap> {
    let path = match value {
        None => return Ok(None),
        Some(Amount::Fixed(seconds)) => return Ok(Some(*seconds)),
        Some(Amount::Jsonata(template)) => {
            let seconds = jsonata::whole(template, field, 1..=99_999_999, scope)?;
            return Ok(Some(u32::try_from(seconds).unwrap_or(u32::MAX)));
        }
        Some(Amount::Path(path)) => path,
    };
    let seconds = jsonpath::number(path, &format!("{field}Path"), "integer", scope, Json::as_i64)?;
    // DIFFERENCE: AWS's words for a number that is out of range are not known.
    u32::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Some).ok_or_else(|| {
        Mishap::runtime(format!(
            "The {field}Path field refers to value \"{seconds}\" which is out of range: {path}"
        ))
    })
}

/// The role of `Credentials`.
pub(crate) fn role(role: Option<&Role>, scope: &Scope<'_>) -> Result<Option<Arc<str>>, Mishap> {
    let value = match role {
        None => return Ok(None),
        Some(Role::Fixed(role)) => return Ok(Some(role.clone())),
        Some(Role::Jsonata(role)) => return jsonata::text(role, scope).map(Some),
        Some(Role::Expression(role)) => role.evaluate(scope, "RoleArn.$")?,
    };
    match value {
        Json::String(role) => Ok(Some(role)),
        // DIFFERENCE: AWS's words for this are not known.
        other => Err(Mishap::runtime(format!(
            "The RoleArn of Credentials must be a string, but was: {}",
            other.compact()
        ))),
    }
}
