//! What a state reads in JSONPath: templates and paths. Texts of JSONata are in `text.rs`.
//!
//! Everything is shown as it is written, with the way there; nothing is allocated before somebody wants to keep it.

use serde_json::{Map, Value};

use crate::definition::{Condition, PathOrNull, Setting, State, StateKind, Test, Timing};
use crate::diagnostic::Trail;

/// A payload template: any value, or the object of an `Assign`.
#[derive(Clone, Copy)]
pub(super) enum Template<'d> {
    Any(&'d Value),
    Map(&'d Map<String, Value>),
}

/// Shows all payload templates of a state.
pub(super) fn templates<'d>(
    state: &'d State,
    at: &Trail<'_>,
    show: &mut dyn FnMut(&Trail<'_>, Template<'d>),
) {
    let mut any = |at: Trail<'_>, template: Option<&'d Value>| {
        if let Some(template) = template {
            show(&at, Template::Any(template));
        }
    };
    any(at.key("Parameters"), state.parameters.as_ref());
    any(at.key("ResultSelector"), state.result_selector.as_ref());
    if let StateKind::Map(map) = &state.kind {
        any(at.key("ItemSelector"), map.item_selector.as_ref());
        if let Some(reader) = &map.item_reader {
            any(at.key("ItemReader").key("Parameters"), reader.parameters.as_ref());
        }
        if let Some(batcher) = &map.item_batcher {
            any(at.key("ItemBatcher").key("BatchInput"), batcher.batch_input.as_ref());
        }
        if let Some(writer) = &map.result_writer {
            any(at.key("ResultWriter").key("Parameters"), writer.parameters.as_ref());
        }
    }
    state.assigns(at, &mut |at, assign| show(at, Template::Map(assign)));
    if let StateKind::Task(task) = &state.kind
        && let Some(credentials) = &task.credentials
    {
        show(&at.key("Credentials"), Template::Map(&credentials.template));
    }
}

/// Shows all texts of a state that ought to be expressions, those in its templates too.
pub(super) fn expressions(state: &State, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &str)) {
    templates(state, at, &mut |at, template| match template {
        Template::Any(value) => in_template(value, at, show),
        Template::Map(map) => in_object(map, at, show),
    });
    for (field, path) in [("InputPath", &state.input_path), ("OutputPath", &state.output_path)] {
        if let Some(PathOrNull::Path(text)) = path {
            show(&at.key(field), text);
        }
    }
    match &state.kind {
        StateKind::Task(task) => {
            in_setting(task.timeout.as_ref(), at.key("TimeoutSecondsPath"), show);
            in_setting(task.heartbeat.as_ref(), at.key("HeartbeatSecondsPath"), show);
        }
        StateKind::Wait(wait) => match &wait.timing {
            Some(Timing::SecondsPath(text)) => show(&at.key("SecondsPath"), text),
            Some(Timing::TimestampPath(text)) => show(&at.key("TimestampPath"), text),
            _ => {}
        },
        StateKind::Fail(fail) => {
            in_setting(fail.error.as_ref(), at.key("ErrorPath"), show);
            in_setting(fail.cause.as_ref(), at.key("CausePath"), show);
        }
        StateKind::Map(map) => {
            if let Some(text) = &map.items_path {
                show(&at.key("ItemsPath"), text);
            }
            in_setting(map.max_concurrency.as_ref(), at.key("MaxConcurrencyPath"), show);
            in_setting(map.tolerated_failure_count.as_ref(), at.key("ToleratedFailureCountPath"), show);
            in_setting(
                map.tolerated_failure_percentage.as_ref(),
                at.key("ToleratedFailurePercentagePath"),
                show,
            );
            if let Some(config) = map.item_reader.as_ref().and_then(|reader| reader.config.as_ref()) {
                let at = at.key("ItemReader");
                in_setting(config.max_items.as_ref(), at.key("ReaderConfig").key("MaxItemsPath"), show);
            }
            if let Some(batcher) = &map.item_batcher {
                let at = at.key("ItemBatcher");
                in_setting(batcher.max_items_per_batch.as_ref(), at.key("MaxItemsPerBatchPath"), show);
                let bytes = batcher.max_input_bytes_per_batch.as_ref();
                in_setting(bytes, at.key("MaxInputBytesPerBatchPath"), show);
            }
        }
        StateKind::Choice(choice) => {
            for (n, rule) in choice.choices.iter().enumerate() {
                in_condition(&rule.condition, &at.key("Choices").index(n), show);
            }
        }
        _ => {}
    }
}

fn in_setting<T>(setting: Option<&Setting<T>>, at: Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &str)) {
    if let Some(Setting::Path(text)) = setting {
        show(&at, text);
    }
}

// Recursion is bounded by how deep the reader lets a document be.
fn in_template(template: &Value, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &str)) {
    match template {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| in_template(item, &at.index(n), show));
        }
        Value::Object(map) => in_object(map, at, show),
        _ => {}
    }
}

fn in_object(map: &Map<String, Value>, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &str)) {
    for (key, value) in map {
        let at = at.key(key);
        match value {
            Value::String(text) if key.ends_with(".$") => show(&at, text),
            _ => in_template(value, &at, show),
        }
    }
}

fn in_condition(condition: &Condition, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, &str)) {
    let mut each = |conditions: &[Condition], at: Trail<'_>| {
        conditions.iter().enumerate().for_each(|(n, condition)| in_condition(condition, &at.index(n), show));
    };
    match &condition.test {
        Some(Test::And(all)) => each(all, at.key("And")),
        Some(Test::Or(any)) => each(any, at.key("Or")),
        Some(Test::Not(condition)) => in_condition(condition, &at.key("Not"), show),
        Some(Test::Comparison(comparison)) => {
            if let Some(variable) = &comparison.variable {
                show(&at.key("Variable"), variable);
            }
            if let Some(path) = comparison.operand.as_str().filter(|_| comparison.operator.is_path) {
                show(&at.key(comparison.operator.name()), path);
            }
        }
        Some(Test::Expression(_)) | None => {}
    }
}

/// Whether a text may hold a path into the Context Object.
pub(super) fn reads_context(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair == b"$$")
}

/// Whether a text may hold a path from a variable on.
pub(super) fn reads_variable(text: &str) -> bool {
    let begins_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
    text.as_bytes().windows(2).any(|pair| pair[0] == b'$' && begins_name(pair[1]))
}
