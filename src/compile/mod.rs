//! From definition to machine: names become indices, texts become expressions, and every problem is reported.
//!
//! The compiler is the only producer of errors about sense; errors about shape come from the reader in
//! `definition`. Both arrive together, in the order of the text.

mod choice;
mod expression;
mod flow;
mod graph;
mod integration;
mod jsonata;
mod map;
mod resource;
mod retry;
mod state;
mod variables;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::definition::{self, Definition, QueryLanguage};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, JsonPointer, Source};
use crate::limits::Limits;
use crate::machine::state::State;
use crate::machine::{Block, BlockId, ExecutionKind, StateId, StateMachine};

/// What a machine is called that nobody names.
const UNNAMED: &str = "StateMachine";

/// The definition in `source`, and the machine that it makes; or all that is wrong with it.
///
/// `StateMachine::parse` and `StateMachine::compile` are on the floor above, with the advice that they add.
pub(crate) fn compile(
    source: &Source,
    kind: ExecutionKind,
    limits: &Limits,
) -> Result<(Definition, StateMachine), Diagnostics> {
    compile_for(source, kind, limits, Use::Execution)
}

/// The machine that the definition in `source` makes, to look at its states one by one: what is not executed yet
/// is in it too.
#[cfg(feature = "testing")]
pub(crate) fn compile_to_inspect(source: &Source, limits: &Limits) -> Result<StateMachine, Diagnostics> {
    compile_for(source, ExecutionKind::Standard, limits, Use::Inspection).map(|(_, machine)| machine)
}

/// What a machine is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Execution,
    #[cfg(feature = "testing")]
    Inspection,
}

fn compile_for(
    source: &Source,
    kind: ExecutionKind,
    limits: &Limits,
    purpose: Use,
) -> Result<(Definition, StateMachine), Diagnostics> {
    let (definition, mut diagnostics) = Definition::read_within(source, limits);
    let compiled = definition.and_then(|definition| {
        let mut compiler = Compiler::new(kind, definition.query_language(), *limits);
        compiler.purpose = purpose;
        let machine = compiler.compile(&definition);
        diagnostics.extend(compiler.diagnostics);
        Some((definition, machine?))
    });
    diagnostics.attach(source);
    diagnostics.sort();
    match compiled {
        Some((definition, mut machine)) if !diagnostics.has_errors() => {
            machine.definition = source.text().into();
            machine.warnings = diagnostics;
            Ok((definition, machine))
        }
        _ => Err(diagnostics),
    }
}

/// Collects a machine and what is wrong with it.
struct Compiler<'d> {
    kind: ExecutionKind,
    limits: Limits,
    purpose: Use,
    /// The query language of states that do not declare their own.
    language: QueryLanguage,
    /// Whether the state that is being compiled is in JSONata.
    in_jsonata: bool,
    diagnostics: Diagnostics,
    /// All states of all blocks, and the block of each, in the order of the machine's arena.
    listed: Vec<Listed<'d>>,
    blocks: Vec<Names<'d>>,
    /// The blocks within a state, in the order of its branches.
    inner: BTreeMap<StateId, Vec<BlockId>>,
}

/// A state of the definition, on its way into the arena.
#[derive(Clone)]
struct Listed<'d> {
    id: StateId,
    state: &'d definition::State,
    block: usize,
    at: JsonPointer,
}

/// The names that transitions of a block may lead to.
struct Names<'d> {
    block: &'d definition::Block,
    at: JsonPointer,
    states: BTreeMap<&'d str, StateId>,
}

impl<'d> Compiler<'d> {
    fn new(kind: ExecutionKind, language: QueryLanguage, limits: Limits) -> Self {
        Self {
            kind,
            limits,
            purpose: Use::Execution,
            language,
            in_jsonata: false,
            diagnostics: Diagnostics::default(),
            listed: Vec::new(),
            blocks: Vec::new(),
            inner: BTreeMap::new(),
        }
    }

    fn compile(&mut self, definition: &'d Definition) -> Option<StateMachine> {
        self.list(&definition.block, &JsonPointer::root());
        self.check_names();
        let starts: Vec<Option<StateId>> = (0..self.blocks.len()).map(|block| self.start(block)).collect();
        self.check_graph();
        self.check_variables();
        self.check_labels();
        for (at, text) in definition.unfilled() {
            self.unfilled(text, at);
        }
        let listed = self.listed.clone();
        let states: Vec<Option<State>> = listed
            .iter()
            .map(|listed| {
                self.in_jsonata = self.is_jsonata(listed.state);
                self.state(listed)
            })
            .collect();
        let timeout = definition.timeout_seconds.as_ref();
        let timeout = timeout.and_then(expression::whole);
        Some(StateMachine {
            name: UNNAMED.into(),
            definition: "".into(),
            states: states.into_iter().collect::<Option<_>>()?,
            blocks: starts.into_iter().map(|start| Some(Block { start: start? })).collect::<Option<_>>()?,
            timeout: timeout.map(|seconds| Duration::from_secs(seconds.into())),
            warnings: Diagnostics::default(),
        })
    }

    /// Gives every state its place in the arena: a block's own states first, then those of inner blocks.
    fn list(&mut self, block: &'d definition::Block, at: &JsonPointer) {
        let number = self.blocks.len();
        let mut names = Names { block, at: at.clone(), states: BTreeMap::new() };
        let mut inner = Vec::new();
        for state in &block.states {
            let id = StateId(self.listed.len() as u32);
            let here = at.key("States").key(state.name.as_str());
            names.states.insert(&state.name, id);
            match &state.kind {
                definition::StateKind::Map(map) => {
                    inner.extend(
                        map.processor
                            .iter()
                            .map(|processor| (id, &processor.block, here.key(processor.field.as_str()))),
                    );
                }
                definition::StateKind::Parallel(parallel) => {
                    let branches = here.key("Branches");
                    let numbered = parallel.branches.iter().enumerate();
                    inner.extend(numbered.map(|(n, branch)| (id, &branch.block, branches.index(n))));
                }
                _ => {}
            }
            self.listed.push(Listed { id, state, block: number, at: here });
        }
        self.blocks.push(names);
        for (state, block, at) in inner {
            let id = BlockId(self.blocks.len() as u32);
            self.inner.entry(state).or_default().push(id);
            self.list(block, &at);
        }
    }

    fn is_jsonata(&self, state: &definition::State) -> bool {
        state.query_language_in(self.language) == QueryLanguage::Jsonata
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Something that is read, and that a later version will execute.
    fn not_yet(&mut self, at: JsonPointer, what: &str) {
        let message = format!("{what} is read, but not executed yet");
        let help = "a later version will execute it; until then this machine cannot run";
        self.report(Diagnostic::new(Code::NotExecutedYet, at, message).at_key().with_help(help));
    }
}
