//! From text to JSON values: syntax, keys that are written twice, and limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Content, Document};

use crate::diagnostic::{
    Code, Diagnostic, Diagnostics, Format, JsonPointer, Scanner, Source, SyntaxError, TextPart, jackson_place,
};
use crate::limits::Limits;
use crate::span::Span;

/// Readers and writers of definitions call themselves for what stands inside, so there is an end to how deep
/// a document may be whatever its user allows.
const DEEPEST: usize = 512;

/// What was read from a text.
pub(super) enum Loaded<'t> {
    Document(Document<'t>),
    /// Made of YAML, which is not read in place.
    Value(Value),
}

/// The document in `source`, if it is one. The diagnostics know their places but not yet their source.
pub(super) fn load<'t>(source: &'t Source, limits: &Limits) -> (Option<Loaded<'t>>, Diagnostics) {
    let text = source.text();
    let mut diagnostics = Diagnostics::default();
    if text.len() > limits.definition_bytes {
        let message =
            format!("the text has {} bytes, and {} are allowed", text.len(), limits.definition_bytes);
        diagnostics.push(Diagnostic::new(Code::TooLong, JsonPointer::root(), message).at_span(0..0));
        return (None, diagnostics);
    }
    let loaded = match source.format() {
        _ if text.trim().is_empty() => None,
        Format::Json => json(text, limits.depth.min(DEEPEST), &mut diagnostics).map(Loaded::Document),
        Format::Yaml => yaml(source, limits, &mut diagnostics).map(Loaded::Value),
    };
    if loaded.is_none() && diagnostics.is_empty() {
        let diagnostic = Diagnostic::new(Code::NotObject, JsonPointer::root(), "the text is empty");
        diagnostics
            .push(diagnostic.at_span(0..0).with_aws_at("Definition must be a valid JSON object", None));
    }
    (loaded, diagnostics)
}

/// What is wrong with `value` if it is too deep. Deep values are found without recursion.
pub(super) fn check_depth(value: &Value, limits: &Limits) -> Option<Diagnostic> {
    let depth = limits.depth.min(DEEPEST);
    let mut pending = vec![(value, 1)];
    while let Some((value, level)) = pending.pop() {
        let children: Box<dyn Iterator<Item = &Value>> = match value {
            Value::Array(items) => Box::new(items.iter()),
            Value::Object(map) => Box::new(map.values()),
            _ => continue,
        };
        if level > depth {
            return Some(too_deep(depth));
        }
        pending.extend(children.map(|child| (child, level + 1)));
    }
    None
}

fn too_deep(depth: usize) -> Diagnostic {
    let message = format!("objects and lists stand within each other more than {depth} times");
    Diagnostic::new(Code::TooDeep, JsonPointer::root(), message)
}

/// A container whose end has not been read.
struct Open<'t> {
    number: usize,
    object: bool,
    /// The entry that is being read, and where its key stands.
    entry: usize,
    key: Span,
    /// Which entry has which key, for objects with many.
    seen: BTreeMap<Cow<'t, str>, usize>,
    entries: usize,
}

/// Up to so many entries of an object are compared with each other.
const FEW: usize = 16;

impl<'t> Open<'t> {
    /// The earlier entry that has the same key as the one that was just read.
    fn earlier(&mut self, document: &Document<'t>) -> Option<usize> {
        self.entries += 1;
        let key = document.key(self.entry);
        let mut others = document.children(self.number, self.entry);
        if self.entries <= FEW {
            return others.find(|other| document.key(*other) == key);
        }
        if self.seen.is_empty() {
            self.seen.extend(others.map(|other| (document.key(other).clone(), other)));
        }
        self.seen.insert(key.clone(), self.entry)
    }
}

fn json<'t>(text: &'t str, depth: usize, diagnostics: &mut Diagnostics) -> Option<Document<'t>> {
    let mut scanner = Scanner::new(text);
    let mut document = Document::with_room(text.len());
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut key, mut key_span) = (Cow::Borrowed(""), 0..0);
    loop {
        let (part, span) = match scanner.next() {
            Ok(Some(next)) => next,
            Ok(None) => return Some(document),
            Err(error) => {
                diagnostics.push(syntax(text, error));
                return None;
            }
        };
        if scanner.depth() > depth {
            diagnostics.push(too_deep(depth).at_span(span));
            return None;
        }
        let content = match part {
            TextPart::Key(name) => {
                (key, key_span) = (name, span);
                continue;
            }
            TextPart::ObjectEnd | TextPart::ArrayEnd => {
                let container = open.pop().expect("a container ends after it started");
                document.close(container.number);
                None
            }
            TextPart::ObjectStart => Some(Content::Object),
            TextPart::ArrayStart => Some(Content::Array),
            TextPart::String(text) => Some(Content::String(text)),
            TextPart::Number(number) => Some(Content::Number(number)),
            TextPart::Bool(value) => Some(Content::Bool(value)),
            TextPart::Null => Some(Content::Null),
            TextPart::Placeholder(text) => Some(Content::String(text.into())),
        };
        if let Some(content) = content {
            let object = matches!(content, Content::Object);
            let container = object || matches!(content, Content::Array);
            let number = document.push(std::mem::take(&mut key), content);
            if let Some(around) = open.last_mut() {
                (around.entry, around.key) = (number, key_span.clone());
            }
            if container {
                let seen = BTreeMap::new();
                open.push(Open { number, object, entry: number, key: 0..0, seen, entries: 0 });
                continue;
            }
        }
        if let Some(object) = open.last_mut().filter(|open| open.object)
            && let Some(earlier) = object.earlier(&document)
        {
            document.supersede(earlier);
            let name = document.key(object.entry);
            let diagnostic = duplicate(name, object.key.clone());
            // AWS's parser would end at the first. (That it minds at all is not measured.)
            diagnostics.push(match diagnostics.is_empty() {
                true => with_jackson(diagnostic, text, &format!("Duplicate field '{name}'"), object.key.end),
                false => diagnostic,
            });
        }
    }
}

fn duplicate(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateKey,
        JsonPointer::root(),
        format!("`{name}` is written twice in this object"),
    )
    .at_span(span)
    .with_help("the earlier value would be lost")
}

fn syntax(text: &str, error: SyntaxError) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new(Code::NotJson, JsonPointer::root(), error.message).at_span(error.span);
    if let Some(help) = error.help {
        diagnostic = diagnostic.with_help(help);
    }
    with_jackson(diagnostic, text, &error.aws, error.read)
}

/// AWS says what its JSON parser says, with the place twice.
fn with_jackson(diagnostic: Diagnostic, text: &str, message: &str, read: usize) -> Diagnostic {
    let place = jackson_place(text, read);
    diagnostic.with_aws_at(format!("{message}\n at {place}"), Some(place))
}

#[cfg(feature = "yaml")]
fn yaml(source: &Source, limits: &Limits, diagnostics: &mut Diagnostics) -> Option<Value> {
    use crate::yaml::{self, Problem};

    let loaded = yaml::load(source.text(), limits.depth.min(DEEPEST), limits.definition_bytes);
    source.set_spans(loaded.spans);
    for (problem, span) in loaded.problems {
        let diagnostic = match problem {
            Problem::Syntax(message) => Diagnostic::new(Code::NotYaml, JsonPointer::root(), message),
            Problem::Unsupported(message) => {
                Diagnostic::new(Code::UnsupportedYaml, JsonPointer::root(), message)
            }
            Problem::DuplicateKey(name) => duplicate(&name, span.clone()),
            Problem::TooDeep => too_deep(limits.depth.min(DEEPEST)),
            Problem::TooManyAliases => {
                let message = "the aliases stand for more than a definition may have";
                Diagnostic::new(Code::TooManyAliases, JsonPointer::root(), message)
            }
        };
        diagnostics.push(diagnostic.at_span(span));
    }
    loaded.value
}

#[cfg(not(feature = "yaml"))]
fn yaml(_: &Source, _: &Limits, diagnostics: &mut Diagnostics) -> Option<Value> {
    let diagnostic =
        Diagnostic::new(Code::NotJson, JsonPointer::root(), "the text is YAML, not JSON").at_span(0..0);
    diagnostics.push(diagnostic.with_help("the feature `yaml` reads YAML"));
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::Definition;

    fn codes(text: &str, limits: &Limits) -> Vec<Code> {
        let (_, diagnostics) = Definition::read_within(&Source::with_format("x", text, Format::Json), limits);
        diagnostics.iter().map(Diagnostic::code).collect()
    }

    #[test]
    fn hostile_depth_and_length_are_refused() {
        let mut limits = Limits::AWS;
        assert_eq!(codes(&"[".repeat(500_000), &limits), [Code::TooDeep]);
        limits.depth = usize::MAX;
        assert_eq!(codes(&"[".repeat(500_000), &limits), [Code::TooDeep]);
        assert_eq!(codes(&"{\"a\":".repeat(100_000), &limits), [Code::TooDeep]);
        assert_eq!(codes(&" ".repeat(2_000_000), &limits), [Code::TooLong]);
        let deep = (0..2000).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let (definition, diagnostics) = Definition::read_value(&deep);
        assert!(definition.is_none());
        assert_eq!(diagnostics.iter().next().unwrap().code(), Code::TooDeep);
    }

    #[test]
    fn choice_rules_may_be_as_deep_as_the_limit() {
        let nested = (0..500)
            .fold(r#"{"Variable":"$","IsNull":true}"#.to_owned(), |rule, _| format!(r#"{{"Not":{rule}}}"#));
        let rule = nested.replacen('{', r#"{"Next":"A","#, 1);
        let text = format!(r#"{{"StartAt":"A","States":{{"A":{{"Type":"Choice","Choices":[{rule}]}}}}}}"#);
        assert_eq!(codes(&text, &Limits::AWS), [Code::TooDeep]);
        let mut limits = Limits::AWS;
        limits.depth = usize::MAX;
        assert_eq!(codes(&text, &limits), []);
    }

    #[test]
    fn hostile_numbers_of_mistakes_are_survived() {
        let fields: String = (0..60_000).map(|i| format!("\"f{i}\":1,")).collect();
        let name = "n".repeat(200_000);
        let text = format!(r#"{{{fields}"StartAt":"A","States":{{"{name}":{{{fields}"Type":"Pass"}}}}}}"#);
        let (_, diagnostics) =
            Definition::read_within(&Source::new("x.json", text), &Limits::AWS.definition_bytes(1 << 22));
        assert_eq!(diagnostics.len(), 1_000);
        assert!(diagnostics.to_string().ends_with("\n... and 900 more\n"));
        let twice = format!("{{{}}}", vec![r#""a":1"#; 100_000].join(","));
        assert!(Definition::parse(&twice).unwrap_err().has_errors());
    }

    #[test]
    fn aws_words_for_text_that_is_not_json() {
        let diagnostics = Definition::parse("not a definition").unwrap_err();
        assert_eq!(
            diagnostics.invalid_definition(),
            "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: Unrecognized token 'not': was expecting \
             (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a \
             definition\"; line: 1, column: 4] at [Source: (String)\"not a definition\"; line: 1, column: 4]'"
        );
        let diagnostics = Definition::parse(" ").unwrap_err();
        assert_eq!(
            diagnostics.invalid_definition(),
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null'"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[\\[\\]{}\",:${}0a \n\\\\-]*") {
            for format in [Format::Json, Format::Yaml] {
                let (definition, diagnostics) = Definition::read(&Source::with_format("x", text.as_str(), format));
                prop_assert!(definition.is_some() || diagnostics.has_errors());
                let _ = (diagnostics.to_string(), diagnostics.invalid_definition());
            }
        }

        #[test]
        fn json_is_read_as_serde_json_reads_it(text in "[\\[\\]{}\",:0-9a-z.+-]{0,12}|\\[(true|null|-?[0-9]{1,4}(\\.[0-9]{1,4})?|\"[a-z]*\"|,){0,5}\\]") {
            let ours = json(&text, 128, &mut Diagnostics::default()).map(|document| document.root().to_value());
            let theirs: Option<Value> = serde_json::from_str(&text).ok();
            if !text.contains('$') {
                prop_assert_eq!(ours, theirs);
            }
        }
    }
}
