//! The engine: compiles and evaluates with `jlens-core`, within bounds, reproducibly.

use std::borrow::Cow;
use std::sync::Arc;

use jlens_core::ast::Span;
use jlens_core::output::Output;
use jlens_core::{Bindings, Error, Expression, Options};
use serde_json::Value;

use super::analysis::{self, Analysis};
use super::document::{Documents, Nothing, Root, Writer};
use super::place::Place;
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
    /// What it comes to if it only names a place.
    place: Option<Place>,
    /// The operands of its divisions, and how far into the engine's text they are shifted.
    divisions: Box<[(Span, Span)]>,
    shift: usize,
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
/// the clock (`Limits::expression_time`) only ends what needs very long for few steps.
///
/// DIFFERENCE: AWS's bound of time is not known, and its bounds of memory (measured) are met where they can be
/// counted: elements of an array, bytes of a string.
const STEPS: u64 = 2_000_000;
const DEPTH: usize = 100;
const STRING: usize = (1 << 23) - 1;
const ARRAY: usize = 873_782;
/// An expression nested deeper fails whenever it is evaluated.
const NESTING: usize = 2_000;

/// The engine compares each element of a long array with all before it, and does not look at the clock.
const DISTINCT: &str = "$_compared:=$distinct;\
    $distinct:=$type($distinct)='function'\
        ?function($a)<x:x>{$count($a)>1000?$_distinct($a):$_compared($a)}:$distinct;";

impl Program {
    pub(super) fn of_state(text: &str, fields: &[&str]) -> Result<Self, JsonataError> {
        let expression = compile(text)?;
        let analysis = analysis::of_state(expression.ast(), fields, NESTING)?;
        let place = Place::of(expression.ast()).filter(|_| analysis.functions.is_empty());
        let slow = analysis.functions.contains("distinct");
        if !analysis.reads_states && analysis.free.is_empty() && !slow {
            return Ok(Self::new(expression, Input::Nothing, analysis));
        }
        // Binding through a path over the input, not through `Bindings`: only what is read is converted.
        let mut prelude = String::from("(");
        if slow {
            prelude += DISTINCT;
        }
        if analysis.reads_states {
            prelude += "$states:=$.states;";
        }
        for name in &analysis.free {
            prelude += &format!("${name}:=$.`${name}`;");
        }
        let expression = compile(&format!("{prelude}{text}\n)"))?;
        let program = Self::new(expression, Input::Scope, analysis);
        Ok(program.with(|shared| (shared.shift, shared.place) = (prelude.len(), place)))
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
            place: None,
            divisions: analysis.divisions.into(),
            shift: 0,
        };
        Self { expression, shared: Arc::new(shared) }
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
        self
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.shared.free.iter().map(|name| &**name)
    }

    pub(super) fn may_read_context(&self) -> bool {
        self.shared.reads_context
    }

    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Outcome, Trouble> {
        if let Some(value) = self.shared.place.as_ref().and_then(|place| place.value(scope)) {
            return Ok(Outcome::Value(value));
        }
        let seed = self.shared.random.then(|| scope.entropy.draw());
        let bindings = self.bindings(scope, seed);
        let mut value = self.run(&self.expression, &bindings, scope, seed);
        let beyond_json = match &value {
            Ok(value) => value.as_ref().is_some_and(has_null),
            Err(trouble) => trouble.code == "D1001",
        };
        if beyond_json && let Some(divided) = self.divided() {
            let bindings = function::with_division(bindings.clone().into_owned());
            value = self.run(&divided, &bindings, scope, seed).or(value);
        }
        if let Some(value) = value? {
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

    /// The same with a function in the place of every division. The engine has no infinity, and AWS gives it as
    /// text.
    fn divided(&self) -> Option<Expression> {
        if self.shared.input == Input::Document {
            return None;
        }
        let source = self.expression.source();
        let mut text = source.to_owned();
        let mut edits = Vec::new();
        for (left, right) in &self.shared.divisions {
            let [from, until, next, end] =
                [left.start, left.end, right.start, right.end].map(|at| at + self.shared.shift);
            if source.get(until..next)?.trim() != "/" {
                return None;
            }
            edits.extend([(from..from, "$_divide("), (until..next, ","), (end..end, ")")]);
        }
        if edits.is_empty() {
            return None;
        }
        // From the end, so that what is yet to be edited stays where it was.
        edits.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
        edits.into_iter().for_each(|(place, with)| text.replace_range(place, with));
        compile(&text).ok()
    }

    fn run(
        &self,
        expression: &Expression,
        bindings: &Bindings,
        scope: &Scope<'_>,
        seed: Option<[u8; 32]>,
    ) -> Result<Option<Json>, Trouble> {
        let mut options = Options::new()
            .now(scope.now.as_millis())
            .timeout(scope.limits.expression_time)
            .max_steps(STEPS)
            .max_result_size(scope.limits.payload_bytes.saturating_mul(4));
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
        let write = |output: Output<'_, '_>| output.write(&mut Writer::new(&documents));
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
    fn bindings(&self, scope: &Scope<'_>, seed: Option<[u8; 32]>) -> Cow<'static, Bindings> {
        let mut bindings = Cow::Borrowed(function::added());
        if self.shared.functions.iter().any(|name| matches!(&**name, "distinct" | "partition" | "range")) {
            bindings = Cow::Owned(function::with_arrays(bindings.into_owned()));
        }
        if let Some(seed) = seed {
            bindings = Cow::Owned(function::with_random(bindings.into_owned(), seed));
        }
        let by_value = match self.shared.input {
            Input::Document => &*self.shared.free,
            Input::Nothing | Input::Scope => &[],
        };
        for name in self.shared.functions.iter().chain(by_value) {
            if let Some(value) = scope.variables.variable(name) {
                bindings = Cow::Owned(bindings.into_owned().var(&**name, Value::from(value)));
            }
        }
        bindings
    }
}

// Recursion over results is bounded by the engine.
fn has_null(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(_) => value.as_array().unwrap_or_default().iter().any(has_null),
        Json::Object(object) => object.values().any(has_null),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
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
    Trouble { kind, code: error.code().into(), message: message(error) }
}

/// The engine's message, with numbers as JSONata writes them.
fn message(error: &Error) -> String {
    let message = error.message();
    match error.value() {
        // The engine has no JSON for it.
        Some(Value::Null) if error.code() == "D1001" => message.replace("null", "Infinity"),
        Some(Value::Number(number)) if number.is_f64() => {
            let shown = super::document::number(number.as_f64().unwrap_or_default());
            message.replacen(&number.to_string(), &shown.to_string(), 1)
        }
        _ => message,
    }
}
