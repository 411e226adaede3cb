//! Variables that nobody reads, and those that nobody assigns.

use std::collections::{BTreeMap, BTreeSet};

use super::read::variables;
use super::tree::Tree;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, JsonPointer, closest};

pub(super) fn lint(tree: &Tree<'_>) -> Diagnostics {
    let mut found = Diagnostics::default();
    let mut assigned: Vec<(usize, &str, JsonPointer)> = Vec::new();
    let mut read: Vec<(usize, String, JsonPointer)> = Vec::new();
    for visit in &tree.states {
        assigned.extend(visit.assigned().into_iter().map(|(name, at)| (visit.block, name, at)));
        // Without an engine nobody knows what JSONata reads.
        let Some(names) = variables(visit) else { return found };
        read.extend(names.into_iter().map(|(name, at)| (visit.block, name, at)));
    }
    let mut readers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut assigners: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (block, name, _) in &read {
        readers.entry(name).or_default().insert(*block);
    }
    for (block, name, _) in &assigned {
        assigners.entry(name).or_default().insert(*block);
    }
    let mut told = BTreeSet::new();
    for (block, name, at) in &assigned {
        if !told.insert((*block, *name)) {
            continue;
        }
        let used = readers.get(name).into_iter().flatten().any(|reader| tree.sees(*reader, *block));
        if !used {
            let message = format!("nobody reads the variable `{name}`");
            found.push(Diagnostic::new(Code::UnreadVariable, at.clone(), message).at_key());
        }
    }
    let mut told = BTreeSet::new();
    for (block, name, at) in &read {
        let own = assigners.get(name.as_str());
        if own.into_iter().flatten().any(|assigner| tree.sees(*block, *assigner))
            || !told.insert((*block, name))
        {
            continue;
        }
        let visible = || {
            let seen = |blocks: &BTreeSet<usize>| blocks.iter().any(|assigner| tree.sees(*block, *assigner));
            assigners.iter().filter(move |(_, blocks)| seen(blocks)).map(|(name, _)| *name)
        };
        let message = format!("nobody assigns the variable `{name}`");
        let diagnostic = Diagnostic::new(Code::UnassignedVariable, at.clone(), message);
        found.push(match closest(name, visible()) {
            Some(meant) => diagnostic.with_help(format!("did you mean `${meant}`?")),
            None if own.is_some() => {
                diagnostic.with_help("it is assigned in a `States` block whose variables are not seen here")
            }
            None => diagnostic,
        });
    }
    found
}
