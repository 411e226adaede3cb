//! The states of a definition with their places and the `States` blocks around them.

use std::collections::BTreeSet;

use crate::definition::{Block, Definition, Mode, QueryLanguage, Setting, State, StateKind};
use crate::diagnostic::JsonPointer;

/// All states and all blocks.
#[derive(Debug)]
pub(super) struct Tree<'d> {
    pub(super) blocks: Vec<Within<'d>>,
    pub(super) states: Vec<Visit<'d>>,
}

/// A block and what is around it.
#[derive(Debug)]
pub(super) struct Within<'d> {
    pub(super) block: &'d Block,
    pub(super) at: JsonPointer,
    /// The block around it whose variables are seen in it.
    pub(super) outer: Option<usize>,
}

/// A state and where it stands.
#[derive(Debug)]
pub(super) struct Visit<'d> {
    pub(super) state: &'d State,
    pub(super) at: JsonPointer,
    pub(super) block: usize,
    pub(super) jsonata: bool,
}

impl<'d> Tree<'d> {
    pub(super) fn new(definition: &'d Definition) -> Self {
        let mut tree = Self { blocks: Vec::new(), states: Vec::new() };
        tree.add(&definition.block, &JsonPointer::root(), None, definition.query_language());
        tree
    }

    /// The states whose language is JSONPath.
    pub(super) fn jsonpath(&self) -> impl Iterator<Item = &Visit<'d>> {
        self.states.iter().filter(|visit| !visit.jsonata)
    }

    /// Whether `inner` is `block`, or sees its variables.
    pub(super) fn sees(&self, inner: usize, block: usize) -> bool {
        std::iter::successors(Some(inner), |inner| self.blocks[*inner].outer).any(|seen| seen == block)
    }

    /// The names of all variables that some state assigns.
    pub(super) fn variables(&self) -> BTreeSet<&'d str> {
        self.states.iter().flat_map(Visit::assigned).map(|(name, _)| name).collect()
    }

    /// Whether a Fail state fails with `error`.
    pub(super) fn raises(&self, error: &str) -> bool {
        self.states.iter().any(|visit| match &visit.state.kind {
            StateKind::Fail(fail) => {
                fail.error.as_ref().is_some_and(|own| *own == Setting::Value(error.into()))
            }
            _ => false,
        })
    }

    // Recursion is bounded by how deep the reader lets a document be.
    fn add(&mut self, block: &'d Block, at: &JsonPointer, outer: Option<usize>, language: QueryLanguage) {
        let number = self.blocks.len();
        self.blocks.push(Within { block, at: at.clone(), outer });
        for state in &block.states {
            let at = at.key("States").key(state.name.as_str());
            let jsonata = state.query_language_in(language) == QueryLanguage::Jsonata;
            self.states.push(Visit { state, at: at.clone(), block: number, jsonata });
            match &state.kind {
                StateKind::Map(map) => {
                    // The executions of a distributed Map see no variables but their own.
                    let outer = (map.mode() == Mode::Inline).then_some(number);
                    if let Some(processor) = &map.processor {
                        self.add(&processor.block, &at.key(processor.field.as_str()), outer, language);
                    }
                }
                StateKind::Parallel(parallel) => {
                    for (n, branch) in parallel.branches.iter().enumerate() {
                        self.add(&branch.block, &at.key("Branches").index(n), Some(number), language);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'d> Visit<'d> {
    /// The variables that the state assigns, and where.
    pub(super) fn assigned(&self) -> Vec<(&'d str, JsonPointer)> {
        let mut places = vec![(&self.state.assign, self.at.key("Assign"))];
        if let StateKind::Choice(choice) = &self.state.kind {
            for (n, rule) in choice.choices.iter().enumerate() {
                places.push((&rule.assign, self.at.key("Choices").index(n).key("Assign")));
            }
        }
        for (n, catcher) in self.state.catch.iter().flatten().enumerate() {
            places.push((&catcher.assign, self.at.key("Catch").index(n).key("Assign")));
        }
        let mut names = Vec::new();
        for (assign, at) in places {
            for key in assign.iter().flat_map(|assign| assign.keys()) {
                let name = match self.jsonata {
                    true => key,
                    false => key.strip_suffix(".$").unwrap_or(key),
                };
                names.push((name, at.key(key.as_str())));
            }
        }
        names
    }
}
