//! All states of a definition, those of inner blocks too, by numbers; and the `States` blocks around them.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::edges::Edges;
use super::{Block, Definition, Mode, QueryLanguage, State, StateKind};
use crate::diagnostic::{JsonPointer, Trail};
use crate::span::Step;

/// The states and blocks of a definition.
#[derive(Debug)]
pub(crate) struct Tree<'d> {
    /// A block's own states first, then those of inner blocks.
    pub(crate) states: Vec<Placed<'d>>,
    pub(crate) blocks: Vec<Within<'d>>,
    /// The blocks within each state that has some.
    inner: BTreeMap<usize, Vec<usize>>,
    /// The numbers of the states in the order of their names, with the beginning of each name: most
    /// comparisons need no more.
    names: Vec<(u64, u32)>,
    /// Where the transitions of each state lead that lead somewhere, in the order in which they are written.
    pub(crate) successors: Edges,
}

/// A state and the block it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'d> {
    pub(crate) state: &'d State,
    pub(crate) block: usize,
    pub(crate) jsonata: bool,
}

/// A block and what is around it.
#[derive(Debug)]
pub(crate) struct Within<'d> {
    pub(crate) block: &'d Block,
    /// The state it is in; `None` for the definition's own.
    pub(crate) around: Option<usize>,
    /// Where the block stands, and where its `States` do.
    pub(crate) at: JsonPointer,
    pub(crate) at_states: JsonPointer,
    /// The number of its first state.
    first: usize,
}

impl<'d> Tree<'d> {
    pub(crate) fn new(definition: &'d Definition) -> Self {
        let count = definition.block.states.len();
        let mut tree = Self {
            states: Vec::with_capacity(count),
            blocks: Vec::new(),
            inner: BTreeMap::new(),
            names: Vec::new(),
            successors: Edges::default(),
        };
        tree.add(&definition.block, None, JsonPointer::root(), definition.query_language());
        let states = tree.states.iter().zip(0..);
        let mut names: Vec<(u64, u32)> =
            states.map(|(placed, number)| (beginning(&placed.state.name), number)).collect();
        names.sort_unstable_by_key(|(beginning, number)| (*beginning, tree.name(*number), *number));
        tree.names = names;
        let mut successors = Edges::default();
        for Placed { state, block, .. } in &tree.states {
            successors.push(state.successors().filter_map(|name| tree.find(*block, name)));
        }
        tree.successors = successors;
        tree
    }

    /// Where a state stands.
    pub(crate) fn at(&self, state: usize) -> Trail<'_> {
        let Placed { state, block, .. } = self.states[state];
        self.blocks[block].at_states.below(Step::Key(&state.name))
    }

    /// The numbers of a block's own states.
    pub(crate) fn of_block(&self, block: usize) -> Range<usize> {
        let within = &self.blocks[block];
        within.first..within.first + within.block.states.len()
    }

    /// The number of the state called `name` in a block.
    pub(crate) fn find(&self, block: usize, name: &str) -> Option<usize> {
        self.first_from((beginning(name), name, block)).filter(|number| self.states[*number].block == block)
    }

    /// Whether some block has a state called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.first_from((beginning(name), name, 0)).is_some()
    }

    /// The first state whose name is the wanted one, and whose block is no earlier than the wanted one.
    fn first_from(&self, wanted: (u64, &str, usize)) -> Option<usize> {
        let key = |(beginning, number): (u64, u32)| {
            let Placed { state, block, .. } = self.states[number as usize];
            (beginning, state.name.as_str(), block)
        };
        let at = self.names.partition_point(|entry| key(*entry) < wanted);
        let entry = self.names.get(at).filter(|entry| key(**entry).1 == wanted.1)?;
        Some(entry.1 as usize)
    }

    /// The numbers of the states whose name another one had before, in their order.
    pub(crate) fn repeated(&self) -> Vec<usize> {
        let pairs = self.names.windows(2).filter(|pair| self.name(pair[0].1) == self.name(pair[1].1));
        let mut repeated: Vec<usize> = pairs.map(|pair| pair[1].1 as usize).collect();
        repeated.sort_unstable();
        repeated
    }

    /// The blocks within a state, in the order of its branches.
    pub(crate) fn inner(&self, state: usize) -> &[usize] {
        self.inner.get(&state).map_or(&[], Vec::as_slice)
    }

    /// Whether what is in block `inner` sees the variables of `block`.
    pub(crate) fn sees(&self, inner: usize, block: usize) -> bool {
        std::iter::successors(Some(inner), |inner| {
            let around = self.states[self.blocks[*inner].around?];
            match &around.state.kind {
                // The executions of a distributed Map see no variables but their own.
                StateKind::Map(map) if map.mode() == Mode::Distributed => None,
                _ => Some(around.block),
            }
        })
        .any(|seen| seen == block)
    }

    fn name(&self, number: u32) -> &'d str {
        &self.states[number as usize].state.name
    }

    // Recursion is bounded by how deep the reader lets a document be.
    fn add(&mut self, block: &'d Block, around: Option<usize>, at: JsonPointer, language: QueryLanguage) {
        let (number, first) = (self.blocks.len(), self.states.len());
        self.states.extend(block.states.iter().map(|state| {
            let jsonata = state.query_language_in(language) == QueryLanguage::Jsonata;
            Placed { state, block: number, jsonata }
        }));
        if let Some(around) = around {
            self.inner.entry(around).or_default().push(number);
        }
        let at_states = at.key("States");
        self.blocks.push(Within { block, around, at, at_states, first });
        for (n, state) in block.states.iter().enumerate() {
            let around = first + n;
            match &state.kind {
                StateKind::Map(map) => {
                    if let Some(processor) = &map.processor {
                        let at = self.at(around).key(processor.field.as_str()).pointer();
                        self.add(&processor.block, Some(around), at, language);
                    }
                }
                StateKind::Parallel(parallel) => {
                    for (n, branch) in parallel.branches.iter().enumerate() {
                        let at = self.at(around).key("Branches").index(n).pointer();
                        self.add(&branch.block, Some(around), at, language);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The first eight bytes of a name, as a number of the same order.
fn beginning(name: &str) -> u64 {
    name.bytes().chain(std::iter::repeat(0)).take(8).fold(0, |sum, byte| sum << 8 | u64::from(byte))
}

impl<'d> Placed<'d> {
    /// Shows the variables that the state assigns.
    pub(crate) fn assigned(&self, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &'d str)) {
        self.state.assigns(at, &mut |at, assign| {
            for key in assign.keys() {
                let name = match self.jsonata {
                    true => key,
                    false => key.strip_suffix(".$").unwrap_or(key),
                };
                show(&at.key(key), name);
            }
        });
    }
}

impl State {
    /// Shows every `Assign` of the state: its own, those of Choice rules, those of catchers.
    pub(crate) fn assigns<'d>(
        &'d self,
        at: &Trail<'_>,
        show: &mut dyn FnMut(&Trail<'_>, &'d Map<String, Value>),
    ) {
        if let Some(assign) = &self.assign {
            show(&at.key("Assign"), assign);
        }
        if let StateKind::Choice(choice) = &self.kind {
            for (n, rule) in choice.choices.iter().enumerate() {
                if let Some(assign) = &rule.assign {
                    show(&at.key("Choices").index(n).key("Assign"), assign);
                }
            }
        }
        for (n, catcher) in self.catch.iter().flatten().enumerate() {
            if let Some(assign) = &catcher.assign {
                show(&at.key("Catch").index(n).key("Assign"), assign);
            }
        }
    }
}
