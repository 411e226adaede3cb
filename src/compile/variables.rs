//! Variables: names that can be assigned, and scopes that do not clash.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::Compiler;
use crate::definition::{State, StateKind};
use crate::diagnostic::{Code, Diagnostic, JsonPointer};
use crate::machine::StateId;

impl Compiler<'_> {
    /// Checks every `Assign` of the machine: states, Choice rules, catchers.
    pub(super) fn check_variables(&mut self) {
        let mut found = Vec::new();
        for (n, listed) in self.listed.iter().enumerate() {
            let names = assigned(listed.state, self.is_jsonata(listed.state), &listed.at);
            found.extend(names.into_iter().map(|(name, at)| (n, name, at)));
        }
        let mut names: BTreeMap<StateId, Vec<&str>> = BTreeMap::new();
        for (n, name, _) in &found {
            names.entry(self.listed[*n].id).or_default().push(name);
        }
        let around: BTreeMap<usize, StateId> = (self.inner.iter())
            .flat_map(|(state, blocks)| blocks.iter().map(|block| (block.0 as usize, *state)))
            .collect();
        let before = self.assigned_before(&names);
        let clashes: Vec<bool> = (found.iter())
            .map(|(n, name, _)| {
                let outer = |block: usize| around.get(&block).copied();
                std::iter::successors(outer(self.listed[*n].block), |state| {
                    outer(self.listed[state.0 as usize].block)
                })
                .any(|state| before.get(&state).is_some_and(|names| names.contains(name.as_str())))
            })
            .collect();
        for ((_, name, at), clash) in found.into_iter().zip(clashes) {
            self.check_variable_name(&name, &at);
            if clash {
                let message = format!("the variable `{name}` is assigned outside of this block too");
                // unverified: AWS's words.
                let aws = format!("The variable name '{name}' was already defined in a parent scope.");
                let diagnostic = Diagnostic::new(Code::DuplicateVariable, at, message)
                    .at_key()
                    .with_aws(aws)
                    .with_help("inner states read outer variables, and assign only their own");
                self.report(diagnostic);
            }
        }
    }

    /// What may be assigned in the block of each state with inner blocks before that state begins. What is
    /// assigned only afterwards is no obstacle to those within (recorded: parallel_catch_error).
    fn assigned_before<'n>(
        &self,
        names: &BTreeMap<StateId, Vec<&'n str>>,
    ) -> BTreeMap<StateId, BTreeSet<&'n str>> {
        let mut leading: BTreeMap<StateId, Vec<StateId>> = BTreeMap::new();
        for listed in &self.listed {
            for next in listed.state.successors() {
                if let Some(next) = self.blocks[listed.block].states.get(next) {
                    leading.entry(*next).or_default().push(listed.id);
                }
            }
        }
        let mut before = BTreeMap::new();
        for state in self.inner.keys() {
            let mut reached = BTreeSet::new();
            let mut queue = leading.get(state).cloned().unwrap_or_default();
            while let Some(id) = queue.pop() {
                if reached.insert(id) {
                    queue.extend(leading.get(&id).into_iter().flatten());
                }
            }
            let assigned = reached.iter().filter_map(|id| names.get(id)).flatten().copied();
            before.insert(*state, assigned.collect::<BTreeSet<_>>());
        }
        before
    }

    fn check_variable_name(&mut self, name: &str, at: &JsonPointer) {
        let diagnostic = if name == "states" {
            Diagnostic::new(Code::ReservedVariable, at.clone(), "the variable `states` is reserved")
                .with_aws("Cannot assign to reserved variable '$states'.")
        } else if !is_identifier(name) || name.chars().count() > self.limits.name_chars {
            let message = format!("`{name}` is not a name for a variable");
            let aws =
                format!("Invalid variable name '{name}': the variable name contains invalid characters.");
            Diagnostic::new(Code::InvalidVariableName, at.clone(), message).with_aws(aws).with_help(format!(
                "a name has up to {} letters, digits and underscores, and starts with a letter",
                self.limits.name_chars
            ))
        } else {
            return;
        };
        self.report(diagnostic.at_key());
    }
}

/// The variables that a state assigns, and where.
fn assigned(state: &State, jsonata: bool, at: &JsonPointer) -> Vec<(String, JsonPointer)> {
    let mut places = vec![(state.assign.as_ref(), at.key("Assign"))];
    if let StateKind::Choice(choice) = &state.kind {
        let rules = at.key("Choices");
        let numbered = choice.choices.iter().enumerate();
        places.extend(numbered.map(|(n, rule)| (rule.assign.as_ref(), rules.index(n).key("Assign"))));
    }
    let catchers = at.key("Catch");
    let numbered = state.catch.iter().flatten().enumerate();
    places.extend(numbered.map(|(n, catcher)| (catcher.assign.as_ref(), catchers.index(n).key("Assign"))));
    let names = |(assign, at): (Option<&serde_json::Map<String, _>>, JsonPointer)| {
        let keys: Vec<String> = assign.into_iter().flat_map(|assign| assign.keys().cloned()).collect();
        let name = move |key: &str| match jsonata {
            true => key.to_owned(),
            false => key.strip_suffix(".$").unwrap_or(key).to_owned(),
        };
        keys.into_iter().map(move |key| (name(&key), at.key(key)))
    };
    places.into_iter().flat_map(names).collect()
}

/// Whether `name` is an identifier as Unicode has them: a letter, then letters, digits and underscores.
fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}
