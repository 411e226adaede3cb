//! Fail: the error and the cause that it names.

use std::sync::Arc;

use crate::dataflow::{Mishap, jsonata};
use crate::failure::{ErrorName, Failure};
use crate::machine::state::{Fail, Lookup};
use crate::query::Scope;

/// What a Fail state fails with.
pub(crate) fn failure(fail: &Fail, scope: &Scope<'_>) -> Result<Failure, Mishap> {
    let error = text(fail.error.as_ref(), "ErrorPath", scope)?;
    let cause = text(fail.cause.as_ref(), "CausePath", scope)?;
    Ok(Failure {
        error: error.map(ErrorName::from).or_else(|| fail.literal.error.clone()),
        cause: cause.or_else(|| fail.literal.cause.clone()),
    })
}

fn text(lookup: Option<&Lookup>, field: &str, scope: &Scope<'_>) -> Result<Option<Arc<str>>, Mishap> {
    let value = match lookup {
        None => return Ok(None),
        Some(Lookup::Jsonata(template)) => return jsonata::text(template, scope).map(Some),
        Some(Lookup::Expression(expression)) => expression.evaluate(scope, field)?,
    };
    match value.as_str() {
        Some(text) => Ok(Some(text.into())),
        // DIFFERENCE: AWS's words for this are not known.
        None => Err(Mishap::runtime(format!(
            "The {field} field must select a string, but was: {}",
            value.compact()
        ))),
    }
}
