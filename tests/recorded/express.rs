//! Runs the cases of `express/`: the answer of `StartSyncExecution`, or the last log event.

use serde_json::{Value, json};

use super::case::Case;
use super::executions;
use super::fault::Fault;
use super::histories;
use super::outcomes::Outcomes;
use super::replay::{Replayed, Until, replay};

pub(crate) fn run(case: &Case) -> Result<(), Fault> {
    let replayed = replay(&executions::setup(case), &mut Outcomes::of(case), &Until::Closed)?;
    let mut comparer = case.comparer();
    executions::check_ending(case, &mut comparer, &replayed.ending)?;
    let (expected, actual) = match case.get("mode").as_str() {
        Some("sync") => (case.expected("response"), response(case, &replayed)),
        _ => (case.expected("lastLogEvent"), last_log_event(case, &replayed)),
    };
    Ok(comparer.answer(expected, &actual)?)
}

/// What `StartSyncExecution` would answer; the bill is as recorded.
fn response(case: &Case, replayed: &Replayed) -> Value {
    let ending = &replayed.ending;
    let mut response = json!({
        "billingDetails": case.expected("response")["billingDetails"],
        "executionArn": case.get("executionArn"),
        "input": case.get("input").as_str().unwrap_or("{}"),
        "inputDetails": { "included": true },
        "name": case.get("executionArn").as_str().and_then(|arn| arn.split(':').nth(7)),
        "outputDetails": { "included": true },
        "startDate": "1795412100.0",
        "stateMachineArn": case.get("stateMachineArn"),
        "status": ending.status,
        "stopDate": "1795412100.0",
    });
    for (name, value) in [("output", &ending.output), ("error", &ending.error), ("cause", &ending.cause)] {
        if let Some(value) = value {
            response[name] = value.as_str().into();
        }
    }
    response
}

/// The last event of the history as CloudWatch logs show it.
fn last_log_event(case: &Case, replayed: &Replayed) -> Value {
    let Some(event) = replayed.history.last() else { return Value::Null };
    json!({
        "details": histories::details(event).map_or(&Value::Null, |(_, details)| details),
        "execution_arn": case.get("executionArn"),
        "id": histories::id(event).to_string(),
        "previous_event_id": histories::previous(event).to_string(),
        "redrive_count": "0",
        "type": event["type"],
    })
}
