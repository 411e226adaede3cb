//! Variables that nobody reads, and those that nobody assigns.

use std::collections::BTreeSet;

use super::read::expressions;
use super::tree::Tree;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, JsonPointer, closest};

pub(super) fn lint(tree: &Tree<'_>) -> Diagnostics {
    let mut found = Diagnostics::default();
    // What a JSONata expression reads is not known here.
    if tree.states.iter().any(|visit| visit.jsonata) {
        return found;
    }
    let mut assigned: Vec<(usize, &str, JsonPointer)> = Vec::new();
    let mut read: Vec<(usize, String, JsonPointer)> = Vec::new();
    for visit in &tree.states {
        assigned.extend(visit.assigned().into_iter().map(|(name, at)| (visit.block, name, at)));
        for (at, expression) in expressions(visit) {
            let names: BTreeSet<&str> =
                expression.paths().iter().filter_map(|path| path.variable()).collect();
            read.extend(names.into_iter().map(|name| (visit.block, name.to_owned(), at.clone())));
        }
    }
    let mut told = BTreeSet::new();
    for (block, name, at) in &assigned {
        let used = read.iter().any(|(reader, read, _)| read == name && tree.sees(*reader, *block));
        if !used && told.insert((*block, *name)) {
            let message = format!("nobody reads the variable `{name}`");
            found.push(Diagnostic::new(Code::UnreadVariable, at.clone(), message).at_key());
        }
    }
    for (block, name, at) in &read {
        let visible = || assigned.iter().filter(|(assigner, ..)| tree.sees(*block, *assigner));
        if visible().any(|(_, assigned, _)| assigned == name) {
            continue;
        }
        let message = format!("nobody assigns the variable `{name}`");
        let diagnostic = Diagnostic::new(Code::UnassignedVariable, at.clone(), message);
        found.push(match closest(name, visible().map(|(_, name, _)| *name)) {
            Some(meant) => diagnostic.with_help(format!("did you mean `${meant}`?")),
            None if assigned.iter().any(|(_, assigned, _)| assigned == name) => {
                diagnostic.with_help("it is assigned in a `States` block whose variables are not seen here")
            }
            None => diagnostic,
        });
    }
    found
}
