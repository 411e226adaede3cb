//! JSONata states: refused until they can be executed, and checked as far as JSONata is not needed for it.

use serde_json::{Map, Value};

use crate::compile::{Compiler, Listed};
use crate::definition::{self, Amount, QueryLanguage, Setting, State, StateKind, Test, Timing};
use crate::diagnostic::{Code, Diagnostic, JsonPointer};

impl<'d> Compiler<'d> {
    /// Checks a JSONata state.
    pub(super) fn jsonata(&mut self, listed: &Listed<'d>) {
        let Listed { state, at, block, .. } = listed;
        if self.language == QueryLanguage::JsonPath {
            self.not_yet(at.key("QueryLanguage"), "JSONata");
        }
        if let Some(next) = &state.next {
            self.target(*block, next, at.key("Next"));
        }
        for (n, catcher) in state.catch.iter().flatten().enumerate() {
            if let Some(next) = &catcher.next {
                self.target(*block, next, at.key("Catch").index(n).key("Next"));
            }
        }
        match &state.kind {
            StateKind::Choice(choice) => {
                for (n, rule) in choice.choices.iter().enumerate() {
                    if let Some(next) = &rule.next {
                        self.target(*block, next, at.key("Choices").index(n).key("Next"));
                    }
                }
                if let Some(default) = &choice.default {
                    self.target(*block, default, at.key("Default"));
                }
            }
            StateKind::Task(task) => {
                if let Some(text) = &task.resource {
                    self.resource(listed, text);
                }
                self.check_heartbeat(task, at);
            }
            StateKind::Map(map) => self.check_distribution(map, at),
            StateKind::Wait(wait) => {
                if let Some(Timing::Timestamp(text)) = &wait.timing
                    && !text.starts_with("{%")
                {
                    self.nanos(text, &at.key("Timestamp"));
                }
            }
            _ => {}
        }
        self.check_expressions(state, at);
    }

    /// Expressions are between `{%` and `%}`.
    fn check_expressions(&mut self, state: &State, at: &JsonPointer) {
        for (at, text) in expressions(state, at) {
            if text.starts_with("{%") == text.ends_with("%}") {
                continue;
            }
            let diagnostic = Diagnostic::new(
                Code::HalfExpression,
                at,
                "an expression begins with `{%` and ends with `%}`",
            )
            .with_aws("JSONata string must start with {% and end with %}");
            self.report(diagnostic);
        }
    }
}

/// Texts that may be expressions, and where they stand.
type Texts = Vec<(JsonPointer, String)>;

/// All texts of a state that may be expressions.
fn expressions(state: &State, at: &JsonPointer) -> Texts {
    let mut texts = Texts::new();
    value(&mut texts, state.arguments.as_ref(), &at.key("Arguments"));
    value(&mut texts, state.output.as_ref(), &at.key("Output"));
    object(&mut texts, state.assign.as_ref(), &at.key("Assign"));
    for (n, catcher) in state.catch.iter().flatten().enumerate() {
        let at = at.key("Catch").index(n);
        value(&mut texts, catcher.output.as_ref(), &at.key("Output"));
        object(&mut texts, catcher.assign.as_ref(), &at.key("Assign"));
    }
    match &state.kind {
        StateKind::Task(task) => {
            amount(&mut texts, task.timeout.as_ref(), &at.key("TimeoutSeconds"));
            amount(&mut texts, task.heartbeat.as_ref(), &at.key("HeartbeatSeconds"));
            let credentials = task.credentials.as_ref().map(|credentials| &credentials.template);
            object(&mut texts, credentials, &at.key("Credentials"));
        }
        StateKind::Map(map) => of_map(&mut texts, map, at),
        StateKind::Wait(wait) => match &wait.timing {
            Some(Timing::Timestamp(text)) => texts.push((at.key("Timestamp"), text.clone())),
            Some(Timing::Seconds(Amount::Expression(text))) => texts.push((at.key("Seconds"), text.clone())),
            _ => {}
        },
        StateKind::Choice(choice) => {
            for (n, rule) in choice.choices.iter().enumerate() {
                let at = at.key("Choices").index(n);
                if let Some(Test::Expression(condition)) = &rule.condition.test {
                    value(&mut texts, Some(condition), &at.key("Condition"));
                }
                value(&mut texts, rule.output.as_ref(), &at.key("Output"));
                object(&mut texts, rule.assign.as_ref(), &at.key("Assign"));
            }
        }
        StateKind::Fail(fail) => {
            for (field, setting) in [("Error", &fail.error), ("Cause", &fail.cause)] {
                if let Some(Setting::Value(text)) = setting {
                    texts.push((at.key(field), text.clone()));
                }
            }
        }
        _ => {}
    }
    texts
}

fn of_map(texts: &mut Texts, map: &definition::Map, at: &JsonPointer) {
    value(texts, map.items.as_ref(), &at.key("Items"));
    value(texts, map.item_selector.as_ref(), &at.key("ItemSelector"));
    amount(texts, map.max_concurrency.as_ref(), &at.key("MaxConcurrency"));
    amount(texts, map.tolerated_failure_count.as_ref(), &at.key("ToleratedFailureCount"));
    amount(texts, map.tolerated_failure_percentage.as_ref(), &at.key("ToleratedFailurePercentage"));
    if let Some(reader) = &map.item_reader {
        value(texts, reader.arguments.as_ref(), &at.key("ItemReader").key("Arguments"));
    }
    if let Some(batcher) = &map.item_batcher {
        value(texts, batcher.batch_input.as_ref(), &at.key("ItemBatcher").key("BatchInput"));
    }
    if let Some(writer) = &map.result_writer {
        value(texts, writer.arguments.as_ref(), &at.key("ResultWriter").key("Arguments"));
    }
}

fn amount(texts: &mut Texts, setting: Option<&Setting<Amount>>, at: &JsonPointer) {
    if let Some(Setting::Value(Amount::Expression(text))) = setting {
        texts.push((at.clone(), text.clone()));
    }
}

fn object(texts: &mut Texts, map: Option<&Map<String, Value>>, at: &JsonPointer) {
    for (key, part) in map.into_iter().flatten() {
        value(texts, Some(part), &at.key(key.as_str()));
    }
}

/// All texts within a value. Documents are as deep as the reader allows.
fn value(texts: &mut Texts, part: Option<&Value>, at: &JsonPointer) {
    match part {
        Some(Value::String(text)) => texts.push((at.clone(), text.clone())),
        Some(Value::Array(items)) => {
            items.iter().enumerate().for_each(|(n, item)| value(texts, Some(item), &at.index(n)));
        }
        Some(Value::Object(map)) => object(texts, Some(map), at),
        _ => {}
    }
}
