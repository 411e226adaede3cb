//! Payload templates, paths and intrinsic functions against what AWS did, where the recordings are at hand.

mod shared;

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use shared::{files, shared};

use serde_json::{Map, Value, json};
use stepwright::query::{Entropy, Expression, Path, ReferencePath, Scope, Template};
use stepwright::{Json, Limits};

/// All JSON files under `folder`, in order.
fn documents(folder: &FilePath) -> Vec<(String, Value)> {
    let json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let document = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        Some((path.display().to_string(), serde_json::from_str(&text).ok()?))
    };
    files(folder).into_iter().filter(json).filter_map(document).collect()
}

#[test]
fn templates_give_what_was_recorded() {
    let Some(folder) = shared("recorded") else { return };
    let (mut passed, mut failed, mut others) = (0, Vec::new(), 0);
    for group in ["base", "intrinsic_functions", "scenarios"] {
        for (name, case) in documents(&folder.join("executions").join(group)) {
            match replay(&case) {
                None => others += 1,
                Some(Ok(())) => passed += 1,
                Some(Err(reason)) => failed.push(format!("{name}: {reason}")),
            }
        }
    }
    println!("templates: {passed} as recorded, {} not, {others} cases are not of this kind", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > 0);
}

/// Evaluates the template of a case that consists of one Pass state with `Parameters`; `None` if it does not.
fn replay(case: &Value) -> Option<Result<(), String>> {
    let definition = match &case["definition"] {
        Value::String(text) => serde_json::from_str(text).ok()?,
        definition => definition.clone(),
    };
    let states = definition["States"].as_object().filter(|states| states.len() == 1)?;
    let (name, state) = states.iter().next()?;
    let known = ["Type", "Comment", "Parameters", "End", "QueryLanguage"];
    let plain = state.as_object()?.keys().all(|key| known.contains(&key.as_str()));
    let jsonata = [&definition, state].iter().any(|it| it["QueryLanguage"] == "JSONata");
    if state["Type"] != "Pass" || state.get("Parameters").is_none() || !plain || jsonata {
        return None;
    }
    let input: Json = match &case["input"] {
        Value::String(text) => text.parse().ok()?,
        _ => Json::from(json!({})),
    };
    let context = context(case, name, &input);
    let entropy = Entropy::new([7; 32]);
    let scope = Scope { context: &context, ..Scope::new(&input, &entropy, &Limits::AWS) };
    let template = match Template::compile(&state["Parameters"]) {
        Ok(template) => template,
        Err(errors) => return Some(Err(errors[0].to_string())),
    };
    let tokens: Vec<&str> = case["wildcards"].as_object()?.keys().map(String::as_str).collect();
    let (expected, actual) = match template.evaluate(&scope) {
        Ok(output) => match &case["expected"]["output"] {
            Value::String(_) => (&case["expected"]["output"], Value::String(output.to_string())),
            expected => (expected, Value::from(output)),
        },
        Err(error) => {
            let cause = format!(
                "An error occurred while executing the state '{name}' (entered at the event id #2). {error}"
            );
            (&case["expected"]["cause"], Value::String(cause))
        }
    };
    Some(match same(expected, &actual, &tokens) {
        true => Ok(()),
        false => Err(format!("expected {expected}, got {actual}")),
    })
}

/// The Context Object of a recorded execution.
fn context(case: &Value, state: &str, input: &Json) -> Json {
    let last =
        |arn: &Value| arn.as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned();
    let time = "2026-11-23T05:35:00.000Z";
    Json::from(json!({
        "Execution": {
            "Id": case["executionArn"],
            "Input": Value::from(input),
            "StartTime": time,
            "Name": last(&case["executionArn"]),
            "RoleArn": case["roleArn"],
            "RedriveCount": 0,
        },
        "StateMachine": { "Id": case["stateMachineArn"], "Name": last(&case["stateMachineArn"]) },
        "State": { "Name": state, "EnteredTime": time },
    }))
}

/// Whether `actual` is what was recorded, in the same order of keys; `tokens` stand for anything.
fn same(expected: &Value, actual: &Value, tokens: &[&str]) -> bool {
    match (expected, actual) {
        (Value::String(pattern), _) if tokens.contains(&pattern.as_str()) => true,
        (Value::String(pattern), Value::String(text)) => matches(pattern, text, tokens),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tokens))
        }
        (Value::Object(a), Value::Object(b)) => {
            // Context Objects that were recorded before redriving existed lack it.
            let late = |key: &&String| *key != "RedriveCount" || a.contains_key(*key);
            let keys = |map: &Map<String, Value>| map.keys().filter(late).cloned().collect::<Vec<_>>();
            keys(a) == keys(b) && a.iter().all(|(key, value)| same(value, &b[key], tokens))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => expected == actual,
    }
}

/// Whether `text` is `pattern` with something in the place of each token.
fn matches(pattern: &str, text: &str, tokens: &[&str]) -> bool {
    let first = tokens.iter().filter_map(|token| Some((pattern.find(token)?, token))).min();
    let Some((at, token)) = first else { return pattern == text };
    let (Some(rest), after) = (text.strip_prefix(&pattern[..at]), &pattern[at + token.len()..]) else {
        return false;
    };
    rest.char_indices().map(|(at, c)| at + c.len_utf8()).any(|end| matches(after, &rest[end..], tokens))
}

#[test]
fn every_expression_in_the_wild_is_read() {
    let Some(folder) = shared("recorded") else { return };
    let mut found = Found::default();
    let definitions = folder.join("../definitions/asl");
    for (_, document) in documents(&folder).into_iter().chain(documents(&definitions)) {
        found.search(&document);
        if document.get("StartAt").is_some() {
            found.definition(&document);
        }
    }
    found.texts.sort();
    found.texts.dedup();
    let (all, mut failed) = (found.texts.len(), Vec::new());
    for (kind, text) in found.texts {
        let result = match kind {
            Kind::Expression => Expression::parse(&text).map(|_| ()),
            Kind::Path => Path::parse(&text).map(|_| ()),
            Kind::Reference => ReferencePath::parse(&text).map(|_| ()),
        };
        if let Err(error) = result {
            failed.push(format!("{kind:?} {text:?}: {error}"));
        }
    }
    println!("{all} expressions, of which {} are refused:\n{}", failed.len(), failed.join("\n"));
    assert!(all > 300);
    // AWS refuses it too: a recording shows which escapes are illegal.
    assert!(failed.len() <= 1);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Expression,
    Path,
    Reference,
}

#[derive(Default)]
struct Found {
    texts: Vec<(Kind, String)>,
}

impl Found {
    /// Looks for definitions in a recording.
    fn search(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match (key.as_str(), value) {
                        ("definition", Value::String(text)) => {
                            if let Ok(definition) = serde_json::from_str(text) {
                                self.definition(&definition);
                            }
                        }
                        ("definition", definition) => self.definition(definition),
                        (_, value) => self.search(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.search(item)),
            _ => {}
        }
    }

    /// Looks for expressions in a definition.
    fn definition(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match (key.as_str(), value) {
                        ("Result", _) => {}
                        ("ResultPath", Value::String(text)) => {
                            self.texts.push((Kind::Reference, text.clone()))
                        }
                        ("ErrorPath" | "CausePath", Value::String(text)) => {
                            self.texts.push((Kind::Expression, text.clone()));
                        }
                        (key, Value::String(text)) if key.ends_with(".$") => {
                            self.texts.push((Kind::Expression, text.clone()));
                        }
                        // `Path` alone is a parameter of API calls.
                        (key, Value::String(text))
                            if (key.ends_with("Path") && key != "Path" || key == "Variable")
                                && text.starts_with('$') =>
                        {
                            self.texts.push((Kind::Path, text.clone()));
                        }
                        (_, value) => self.definition(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.definition(item)),
            _ => {}
        }
    }
}
