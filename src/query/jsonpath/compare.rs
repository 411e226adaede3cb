//! How filters compare: by Jayway's rules, which take a string for the number it spells.

use std::cmp::Ordering;

use crate::json::Json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    Contains,
    Size,
    Empty,
}

impl Operator {
    /// The operators that are signs, longest first.
    pub(super) const SIGNS: [(&'static str, Self); 7] = [
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("=~", Self::Matches),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// The operators that are words.
    pub(super) const WORDS: [(&'static str, Self); 8] = [
        ("in", Self::In),
        ("nin", Self::NotIn),
        ("subsetof", Self::SubsetOf),
        ("anyof", Self::AnyOf),
        ("noneof", Self::NoneOf),
        ("contains", Self::Contains),
        ("size", Self::Size),
        ("empty", Self::Empty),
    ];
}

/// Whether `left operator right`.
pub(super) fn holds(left: &Json, operator: Operator, right: &Json) -> bool {
    let among = |item: &Json, items: &Json| items.as_array().is_some_and(|items| contains(items, item));
    match operator {
        Operator::Equal => equal(left, right),
        Operator::Unequal => !equal(left, right),
        Operator::Less => order(left, right) == Some(Ordering::Less),
        Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Operator::Greater => order(left, right) == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        // A pattern is no value, see `Operand::Pattern`; patterns in data are not compiled at run time.
        Operator::Matches => false,
        Operator::In => among(left, right),
        Operator::NotIn => right.as_array().is_some() && !among(left, right),
        Operator::SubsetOf => {
            let items = left.as_array().unwrap_or_default();
            left.as_array().is_some() && items.iter().all(|item| among(item, right))
        }
        Operator::AnyOf => left.as_array().is_some_and(|items| items.iter().any(|item| among(item, right))),
        Operator::NoneOf => {
            let items = left.as_array().unwrap_or_default();
            left.as_array().is_some() && !items.iter().any(|item| among(item, right))
        }
        Operator::Contains => match (left, right) {
            (Json::String(text), Json::String(part)) => text.contains(part.as_ref()),
            _ => among(right, left),
        },
        Operator::Size => size(left).is_some_and(|size| right.as_f64() == Some(size as f64)),
        Operator::Empty => size(left).is_some_and(|size| (size == 0) == right.as_bool().unwrap_or(true)),
    }
}

/// What a comparison costs in visits, roughly.
pub(super) fn cost(operator: Operator, left: &Json, right: &Json) -> usize {
    let weight = |json: &Json| match json {
        Json::String(text) => 1 + text.len() / 32,
        Json::Array(_) | Json::Object(_) => 1 + json.size() / 32,
        _ => 1,
    };
    match operator {
        Operator::SubsetOf | Operator::AnyOf | Operator::NoneOf => {
            weight(left).saturating_mul(right.as_array().map_or(1, <[Json]>::len))
        }
        Operator::In | Operator::NotIn => weight(right),
        Operator::Contains => weight(left),
        Operator::Size | Operator::Empty => 1,
        _ => weight(left).min(weight(right)),
    }
}

fn contains(items: &[Json], wanted: &Json) -> bool {
    items.iter().any(|item| equal(item, wanted))
}

fn size(json: &Json) -> Option<usize> {
    match json {
        Json::String(text) => Some(text.encode_utf16().count()),
        Json::Array(_) => json.as_array().map(<[Json]>::len),
        Json::Object(object) => Some(object.len()),
        _ => None,
    }
}

fn equal(left: &Json, right: &Json) -> bool {
    left == right || order(left, right) == Some(Ordering::Equal)
}

/// How two values are ordered; `None` if they are not.
fn order(left: &Json, right: &Json) -> Option<Ordering> {
    match (left, right) {
        (Json::String(a), Json::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        (Json::String(text), Json::Number(number)) => spelled(text)?.partial_cmp(&number.as_f64()?),
        (Json::Number(number), Json::String(text)) => number.as_f64()?.partial_cmp(&spelled(text)?),
        (Json::String(text), Json::Bool(value)) => Some(text.eq_ignore_ascii_case("true").cmp(value)),
        (Json::Bool(value), Json::String(text)) => Some(value.cmp(&text.eq_ignore_ascii_case("true"))),
        (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

/// The number that `text` spells.
fn spelled(text: &str) -> Option<f64> {
    let start = text.trim_start_matches(['+', '-']);
    if !start.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok()
}
