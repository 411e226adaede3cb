//! Sources: the text a definition was read from, and where each part of it stands.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::pointer::JsonPointer;
use super::scan;
use crate::span::{Span, SpanTree};

/// The text of a definition, with a name for messages. Clones share the text.
///
/// ```
/// use stepwright::diagnostic::{Format, Source};
///
/// let source = Source::new("order.asl.json", r#"{ "StartAt": "Pay" }"#);
/// assert_eq!(source.name(), "order.asl.json");
/// assert_eq!(source.format(), Format::Json);
/// assert_eq!(source.position(2).to_string(), "1:3");
/// ```
#[derive(Clone)]
pub struct Source {
    shared: Arc<Shared>,
    /// Which part of the text the definition is, when it stands inside a larger document.
    base: JsonPointer,
}

struct Shared {
    name: String,
    text: Arc<str>,
    format: Format,
    /// Where each line starts.
    lines: OnceLock<Vec<usize>>,
    spans: OnceLock<SpanTree>,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON, in which unfilled placeholders may stand for values.
    Json,
    /// YAML, which needs the feature `yaml` to be read.
    Yaml,
}

/// A place in a text, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Whether the key of an entry is meant, or its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// The value that the pointer leads to.
    #[default]
    Value,
    /// The key under which that value stands.
    Key,
}

impl Source {
    /// The text of the file `name`, in the format that its extension or else its beginning shows.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        let (name, text) = (name.into(), text.into());
        let format = Format::detect(&name, &text);
        Self::with_format(name, text, format)
    }

    /// The text of the file `name`, in a given format.
    pub fn with_format(name: impl Into<String>, text: impl Into<Arc<str>>, format: Format) -> Self {
        let (name, text) = (name.into(), text.into());
        let shared = Shared { name, text, format, lines: OnceLock::new(), spans: OnceLock::new() };
        Self { shared: Arc::new(shared), base: JsonPointer::root() }
    }

    /// The name, as messages show it.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.shared.text
    }

    /// The text, shared.
    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.shared.text)
    }

    /// How the text is written.
    pub fn format(&self) -> Format {
        self.shared.format
    }

    /// Line and column of the byte at `offset`.
    pub fn position(&self, offset: usize) -> Position {
        let line = self.lines().partition_point(|start| *start <= offset).max(1);
        let start = self.lines()[line - 1];
        let column = self.text().get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        Position { line, column }
    }

    /// The same text, of which only the part at `base` is the definition: pointers start there.
    #[cfg_attr(not(test), expect(dead_code, reason = "for definitions inside of templates"))]
    pub(crate) fn within(&self, base: &JsonPointer) -> Self {
        Self { shared: Arc::clone(&self.shared), base: self.base.join(base) }
    }

    /// Tells where the parts of the text stand, for formats in which this cannot be found out here.
    #[cfg(feature = "yaml")]
    pub(crate) fn set_spans(&self, spans: SpanTree) {
        // The tree of a text is always the same, so whoever came first was right too.
        let _ = self.shared.spans.set(spans);
    }

    /// Where the part that `pointer` leads to stands, or the last one on the way that there is. The text is
    /// scanned when this is first asked.
    pub(crate) fn span(&self, pointer: &JsonPointer, part: Part) -> Option<Span> {
        let spans = self.shared.spans.get_or_init(|| match self.format() {
            Format::Json => scan::span_tree(self.text()),
            Format::Yaml => SpanTree::default(),
        });
        let (node, whole) = spans.find(self.base.steps().chain(pointer.steps()))?;
        match part {
            Part::Value if whole => Some(node.value.clone()),
            // What is missing is missing in the last part that is there: its key says it best.
            Part::Key | Part::Value => Some(node.key.clone().unwrap_or_else(|| node.value.clone())),
        }
    }

    /// Where the character stands that has `offset` bytes before it in the value of the string at `string`.
    pub(super) fn character(&self, string: Span, offset: usize) -> Option<Span> {
        let written = self.text().get(string.clone())?;
        let style = match (written.chars().next()?, self.format()) {
            ('"', _) => Style::Double,
            (_, Format::Json) => return None,
            ('\'', Format::Yaml) => Style::Single,
            (_, Format::Yaml) => self.block_style(string.start),
        };
        let quotes = usize::from(matches!(style, Style::Double | Style::Single));
        let end = written.len().checked_sub(quotes)?;
        let content = written.get(quotes..end)?;
        let mut before = 0;
        let mut rest = content;
        while before < offset {
            let (written, value) = style.first_character(rest)?;
            rest = &rest[written..];
            before += value;
        }
        let start = string.start + quotes + content.len() - rest.len();
        // At the end of the string it is the quote.
        let length = style.first_character(rest).map_or(1, |(written, _)| written);
        Some(start..start + length)
    }

    /// How the scalar without quotes is written that begins at `start`.
    fn block_style(&self, start: usize) -> Style {
        let before = &self.text()[..start];
        let indent = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let header = before.trim_end_matches([' ', '\n', '\r']);
        match header.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+')).chars().last() {
            Some('|') => Style::Literal { indent },
            Some('>') => Style::Folded { indent },
            _ => Style::Plain,
        }
    }

    /// Where line `line` (from 1) stands, without its end.
    pub(super) fn line(&self, line: usize) -> Span {
        let start = self.lines()[line - 1];
        let end = self.lines().get(line).copied().unwrap_or(self.text().len());
        start..start + self.text()[start..end].trim_end_matches(['\n', '\r']).len()
    }

    fn lines(&self) -> &[usize] {
        self.shared.lines.get_or_init(|| {
            let starts = self.text().match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(starts).collect()
        })
    }
}

/// How a string is written.
#[derive(Clone, Copy)]
enum Style {
    /// As in JSON.
    Double,
    Single,
    Plain,
    /// A block whose lines stay lines.
    Literal {
        indent: usize,
    },
    /// A block whose lines become one.
    Folded {
        indent: usize,
    },
}

impl Style {
    /// How many bytes the first character of `rest` takes as it is written, and in the string's value. Half a
    /// surrogate pair counts as a character of its own.
    fn first_character(self, rest: &str) -> Option<(usize, usize)> {
        let first = rest.chars().next()?;
        let plain = Some((first.len_utf8(), first.len_utf8()));
        match (self, first) {
            (Self::Double, '\\') => match rest.as_bytes().get(1)? {
                b'u' => {
                    let unit = u32::from_str_radix(rest.get(2..6)?, 16).ok()?;
                    Some((6, char::from_u32(unit).map_or(2, char::len_utf8)))
                }
                _ => Some((2, 1)),
            },
            (Self::Single, '\'') => Some((2, 1)),
            (Self::Literal { indent }, '\n') => Some((1 + spaces(&rest[1..], indent), 1)),
            (Self::Folded { indent }, '\n') => Some(folded(rest, indent)),
            (Self::Single | Self::Plain, '\n') => Some(folded(rest, usize::MAX)),
            _ => plain,
        }
    }
}

/// Line ends and the indentation after them: one is a space, and of several all but one stay.
fn folded(rest: &str, indent: usize) -> (usize, usize) {
    let (mut written, mut lines) = (0, 0);
    while rest[written..].starts_with('\n') {
        written += 1;
        written += spaces(&rest[written..], indent);
        lines += 1;
    }
    (written, (lines - 1).max(1))
}

/// How many spaces a line begins with, up to `most`.
fn spaces(line: &str, most: usize) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count().min(most)
}

impl Format {
    fn detect(name: &str, text: &str) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("yaml" | "yml") => return Self::Yaml,
            Some("json") => return Self::Json,
            _ => {}
        }
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let yaml = first.starts_with("---")
            || first.starts_with(|c: char| c.is_ascii_alphabetic())
                && (first.ends_with(':') || first.contains(": "));
        if yaml { Self::Yaml } else { Self::Json }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name()).field("bytes", &self.text().len()).finish()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn part<'s>(source: &'s Source, pointer: &str, part: Part) -> &'s str {
        &source.text()[source.span(&pointer.parse().unwrap(), part).unwrap()]
    }

    #[test]
    fn keys_values_and_what_is_missing() {
        let text = r#"{ "States": { "a/b": [ {"N\u0065xt": ${X}}, "é" ] }, "0": 1 }"#;
        let source = Source::new("x.json", text);
        assert_eq!(part(&source, "/States/a~1b/0/Next", Part::Value), "${X}");
        assert_eq!(part(&source, "/States/a~1b/0/Next", Part::Key), r#""N\u0065xt""#);
        assert_eq!(part(&source, "/States/a~1b/1", Part::Value), "\"é\"");
        assert_eq!(part(&source, "/States/a~1b/7", Part::Value), "\"a/b\"");
        assert_eq!(part(&source, "/0", Part::Value), "1");
        assert_eq!(part(&source.within(&"/States".parse().unwrap()), "/a~1b/1", Part::Value), "\"é\"");
    }

    #[test]
    fn formats_are_recognized() {
        for (name, text, format) in [
            ("a.yml", "{}", Format::Yaml),
            ("a.asl.json", "StartAt: A", Format::Json),
            ("definition", " {\"StartAt\": 1}", Format::Json),
            ("definition", "# c\nStartAt: A", Format::Yaml),
            ("definition", "not a definition", Format::Json),
            ("definition", "", Format::Json),
        ] {
            assert_eq!(Source::new(name, text).format(), format, "{name} {text}");
        }
    }

    #[test]
    fn positions_are_in_characters() {
        let source = Source::new("x", "é\r\nab\n");
        assert_eq!(source.position(2).to_string(), "1:2");
        assert_eq!(source.position(5).to_string(), "2:2");
        assert_eq!(source.position(7).to_string(), "3:1");
        assert_eq!(&source.text()[source.line(1)], "é");
        assert_eq!(Source::new("x", "").position(0).to_string(), "1:1");
    }

    /// Checks that every part of `value` stands where the source says.
    fn check(source: &Source, pointer: &JsonPointer, value: &Value) {
        let span = source.span(pointer, Part::Value).unwrap();
        let found: Value = serde_json::from_str(&source.text()[span]).unwrap();
        assert_eq!(&found, value, "{pointer}");
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| check(source, &pointer.index(i), item));
            }
            Value::Object(map) => {
                for (key, item) in map {
                    let span = source.span(&pointer.key(key.as_str()), Part::Key).unwrap();
                    assert_eq!(serde_json::from_str::<String>(&source.text()[span]).unwrap(), *key);
                    check(source, &pointer.key(key.as_str()), item);
                }
            }
            _ => {}
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\PC\n\"\\\\]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[a/~\"0-1é\n]{0,3}", inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn spans_hold_what_they_point_at(value in value(), pretty in any::<bool>()) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            check(&Source::with_format("x", text, Format::Json), &JsonPointer::root(), &value);
        }

        #[test]
        fn any_text_has_spans_and_positions(text in "\\PC*|[\\[\\]{}\",:${}0a \n]*", offset in 0_usize..100) {
            let source = Source::new("x", text);
            source.span(&"/a/0".parse().unwrap(), Part::Value);
            source.position(offset);
        }
    }
}
