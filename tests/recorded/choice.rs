//! Runs the cases of `choice/`: many small executions, each from its input to its output.

use serde_json::Value;

use super::case::{self, Case};
use super::compare::Comparer;
use super::engine::Setup;
use super::executions;
use super::fault::Fault;
use super::outcomes::Outcomes;
use super::replay::{Until, replay};

pub(crate) fn run(case: &Case) -> Result<(), Fault> {
    let runs = case.get("runs").as_array().map_or(&[][..], Vec::as_slice);
    for (n, run) in runs.iter().enumerate() {
        let input = run["input"].as_str().unwrap_or("{}");
        check(case, run, input).map_err(|fault| match fault {
            Fault::Differs(text) => Fault::Differs(format!("run {n} with {input}: {text}")),
            Fault::NoRunner(_) => fault,
        })?;
    }
    Ok(())
}

fn check(case: &Case, run: &Value, input: &str) -> Result<(), Fault> {
    let setup = Setup {
        definition: case::definition(&run["definition"]),
        machine_arn: "arn:aws:states:us-east-1:111111111111:stateMachine:choice".into(),
        execution_arn: "arn:aws:states:us-east-1:111111111111:execution:choice:run".into(),
        role_arn: "arn:aws:iam::111111111111:role/choice".into(),
        input: input.into(),
        ..executions::setup(case)
    };
    let ending = replay(&setup, &mut Outcomes::of(case), &Until::Closed)?.ending;
    let mut comparer = Comparer::new(Default::default());
    comparer.member("status", Some(&run["status"]), Some(&ending.status.into()))?;
    let output = ending.output.map(Value::from);
    comparer.member("output", run.get("output"), output.as_ref())?;
    Ok(())
}
