//! Variables that nobody reads, and those that nobody assigns.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{expressions, reads_variable};
use super::text::{Text, texts};
use crate::definition::{Placed, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, JsonPointer, Trail, closest};
use crate::query::{Expression, Jsonata};

pub(super) fn lint(tree: &Tree<'_>, found: &mut Diagnostics) {
    let mut assigned: Vec<(usize, &str, JsonPointer)> = Vec::new();
    let mut read: Vec<(usize, String, JsonPointer)> = Vec::new();
    for (number, placed) in tree.states.iter().enumerate() {
        let at = tree.at(number);
        placed.assigned(&at, &mut |at, name| assigned.push((placed.block, name, at.pointer())));
        let known = variables(placed, &at, &mut |at, name| {
            read.push((placed.block, name.to_owned(), at.pointer()));
        });
        // Without an engine nobody knows what JSONata reads.
        if !known {
            return;
        }
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
}

/// Shows the variables that a state reads; `false` where nobody knows.
fn variables(placed: &Placed<'_>, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &str)) -> bool {
    let mut known = true;
    if placed.jsonata {
        texts(placed, at, &mut |at, text| {
            let Text::Expression(text) = text else { return };
            let text = text.trim_start_matches("{%").trim_end_matches("%}").trim();
            match Jsonata::parse(text, &["input", "context", "result", "errorOutput"]) {
                Ok(expression) => expression.variables().for_each(|name| show(at, name)),
                Err(_) => known = false,
            }
        });
    } else {
        expressions(placed.state, at, &mut |at, text| {
            if !reads_variable(text) {
                return;
            }
            let Ok(expression) = Expression::parse(text) else { return };
            let names: BTreeSet<&str> =
                expression.paths().iter().filter_map(|path| path.variable()).collect();
            names.into_iter().for_each(|name| show(at, name));
        });
    }
    known
}
