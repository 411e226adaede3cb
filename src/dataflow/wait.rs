//! Wait: when it is over.

use std::time::Duration;

use crate::dataflow::{Mishap, jsonata};
use crate::json::Json;
use crate::machine::state::Wait;
use crate::query::{Path, Scope};
use crate::time::Timestamp;

/// 2^31 - 1 seconds: longer waits fail (recorded: `timestamp_too_far_in_future_boundary`).
const LONGEST: Duration = Duration::from_secs(i32::MAX as u64);

/// When a Wait is over that begins now, with the state's effective input as `$`.
pub(crate) fn until(wait: &Wait, scope: &Scope<'_>) -> Result<Timestamp, Mishap> {
    let now = scope.now;
    let until = match wait {
        Wait::Seconds(seconds) => now + Duration::from_secs((*seconds).into()),
        Wait::Timestamp(until) => *until,
        Wait::SecondsPath(path) => now + Duration::from_secs(seconds(path, scope)?),
        Wait::TimestampPath(path) => timestamp(path, scope)?,
        Wait::SecondsJsonata(seconds) => jsonata::seconds(seconds, scope)?,
        Wait::TimestampJsonata(timestamp) => jsonata::timestamp(timestamp, scope)?,
    };
    // AWS counts whole seconds.
    match until.since(now).as_secs() > LONGEST.as_secs() {
        true => Err(Mishap::runtime("Wait state delay is too long.")),
        false => Ok(until.max(now)),
    }
}

fn seconds(path: &Path, scope: &Scope<'_>) -> Result<u64, Mishap> {
    let Ok(value) = path.select(scope) else {
        return Err(Mishap::runtime(format!(
            "The SecondsPath parameter does not reference an input value: {path}"
        )));
    };
    let Some(seconds) = value.as_i64() else {
        let shown = shown(&value);
        return Err(Mishap::runtime(format!(
            "The SecondsPath parameter cannot be parsed as a long value: {path} == {shown}"
        )));
    };
    u64::try_from(seconds).map_err(|_| {
        Mishap::runtime(format!("The SecondsPath parameter references a negative value: {path} == {seconds}"))
    })
}

fn timestamp(path: &Path, scope: &Scope<'_>) -> Result<Timestamp, Mishap> {
    let Ok(value) = path.select(scope) else {
        return Err(Mishap::runtime(format!(
            "The TimestampPath parameter does not reference an input value: {path}"
        )));
    };
    let time = value.as_str().and_then(|text| text.parse().ok());
    time.ok_or_else(|| {
        let shown = shown(&value);
        Mishap::runtime(format!(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format \
             string: {path} == {shown}"
        ))
    })
}

/// A value as the messages of this state show it: strings without their quotes.
fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.compact().to_string(), str::to_owned)
}
