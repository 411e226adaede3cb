//! States and the edges between them, for the checks and drawings that follow a machine's shape.

use crate::machine::state::{Next, StateKind};
use crate::machine::{StateId, StateMachine};

impl StateMachine {
    /// Where `from` may lead, in the order of its fields.
    pub(crate) fn successors(&self, from: StateId) -> impl Iterator<Item = StateId> {
        let state = self.state(from);
        let (rules, default) = match &state.kind {
            StateKind::Choice(choice) => (&*choice.rules, choice.default),
            _ => (&[][..], None),
        };
        let next = match state.next {
            Next::State(next) => Some(next),
            Next::End => None,
        };
        let rules = rules.iter().map(|rule| rule.next);
        rules.chain(default).chain(next).chain(state.catch.iter().map(|catcher| catcher.next))
    }
}
