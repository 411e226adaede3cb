//! Plain scalars: which text is a number, a truth value, nothing.

use serde_json::{Number, Value};

/// A plain scalar as YAML 1.2's core schema reads it.
pub(super) fn core_schema(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::from(text), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let radix =
        |prefix, radix| text.strip_prefix(prefix).and_then(|digits| u64::from_str_radix(digits, radix).ok());
    if let Some(number) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(number.into());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !digits.chars().all(plain) {
        return None;
    }
    if digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // JSON wants digits on both sides of the point and no plus in front.
    let json = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = serde_json::from_str::<Number>(json)
        && !integer.is_f64()
    {
        return Some(integer);
    }
    let double: f64 = json.parse().ok()?;
    Number::from_f64(double)
}
