//! The engine: compiles and evaluates with `jlens-core`, within bounds, reproducibly.

use std::sync::Arc;
use std::time::Duration;

use jlens_core::output::Output;
use jlens_core::{Bindings, Error, Expression, Options};

use super::analysis::{self, Analysis};
use super::document::{Documents, Nothing, Root, Writer};
use super::{JsonataError, Outcome, Trouble, TroubleKind, function};
use crate::json::Json;
use crate::query::error::SyntaxError;
use crate::query::scope::Scope;

/// A compiled expression.
#[derive(Clone)]
pub(super) struct Program {
    expression: Expression,
    shared: Arc<Shared>,
}

struct Shared {
    /// Variables of the workflow that it may read, and that are no functions of the language.
    free: Box<[Box<str>]>,
    /// Names of functions that it uses, and that a variable of the workflow might hide.
    functions: Box<[Box<str>]>,
    input: Input,
    reads_context: bool,
    /// Whether it draws random numbers.
    random: bool,
}

/// What the document is that the engine evaluates an expression on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// None: it reads nothing.
    Nothing,
    /// `$states` and the variables, which a prelude binds.
    Scope,
    /// The scope's input.
    Document,
}

/// Bounds of one evaluation. Steps are counted, so that they end an evaluation in the same place everywhere;
/// the clock only ends what needs very long for few steps.
///
/// DIFFERENCE: AWS's bound of time is not known, and its bounds of memory (measured) are met where they can be
/// counted: elements of an array, bytes of a string.
const STEPS: u64 = 2_000_000;
const TIME: Duration = Duration::from_millis(500);
const DEPTH: usize = 100;
const STRING: usize = (1 << 23) - 1;
const ARRAY: usize = 873_782;
const RESULT: usize = 4 << 20;
/// An expression nested deeper fails whenever it is evaluated.
const NESTING: usize = 2_000;

impl Program {
    pub(super) fn of_state(text: &str, fields: &[&str]) -> Result<Self, JsonataError> {
        let expression = compile(text)?;
        let analysis = analysis::of_state(expression.ast(), fields, NESTING)?;
        if !analysis.reads_states && analysis.free.is_empty() {
            return Ok(Self::new(expression, Input::Nothing, analysis));
        }
        // Binding through a path over the input, not through `Bindings`: only what is read is converted.
        let mut prelude = String::from("(");
        if analysis.reads_states {
            prelude += "$states:=$.states;";
        }
        for name in &analysis.free {
            prelude += &format!("${name}:=$.`${name}`;");
        }
        let expression = compile(&format!("{prelude}{text}\n)"))?;
        Ok(Self::new(expression, Input::Scope, analysis))
    }

    pub(super) fn standalone(text: &str) -> Result<Self, JsonataError> {
        let expression = compile(text)?;
        let analysis = analysis::standalone(expression.ast(), NESTING)?;
        Ok(Self::new(expression, Input::Document, analysis))
    }

    fn new(expression: Expression, input: Input, analysis: Analysis) -> Self {
        let shared = Shared {
            free: analysis.free.into_iter().collect(),
            functions: analysis.functions.into_iter().collect(),
            input,
            reads_context: analysis.reads_context,
            random: analysis.random,
        };
        Self { expression, shared: Arc::new(shared) }
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.shared.free.iter().map(|name| &**name)
    }

    pub(super) fn may_read_context(&self) -> bool {
        self.shared.reads_context
    }

    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Outcome, Trouble> {
        let seed = self.shared.random.then(|| scope.entropy.draw());
        let bindings = self.bindings(scope, seed);
        let value = self.run(&self.expression, &bindings, scope, seed)?;
        if let Some(value) = value {
            return Ok(Outcome::Value(value));
        }
        // The engine writes neither functions nor what is undefined: ask which of the two it was.
        let asked = Expression::compile(&format!("$type({}\n)", self.expression.source()));
        let kind = match &asked {
            Ok(asked) => self.run(asked, &bindings, scope, seed)?,
            Err(_) => None,
        };
        let is_function = kind.as_ref().and_then(Json::as_str) == Some("function");
        Ok(if is_function { Outcome::Function } else { Outcome::Undefined })
    }

    fn run(
        &self,
        expression: &Expression,
        bindings: &Bindings,
        scope: &Scope<'_>,
        seed: Option<[u8; 32]>,
    ) -> Result<Option<Json>, Trouble> {
        let mut options =
            Options::new().now(scope.now.as_millis()).timeout(TIME).max_steps(STEPS).max_result_size(RESULT);
        if self.shared.input != Input::Document {
            // The prelude's block is no part of the expression.
            let depth = DEPTH + usize::from(self.shared.input == Input::Scope);
            options = options.max_depth(depth).max_string_length(STRING).max_array_length(ARRAY);
        }
        if let Some(seed) = seed {
            options = options.seed(u64::from_le_bytes(std::array::from_fn(|n| seed[n])));
        }
        let documents = Documents::new();
        let root = Root { documents: &documents, scope: *scope, whole: self.shared.input == Input::Document };
        let write = |output: Output<'_, '_>| output.write(&mut Writer { documents: &documents });
        let result = match self.shared.input {
            Input::Document if scope.input.is_null() => {
                expression.evaluate_source_to(&Nothing, bindings, &options, write)
            }
            Input::Nothing => expression.evaluate_source_to(&Nothing, bindings, &options, write),
            Input::Scope | Input::Document => expression.evaluate_source_to(&root, bindings, &options, write),
        };
        result.map_err(|error| trouble(&error))
    }

    /// The functions that AWS adds and takes away, and what has to be bound by value.
    fn bindings(&self, scope: &Scope<'_>, seed: Option<[u8; 32]>) -> Bindings {
        let mut bindings = function::added().clone();
        if let Some(seed) = seed {
            bindings = function::with_random(bindings, seed);
        }
        let by_value = match self.shared.input {
            Input::Document => &*self.shared.free,
            Input::Nothing | Input::Scope => &[],
        };
        for name in self.shared.functions.iter().chain(by_value) {
            if let Some(value) = scope.variables.variable(name) {
                bindings = bindings.var(&**name, serde_json::Value::from(value));
            }
        }
        bindings
    }
}

fn compile(text: &str) -> Result<Expression, JsonataError> {
    Expression::compile(text).map_err(|error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        JsonataError::Syntax(SyntaxError::new(error.message(), offset.min(text.len())), error.code().into())
    })
}

fn trouble(error: &Error) -> Trouble {
    let kind = match error.code() {
        "D1011" => TroubleKind::Stack,
        "D1012" | "U1003" | "U1006" => TroubleKind::Time,
        "U1001" | "D2014" | "D2015" | "D2016" => TroubleKind::Memory,
        _ => TroubleKind::Expression,
    };
    Trouble { kind, code: error.code().into(), message: error.message() }
}
