//! Whether what happened is what was recorded: values, field by field.
//!
//! Histories are compared in `histories.rs`; what tokens stand for is in `wildcards.rs`.

use std::fmt;

use serde_json::{Map, Number, Value};

use super::wildcards::Wildcards;

/// Members that newer answers have and older recordings lack.
const REDRIVE: [&str; 7] = [
    "redriveCount",
    "redriveDate",
    "redriveStatus",
    "redriveStatusReason",
    "RedriveCount",
    "RedriveStatus",
    "RedriveStatusReason",
];

/// What the causes of the AWS SDK's errors end in since November 2025.
const ATTEMPTS: &str = " (SDK Attempt Count: 1)";

/// How many characters of a value a difference shows.
const SHOWN: usize = 600;

/// Compares answers with recorded ones.
#[derive(Clone, Debug)]
pub(crate) struct Comparer {
    pub(crate) wildcards: Wildcards,
    /// Whether the order of keys counts, inside of JSON texts.
    strict: bool,
}

/// Where an answer differs from the recorded one.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    path: String,
    expected: String,
    actual: String,
}

pub(crate) type Comparison = Result<(), Difference>;

/// What kind of value is compared.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    /// A part of an API's answer: a string here may be JSON text, which the recording shows as its value.
    Answer,
    /// A part of a JSON text: what looks like a string is one.
    Document,
}

impl Comparer {
    pub(crate) fn new(wildcards: Wildcards) -> Self {
        Self { wildcards, strict: false }
    }

    /// One that also compares the order of keys, inside of JSON texts.
    pub(crate) fn strict(wildcards: Wildcards) -> Self {
        Self { wildcards, strict: true }
    }

    /// Whether `actual`, an answer or a part of one, is what was recorded as `expected`. Bindings that were
    /// guessed on the way are forgotten if it is not.
    pub(crate) fn answer(&mut self, expected: &Value, actual: &Value) -> Comparison {
        let before = self.wildcards.clone();
        let comparison = self.value(expected, actual, Level::Answer, "");
        if comparison.is_err() {
            self.wildcards = before;
        }
        comparison
    }

    /// Whether `actual` is the JSON value `expected`.
    pub(crate) fn document(&mut self, expected: &Value, actual: &Value) -> Comparison {
        let before = self.wildcards.clone();
        let comparison = self.value(expected, actual, Level::Document, "");
        if comparison.is_err() {
            self.wildcards = before;
        }
        comparison
    }

    /// Whether `actual` is there exactly if `expected` is, and the same.
    pub(crate) fn member(
        &mut self,
        name: &str,
        expected: Option<&Value>,
        actual: Option<&Value>,
    ) -> Comparison {
        match (expected, actual) {
            (None, None) => Ok(()),
            (Some(expected), Some(actual)) => self.value(expected, actual, Level::Answer, name),
            (Some(expected), None) => Err(Difference::new(name, expected, "nothing")),
            (None, Some(actual)) => Err(Difference::new(name, "nothing", actual)),
        }
    }

    fn value(&mut self, expected: &Value, actual: &Value, level: Level, path: &str) -> Comparison {
        let same = match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                return self.object(expected, actual, level, path);
            }
            (_, Value::String(text)) if level == Level::Answer && is_text_read(expected, path) => {
                return match serde_json::from_str(text) {
                    Ok(document) => self.value(expected, &document, Level::Document, path),
                    Err(_) => Err(Difference::new(path, expected, actual)),
                };
            }
            (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
                for (n, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                    self.value(expected, actual, level, &format!("{path}[{n}]"))?;
                }
                true
            }
            (Value::String(pattern), Value::String(text)) => {
                self.wildcards.matches(pattern, text)
                    || is_cause(path) && self.matches_but_attempts(pattern, text)
            }
            (Value::String(pattern), _) => self.wildcards.is_any(pattern),
            (Value::Number(expected), Value::Number(actual)) => same_number(expected, actual),
            _ => expected == actual,
        };
        if same { Ok(()) } else { Err(Difference::new(path, expected, actual)) }
    }

    fn object(
        &mut self,
        expected: &Map<String, Value>,
        actual: &Map<String, Value>,
        level: Level,
        path: &str,
    ) -> Comparison {
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        for (key, value) in expected {
            match actual.get(key) {
                Some(actual) => self.value(value, actual, level, &at(key))?,
                None => return Err(Difference::new(&at(key), value, "nothing")),
            }
        }
        let is_new = |key: &str| !expected.contains_key(key);
        if let Some((key, value)) =
            actual.iter().find(|(key, _)| is_new(key) && !REDRIVE.contains(&key.as_str()))
        {
            return Err(Difference::new(&at(key), "nothing", value));
        }
        if self.strict && level == Level::Document {
            let order: Vec<&String> = actual.keys().filter(|key| !is_new(key)).collect();
            if !expected.keys().eq(order.iter().copied()) {
                let expected: Vec<&String> = expected.keys().collect();
                return Err(Difference::new(
                    &at("(keys)"),
                    format_args!("{expected:?}"),
                    format_args!("{order:?}"),
                ));
            }
        }
        Ok(())
    }

    fn matches_but_attempts(&mut self, pattern: &str, text: &str) -> bool {
        let (pattern_stem, stem) = (pattern.strip_suffix(ATTEMPTS), text.strip_suffix(ATTEMPTS));
        pattern_stem.is_some() != stem.is_some()
            && self.wildcards.matches(pattern_stem.unwrap_or(pattern), stem.unwrap_or(text))
    }
}

/// Whether `expected` is what a JSON text in `path` says, and not the text itself.
///
/// The recording tool shows objects so; a few recordings show other documents as well.
fn is_text_read(expected: &Value, path: &str) -> bool {
    match expected {
        Value::Object(_) => true,
        Value::String(_) => false,
        Value::Array(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            path.contains("assignedVariables.")
                || ["input", "output", "parameters", "cause"].contains(&path.rsplit('.').next().unwrap_or(""))
        }
    }
}

fn is_cause(path: &str) -> bool {
    path.rsplit('.').next().is_some_and(|key| key.eq_ignore_ascii_case("cause"))
}

fn same_number(expected: &Number, actual: &Number) -> bool {
    expected == actual || (expected.is_f64() || actual.is_f64()) && expected.as_f64() == actual.as_f64()
}

impl Difference {
    pub(crate) fn new(path: &str, expected: impl fmt::Display, actual: impl fmt::Display) -> Self {
        let (expected, actual) = (expected.to_string(), actual.to_string());
        let same = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
        let from = if same < SHOWN / 2 { 0 } else { same - SHOWN / 4 };
        Self { path: path.into(), expected: excerpt(&expected, from), actual: excerpt(&actual, from) }
    }

    /// The same difference, seen from outside: in `place`.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.path = match self.path.is_empty() {
            true => place.into(),
            false => format!("{place} {}", self.path),
        };
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  expected {}\n   but was {}", self.path, self.expected, self.actual)
    }
}

fn excerpt(text: &str, from: usize) -> String {
    let shown: String = text.chars().skip(from).take(SHOWN).collect();
    let before = if from > 0 { "..." } else { "" };
    let after = if text.chars().count() > from + SHOWN { "..." } else { "" };
    format!("{before}{shown}{after}")
}
