//! What a state reads: the templates and paths of JSONPath, and the texts that either language looks at.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::tree::Visit;
use crate::definition::{Amount, Condition, PathOrNull, Setting, StateKind, Test, Timing};
use crate::diagnostic::JsonPointer;
use crate::query::{Expression, Jsonata};

/// A payload template and where it stands.
pub(super) type Placed<'d> = (JsonPointer, Cow<'d, Value>);

/// All payload templates of a state.
pub(super) fn templates<'d>(visit: &Visit<'d>) -> Vec<Placed<'d>> {
    let (state, at) = (visit.state, &visit.at);
    let mut found = Vec::new();
    let mut add = |template: &'d Option<Value>, at: JsonPointer| {
        found.extend(template.as_ref().map(|template| (at, Cow::Borrowed(template))));
    };
    add(&state.parameters, at.key("Parameters"));
    add(&state.result_selector, at.key("ResultSelector"));
    if let StateKind::Map(map) = &state.kind {
        add(&map.item_selector, at.key("ItemSelector"));
        if let Some(reader) = &map.item_reader {
            add(&reader.parameters, at.key("ItemReader").key("Parameters"));
        }
        if let Some(batcher) = &map.item_batcher {
            add(&batcher.batch_input, at.key("ItemBatcher").key("BatchInput"));
        }
        if let Some(writer) = &map.result_writer {
            add(&writer.parameters, at.key("ResultWriter").key("Parameters"));
        }
    }
    let mut assign = |assign: &Option<Map<String, Value>>, at: JsonPointer| {
        found.extend(assign.as_ref().map(|assign| (at, Cow::Owned(Value::Object(assign.clone())))));
    };
    assign(&state.assign, at.key("Assign"));
    if let StateKind::Choice(choice) = &state.kind {
        for (n, rule) in choice.choices.iter().enumerate() {
            assign(&rule.assign, at.key("Choices").index(n).key("Assign"));
        }
    }
    for (n, catcher) in state.catch.iter().flatten().enumerate() {
        assign(&catcher.assign, at.key("Catch").index(n).key("Assign"));
    }
    if let StateKind::Task(task) = &state.kind {
        let credentials = task.credentials.as_ref().map(|credentials| credentials.template.clone());
        assign(&credentials, at.key("Credentials"));
    }
    found
}

/// All expressions of a state, those in its templates too.
pub(super) fn expressions(visit: &Visit<'_>) -> Vec<(JsonPointer, Expression)> {
    let (state, at) = (visit.state, &visit.at);
    let mut found = Found::default();
    for (at, template) in templates(visit) {
        found.template(&template, &at);
    }
    for (field, path) in [("InputPath", &state.input_path), ("OutputPath", &state.output_path)] {
        if let Some(PathOrNull::Path(text)) = path {
            found.text(text, at.key(field));
        }
    }
    match &state.kind {
        StateKind::Task(task) => {
            found.setting(task.timeout.as_ref(), "TimeoutSecondsPath", at);
            found.setting(task.heartbeat.as_ref(), "HeartbeatSecondsPath", at);
        }
        StateKind::Wait(wait) => match &wait.timing {
            Some(Timing::SecondsPath(text)) => found.text(text, at.key("SecondsPath")),
            Some(Timing::TimestampPath(text)) => found.text(text, at.key("TimestampPath")),
            _ => {}
        },
        StateKind::Fail(fail) => {
            for (field, setting) in [("ErrorPath", &fail.error), ("CausePath", &fail.cause)] {
                if let Some(Setting::Path(text)) = setting {
                    found.text(text, at.key(field));
                }
            }
        }
        StateKind::Map(map) => {
            if let Some(text) = &map.items_path {
                found.text(text, at.key("ItemsPath"));
            }
            found.setting(map.max_concurrency.as_ref(), "MaxConcurrencyPath", at);
            found.setting(map.tolerated_failure_count.as_ref(), "ToleratedFailureCountPath", at);
            found.setting(map.tolerated_failure_percentage.as_ref(), "ToleratedFailurePercentagePath", at);
            if let Some(config) = map.item_reader.as_ref().and_then(|reader| reader.config.as_ref()) {
                found.setting(
                    config.max_items.as_ref(),
                    "MaxItemsPath",
                    &at.key("ItemReader").key("ReaderConfig"),
                );
            }
            if let Some(batcher) = &map.item_batcher {
                let at = at.key("ItemBatcher");
                found.setting(batcher.max_items_per_batch.as_ref(), "MaxItemsPerBatchPath", &at);
                found.setting(batcher.max_input_bytes_per_batch.as_ref(), "MaxInputBytesPerBatchPath", &at);
            }
        }
        StateKind::Choice(choice) => {
            for (n, rule) in choice.choices.iter().enumerate() {
                found.condition(&rule.condition, &at.key("Choices").index(n));
            }
        }
        _ => {}
    }
    found.list
}

/// A text that one of the query languages gives a meaning.
pub(super) enum Text {
    /// The name of a field, with `.$` at its end.
    Key(String),
    /// A string in `{% %}`.
    Expression(String),
}

/// All such texts of a state, without those of the states in it.
pub(super) fn texts(visit: &Visit<'_>) -> Vec<(JsonPointer, Text)> {
    let mut found = Vec::new();
    let Value::Object(fields) = visit.state.to_value() else { return found };
    for (field, value) in fields {
        if !["Branches", "Comment", "ItemProcessor", "Iterator"].contains(&field.as_str()) {
            texts_in(value, &visit.at.key(field), &mut found);
        }
    }
    found
}

// Recursion is bounded by how deep the reader lets a document be.
fn texts_in(value: Value, at: &JsonPointer, found: &mut Vec<(JsonPointer, Text)>) {
    match value {
        Value::String(text) if text.starts_with("{%") && text.ends_with("%}") && text.len() > 3 => {
            found.push((at.clone(), Text::Expression(text)));
        }
        Value::Array(items) => {
            items.into_iter().enumerate().for_each(|(n, item)| texts_in(item, &at.index(n), found));
        }
        Value::Object(map) => {
            for (key, value) in map {
                let at = at.key(key.as_str());
                if key.ends_with(".$") {
                    found.push((at.clone(), Text::Key(key)));
                }
                texts_in(value, &at, found);
            }
        }
        _ => {}
    }
}

/// The variables that a state reads, and where; `None` where nobody knows.
pub(super) fn variables(visit: &Visit<'_>) -> Option<Vec<(String, JsonPointer)>> {
    let mut read = Vec::new();
    if visit.jsonata {
        for (at, text) in texts(visit) {
            if let Text::Expression(text) = text {
                let text = text.trim_start_matches("{%").trim_end_matches("%}").trim();
                let fields = ["input", "context", "result", "errorOutput"];
                let expression = Jsonata::parse(text, &fields).ok()?;
                read.extend(expression.variables().map(|name| (name.to_owned(), at.clone())));
            }
        }
    } else {
        for (at, expression) in expressions(visit) {
            let names: BTreeSet<&str> =
                expression.paths().iter().filter_map(|path| path.variable()).collect();
            read.extend(names.into_iter().map(|name| (name.to_owned(), at.clone())));
        }
    }
    Some(read)
}

#[derive(Default)]
struct Found {
    list: Vec<(JsonPointer, Expression)>,
}

impl Found {
    fn text(&mut self, text: &str, at: JsonPointer) {
        self.list.extend(Expression::parse(text).ok().map(|expression| (at, expression)));
    }

    fn setting(&mut self, setting: Option<&Setting<Amount>>, field: &str, at: &JsonPointer) {
        if let Some(Setting::Path(text)) = setting {
            self.text(text, at.key(field));
        }
    }

    fn template(&mut self, template: &Value, at: &JsonPointer) {
        match template {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| self.template(item, &at.index(n)));
            }
            Value::Object(map) => {
                for (key, value) in map {
                    let at = at.key(key.as_str());
                    match value {
                        Value::String(text) if key.ends_with(".$") => self.text(text, at),
                        _ => self.template(value, &at),
                    }
                }
            }
            _ => {}
        }
    }

    fn condition(&mut self, condition: &Condition, at: &JsonPointer) {
        match &condition.test {
            Some(Test::And(all)) => self.conditions(all, &at.key("And")),
            Some(Test::Or(any)) => self.conditions(any, &at.key("Or")),
            Some(Test::Not(condition)) => self.condition(condition, &at.key("Not")),
            Some(Test::Comparison(comparison)) => {
                if let Some(variable) = &comparison.variable {
                    self.text(variable, at.key("Variable"));
                }
                if let Some(path) = comparison.operand.as_str().filter(|_| comparison.operator.is_path) {
                    self.text(path, at.key(comparison.operator.name()));
                }
            }
            Some(Test::Expression(_)) | None => {}
        }
    }

    fn conditions(&mut self, conditions: &[Condition], at: &JsonPointer) {
        conditions.iter().enumerate().for_each(|(n, condition)| self.condition(condition, &at.index(n)));
    }
}
