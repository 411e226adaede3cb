//! Runs the cases of `executions/`: one execution each, with its full history.

use serde_json::Value;

use super::case::{self, Case};
use super::compare::Comparer;
use super::engine::Setup;
use super::fault::Fault;
use super::outcomes::Outcomes;
use super::replay::{Ending, Replayed, Until, replay};

/// When executions start whose case does not say when.
const START_TIME: &str = "2026-11-23T05:35:00Z";

pub(crate) fn run(case: &Case) -> Result<(), Fault> {
    let mut outcomes = Outcomes::of(case);
    let replayed = replay(&setup(case), &mut outcomes, &until(case))?;
    check(case, &replayed).map_err(|fault| fault.with_history(&replayed.history))
}

/// What the execution of `case` starts from.
pub(crate) fn setup(case: &Case) -> Setup {
    let text = |name: &str| case.get(name).as_str().unwrap_or("").to_owned();
    Setup {
        definition: case::definition(case.get("definition")),
        express: case.get("type") == "EXPRESS",
        machine_arn: text("stateMachineArn"),
        execution_arn: text("executionArn"),
        role_arn: text("roleArn"),
        input: case.get("input").as_str().unwrap_or("{}").into(),
        start_time: case.get("startTime").as_str().unwrap_or(START_TIME).into(),
        missing: missing(case),
    }
}

/// The activities whose tasks were refused: they had been deleted.
fn missing(case: &Case) -> Vec<String> {
    let outcomes = case.get("outcomes").as_array().map_or(&[][..], Vec::as_slice);
    let refused = outcomes.iter().filter(|outcome| outcome["kind"] == "rejected");
    let states = refused.filter_map(|outcome| outcome["state"].as_str());
    let resource = |state| Some(find(case.get("definition"), state)?.get("Resource")?.as_str()?.to_owned());
    states.filter_map(resource).filter(|arn| arn.contains(":activity:")).collect()
}

/// The state called `name`, wherever it is in a definition.
fn find<'a>(definition: &'a Value, name: &str) -> Option<&'a Value> {
    let fields = definition.as_object()?;
    let own = fields.get("States").and_then(|states| states.get(name));
    own.or_else(|| {
        let inner = fields.values().flat_map(|value| match value {
            Value::Array(values) => values.iter().collect::<Vec<_>>(),
            value => vec![value],
        });
        inner.into_iter().find_map(|value| find(value, name))
    })
}

fn until(case: &Case) -> Until {
    let abort = case.get("abort");
    if let Some(after) = abort["afterEventId"].as_u64() {
        let text = |name: &str| abort[name].as_str().map(str::to_owned);
        return Until::Stopped { after: after as usize, error: text("error"), cause: text("cause") };
    }
    if case.expected("status") == "RUNNING" { Until::Waiting } else { Until::Closed }
}

fn check(case: &Case, replayed: &Replayed) -> Result<(), Fault> {
    let mut comparer = case.comparer();
    check_ending(case, &mut comparer, &replayed.ending)?;
    let Some(expected) = case.history() else { return Ok(()) };
    match replayed.ending.status {
        "RUNNING" => comparer.prefix(expected, &replayed.history)?,
        _ => comparer.history(expected, &replayed.history, case.mode())?,
    }
    Ok(())
}

/// Compares status, output, error and cause.
pub(crate) fn check_ending(case: &Case, comparer: &mut Comparer, ending: &Ending) -> Result<(), Fault> {
    if case.expected("status") != ending.status {
        let Ending { status, error, cause, .. } = ending;
        let why = [error, cause].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
        return Err(Fault::Differs(format!(
            "status\n  expected {}\n   but was {status} {why}",
            case.expected("status")
        )));
    }
    for (name, actual) in [("output", &ending.output), ("error", &ending.error), ("cause", &ending.cause)] {
        let expected = Some(case.expected(name)).filter(|value| !value.is_null());
        let actual = actual.as_deref().map(Value::from);
        comparer.member(name, expected, actual.as_ref())?;
    }
    Ok(())
}
