//! Wait: for some seconds, or until a time.

use std::time::Duration;

use crate::dataflow::{Mishap, jsonata};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::{Doing, Frame};
use crate::execution::states::{effective_input, failed, pass_on};
use crate::json::Json;
use crate::machine::state::{State, Wait};
use crate::query::{Path, Scope};
use crate::time::Timestamp;

/// 2^31 - 1 seconds: longer waits fail (recorded: `timestamp_too_far_in_future_boundary`).
const LONGEST: Duration = Duration::from_secs(i32::MAX as u64);

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    wait: &Wait,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let now = turn.now;
    let until = turn.scoped(frame, state, Shown::default(), &effective, |scope| match wait {
        Wait::Seconds(seconds) => Ok(now + Duration::from_secs((*seconds).into())),
        Wait::Timestamp(until) => Ok(*until),
        Wait::SecondsPath(path) => seconds(path, scope).map(|seconds| now + Duration::from_secs(seconds)),
        Wait::TimestampPath(path) => timestamp(path, scope),
        Wait::SecondsJsonata(seconds) => jsonata::seconds(seconds, scope),
        Wait::TimestampJsonata(timestamp) => jsonata::timestamp(timestamp, scope),
    })?;
    // AWS counts whole seconds.
    if until.since(now).as_secs() > LONGEST.as_secs() {
        return Err(Mishap::runtime("Wait state delay is too long."));
    }
    frame.doing = Doing::Waiting { until: until.max(now) };
    Ok(Outcome::Waits)
}

/// The time has come.
pub(crate) fn over(turn: &mut Execution, frame: &mut Frame) -> Outcome {
    let machine = turn.machine.clone();
    let state = machine.state(frame.state);
    let done =
        effective_input(turn, frame, state).and_then(|effective| pass_on(turn, frame, state, &effective));
    done.map_or_else(|mishap| failed(turn, frame, state, mishap), Outcome::Done)
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
