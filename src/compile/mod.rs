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

use std::time::Duration;

use crate::definition::{self, Definition, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, JsonPointer, Source, Trail};
use crate::limits::Limits;
use crate::machine::{Block, ExecutionKind, StateId, StateMachine};

/// What a machine is called that nobody names.
const UNNAMED: &str = "StateMachine";

/// The machine that the definition in `source` makes, with the warnings of `advise`; or all that is wrong with it.
///
/// `StateMachine::parse` and `StateMachine::compile` are on the floor above, with the advice that they give.
pub(crate) fn compile(
    source: &Source,
    kind: ExecutionKind,
    limits: &Limits,
    advise: impl FnOnce(&Tree<'_>) -> Diagnostics,
) -> Result<StateMachine, Diagnostics> {
    compile_for(source, kind, limits, Use::Execution, advise)
}

/// The machine that the definition in `source` makes, to look at its states one by one: what is not executed yet
/// is in it too.
#[cfg(feature = "testing")]
pub(crate) fn compile_to_inspect(source: &Source, limits: &Limits) -> Result<StateMachine, Diagnostics> {
    compile_for(source, ExecutionKind::Standard, limits, Use::Inspection, |_| Diagnostics::default())
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
    advise: impl FnOnce(&Tree<'_>) -> Diagnostics,
) -> Result<StateMachine, Diagnostics> {
    let (definition, mut diagnostics) = Definition::read_within(source, limits);
    let machine = definition.and_then(|definition| {
        let tree = Tree::new(&definition);
        let found = Diagnostics::default();
        let mut compiler =
            Compiler { kind, limits: *limits, purpose, in_jsonata: false, diagnostics: found, tree: &tree };
        let machine = compiler.compile(&definition);
        diagnostics.extend(compiler.diagnostics);
        if machine.is_some() && !diagnostics.has_errors() {
            diagnostics.extend(advise(&tree));
        }
        machine
    });
    diagnostics.attach(source);
    diagnostics.sort();
    match machine {
        Some(mut machine) if !diagnostics.has_errors() => {
            machine.definition = source.shared_text();
            machine.warnings = diagnostics;
            Ok(machine)
        }
        _ => Err(diagnostics),
    }
}

/// Collects a machine and what is wrong with it.
struct Compiler<'t, 'd> {
    kind: ExecutionKind,
    limits: Limits,
    purpose: Use,
    /// Whether the state that is being compiled is in JSONata.
    in_jsonata: bool,
    diagnostics: Diagnostics,
    /// The states are numbered here as in the machine's arena, and so are the blocks.
    tree: &'t Tree<'d>,
}

/// A state of the definition, on its way into the arena.
#[derive(Clone, Copy)]
struct Listed<'t, 'd> {
    number: usize,
    state: &'d definition::State,
    block: usize,
    at: &'t Trail<'t>,
}

impl<'d> Compiler<'_, 'd> {
    fn compile(&mut self, definition: &'d Definition) -> Option<StateMachine> {
        let tree = self.tree;
        self.check_names();
        let starts: Vec<Option<StateId>> = (0..tree.blocks.len()).map(|block| self.start(block)).collect();
        self.check_graph();
        self.check_variables();
        self.check_labels();
        for (at, text) in definition.unfilled() {
            self.unfilled(text, at.clone());
        }
        let states = all(tree.states.iter().enumerate().map(|(number, placed)| {
            self.in_jsonata = placed.jsonata;
            let at = tree.at(number);
            self.state(&Listed { number, state: placed.state, block: placed.block, at: &at })
        }));
        let timeout = definition.timeout_seconds.as_ref();
        let timeout = timeout.and_then(expression::whole);
        Some(StateMachine {
            name: UNNAMED.into(),
            definition: "".into(),
            states: states?.into(),
            blocks: starts.into_iter().map(|start| Some(Block { start: start? })).collect::<Option<_>>()?,
            timeout: timeout.map(|seconds| Duration::from_secs(seconds.into())),
            warnings: Diagnostics::default(),
        })
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

/// All `items`, unless one of them is wrong. The others are looked at nevertheless.
fn all<T>(items: impl ExactSizeIterator<Item = Option<T>>) -> Option<Box<[T]>> {
    let count = items.len();
    let mut list = Vec::with_capacity(count);
    items.for_each(|item| list.extend(item));
    (list.len() == count).then(|| list.into())
}
