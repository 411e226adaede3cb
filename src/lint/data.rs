//! Paths that are only text.

use serde_json::{Map, Value};

use super::read::{Template, templates};
use crate::definition::{State, StateKind, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Trail};
use crate::query::Expression;

pub(super) fn lint(state: &State, at: &Trail<'_>, tree: &Tree<'_>, found: &mut Diagnostics) {
    templates(state, at, &mut |at, template| match template {
        Template::Any(value) => plain(value, at, tree, found),
        Template::Map(map) => plain_fields(map, at, tree, found),
    });
    if let StateKind::Pass(pass) = &state.kind
        && let Some(result) = &pass.result
    {
        fixed(result, &at.key("Result"), tree, found);
    }
}

/// Texts in a template that look like paths, in fields whose names do not end in `.$`.
fn plain(template: &Value, at: &Trail<'_>, tree: &Tree<'_>, found: &mut Diagnostics) {
    match template {
        Value::String(text) if looks_evaluated(text, tree) => {
            let message = format!("`{text}` stays text");
            let diagnostic = Diagnostic::new(Code::PathWithoutDollar, at.pointer(), message);
            found.push(match at.pointer().to_string().rsplit('/').next() {
                Some(name) if name.parse::<usize>().is_err() => diagnostic
                    .with_help(format!("let the name of its field end in `.$`: `\"{name}.$\": \"{text}\"`")),
                _ => diagnostic
                    .with_help("make the array with `States.Array(...)` in a field that ends in `.$`"),
            });
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| plain(item, &at.index(n), tree, found));
        }
        Value::Object(map) => plain_fields(map, at, tree, found),
        _ => {}
    }
}

fn plain_fields(map: &Map<String, Value>, at: &Trail<'_>, tree: &Tree<'_>, found: &mut Diagnostics) {
    for (key, value) in map {
        if !key.ends_with(".$") && !wants_path(key) {
            plain(value, &at.key(key), tree, found);
        }
    }
}

/// Texts in a Pass state's `Result` that look like paths.
fn fixed(result: &Value, at: &Trail<'_>, tree: &Tree<'_>, found: &mut Diagnostics) {
    match result {
        Value::String(text) if looks_evaluated(text, tree) => {
            let message = format!("`{text}` stays text: a `Result` is taken as it is");
            let diagnostic = Diagnostic::new(Code::StaticResult, at.pointer(), message);
            found.push(diagnostic.with_help("use `Parameters`, in which names that end in `.$` have paths"));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| fixed(item, &at.index(n), tree, found));
        }
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(key, _)| !wants_path(key)) {
                fixed(value, &at.key(key), tree, found);
            }
        }
        _ => {}
    }
}

/// Whether a field's own value is a path, for somebody else to follow.
fn wants_path(key: &str) -> bool {
    ["Path", "path", "PathsMap"].iter().any(|end| key.ends_with(end))
}

/// Whether `text` would be evaluated in a field that ends in `.$`, and looks as if that was meant.
fn looks_evaluated(text: &str, tree: &Tree<'_>) -> bool {
    let Ok(expression) = Expression::parse(text) else { return false };
    let Expression::Path(path) = &expression else { return true };
    if let Some(name) = path.variable() {
        return is_assigned(name, tree);
    }
    // `$` alone, and `$.50`, may be about money.
    let rest = text.trim_start_matches('$');
    let mut chars = rest.chars();
    match chars.next() {
        Some('.') => chars.next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '[' | '.' | '*')),
        Some('[') => true,
        _ => false,
    }
}

/// Whether some state assigns the variable `name`.
fn is_assigned(name: &str, tree: &Tree<'_>) -> bool {
    let mut found = false;
    for (number, placed) in tree.states.iter().enumerate() {
        placed.assigned(&tree.at(number), &mut |_, assigned| found |= assigned == name);
    }
    found
}
