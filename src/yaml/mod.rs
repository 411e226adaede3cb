//! YAML text as JSON values, with the place of each, and CloudFormation's short tags in their long form.
//!
//! The core schema of YAML 1.2 (`yes` and `on` are strings), with merge keys (`<<`), which people use though
//! 1.2 has dropped them. Numbers with leading zeros stay strings: they are account ids, not octal numbers.

mod place;
mod scalar;

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks, Tag};
use serde_json::{Map, Value};

use self::place::{Padded, Places};
use self::scalar::core_schema;
use crate::span::{NodeId, Span, SpanTree};

/// A document, as far as it could be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    /// The document; `None` when the text is not YAML, or too much.
    pub(crate) value: Option<Value>,
    /// Where its parts stand.
    pub(crate) spans: SpanTree,
    /// What is wrong, and where.
    pub(crate) problems: Vec<(Problem, Span)>,
}

/// What may be wrong with YAML text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is not YAML.
    Syntax(String),
    /// It is YAML that is not JSON.
    Unsupported(String),
    /// A key is written twice in one mapping.
    DuplicateKey(String),
    /// Containers within containers, deeper than allowed.
    TooDeep,
    /// The aliases, written out, are longer than allowed.
    TooManyAliases,
}

/// Tags that wrap a value into an object under their own name.
const UNPREFIXED: [&str; 2] = ["Ref", "Condition"];

/// Tags that wrap a value into an object under their name after `Fn::`.
const FUNCTIONS: [&str; 19] = [
    "And",
    "Base64",
    "Cidr",
    "Contains",
    "Equals",
    "FindInMap",
    "ForEach",
    "GetAtt",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
];

/// The document in `text`. Containers may be `depth` deep, and all that aliases stand for `alias_bytes` long.
pub(crate) fn load(text: &str, depth: usize, alias_bytes: usize) -> Loaded {
    let mut padded = Padded::new(text);
    loop {
        match attempt(padded.text(), depth, alias_bytes) {
            Ok(mut loaded) => {
                let original = |span: &Span| padded.original(span.start)..padded.original(span.end);
                loaded.spans.relocate(original);
                loaded.problems.iter_mut().for_each(|(_, span)| *span = original(span));
                return loaded;
            }
            Err(NotFarIn(offset)) if padded.move_in(offset) => {}
            Err(NotFarIn(offset)) => {
                let at = padded.original(offset);
                let problem = Problem::Syntax("this line is not moved in far enough".into());
                return Loaded { problems: vec![(problem, at..at)], ..Loaded::default() };
            }
        }
    }
}

/// The line at this place, inside of brackets, is not moved in as far as the parser wants.
struct NotFarIn(usize);

fn attempt(text: &str, depth: usize, alias_bytes: usize) -> Result<Loaded, NotFarIn> {
    let mut loader = Loader {
        places: Places::new(text),
        depth,
        alias_bytes,
        loaded: Loaded::default(),
        open: Vec::new(),
        anchors: BTreeMap::new(),
        documents: 0,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let going_on = match event {
            Ok((event, marks)) => loader.event(event, marks),
            Err(error) => {
                let offset = loader.places.offset(error.marker().index());
                if matches!(error.info(), "invalid indentation" | "invalid indentation in flow construct") {
                    return Err(NotFarIn(offset));
                }
                loader.problem(Problem::Syntax(error.info().to_owned()), offset..offset);
                loader.loaded.value = None;
                false
            }
        };
        if !going_on {
            break;
        }
    }
    Ok(loader.loaded)
}

struct Loader<'t> {
    places: Places<'t>,
    depth: usize,
    alias_bytes: usize,
    loaded: Loaded,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Value>,
    documents: usize,
}

/// A collection whose end has not been read.
struct Open {
    collection: Collection,
    node: NodeId,
    start: usize,
    anchor: usize,
    wrap: Option<Wrap>,
    /// The key under which it will stand.
    key: Option<Key>,
}

enum Collection {
    Sequence(Vec<Value>),
    Mapping {
        map: Map<String, Value>,
        key: Option<Key>,
        merges: Vec<(Value, Span)>,
    },
    /// A collection where a key should stand; all in it is forgotten.
    Key,
}

#[derive(Clone, Debug)]
struct Key {
    name: String,
    span: Span,
    merge: bool,
}

/// What a tag makes of a value.
#[derive(Clone, Debug)]
enum Wrap {
    Object(String),
    /// `!GetAtt a.b`, which is `["a", "b"]`.
    GetAtt,
}

/// How a scalar is to be read.
enum Schema {
    /// As it looks.
    Core,
    String,
    /// `!!int`, `!!float`, `!!bool`, `!!null`: as it looks, quoted or not.
    Typed,
}

impl Loader<'_> {
    /// Takes one event; `false` when it makes no sense to go on.
    fn event(&mut self, event: Event<'_>, marks: Marks) -> bool {
        let span = self.places.span(marks);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problem(
                        Problem::Unsupported("there is more than one document in this text".into()),
                        span,
                    );
                    return false;
                }
                true
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(Collection::Sequence(Vec::new()), anchor, tag.as_deref(), span)
            }
            Event::MappingStart(anchor, tag) => {
                let mapping = Collection::Mapping { map: Map::new(), key: None, merges: Vec::new() };
                self.start(mapping, anchor, tag.as_deref(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> bool {
        let (schema, wrap) = self.tag(tag, &span);
        if self.wants_key() {
            let merge = style == ScalarStyle::Plain && text == "<<" && tag.is_none();
            self.key(Key { name: text.into(), span, merge });
            return self.remember(anchor, &Value::from(text));
        }
        let value = match (schema, style) {
            (Schema::Core, ScalarStyle::Plain) | (Schema::Typed, _) => core_schema(text),
            (Schema::Core | Schema::String, _) => Value::from(text),
        };
        let key = self.take_key();
        let node = self.open_node(key.as_ref(), span.start);
        self.loaded.spans.close(node, span.end);
        let value = self.wrap(value, wrap, node, &span);
        self.remember(anchor, &value) && self.value(value, key, span)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> bool {
        let Some(value) = self.anchors.get(&anchor).cloned() else {
            self.problem(Problem::Unsupported("this alias stands inside of what it names".into()), span);
            return false;
        };
        if !self.spend(&value, &span) {
            return false;
        }
        if self.wants_key() {
            let name = value.as_str().map_or_else(|| value.to_string(), String::from);
            self.key(Key { name, span, merge: false });
            return true;
        }
        let key = self.take_key();
        let node = self.open_node(key.as_ref(), span.start);
        self.loaded.spans.close(node, span.end);
        self.value(value, key, span)
    }

    fn start(&mut self, collection: Collection, anchor: usize, tag: Option<&Tag>, span: Span) -> bool {
        let (_, wrap) = self.tag(tag, &span);
        // A tag adds a container.
        if self.open.iter().map(|open| 1 + usize::from(open.wrap.is_some())).sum::<usize>() >= self.depth {
            self.problem(Problem::TooDeep, span);
            return false;
        }
        let in_key = matches!(self.open.last(), Some(Open { collection: Collection::Key, .. }));
        let collection = if self.wants_key() {
            self.problem(Problem::Unsupported("a key has to be a string".into()), span.clone());
            Collection::Key
        } else if in_key {
            Collection::Key
        } else {
            collection
        };
        let key = if matches!(collection, Collection::Key) { None } else { self.take_key() };
        let node = self.open_node(key.as_ref(), span.start);
        self.open.push(Open { collection, node, start: span.start, anchor, wrap, key });
        true
    }

    fn end(&mut self, span: Span) -> bool {
        let open = self.open.pop().expect("a collection ends after it started");
        let end = self.places.trim_end(open.start, span.end);
        self.loaded.spans.close(open.node, end);
        let whole = open.start..end;
        let value = match open.collection {
            Collection::Sequence(items) => Value::Array(items),
            Collection::Mapping { map, merges, .. } => Value::Object(self.merge(map, merges)),
            Collection::Key => {
                if self.wants_key() {
                    self.key(Key { name: String::new(), span: whole, merge: false });
                }
                return true;
            }
        };
        let value = self.wrap(value, open.wrap, open.node, &whole);
        self.remember(open.anchor, &value) && self.value(value, open.key, whole)
    }

    /// Whether a key comes next.
    fn wants_key(&self) -> bool {
        let last = self.open.last();
        matches!(last, Some(Open { collection: Collection::Mapping { key: None, .. }, .. }))
    }

    fn key(&mut self, new: Key) {
        let Some(Open { collection: Collection::Mapping { map, key, .. }, .. }) = self.open.last_mut() else {
            return;
        };
        let twice = !new.merge && map.contains_key(&new.name);
        *key = Some(new.clone());
        if twice {
            self.problem(Problem::DuplicateKey(new.name), new.span);
        }
    }

    fn take_key(&mut self) -> Option<Key> {
        match self.open.last_mut() {
            Some(Open { collection: Collection::Mapping { key, .. }, .. }) => key.take(),
            _ => None,
        }
    }

    fn value(&mut self, value: Value, key: Option<Key>, span: Span) -> bool {
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.loaded.value = Some(value),
            Some(Collection::Sequence(items)) => items.push(value),
            Some(Collection::Key) => {}
            Some(Collection::Mapping { map, merges, .. }) => {
                let key = key.expect("a value in a mapping comes after its key");
                if key.merge {
                    merges.push((value, span));
                } else {
                    map.insert(key.name, value);
                }
            }
        }
        true
    }

    /// Puts what `<<` names behind the entries of the mapping itself, which win.
    fn merge(&mut self, mut map: Map<String, Value>, merges: Vec<(Value, Span)>) -> Map<String, Value> {
        for (merged, span) in merges {
            let sources = match merged {
                Value::Array(sources) => sources,
                other => vec![other],
            };
            for source in sources {
                let Value::Object(source) = source else {
                    self.problem(Problem::Unsupported("`<<` takes mappings".into()), span.clone());
                    continue;
                };
                for (key, value) in source {
                    map.entry(key).or_insert(value);
                }
            }
        }
        map
    }

    /// What a tag says about the value that it stands before.
    fn tag(&mut self, tag: Option<&Tag>, span: &Span) -> (Schema, Option<Wrap>) {
        let Some(tag) = tag else { return (Schema::Core, None) };
        if tag.is_yaml_core_schema() {
            let schema = match tag.suffix.as_str() {
                "int" | "float" | "bool" | "null" => Schema::Typed,
                "str" | "binary" | "timestamp" => Schema::String,
                _ => Schema::Core,
            };
            return (schema, None);
        }
        match (tag.handle.as_str(), tag.suffix.as_str()) {
            // `!` alone: a string as it is written.
            ("!", "") | ("", "!") => (Schema::String, None),
            ("!", "GetAtt") => (Schema::Core, Some(Wrap::GetAtt)),
            ("!", name) if UNPREFIXED.contains(&name) => (Schema::Core, Some(Wrap::Object(name.into()))),
            ("!", name) if FUNCTIONS.contains(&name) => {
                (Schema::Core, Some(Wrap::Object(format!("Fn::{name}"))))
            }
            ("!", "Transform") => (Schema::Core, Some(Wrap::Object("Fn::Transform".into()))),
            _ => {
                self.problem(Problem::Unsupported(format!("the tag `{tag}` is not known")), span.clone());
                (Schema::Core, None)
            }
        }
    }

    fn wrap(&mut self, value: Value, wrap: Option<Wrap>, node: NodeId, span: &Span) -> Value {
        let (name, value) = match (wrap, value) {
            (None, value) => return value,
            (Some(Wrap::Object(name)), value) => (name, value),
            (Some(Wrap::GetAtt), Value::String(text)) => {
                let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
                ("Fn::GetAtt".into(), Value::from(vec![resource, attribute]))
            }
            (Some(Wrap::GetAtt), value) => ("Fn::GetAtt".into(), value),
        };
        self.loaded.spans.wrap(node, &name, span.clone());
        Value::Object(Map::from_iter([(name, value)]))
    }

    /// Keeps what an anchor names. It is a copy, so it counts like an alias.
    fn remember(&mut self, anchor: usize, value: &Value) -> bool {
        if anchor == 0 {
            return true;
        }
        let end = self.places.last();
        if !self.spend(value, &(end..end)) {
            return false;
        }
        self.anchors.insert(anchor, value.clone());
        true
    }

    /// Takes the size of a copy of `value` from what aliases may take.
    fn spend(&mut self, value: &Value, span: &Span) -> bool {
        match self.alias_bytes.checked_sub(size(value)) {
            Some(rest) => {
                self.alias_bytes = rest;
                true
            }
            None => {
                self.problem(Problem::TooManyAliases, span.clone());
                self.loaded.value = None;
                false
            }
        }
    }

    fn open_node(&mut self, key: Option<&Key>, start: usize) -> NodeId {
        let parent = self.open.last().map(|open| open.node);
        self.loaded.spans.open(parent, key.map(|key| (key.name.as_str(), key.span.clone())), start)
    }

    fn problem(&mut self, problem: Problem, span: Span) {
        self.loaded.problems.push((problem, span));
    }
}

/// About how many bytes a value takes as text.
fn size(value: &Value) -> usize {
    let mut size = 0;
    let mut pending = vec![value];
    while let Some(value) = pending.pop() {
        size += 8;
        match value {
            Value::String(text) => size += text.len(),
            Value::Array(items) => pending.extend(items),
            Value::Object(map) => {
                size += map.keys().map(String::len).sum::<usize>();
                pending.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        let loaded = load(text, 128, 10_000);
        assert_eq!(loaded.problems, [], "{text}");
        loaded.value.unwrap()
    }

    fn problems(text: &str) -> Vec<Problem> {
        load(text, 16, 1_000).problems.into_iter().map(|(problem, _)| problem).collect()
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        let text = "[1, -2, +3, 0x1f, 0o17, 1.5, .5, 1., 1e3, 012345678901, 0, 0.5, 1_000, yes, on, True, ~, '1', \"2\", !!str 3, !!int '4', 2010-09-09, .inf, 1.2.3, -]";
        assert_eq!(
            read(&text.replace(", -]", "]")),
            json!([
                1,
                -2,
                3,
                31,
                15,
                1.5,
                0.5,
                1.0,
                1000.0,
                "012345678901",
                0,
                0.5,
                "1_000",
                "yes",
                "on",
                true,
                null,
                "1",
                "2",
                "3",
                4,
                "2010-09-09",
                ".inf",
                "1.2.3"
            ])
        );
        assert_eq!(
            read("a: |\n  x\n  y\nb: >-\n  x\n  y\nc:\n1: z"),
            json!({"a": "x\ny\n", "b": "x y", "c": null, "1": "z"})
        );
    }

    #[test]
    fn short_tags_become_long() {
        let text = "a: !GetAtt X.Y.Z\nb: !Sub\n  - ${A}\n  - A: !Ref B\nc: !Join ['', [x, !GetAtt [P, Q]]]\nd: !Condition C\ne: !Transform {Name: N}";
        assert_eq!(
            read(text),
            json!({
                "a": {"Fn::GetAtt": ["X", "Y.Z"]},
                "b": {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]},
                "c": {"Fn::Join": ["", ["x", {"Fn::GetAtt": ["P", "Q"]}]]},
                "d": {"Condition": "C"},
                "e": {"Fn::Transform": {"Name": "N"}}
            })
        );
        assert_eq!(problems("!Secret x"), [Problem::Unsupported("the tag `!Secret` is not known".into())]);
    }

    #[test]
    fn anchors_aliases_and_merges() {
        assert_eq!(
            read("base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}\nd: {<<: [{z: 4}, *b]}\ne: *b"),
            json!({"base": {"x": 1, "y": 2}, "c": {"y": 3, "x": 1}, "d": {"z": 4, "x": 1, "y": 2}, "e": {"x": 1, "y": 2}})
        );
        assert_eq!(problems("a: {<<: 1}"), [Problem::Unsupported("`<<` takes mappings".into())]);
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let before = format!("*a{}, ", i - 1).repeat(8);
            laughs.push_str(&format!("a{i}: &a{i} [{before}]\n"));
        }
        assert_eq!(problems(&laughs), [Problem::TooManyAliases]);
        assert_eq!(
            problems("&a [*a]"),
            [Problem::Unsupported("this alias stands inside of what it names".into())]
        );
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        assert_eq!(
            problems("a: 1\n---\nb: 2"),
            [Problem::Unsupported("there is more than one document in this text".into())]
        );
        assert_eq!(
            problems("? [a, {b: [c]}]\n: 1\nd: 2"),
            [Problem::Unsupported("a key has to be a string".into())]
        );
        assert_eq!(problems("a: 1\nb: 2\na: 3"), [Problem::DuplicateKey("a".into())]);
        assert_eq!(problems(&"[".repeat(100)), [Problem::TooDeep]);
        assert!(matches!(problems("a: [1").as_slice(), [Problem::Syntax(_)]));
    }

    #[test]
    fn inside_of_brackets_it_does_not_matter_how_far_lines_are_moved_in() {
        let text = "a:\n    b: {\n  c: [1,\n2],\n d: e\n}\nf: é\n";
        assert_eq!(read(text), json!({"a": {"b": {"c": [1, 2], "d": "e"}}, "f": "é"}));
        let spans = load(text, 16, 100).spans;
        let (node, _) = spans.find([crate::span::Step::Key("a"), crate::span::Step::Key("b")]).unwrap();
        assert_eq!(&text[node.value.clone()], "{\n  c: [1,\n2],\n d: e\n}");
        assert!(load(&format!("a:\n  b: [{}]", "\nx,".repeat(20_000)), 16, 100).value.is_none());
    }

    #[test]
    fn parts_stand_where_the_spans_say() {
        use crate::span::Step::{Index, Key};
        let text = "é: x\nStates:\n  Pay:\n    Resource: !Sub '${A}'\n    Retry:\n      - ErrorEquals: [a, b]\n\n  Ship: {}\n";
        let spans = load(text, 128, 1_000).spans;
        let at = |steps: &[crate::span::Step<'_>]| {
            let (node, whole) = spans.find(steps.iter().copied()).unwrap();
            assert!(whole);
            (node.key.clone().map(|key| &text[key]), &text[node.value.clone()])
        };
        let retry = [Key("States"), Key("Pay"), Key("Retry"), Index(0)];
        assert_eq!(at(&[Key("States"), Key("Pay"), Key("Resource")]), (Some("Resource"), "!Sub '${A}'"));
        assert_eq!(at(&[Key("States"), Key("Pay"), Key("Resource"), Key("Fn::Sub")]).1, "!Sub '${A}'");
        assert_eq!(at(&[&retry[..], &[Key("ErrorEquals"), Index(1)]].concat()), (None, "b"));
        assert_eq!(at(&retry), (None, "ErrorEquals: [a, b]"));
        assert_eq!(at(&[Key("States"), Key("Ship")]), (Some("Ship"), "{}"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*|[\\[\\]{}\",:&*a!|>?<~'#% \n-]*") {
            let loaded = load(&text, 16, 1_000);
            for (_, span) in loaded.problems {
                prop_assert!(text.get(span).is_some());
            }
        }

        #[test]
        fn json_is_yaml(text in "\\[(true|null|-?[1-9][0-9]{0,4}(\\.[0-9]{1,4})?|\"[a-z]*\"|\\{\"a\": \\[\\]\\})(, (true|\"x\")){0,3}\\]") {
            prop_assert_eq!(read(&text), serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
