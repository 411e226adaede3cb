//! Where transitions lead: targets that exist, states that something leads to, an end that can be reached.

use std::collections::BTreeSet;

use crate::compile::Compiler;
use crate::definition::{State, has_placeholder};
use crate::diagnostic::{Code, Diagnostic, Trail, closest};
use crate::machine::StateId;
use crate::span::Step;

impl<'d> Compiler<'_, 'd> {
    /// Names are unique in the whole machine, inner blocks included.
    pub(super) fn check_names(&mut self) {
        let tree = self.tree;
        for number in tree.repeated() {
            let name = &tree.states[number].state.name;
            let message = format!("there is another state named `{name}`");
            let diagnostic = Diagnostic::new(Code::DuplicateStateName, tree.at(number).pointer(), message)
                .at_key()
                .with_aws(format!("Duplicate State name: {name}"))
                .with_help("names are unique in the whole machine, branches and item processors included");
            self.report(diagnostic);
        }
    }

    /// The state a block starts at.
    pub(super) fn start(&mut self, block: usize) -> Option<StateId> {
        let within = &self.tree.blocks[block];
        // Without states there is nothing to lead to, and the reader has said so (recorded: AWS says nothing more).
        let start = within.block.start_at.as_deref().filter(|_| !within.block.states.is_empty())?;
        self.target(block, start, &within.at.below(Step::Key("StartAt")))
    }

    /// The state called `name` in `block`, or a diagnostic at the field that names it.
    pub(super) fn target(&mut self, block: usize, name: &str, at: &Trail<'_>) -> Option<StateId> {
        if let Some(number) = self.tree.find(block, name) {
            return Some(StateId(number as u32));
        }
        if has_placeholder(name) {
            self.unfilled(name, at.pointer());
            return None;
        }
        // AWS says `Next`, whatever the field.
        let message = format!("no state is named `{name}`");
        let mut diagnostic = Diagnostic::new(Code::MissingTarget, at.pointer(), message)
            .with_aws(format!("Missing 'Next' target: {name}"));
        let states = &self.tree.blocks[block].block.states;
        let names: BTreeSet<&str> = states.iter().map(|state| state.name.as_str()).collect();
        if let Some(meant) = closest(name, names) {
            diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
        } else if self.tree.has(name) {
            let help = format!("`{name}` is in another `States` block, and transitions stay within theirs");
            diagnostic = diagnostic.with_help(help);
        }
        self.report(diagnostic);
        None
    }

    /// Every block can end somewhere, and every state can be reached.
    pub(super) fn check_graph(&mut self) {
        // What could not be read may lead anywhere.
        let unreadable = |state: &State| {
            let lost =
                state.state_type().is_none() || !state.is_terminal() && state.successors().next().is_none();
            lost || state.successors().any(has_placeholder)
        };
        let tree = self.tree;
        let mut starts = Vec::new();
        for (block, within) in tree.blocks.iter().enumerate() {
            let states = &within.block.states;
            // Without a start everything would be unreachable, which says nothing new.
            let start = within.block.start_at.as_deref().filter(|start| !has_placeholder(start));
            if states.is_empty() || start.is_none() || states.iter().any(unreadable) {
                continue;
            }
            // Only of the machine's own block (measured: a nested loop without an end is accepted).
            if block == 0 && !states.iter().any(State::is_terminal) {
                let diagnostic = Diagnostic::new(
                    Code::NoTerminalState,
                    within.at_states.clone(),
                    "no state ends the execution",
                )
                .at_key()
                .with_aws_at("Workflow has no terminal state", None)
                .with_help("give the last state `\"End\": true`, or add a Succeed or Fail state");
                self.report(diagnostic);
                continue;
            }
            starts.push((block, start.and_then(|start| tree.find(block, start))));
        }
        let reached = tree.successors.reached(starts.iter().filter_map(|(_, start)| *start));
        for number in starts.into_iter().flat_map(|(block, _)| tree.of_block(block)) {
            if !reached[number] {
                let name = &tree.states[number].state.name;
                let message = format!("nothing leads to `{name}`");
                let diagnostic = Diagnostic::new(Code::UnreachableState, tree.at(number).pointer(), message)
                    .at_key()
                    .with_aws(format!("State \"{name}\" is not reachable."));
                self.report(diagnostic);
            }
        }
    }
}
