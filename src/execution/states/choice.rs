//! Choice: the first rule that holds says where to go.

use crate::dataflow::{Mishap, choose};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::Frame;
use crate::execution::states::{effective_input, pass_on};
use crate::machine::state::{Choice, Next, State};

pub(super) fn enter(
    turn: &mut Execution,
    frame: &mut Frame,
    state: &State,
    choice: &Choice,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let chosen = turn.scoped(frame, state, Shown::default(), &effective, |scope| -> Result<_, Mishap> {
        for rule in &choice.rules {
            if choose::holds(&rule.condition, scope)? {
                return Ok(Some((rule.next, rule.assign.as_ref())));
            }
        }
        // The state's own Assign is that of the default, and no rule falls back to it.
        Ok(choice.default.map(|default| (default, state.flow.assign.as_ref())))
    })?;
    // Not `States.NoChoiceMatched`, which is only documented: this is what AWS reports.
    let (next, assign) = chosen.ok_or_else(|| {
        Mishap::runtime("Failed to transition out of the state. The state does not point to a next state.")
    })?;
    let output = pass_on(turn, frame, state, assign, &effective)?;
    Ok(Outcome::Choose(output, Next::State(next)))
}
