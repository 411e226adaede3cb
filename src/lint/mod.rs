//! Advice: what a definition says that its author may not have meant. Warnings only; errors are the compiler's.
//!
//! `StateMachine::parse` is here, because a machine comes with its warnings and `compile` does not know this floor.

mod data;
mod errors;
mod flow;
mod jsonata;
mod read;
mod task;
mod text;
mod variables;

use crate::compile;
use crate::definition::{Definition, Tree};
use crate::diagnostic::{Diagnostics, Source};
use crate::limits::Limits;
use crate::machine::{ExecutionKind, StateMachine};

impl StateMachine {
    /// Reads and compiles a definition: JSON or, with the feature `yaml`, YAML. What is odd about it, though not
    /// wrong, is in [`warnings`](Self::warnings).
    ///
    /// # Errors
    ///
    /// All problems of the definition at once, each with its place. They print with the line and a caret:
    ///
    /// ```
    /// use stepwright::StateMachine;
    ///
    /// let text = r#"{ "StartAt": "Pay", "States": {
    ///     "Pay":  { "Type": "Pass", "Next": "Shipp" },
    ///     "Ship": { "Type": "Succeed" } } }"#;
    /// let diagnostics = StateMachine::parse(text).unwrap_err();
    /// let missing = diagnostics.iter().next().unwrap();
    /// assert_eq!(missing.message(), "no state is named `Shipp`");
    /// assert_eq!(missing.help().next(), Some("did you mean `Ship`?"));
    /// ```
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        Self::compile(&Source::new("definition", text), ExecutionKind::Standard)
    }

    /// The same from a source that has a name of its own, for executions of `kind`: express executions have no
    /// callbacks, activities and distributed Maps.
    ///
    /// # Errors
    ///
    /// All problems of the definition at once.
    ///
    /// ```
    /// use stepwright::diagnostic::Source;
    /// use stepwright::{ExecutionKind, StateMachine};
    ///
    /// let source = Source::new("order.asl.json", r#"{ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }"#);
    /// let machine = StateMachine::compile(&source, ExecutionKind::Express)?;
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn compile(source: &Source, kind: ExecutionKind) -> Result<Self, Diagnostics> {
        Self::compile_within(source, kind, &Limits::AWS)
    }

    /// The same, with limits other than AWS's.
    ///
    /// # Errors
    ///
    /// All problems of the definition at once.
    ///
    /// ```
    /// use stepwright::diagnostic::Source;
    /// use stepwright::{ExecutionKind, Limits, StateMachine};
    ///
    /// let name = "A state that says in its name all there is to say about it, and ".repeat(2);
    /// let text = format!(r#"{{ "StartAt": "{name}", "States": {{ "{name}": {{ "Type": "Succeed" }} }} }}"#);
    /// let source = Source::new("order.asl.json", text);
    /// assert!(StateMachine::compile(&source, ExecutionKind::Standard).is_err());
    ///
    /// let talkative = Limits::AWS.name_chars(200);
    /// let machine = StateMachine::compile_within(&source, ExecutionKind::Standard, &talkative)?;
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn compile_within(
        source: &Source,
        kind: ExecutionKind,
        limits: &Limits,
    ) -> Result<Self, Diagnostics> {
        compile::compile(source, kind, limits, advise)
    }
}

/// What is odd about a definition that compiles.
///
/// ```
/// use stepwright::{Code, Definition};
///
/// let definition = Definition::parse(r#"{ "StartAt": "A", "States": {
///     "A": { "Type": "Pass", "Parameters": { "id": "$.order.id" }, "End": true } } }"#)?;
/// let warnings = stepwright::lint::lint(&definition);
/// assert_eq!(warnings.iter().next().unwrap().code(), Code::PathWithoutDollar);
/// # Ok::<(), stepwright::Diagnostics>(())
/// ```
pub fn lint(definition: &Definition) -> Diagnostics {
    advise(&Tree::new(definition))
}

fn advise(tree: &Tree<'_>) -> Diagnostics {
    let mut found = Diagnostics::default();
    for (number, placed) in tree.states.iter().enumerate() {
        let at = tree.at(number);
        if !placed.jsonata {
            task::lint(placed.state, &at, &mut found);
            errors::lint(placed.state, &at, tree, &mut found);
            data::lint(placed.state, &at, tree, &mut found);
        }
        jsonata::lint(placed, &at, &mut found);
    }
    flow::lint(tree, &mut found);
    variables::lint(tree, &mut found);
    found
}
