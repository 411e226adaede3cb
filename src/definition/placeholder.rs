//! Placeholders: `${Name}` in a definition, to be filled in when it is deployed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::diagnostic::{Format, Source};

/// What to put in the place of placeholders, as CloudFormation's `DefinitionSubstitutions` and Terraform's
/// `templatefile` do.
///
/// The value goes into the text as it is, before the text is read: inside a string it becomes a part of the
/// string, elsewhere a number, a truth value or a whole object.
///
/// ```
/// use stepwright::definition::Substitutions;
/// use stepwright::diagnostic::Source;
///
/// let source = Source::new("a.asl.json", r#"{ "Resource": "${Lambda}:live", "TimeoutSeconds": ${Timeout} }"#);
/// let values = Substitutions::new().with("Lambda", "arn:aws:lambda:::function:F").with("Timeout", "30");
/// assert_eq!(
///     values.fill(&source).text(),
///     r#"{ "Resource": "arn:aws:lambda:::function:F:live", "TimeoutSeconds": 30 }"#
/// );
/// ```
///
/// CloudFormation does not look at what it puts in, so a value with quotes or line breaks spoils the JSON
/// string in which it lands. Here such a value is escaped, and only such a one: wherever CloudFormation's text
/// is JSON, this is the same text.
///
/// ```
/// # use stepwright::definition::Substitutions;
/// # use stepwright::diagnostic::Source;
/// let source = Source::new("a.asl.json", r#"{ "Comment": "${Text}" }"#);
/// let filled = Substitutions::new().with("Text", "say \"hi\"").fill(&source);
/// assert_eq!(filled.text(), r#"{ "Comment": "say \"hi\"" }"#);
/// ```
///
/// What has no value stays, and so does `${` that belongs to somebody else, such as code within a string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Substitutions {
    values: BTreeMap<String, String>,
}

impl Substitutions {
    /// Nothing to fill in yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `value` in the place of `${name}`.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), value.into());
        self
    }

    /// The source with its placeholders filled in; its name stays.
    pub fn fill(&self, source: &Source) -> Source {
        let text = match source.format() {
            Format::Json => self.fill_json(source.text()),
            Format::Yaml => self.fill_text(source.text()),
        };
        Source::with_format(source.name(), text, source.format())
    }

    /// Fills in the placeholders of all strings within `value`, keys excepted. A string stays a string.
    pub fn fill_value(&self, value: &mut Value) {
        let mut pending = vec![value];
        while let Some(value) = pending.pop() {
            match value {
                Value::String(text) if text.contains("${") => *text = self.fill_text(text),
                Value::Array(items) => pending.extend(items),
                Value::Object(map) => pending.extend(map.values_mut()),
                _ => {}
            }
        }
    }

    fn fill_text(&self, text: &str) -> String {
        self.replace(text, |value, _| value.into())
    }

    fn fill_json(&self, text: &str) -> String {
        let mut inside = false;
        self.replace(text, |value, before| {
            inside ^= quotes(before) % 2 == 1;
            match inside && serde_json::from_str::<String>(&format!("\"{value}\"")).is_err() {
                true => {
                    let quoted = Value::from(value).to_string();
                    quoted[1..quoted.len() - 1].into()
                }
                false => value.into(),
            }
        })
    }

    /// Replaces placeholders by what `print` makes of their value and of the text since the one before.
    fn replace(&self, text: &str, mut print: impl FnMut(&str, &str) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for (start, name) in find(text) {
            if let Some(value) = self.values.get(name) {
                let before = &text[copied..start];
                out.push_str(before);
                out.push_str(&print(value, before));
                copied = start + "${}".len() + name.len();
            }
        }
        out.push_str(&text[copied..]);
        out
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Substitutions {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self { values: values.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

/// The names of the placeholders in a text.
///
/// ```
/// let text = r#"{ "Resource": "${Lambda}", "Comment": "costs ${ x + 1 } and $2", "TimeoutSeconds": ${Timeout} }"#;
/// assert!(stepwright::definition::placeholders(text).iter().eq(&["Lambda", "Timeout"]));
/// ```
pub fn placeholders(text: &str) -> BTreeSet<&str> {
    find(text).map(|(_, name)| name).collect()
}

/// Whether a string holds a placeholder, so that its value is not known yet.
pub(crate) fn has_placeholder(text: &str) -> bool {
    text.contains('$') && find(text).next().is_some()
}

/// Whether a string is nothing but a placeholder or two, so that it may stand for something else than a
/// string: `${Timeout}`, `${Days}00`.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.starts_with("${") && text.contains('}') && !text.contains(['\n', '"'])
}

/// Where placeholders start, and their names.
fn find(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("${").filter_map(|(start, _)| {
        let rest = &text[start + "${".len()..];
        let name = &rest[..rest.find('}')?];
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
        (!name.is_empty() && name.chars().all(plain)).then_some((start, name))
    })
}

/// How many quotes of strings there are in JSON text that starts outside of an escape sequence.
fn quotes(text: &str) -> usize {
    let mut count = 0;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => count += 1,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fill(text: &str) -> String {
        let values = [("A", "1"), ("Q", "a\"b\nc"), ("E", "a\\\"b"), ("O", r#"{"x":"y"}"#)];
        Substitutions::from_iter(values).fill(&Source::with_format("x", text, Format::Json)).text().into()
    }

    #[test]
    fn values_go_in_raw_and_are_escaped_only_where_that_would_break_a_string() {
        assert_eq!(
            fill(r#"{"a":${A},"b":"${A}","c":"\"${Q}","d":${O}}"#),
            r#"{"a":1,"b":"1","c":"\"a\"b\nc","d":{"x":"y"}}"#
        );
        assert_eq!(fill(r#"["${E}"]"#), r#"["a\"b"]"#);
        assert_eq!(fill(r#"["${O}",${O}]"#), r#"["{\"x\":\"y\"}",{"x":"y"}]"#);
    }

    #[test]
    fn what_has_no_value_stays() {
        let text = r#"["${B}", "`${a.b()}`", "${", "$${A}", "${!A}"]"#;
        assert_eq!(fill(text), r#"["${B}", "`${a.b()}`", "${", "$1", "${!A}"]"#);
        let mut value = json!({ "k": ["${A}s", 1, { "x": "${B}" }] });
        Substitutions::new().with("A", "q\"").fill_value(&mut value);
        assert_eq!(value, json!({ "k": ["q\"s", 1, { "x": "${B}" }] }));
    }

    proptest! {
        #[test]
        fn a_filled_string_is_a_string(value in "\\PC*", around in "[a-z ]*") {
            let source = Source::with_format("x", format!("[\"{around}${{V}}\"]"), Format::Json);
            let filled = Substitutions::new().with("V", value).fill(&source);
            prop_assert!(serde_json::from_str::<Vec<String>>(filled.text()).is_ok());
        }
    }
}
