//! Where transitions lead: targets that exist, states that something leads to, an end that can be reached.

use std::collections::BTreeSet;

use crate::compile::Compiler;
use crate::definition::{State, has_placeholder};
use crate::diagnostic::{Code, Diagnostic, JsonPointer, closest};
use crate::machine::StateId;

impl<'d> Compiler<'d> {
    /// Names are unique in the whole machine, inner blocks included.
    pub(super) fn check_names(&mut self) {
        let mut seen = BTreeSet::new();
        let repeated: Vec<(&str, JsonPointer)> = self
            .listed
            .iter()
            .filter(|listed| !seen.insert(listed.state.name.as_str()))
            .map(|listed| (listed.state.name.as_str(), listed.at.clone()))
            .collect();
        for (name, at) in repeated {
            let message = format!("there is another state named `{name}`");
            let diagnostic = Diagnostic::new(Code::DuplicateStateName, at, message)
                .at_key()
                .with_aws(format!("Duplicate State name: {name}"))
                .with_help("names are unique in the whole machine, branches and item processors included");
            self.report(diagnostic);
        }
    }

    /// The state a block starts at.
    pub(super) fn start(&mut self, block: usize) -> Option<StateId> {
        let names = &self.blocks[block];
        let at = names.at.key("StartAt");
        // Without states there is nothing to lead to, and the reader has said so (recorded: AWS says nothing more).
        let start = names.block.start_at.as_deref().filter(|_| !names.block.states.is_empty())?;
        self.target(block, start, at)
    }

    /// The state called `name` in `block`, or a diagnostic at the field that names it.
    pub(super) fn target(&mut self, block: usize, name: &str, at: JsonPointer) -> Option<StateId> {
        let names = &self.blocks[block].states;
        if let Some(id) = names.get(name) {
            return Some(*id);
        }
        if has_placeholder(name) {
            self.unfilled(name, &at);
            return None;
        }
        // AWS says `Next`, whatever the field.
        let mut diagnostic = Diagnostic::new(Code::MissingTarget, at, format!("no state is named `{name}`"))
            .with_aws(format!("Missing 'Next' target: {name}"));
        if let Some(meant) = closest(name, names.keys().copied()) {
            diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
        } else if self.listed.iter().any(|listed| listed.state.name == name) {
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
        for block in 0..self.blocks.len() {
            let states = &self.blocks[block].block.states;
            // Without a start everything would be unreachable, which says nothing new.
            let no_start = self.blocks[block].block.start_at.as_deref().is_none_or(has_placeholder);
            if states.is_empty() || no_start || states.iter().any(unreadable) {
                continue;
            }
            // Only of the machine's own block (measured: a nested loop without an end is accepted).
            if block == 0 && !states.iter().any(State::is_terminal) {
                let at = JsonPointer::root().key("States");
                let diagnostic = Diagnostic::new(Code::NoTerminalState, at, "no state ends the execution")
                    .at_key()
                    .with_aws_at("Workflow has no terminal state", None)
                    .with_help("give the last state `\"End\": true`, or add a Succeed or Fail state");
                self.report(diagnostic);
                continue;
            }
            self.check_reachable(block);
        }
    }

    fn check_reachable(&mut self, block: usize) {
        let names = &self.blocks[block];
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut queue: Vec<&str> = names.block.start_at.as_deref().into_iter().collect();
        while let Some(name) = queue.pop() {
            if let Some(id) = names.states.get(name)
                && reached.insert(name)
            {
                queue.extend(self.listed[id.0 as usize].state.successors());
            }
        }
        let unreached: Vec<(String, JsonPointer)> = names
            .block
            .states
            .iter()
            .filter(|state| !reached.contains(state.name.as_str()))
            .map(|state| (state.name.clone(), names.at.key("States").key(state.name.as_str())))
            .collect();
        for (name, at) in unreached {
            let diagnostic =
                Diagnostic::new(Code::UnreachableState, at, format!("nothing leads to `{name}`"))
                    .at_key()
                    .with_aws(format!("State \"{name}\" is not reachable."));
            self.report(diagnostic);
        }
    }
}
