//! Map: its items, and how many iterations it wants at once.

use crate::dataflow::{Mishap, jsonata};
use crate::json::Json;
use crate::machine::io::DataFlow;
use crate::machine::state::{Amount, Items, Map};
use crate::query::{QueryError, Scope};

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

/// `MaxConcurrency`, where 0 is for no bound. A number as text is taken too (recorded: max_concurrency_path).
pub(crate) fn concurrency(asked: Option<&Amount>, scope: &Scope<'_>) -> Result<i64, Mishap> {
    let asked = match asked {
        None => 0,
        Some(Amount::Fixed(amount)) => i64::from(*amount),
        Some(Amount::Jsonata(template)) => jsonata::whole(template, "MaxConcurrency", 0..=i64::MAX, scope)?,
        Some(Amount::Path(path)) => {
            let value = path.select(scope).map_err(|miss| QueryError::invalid_path(&miss))?;
            let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            number.ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.compact().to_string(), str::to_owned);
                let path = path.as_str();
                Mishap::runtime(format!(
                    "The MaxConcurrencyPath field refers to value \"{shown}\" which is not a valid integer: {path}"
                ))
            })?
        }
    };
    match asked {
        0.. => Ok(asked),
        // DIFFERENCE: AWS never goes on with such an execution (recorded, and not to be relied on).
        _ => Err(Mishap::runtime("MaxConcurrency cannot be negative.")),
    }
}
