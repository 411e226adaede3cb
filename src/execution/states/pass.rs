//! Pass: its input, or a literal result, on to the next state.

use crate::dataflow::{Mishap, jsonpath};
use crate::execution::Execution;
use crate::execution::advance::{Done, Outcome, Shown};
use crate::execution::frame::Frame;
use crate::execution::states::pass_on;
use crate::machine::io::{DataFlow, Select};
use crate::machine::state::{Pass, State};
use crate::query::Scope;

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    pass: &Pass,
) -> Result<Outcome, Mishap> {
    let stages = match &state.flow {
        DataFlow::JsonPath(stages) => stages,
        DataFlow::Jsonata(_) => return Ok(Outcome::Done(pass_on(turn, frame, state, &frame.input)?)),
    };
    // Nobody else holds it, unless a history shows it: then the result is written in place.
    let input = std::mem::take(&mut frame.input);
    let (result, assigned) = turn.scoped(frame, state, Shown::default(), &input, |scope| {
        let selected;
        let effective = match &stages.input {
            Select::All => &input,
            _ => {
                selected = jsonpath::effective_input(stages, scope)?;
                &selected
            }
        };
        let scope = Scope { input: effective, ..*scope };
        // Parameters are evaluated even when a Result discards what they give: they may fail.
        let parameters = jsonpath::parameters(stages, &scope)?;
        let result = pass.result.clone().unwrap_or(parameters);
        let assigned = jsonpath::assign(stages.assign.as_ref(), &Scope { input: &result, ..scope })?;
        Ok::<_, Mishap>((result, assigned))
    })?;
    let output = match &stages.output {
        Select::All => jsonpath::merge(&stages.result, input, result)?,
        _ => turn.scoped(frame, state, Shown::default(), &frame.input, |scope| {
            jsonpath::output(stages, input, result, scope)
        })?,
    };
    Ok(Outcome::Done(Done { output, assigned }))
}
