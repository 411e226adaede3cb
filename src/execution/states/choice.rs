//! Choice: the first rule that holds says where to go.

use crate::dataflow::{Mishap, choose, jsonata};
use crate::execution::Execution;
use crate::execution::advance::{Done, Outcome, Shown};
use crate::execution::frame::Frame;
use crate::execution::states::{effective_input, pass_on, pass_on_by};
use crate::machine::StateId;
use crate::machine::choice::{JsonataRule, Rule, Rules};
use crate::machine::io::{DataFlow, Stages};
use crate::machine::state::{Choice, Next, State};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    choice: &Choice,
) -> Result<Outcome, Mishap> {
    let next = match (&choice.rules, &state.flow) {
        (Rules::Jsonata(rules), _) => by_expression(turn, frame, state, rules)?,
        (Rules::JsonPath(rules), DataFlow::JsonPath(stages)) => by_path(turn, frame, state, rules, stages)?,
        (Rules::JsonPath(_), DataFlow::Jsonata(_)) => unreachable!("a state has one query language"),
    };
    if let Some((done, next)) = next {
        return Ok(Outcome::Choose(done, Next::State(next)));
    }
    let default = choice.default.ok_or_else(choose::nowhere)?;
    // The state's own Assign and Output are those of the default, and no rule falls back to them.
    let effective = effective_input(turn, frame, state)?;
    Ok(Outcome::Choose(pass_on(turn, frame, state, &effective)?, Next::State(default)))
}

/// What the first rule that holds leaves behind, and where it leads.
type Chosen = Option<(Done, StateId)>;

fn by_path(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    rules: &[Rule],
    stages: &Stages,
) -> Result<Chosen, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let chosen = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        choose::first(rules, |rule| choose::holds(&rule.condition, scope))
    })?;
    let Some(rule) = chosen else { return Ok(None) };
    let done = pass_on_by(turn, frame, state, stages, rule.assign.as_ref(), &effective)?;
    Ok(Some((done, rule.next)))
}

fn by_expression(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    rules: &[JsonataRule],
) -> Result<Chosen, Mishap> {
    let chosen = turn.scoped(frame, state, Shown::default(), &frame.input, |scope| {
        choose::first(rules, |rule| jsonata::holds(&rule.condition, scope))
    })?;
    let Some(rule) = chosen else { return Ok(None) };
    Ok(Some((turn.leave_by(frame, state, Shown::default(), &rule.exit)?, rule.next)))
}
