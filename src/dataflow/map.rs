//! Map: its items, and how many iterations it wants at once.

use crate::dataflow::{Mishap, jsonata, jsonpath};
use crate::json::Json;
use crate::machine::io::DataFlow;
use crate::machine::state::{Amount, Items, Map, Percentage};
use crate::query::{Expected, QueryError, Scope};

/// The items, with the effective input as `$`.
pub(crate) fn items(map: &Map, flow: &DataFlow, scope: &Scope<'_>) -> Result<Json, Mishap> {
    let (shown, items) = match &map.items {
        Some(Items::Jsonata(template)) => return jsonata::items(Some(template), scope),
        None if matches!(flow, DataFlow::Jsonata(_)) => return jsonata::items(None, scope),
        None => ("$".to_owned(), scope.input.clone()),
        Some(Items::Path(path)) => {
            let items = path.select(scope).map_err(|miss| QueryError::invalid_path(&miss))?;
            // AWS prints the Context Object's `$$` with one `$`.
            (path.as_str().replacen("$$", "$", 1), items)
        }
    };
    match items {
        Json::Array(_) => Ok(items),
        _ => Err(Mishap::runtime(format!("Reference path \"{shown}\" must point to array."))),
    }
}

/// `MaxConcurrency`, where 0 is for no bound.
pub(crate) fn concurrency(asked: Option<&Amount>, scope: &Scope<'_>) -> Result<i64, Mishap> {
    // DIFFERENCE: AWS never goes on with an execution whose number is negative (recorded, and not to be relied on).
    asked.map_or(Ok(0), |asked| amount(asked, "MaxConcurrency", scope))
}

/// `ToleratedFailureCount`
#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "a distributed Map is not executed yet"))]
pub(crate) fn tolerated_count(count: &Amount, scope: &Scope<'_>) -> Result<i64, Mishap> {
    amount(count, "ToleratedFailureCount", scope)
}

/// The value of `field`, which may not be negative.
fn amount(amount: &Amount, field: &str, scope: &Scope<'_>) -> Result<i64, Mishap> {
    let amount = match amount {
        Amount::Fixed(amount) => i64::from(*amount),
        Amount::Jsonata(template) => jsonata::whole(template, field, 0..=i64::MAX, scope)?,
        Amount::Path(path) => {
            jsonpath::number(path, &format!("{field}Path"), "integer", scope, Json::as_i64)?
        }
    };
    match amount {
        0.. => Ok(amount),
        _ => Err(Mishap::runtime(format!("{field} cannot be negative."))),
    }
}

/// `ToleratedFailurePercentage`
#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "a distributed Map is not executed yet"))]
pub(crate) fn tolerated_percentage(percentage: &Percentage, scope: &Scope<'_>) -> Result<f64, Mishap> {
    let percentage = match percentage {
        Percentage::Fixed(percentage) => *percentage,
        Percentage::Jsonata(template) => {
            template.evaluate_as(Expected::Number, scope)?.as_f64().unwrap_or_default()
        }
        Percentage::Path(path) => {
            jsonpath::number(path, "ToleratedFailurePercentagePath", "float", scope, Json::as_f64)?
        }
    };
    match (0.0..=100.0).contains(&percentage) {
        true => Ok(percentage),
        false => Err(Mishap::runtime("ToleratedFailurePercentage must be between 0 and 100.")),
    }
}
