//! The functions that AWS adds to JSONata, and the one it takes away.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use jlens_core::{Bindings, Error, HostCall, HostFunction};
use serde_json::Value;

use super::parse;
use crate::query::entropy::Entropy;
use crate::query::intrinsic::algorithm;
use crate::query::java::Random;

type Outcome = Result<Option<Value>, Error>;

/// Elements that `$range` gives at most (measured).
const LONGEST_RANGE: f64 = 360_145.0;

/// Elements that one evaluation may make in these functions; twice what is measured for one call.
const MOST_ELEMENTS: usize = 720_290;

/// `$hash` and `$parse`; and no `$eval`.
pub(super) fn added() -> &'static Bindings {
    static ADDED: LazyLock<Bindings> = LazyLock::new(|| {
        let function = |signature, body: fn(&[Option<Value>]) -> Outcome| {
            HostFunction::with_signature(signature, move |arguments, _| body(arguments))
                .expect("the signatures are written right")
                .without_input()
        };
        Bindings::new()
            .function("hash", function("<s?s?:s>", hash))
            .function("parse", function("<s?:x>", parse_text))
            // Whoever calls it calls something that is no function.
            .var("eval", Value::Null)
    });
    &ADDED
}

/// The same with those that make long arrays: `$partition`, `$range`, and what stands for `$distinct`. The engine
/// does not look at the clock while they work, so all that they make in one evaluation is bounded together.
pub(super) fn with_arrays(bindings: Bindings) -> Bindings {
    let made = Arc::new(AtomicUsize::new(0));
    let counted = |weight: usize, body: fn(&[Option<Value>]) -> Outcome| {
        let made = made.clone();
        move |arguments: &[Option<Value>], _: &HostCall<'_>| {
            let length = |value: &Value| value.as_array().map_or(0, Vec::len);
            let given = arguments.first().and_then(Option::as_ref).map_or(0, length);
            let result = match made.load(Ordering::Relaxed) + given * weight > MOST_ELEMENTS {
                true => return Err(too_long()),
                false => body(arguments)?,
            };
            let work = (given * weight).max(result.as_ref().map_or(0, length));
            match made.fetch_add(work, Ordering::Relaxed) + work > MOST_ELEMENTS {
                true => Err(too_long()),
                false => Ok(result),
            }
        }
    };
    let partition = HostFunction::new(2, counted(2, partition));
    let range = HostFunction::with_signature("<nnn?:x>", counted(1, range));
    let distinct = HostFunction::with_signature("<a:a>", counted(10, distinct));
    match (range, distinct) {
        (Ok(range), Ok(distinct)) => bindings
            .function("partition", partition.without_input())
            .function("range", range.without_input())
            .function("_distinct", distinct.without_input()),
        _ => bindings,
    }
}

/// The same with `$random` and `$uuid`, which draw from `seed`.
pub(super) fn with_random(bindings: Bindings, seed: [u8; 32]) -> Bindings {
    let drawn = AtomicU64::new(0);
    let random = HostFunction::with_signature("<n?:n>", move |arguments, _| {
        Ok(Some(match number(arguments, 0) {
            Some(seed) => Random::new(seed as i64).next_double().into(),
            None => Entropy::resume(seed, drawn.fetch_add(1, Ordering::Relaxed)).unit().into(),
        }))
    });
    let drawn = AtomicU64::new(1 << 32);
    let uuid = HostFunction::with_signature("<:s>", move |_, _| {
        Ok(Some(Entropy::resume(seed, drawn.fetch_add(1, Ordering::Relaxed)).uuid().into()))
    });
    match (random, uuid) {
        (Ok(random), Ok(uuid)) => {
            bindings.function("random", random.without_input()).function("uuid", uuid.without_input())
        }
        _ => bindings,
    }
}

/// The same with a division that gives what is no finite number as text, as AWS does.
pub(super) fn with_division(bindings: Bindings) -> Bindings {
    let divide = HostFunction::new(2, |arguments, _| {
        for (argument, code) in arguments.iter().zip(["T2001", "T2002"]) {
            if let Some(value) = argument
                && !value.is_number()
            {
                return Err(Error::new(code).with("token", "/").with("value", value.clone()));
            }
        }
        let (Some(left), Some(right)) = (number(arguments, 0), number(arguments, 1)) else { return Ok(None) };
        Ok(Some(match left / right {
            quotient if quotient.is_nan() => "NaN".into(),
            f64::INFINITY => "Infinity".into(),
            f64::NEG_INFINITY => "-Infinity".into(),
            quotient => quotient.into(),
        }))
    });
    bindings.function("_divide", divide.without_input())
}

/// `$hash(text, algorithm)`: in lower-case hexadecimal.
fn hash(arguments: &[Option<Value>]) -> Outcome {
    let (Some(text), Some(name)) = (text(arguments, 0), text(arguments, 1)) else { return Ok(None) };
    match algorithm(name) {
        Some(digest) => Ok(Some(digest(text.as_bytes()).into())),
        // unverified: AWS's words.
        None => Err(refused(format!("Invalid hash algorithm: {name}"))),
    }
}

/// `$parse(text)`: the JSON that a text is.
fn parse_text(arguments: &[Option<Value>]) -> Outcome {
    let Some(text) = text(arguments, 0) else { return Ok(None) };
    match parse::json(text) {
        Ok(value) => Ok(Some(value)),
        // unverified: what AWS says after the first two words.
        Err(error) => Err(refused(format!("Invalid JSON: {error}"))),
    }
}

/// `$partition(array, size)`: its elements in arrays of `size`.
fn partition(arguments: &[Option<Value>]) -> Outcome {
    if arguments.len() > 2 {
        return Err(wrong_argument(3, "partition"));
    }
    let items = match arguments.first() {
        Some(Some(Value::Array(items))) => items.as_slice(),
        Some(Some(Value::Null)) => {
            let error = Error::new("T0412").with("index", 1).with("token", "partition");
            return Err(error.with("type", "values"));
        }
        Some(Some(single)) => std::slice::from_ref(single),
        Some(None) | None => return Ok(None),
    };
    let size = match arguments.get(1) {
        None | Some(None) => items.len(),
        Some(Some(Value::Number(size))) => match size.as_f64().unwrap_or_default().trunc() {
            size if size < 0.0 => {
                return Err(refused("Second argument must be zero or greater".into()));
            }
            size => size as usize,
        },
        Some(Some(_)) => return Err(wrong_argument(2, "partition")),
    };
    if items.is_empty() || size == 0 {
        return Ok(None);
    }
    Ok(Some(items.chunks(size).map(|chunk| Value::from(chunk.to_vec())).collect()))
}

/// `$range(from, to, step)`: the numbers in between, both ends included.
fn range(arguments: &[Option<Value>]) -> Outcome {
    let number = |at| number(arguments, at).map(f64::trunc);
    let (Some(from), Some(to), Some(step)) = (number(0), number(1), number(2)) else { return Ok(None) };
    let count = ((to - from) / step).floor() + 1.0;
    // Also where the step is 0, or leads away.
    if !(count >= 1.0 && count.is_finite()) {
        return Ok(None);
    }
    if count > LONGEST_RANGE {
        return Err(too_long());
    }
    let mut numbers = (0..count as u64).map(|n| n as f64 * step + from);
    match count {
        // A sequence of one is its element (recorded: array_range.run2).
        1.0 => Ok(numbers.next().map(Value::from)),
        _ => Ok(Some(numbers.map(Value::from).collect())),
    }
}

fn too_long() -> Error {
    Error::new("U1001").with("message", "the array is too long")
}

/// `$distinct(array)`, for long ones.
fn distinct(arguments: &[Option<Value>]) -> Outcome {
    let Some(Some(Value::Array(items))) = arguments.first() else { return Ok(None) };
    let mut seen = BTreeSet::new();
    let is_new = |item: &&Value| {
        let mut text = String::new();
        canonical(item, &mut text);
        seen.insert(text)
    };
    Ok(Some(items.iter().filter(is_new).cloned().collect()))
}

/// The same text for equal values. Recursion over values is bounded by the engine.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => *text += &number.as_f64().unwrap_or_default().to_string(),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in entries {
                *text += &Value::from(key.as_str()).to_string();
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => *text += &other.to_string(),
    }
}

fn text(arguments: &[Option<Value>], at: usize) -> Option<&str> {
    arguments.get(at)?.as_ref()?.as_str()
}

fn number(arguments: &[Option<Value>], at: usize) -> Option<f64> {
    arguments.get(at)?.as_ref()?.as_f64()
}

fn wrong_argument(index: usize, function: &str) -> Error {
    Error::new("T0410").with("index", index).with("token", function)
}

fn refused(message: String) -> Error {
    Error::new("D3137").with("message", message)
}
