//! Printing documents as compact JSON, and measuring them without printing.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Number, Value};

use super::Json;

/// Compact JSON, or the text it was read from if that had white space and nothing has changed since.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(array) => {
                if let Some(text) = &array.text {
                    return f.write_str(text);
                }
                write_items(f, &array.items, |f, item| item.fmt(f))
            }
            Self::Object(object) => {
                if let Some(text) = object.text() {
                    return f.write_str(text);
                }
                match object.map() {
                    Some(map) => write_entries(f, map, write_value),
                    None => write_entries(f, object.iter(), |f, value| value.fmt(f)),
                }
            }
            Self::String(text) => write_string(f, text),
            Self::Number(number) => write_number(f, number),
            Self::Bool(value) => value.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The same of what was handed in and is kept so.
fn write_value(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Array(items) => write_items(f, items, write_value),
        Value::Object(map) => write_entries(f, map, write_value),
        Value::String(text) => write_string(f, text),
        Value::Number(number) => write_number(f, number),
        Value::Bool(_) | Value::Null => fmt::Display::fmt(value, f),
    }
}

fn write_items<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            f.write_str(",")?;
        }
        write(f, item)?;
    }
    f.write_str("]")
}

fn write_entries<K: AsRef<str>, T>(
    f: &mut fmt::Formatter<'_>,
    entries: impl IntoIterator<Item = (K, T)>,
    write: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("{")?;
    for (n, (key, value)) in entries.into_iter().enumerate() {
        if n > 0 {
            f.write_str(",")?;
        }
        write_string(f, key.as_ref())?;
        f.write_str(":")?;
        write(f, value)?;
    }
    f.write_str("}")
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(array) => {
                let mut seq = serializer.serialize_seq(Some(array.items.len()))?;
                for item in &array.items {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Object(object) => {
                if let Some(map) = object.map() {
                    return map.serialize(serializer);
                }
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (key, value) in object.iter() {
                    map.serialize_entry(key.as_ref(), value)?;
                }
                map.end()
            }
        }
    }
}

/// Bytes of `text` as a JSON string, quotes included.
pub(super) fn string_size(text: &str) -> usize {
    // Most texts have nothing to escape, and that is seen many bytes at a time.
    let escaped = text.bytes().fold(false, |escaped, byte| escaped | is_escaped(byte));
    2 + if escaped { text.bytes().map(escaped_size).sum() } else { text.len() }
}

/// Bytes of `number` as text.
pub(super) fn number_size(number: &Number) -> usize {
    if let Some(n) = number.as_u64() {
        return digits(n);
    }
    if let Some(n) = number.as_i64() {
        return 1 + digits(n.unsigned_abs());
    }
    let mut count = Count(0);
    match write_number(&mut count, number) {
        Ok(()) => count.0,
        Err(_) => 4,
    }
}

/// As Java writes numbers, and so AWS: `1.0E7`, where others write `10000000.0` (recorded: `LastModified` of S3's
/// objects).
fn write_number(out: &mut impl fmt::Write, number: &Number) -> fmt::Result {
    let float = number.as_f64().filter(|_| number.is_f64());
    match float.filter(|float| *float != 0.0 && !(1e-3..1e7).contains(&float.abs())) {
        None => write!(out, "{number}"),
        Some(float) => {
            let shortest = format!("{float:e}");
            let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
            let fraction = if digits.contains('.') { "" } else { ".0" };
            write!(out, "{digits}{fraction}E{exponent}")
        }
    }
}

fn digits(n: u64) -> usize {
    n.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escaped_size(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if escaped_size(byte) == 1 {
            continue;
        }
        f.write_str(&text[plain..at])?;
        match byte {
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            0x08 => f.write_str("\\b")?,
            0x0c => f.write_str("\\f")?,
            _ => write!(f, "\\u{byte:04X}")?,
        }
        plain = at + 1;
    }
    f.write_str(&text[plain..])?;
    f.write_str("\"")
}

struct Count(usize);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn numbers_are_written_as_java_does() {
        for (number, text) in [
            (json!(1), "1"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(0.0), "0.0"),
            (json!(-0.0), "-0.0"),
            (json!(0.001), "0.001"),
            (json!(0.00025), "2.5E-4"),
            (json!(9_999_999.5), "9999999.5"),
            (json!(1e7), "1.0E7"),
            (json!(1_789_180_622.0), "1.789180622E9"),
            (json!(-1.5e300), "-1.5E300"),
        ] {
            assert_eq!(Json::from(number).to_string(), text);
        }
    }

    #[test]
    fn escapes_as_json_does() {
        let text = "a\"b\\c\n\r\t\u{8}\u{c}\u{1f}é\u{1F600}";
        let json = Json::string(text);
        assert_eq!(serde_json::from_str::<Value>(&json.to_string()).unwrap(), json!(text));
        assert_eq!(json.size(), json.to_string().len());
    }

    proptest! {
        #[test]
        fn sizes_are_lengths(number in any::<f64>(), integer in any::<i64>(), text in any::<String>()) {
            let json = Json::from(json!([number, integer, text, { "k": text }]));
            prop_assert_eq!(json.size(), json.to_string().len());
        }
    }
}
