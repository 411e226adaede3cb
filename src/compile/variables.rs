//! Variables: names that can be assigned, and scopes that do not clash.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::Compiler;
use crate::diagnostic::{Code, Diagnostic, JsonPointer};

impl Compiler<'_, '_> {
    /// Checks every `Assign` of the machine: states, Choice rules, catchers.
    pub(super) fn check_variables(&mut self) {
        let tree = self.tree;
        let mut found: Vec<(usize, &str, JsonPointer)> = Vec::new();
        for (number, placed) in tree.states.iter().enumerate() {
            placed.assigned(&tree.at(number), &mut |at, name| found.push((number, name, at.pointer())));
        }
        if found.is_empty() {
            return;
        }
        let mut names: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for (number, name, _) in &found {
            names.entry(*number).or_default().push(name);
        }
        let before = self.assigned_before(&names);
        for (number, name, at) in found {
            self.check_variable_name(name, &at);
            let around = |number: usize| tree.blocks[tree.states[number].block].around;
            let clash = std::iter::successors(around(number), |outer| around(*outer))
                .any(|outer| before.get(&outer).is_some_and(|names| names.contains(name)));
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
        names: &BTreeMap<usize, Vec<&'n str>>,
    ) -> BTreeMap<usize, BTreeSet<&'n str>> {
        let leading = self.tree.successors.reversed();
        let around: BTreeSet<usize> = self.tree.blocks.iter().filter_map(|within| within.around).collect();
        let before = around.into_iter().map(|state| {
            let reached = leading.reached(leading.of(state).iter().copied());
            let assigned = names.iter().filter(|(number, _)| reached[**number]);
            (state, assigned.flat_map(|(_, names)| names).copied().collect())
        });
        before.collect()
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

/// Whether `name` is an identifier as Unicode has them: a letter, then letters, digits and underscores.
fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}
