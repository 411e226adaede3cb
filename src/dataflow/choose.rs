//! Evaluating the rules of a Choice state.
//!
//! Values of different types compare as false, never as an error; only a path that selects nothing is one.

use std::cmp::Ordering;

use crate::dataflow::Mishap;
use crate::json::{Json, Number};
use crate::machine::choice::{Condition, JsonType, Operand, Relation, Test};
use crate::query::{Path, Scope};
use crate::time::parse_nanos;

/// The first of `rules` that holds.
pub(crate) fn first<R>(
    rules: &[R],
    holds: impl Fn(&R) -> Result<bool, Mishap>,
) -> Result<Option<&R>, Mishap> {
    for rule in rules {
        if holds(rule)? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

/// What a Choice fails with in which no rule holds, and that has no Default.
pub(crate) fn nowhere() -> Mishap {
    // Not `States.NoChoiceMatched`, which is only documented: this is what AWS reports.
    Mishap::runtime("Failed to transition out of the state. The state does not point to a next state.")
}

/// Whether `condition` holds. `And` and `Or` stop where the outcome is known.
pub(crate) fn holds(condition: &Condition, scope: &Scope<'_>) -> Result<bool, Mishap> {
    match condition {
        Condition::And(all) => {
            for condition in all {
                if !holds(condition, scope)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Or(any) => {
            for condition in any {
                if holds(condition, scope)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(condition) => Ok(!holds(condition, scope)?),
        Condition::Compare { variable, test: Test::IsPresent(expected) } => {
            Ok(variable.select(scope).is_ok() == *expected)
        }
        Condition::Compare { variable, test } => {
            let value = read(variable, "condition", scope)?;
            compare(&value, test, scope)
        }
    }
}

fn compare(value: &Json, test: &Test, scope: &Scope<'_>) -> Result<bool, Mishap> {
    Ok(match test {
        Test::IsPresent(expected) => *expected,
        Test::Is(kind, expected) => is(value, *kind) == *expected,
        Test::Matches(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
        Test::Boolean(operand) => match operand {
            Operand::Literal(right) => value.as_bool() == Some(*right),
            Operand::Path(path) => {
                let right = read(path, "comparison", scope)?;
                value.as_bool().is_some() && value.as_bool() == right.as_bool()
            }
        },
        Test::String(relation, operand) => {
            let holds =
                |right: &str| value.as_str().is_some_and(|left| relation.holds(compare_text(left, right)));
            match operand {
                Operand::Literal(right) => holds(right),
                Operand::Path(path) => read(path, "comparison", scope)?.as_str().is_some_and(holds),
            }
        }
        Test::Number(relation, operand) => match operand {
            Operand::Literal(right) => numbers(value, right, *relation),
            Operand::Path(path) => read(path, "comparison", scope)?
                .as_number()
                .is_some_and(|right| numbers(value, right, *relation)),
        },
        Test::Timestamp(relation, operand) => {
            let left = value.as_str().and_then(parse_nanos);
            let right = match operand {
                Operand::Literal(right) => Some(*right),
                Operand::Path(path) => read(path, "comparison", scope)?.as_str().and_then(parse_nanos),
            };
            left.zip(right).is_some_and(|(left, right)| relation.holds(left.cmp(&right)))
        }
    })
}

fn read(path: &Path, which: &str, scope: &Scope<'_>) -> Result<Json, Mishap> {
    path.select(scope).map_err(|_| {
        Mishap::runtime(format!(
            "Invalid path '{}': The choice state's {which} path references an invalid value.",
            path.as_str()
        ))
    })
}

fn is(value: &Json, kind: JsonType) -> bool {
    match kind {
        JsonType::Null => value.is_null(),
        JsonType::Numeric => value.as_number().is_some(),
        JsonType::String => value.as_str().is_some(),
        JsonType::Boolean => value.as_bool().is_some(),
        JsonType::Timestamp => value.as_str().is_some_and(|text| parse_nanos(text).is_some()),
    }
}

fn numbers(left: &Json, right: &Number, relation: Relation) -> bool {
    left.as_number().and_then(|left| compare_numbers(left, right)).is_some_and(|order| relation.holds(order))
}

/// Numerically, exactly for two integers.
fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    let integer =
        |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// As Java compares strings: by UTF-16 units. That differs from the order of UTF-8 bytes only where a
/// surrogate pair meets a character from U+E000 on.
fn compare_text(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}
