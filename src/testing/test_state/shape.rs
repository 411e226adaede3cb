//! What services answer, as far as it is known here: mocked results are compared with it.
//!
//! The table is `shapes.json`. A name that ends in `!` is always there. A type is `string`, `blob`, `timestamp`,
//! `boolean`, `number` or `any`, with bounds of its length or value; words with `|` between them; an array with the type of
//! its items; an object with the types of its fields, or with one type for all under `*`; and `@` with the name of
//! another entry of the table.

use std::sync::LazyLock;

use serde_json::Value;

use crate::arn::ResourceKind;
use crate::json::Json;
use crate::testing::test_state::FieldValidation;

static SHAPES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap_or_default());

/// Whether `result` could be an answer of `resource`; one that is not known may answer anything.
pub(super) fn check(resource: &ResourceKind, result: &Json, mode: FieldValidation) -> Result<(), String> {
    let ResourceKind::Integration { service, action } = resource else { return Ok(()) };
    let service = match service.strip_prefix("aws-sdk:").unwrap_or(service) {
        "sfn" => "states",
        "eventbridge" => "events",
        service => service,
    };
    match SHAPES.get(format!("{service}:{action}")) {
        Some(shape) if mode != FieldValidation::None => field("", shape, result, mode),
        _ => Ok(()),
    }
}

fn field(name: &str, shape: &Value, value: &Json, mode: FieldValidation) -> Result<(), String> {
    match shape {
        Value::Object(fields) => {
            let Json::Object(object) = value else { return Err(format!("Field '{name}' must be an object")) };
            if let Some(each) = fields.get("*") {
                return object.iter().try_for_each(|(key, value)| field(key, each, value, mode));
            }
            for (key, shape) in fields {
                let required = key.strip_suffix('!');
                let key = required.unwrap_or(key);
                match object.get(key) {
                    Some(value) => field(key, shape, value, mode)?,
                    None if required.is_some() && mode == FieldValidation::Strict => {
                        return Err(format!("Required field '{key}' is missing"));
                    }
                    None => {}
                }
            }
            Ok(())
        }
        Value::Array(shapes) => {
            let Some(items) = value.as_array() else {
                return Err(format!("Field '{name}' must be an array"));
            };
            match shapes.first() {
                Some(each) => items.iter().try_for_each(|item| field(name, each, item, mode)),
                None => Ok(()),
            }
        }
        Value::String(text) => match text.strip_prefix('@') {
            Some(shared) => SHAPES.get(shared).map_or(Ok(()), |shape| field(name, shape, value, mode)),
            None => scalar(text, value).map_err(|wrong| format!("Field '{name}' {wrong}")),
        },
        _ => Ok(()),
    }
}

/// `string`, `blob 1..6144`, `number 128..10240`, `STANDARD|GLACIER`
fn scalar(shape: &str, value: &Json) -> Result<(), &'static str> {
    let (kind, bounds) = shape.split_once(' ').unwrap_or((shape, ""));
    let (least, most) = bounds.split_once("..").unwrap_or_default();
    let (least, most): (Option<f64>, Option<f64>) = (least.parse().ok(), most.parse().ok());
    let is_less = |size: f64| least.is_some_and(|least| size < least);
    let is_more = |size: f64| most.is_some_and(|most| size > most);
    match kind {
        "any" => Ok(()),
        "boolean" => value.as_bool().map(drop).ok_or("must be a boolean"),
        "number" => match value.as_f64() {
            None => Err("must be a number"),
            Some(number) if is_less(number) => Err("is less than the minimum value"),
            Some(number) if is_more(number) => Err("exceeds the maximum value"),
            Some(_) => Ok(()),
        },
        "string" | "blob" | "timestamp" => match value.as_str() {
            None => Err("must be a string"),
            Some(text) if is_less(text.chars().count() as f64) => Err("is smaller than the minimum length"),
            Some(text) if is_more(text.chars().count() as f64) => Err("exceeds the maximum length"),
            Some(_) => Ok(()),
        },
        _ => match value.as_str() {
            None => Err("must be a string"),
            Some(text) if kind.split('|').any(|word| word == text) => Ok(()),
            Some(_) => Err("is not an expected value"),
        },
    }
}
