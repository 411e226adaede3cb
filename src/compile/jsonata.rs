//! JSONata states: their expressions, and where each of them stands.

use serde_json::{Map, Value};

use crate::compile::Compiler;
use crate::definition::{self, State, StateKind, has_placeholder};
use crate::diagnostic::{Code, Diagnostic, Trail};
use crate::machine::choice::JsonataRule;
use crate::machine::io::{Exit, Expressions};
use crate::query::{JsonataError, JsonataTemplate, JsonataTemplateError, Place};

/// The fields that `$states` has everywhere.
pub(super) const INPUT: &[&str] = &["input", "context"];
/// The fields that it has where a result is.
const RESULT: &[&str] = &["input", "context", "result"];

impl Compiler<'_, '_> {
    /// What a JSONata state computes besides what is its type's own.
    pub(super) fn expressions(&mut self, state: &State, at: &Trail<'_>) -> Option<Expressions> {
        let arguments = self.jsonata_or_none(state.arguments.as_ref(), "Arguments", INPUT, at);
        let sees = match &state.kind {
            StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_) => RESULT,
            _ => INPUT,
        };
        let exit = self.exit(state.output.as_ref(), state.assign.as_ref(), "", sees, at);
        Some(Expressions { arguments: arguments?, exit: exit? })
    }

    /// `Output` and `Assign` of a state, a Choice rule or a catcher; AWS writes `prefix` before their names.
    pub(super) fn exit(
        &mut self,
        output: Option<&Value>,
        assign: Option<&Map<String, Value>>,
        prefix: &str,
        sees: &[&str],
        at: &Trail<'_>,
    ) -> Option<Exit> {
        let mut stage = |value: Option<&Value>, name: &str| match value {
            None => Some(None),
            Some(value) => self.jsonata(value, &format!("{prefix}{name}"), sees, &at.key(name)).map(Some),
        };
        let assign = assign.map(|variables| Value::Object(variables.clone()));
        let assign = stage(assign.as_ref(), "Assign");
        let output = stage(output, "Output");
        Some(Exit { output: output?, assign: assign? })
    }

    pub(super) fn jsonata_rule(
        &mut self,
        block: usize,
        number: usize,
        rule: &definition::ChoiceRule,
        at: &Trail<'_>,
    ) -> Option<JsonataRule> {
        let prefix = format!("Choices[{number}]/");
        let condition = match &rule.condition.test {
            Some(definition::Test::Expression(value)) => {
                self.jsonata(value, &format!("{prefix}Condition"), INPUT, &at.key("Condition"))
            }
            // The reader has said why.
            _ => None,
        };
        let next = self.target(block, rule.next.as_deref()?, &at.key("Next"));
        let exit = self.exit(rule.output.as_ref(), rule.assign.as_ref(), &prefix, INPUT, at);
        Some(JsonataRule { condition: condition?, next: next?, exit: exit? })
    }

    /// A field of a state that may be absent.
    pub(super) fn jsonata_or_none(
        &mut self,
        value: Option<&Value>,
        field: &str,
        sees: &[&str],
        at: &Trail<'_>,
    ) -> Option<Option<JsonataTemplate>> {
        match value {
            None => Some(None),
            Some(value) => self.jsonata(value, field, sees, &at.key(field)).map(Some),
        }
    }

    /// A field whose value is text: an expression, or the text itself.
    pub(super) fn jsonata_text(
        &mut self,
        text: &str,
        field: &str,
        at: &Trail<'_>,
    ) -> Option<JsonataTemplate> {
        self.jsonata(&Value::from(text), field, INPUT, at)
    }

    /// The value of `field`, which stands at `at`.
    pub(super) fn jsonata(
        &mut self,
        value: &Value,
        field: &str,
        sees: &[&str],
        at: &Trail<'_>,
    ) -> Option<JsonataTemplate> {
        match JsonataTemplate::compile(value, field, sees) {
            Ok(template) => Some(template),
            Err(errors) => {
                errors.iter().for_each(|error| self.jsonata_error(value, error, at));
                None
            }
        }
    }

    fn jsonata_error(&mut self, value: &Value, error: &JsonataTemplateError, at: &Trail<'_>) {
        let place = error.place().iter().fold(at.pointer(), |at, step| match step {
            Place::Key(key) => at.key(key.clone()),
            Place::Index(index) => at.index(*index),
        });
        if let Some(text) = value.pointer(&error.pointer()).and_then(Value::as_str)
            && has_placeholder(text)
        {
            return self.unfilled(text, place);
        }
        let message = error.to_string();
        let diagnostic = match error.expression() {
            Some(JsonataError::Unsupported(unsupported)) => {
                let diagnostic = Diagnostic::new(Code::UnsupportedJsonata, place, lowercase(&message))
                    .with_aws(unsupported.message());
                match unsupported.message() {
                    text if text.contains("top level") => diagnostic
                        .with_help("a state's expression has no input of its own: it is in `$states.input`"),
                    text if text.contains("$states.result") => diagnostic.with_help(
                        "only `Output` and `Assign` of Task, Map and Parallel states have a result",
                    ),
                    text if text.contains("$states.errorOutput") => {
                        diagnostic.with_help("only `Output` and `Assign` of catchers have an error")
                    }
                    _ => diagnostic,
                }
            }
            Some(JsonataError::Syntax(syntax, _)) => Diagnostic::new(
                Code::InvalidJsonata,
                place,
                format!("this is not JSONata: {}", lowercase(&message)),
            )
            .with_aws(syntax.message()),
            Some(JsonataError::Absent) => Diagnostic::new(Code::NotExecutedYet, place, message)
                .with_help("build stepwright with its feature `jsonata`"),
            None if error.is_half() => Diagnostic::new(Code::HalfExpression, place, message)
                .with_aws("JSONata string must start with {% and end with %}"),
            None => Diagnostic::new(Code::InvalidJsonata, place, message),
        };
        self.report(diagnostic.at_character(error.offset()));
    }
}

fn lowercase(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect::<String>().trim_end_matches('.').into()
}
