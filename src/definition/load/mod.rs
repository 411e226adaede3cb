//! The reader: descends into a definition's JSON and collects what is wrong with it, never stopping early.
//!
//! It judges shape, never sense: where transitions lead and whether a path is one is for the compiler to say.

mod choice;
mod field;
mod map;
mod object;
mod retry;
mod state;

use serde_json::Value;

use self::object::Object;
use super::document::Element;
use super::field::{BRANCH, DEFINITION, Shape};
use super::keyword::Keyword;
use super::state::{Block, QueryLanguage};
use super::{Definition, Unfilled};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Trail, closest};
use crate::limits::Limits;

/// Reads one definition.
#[derive(Debug, Default)]
pub(super) struct Reader {
    diagnostics: Diagnostics,
    unfilled: Vec<Unfilled>,
    /// The query language of the top level.
    language: Option<QueryLanguage>,
    /// Whether that is an unfilled placeholder, so that no state is known to use the wrong language.
    any_language: bool,
    limits: Limits,
}

impl Reader {
    /// The definition in `value`, as far as it can be read, and what is wrong with it.
    pub(super) fn read(value: Element<'_>, limits: &Limits) -> (Option<Definition>, Diagnostics) {
        let mut reader = Self { limits: *limits, ..Self::default() };
        let definition = reader.definition(value);
        (definition, reader.diagnostics)
    }

    fn definition(&mut self, value: Element<'_>) -> Option<Definition> {
        let at = Trail::Root;
        let Element::Object(map) = value else {
            let diagnostic =
                Diagnostic::new(Code::NotObject, at.pointer(), "a definition has to be an object");
            self.report(diagnostic.with_aws_at("Definition must be a valid JSON object", None));
            return None;
        };
        let mut object = Object { map, at: &at, shape: DEFINITION, language: None };
        self.fields(object);
        let query_language = self.query_language(object);
        self.language = query_language;
        self.any_language = query_language.is_none() && object.has("QueryLanguage");
        object.language = Some(query_language.unwrap_or(QueryLanguage::JsonPath));
        let version = self.text(object, "Version");
        if let Some(version) = version.as_deref().filter(|version| *version != "1.0") {
            self.not_one_of(&at.key("Version"), version, ["1.0"]);
        }
        Some(Definition {
            comment: self.text(object, "Comment"),
            version,
            query_language,
            timeout_seconds: self.literal(object, "TimeoutSeconds", &field::TIMEOUT),
            block: self.block(object),
            unfilled: std::mem::take(&mut self.unfilled),
        })
    }

    /// `StartAt` and `States` of `object`.
    fn block(&mut self, object: Object<'_>) -> Block {
        self.require(object, &["States", "StartAt"]);
        let start_at = self.text(object, "StartAt");
        let mut states = Vec::new();
        if let Some((value, at)) = object.get("States")
            && let Some(map) = self.object(value, &at)
        {
            if map.is_empty() {
                self.empty(&at, "`States` needs at least one state");
            }
            states.reserve_exact(map.keys().count());
            for (name, value) in map.iter() {
                states.push(self.state(name, value, &at.key(name)));
            }
        }
        Block { start_at, states }
    }

    /// `QueryLanguage` of `object`. As AWS resolves it, whatever is not `JSONPath` is JSONata.
    fn query_language(&mut self, object: Object<'_>) -> Option<QueryLanguage> {
        let (value, at) = object.get("QueryLanguage")?;
        match value {
            Element::String(text) if self.placeholder(text, &at) => None,
            Element::String(text) => Some(match text {
                "JSONPath" => QueryLanguage::JsonPath,
                "JSONata" => QueryLanguage::Jsonata,
                other => {
                    self.not_one_of(&at, other, QueryLanguage::WORDS.iter().map(|word| word.as_str()));
                    QueryLanguage::Jsonata
                }
            }),
            _ => {
                self.wrong_type(value, &at, "a string", "[STRING]");
                Some(QueryLanguage::Jsonata)
            }
        }
    }

    /// Reports fields that `object` does not have, or not in its query language.
    fn fields(&mut self, object: Object<'_>) {
        for name in object.map.keys() {
            match object.shape.field(name) {
                None => self.unknown_field(object, name),
                Some(super::field::Language::Only(only))
                    if object.language.is_some_and(|language| language != only) =>
                {
                    self.other_language(object, name, only);
                }
                Some(_) => {}
            }
        }
    }

    fn unknown_field(&mut self, object: Object<'_>, name: &str) {
        let message = format!("{} has no field `{}`", object.shape.noun(), short(name));
        let mut diagnostic =
            Diagnostic::new(Code::UnknownField, object.at.key(name).pointer(), message).at_key().with_aws_at(
                format!("Field '{name}' is not supported"),
                Some(object.at.pointer().aws_location()),
            );
        let elsewhere = super::field::state_types_with(name);
        if matches!(object.shape, Shape::State(_)) && !elsewhere.is_empty() {
            let types: Vec<_> = elsewhere.iter().map(|state| state.as_str()).collect();
            diagnostic = diagnostic.with_help(format!("{} states have it", list(&types, "and", "")));
        } else if let Some(known) = closest(name, object.shape.names()) {
            diagnostic = diagnostic.with_help(format!("did you mean `{known}`?"));
        } else if name == "QueryLanguage" && (object.shape == BRANCH || object.map.contains_key("States")) {
            diagnostic = diagnostic.with_help("each state declares its own `QueryLanguage`");
        }
        self.report(diagnostic);
    }

    fn other_language(&mut self, object: Object<'_>, name: &str, only: QueryLanguage) {
        let used = match only {
            QueryLanguage::JsonPath => QueryLanguage::Jsonata,
            QueryLanguage::Jsonata => QueryLanguage::JsonPath,
        };
        let message = format!("`{name}` belongs to {only}, and this state uses {used}");
        let aws = format!(
            "The QueryLanguage is set to '{used}', but field '{name}' is only supported for the '{only}' QueryLanguage"
        );
        let mut diagnostic =
            Diagnostic::new(Code::OtherQueryLanguage, object.at.key(name).pointer(), message)
                .at_key()
                .with_aws_at(aws, Some(object.at.pointer().aws_location()));
        let instead = match name {
            "Parameters" if matches!(object.shape, Shape::State(_)) => {
                "`Arguments`, or in a Map `ItemSelector`"
            }
            "Parameters" => "`Arguments`",
            "Arguments" => "`Parameters`",
            "Output" => "`ResultPath` and `OutputPath`",
            "OutputPath" | "ResultPath" | "ResultSelector" | "Result" => "`Output`",
            "ItemsPath" => "`Items`",
            "Items" => "`ItemsPath`",
            "Variable" => "`Condition`",
            "Condition" => "`Variable` and an operator",
            _ => "",
        };
        if !instead.is_empty() {
            diagnostic = diagnostic.with_help(format!("{used} has {instead}"));
        }
        self.report(diagnostic);
    }

    /// Reports those of `names` that `object` lacks, in one diagnostic.
    fn require(&mut self, object: Object<'_>, names: &[&str]) {
        let missing: Vec<_> = names.iter().copied().filter(|name| !object.has(name)).collect();
        if !missing.is_empty() {
            self.missing(object, &missing, format!("These fields are required: [{}]", missing.join(", ")));
        }
    }

    fn missing(&mut self, object: Object<'_>, names: &[&str], aws: String) {
        let message = format!("{} needs {}", object.shape.noun(), list(names, "and", "`"));
        let mut diagnostic = Diagnostic::new(Code::MissingField, object.at.pointer(), message).at_key();
        // A name that was almost right is reported as unknown as well; here it explains what is missing.
        for name in names {
            let unknown = object.map.keys().filter(|key| object.shape.field(key).is_none());
            if let Some(found) = closest(name, unknown) {
                diagnostic = diagnostic.with_help(format!("there is a `{found}`: did you mean `{name}`?"));
            }
        }
        self.report(diagnostic.with_aws(aws));
    }

    /// Reports if `object` has more than one of `names`.
    fn at_most_one(&mut self, object: Object<'_>, names: &[&str]) {
        let mut present = object.map.keys().filter(|key| names.contains(key));
        if let (Some(first), Some(second)) = (present.next(), present.next()) {
            let message = format!("`{second}` and `{first}` exclude each other");
            let pointer = object.at.key(second).pointer();
            let diagnostic = Diagnostic::new(Code::ExclusiveFields, pointer, message)
                .at_key()
                .with_note("the other is here", object.at.key(first).pointer());
            self.report(diagnostic.with_aws_at(
                format!("There should only be one of the following fields: [{}]", names.join(", ")),
                Some(object.at.pointer().aws_location()),
            ));
        }
    }

    /// Reports if `object` has none of `names`, or more than one.
    fn exactly_one(&mut self, object: Object<'_>, names: &[&str]) {
        if names.iter().any(|name| object.has(name)) {
            return self.at_most_one(object, names);
        }
        self.none_of(object, names, None);
    }

    fn none_of(&mut self, object: Object<'_>, names: &[&str], help: Option<&str>) {
        let message = format!("{} needs {}", object.shape.noun(), list(names, "or", "`"));
        let aws = format!("This object should have only one of the following fields: [{}]", names.join(", "));
        let diagnostic =
            Diagnostic::new(Code::NoneOfFields, object.at.pointer(), message).at_key().with_aws(aws);
        self.report(match help {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        });
    }

    fn not_one_of<'w>(&mut self, at: &Trail<'_>, found: &str, words: impl IntoIterator<Item = &'w str>) {
        let words: Vec<_> = words.into_iter().collect();
        let message = format!("the value has to be {}, and is `{}`", list(&words, "or", "`"), short(found));
        let mut diagnostic = Diagnostic::new(Code::NotOneOf, at.pointer(), message)
            .with_aws(format!("Value should be one of the following: [{}]", words.join(", ")));
        if let Some(word) = closest(found, words.iter().copied()).filter(|_| words.len() > 1) {
            diagnostic = diagnostic.with_help(format!("did you mean `{word}`?"));
        }
        self.report(diagnostic);
    }

    fn wrong_type(&mut self, value: Element<'_>, at: &Trail<'_>, expected: &str, aws: &str) {
        let found = match value {
            Element::Null => "`null`",
            Element::Bool(_) => "a boolean",
            Element::Number(number) if number.is_f64() && expected.contains("integer") => {
                "a number with a fraction"
            }
            Element::Number(_) => "a number",
            Element::String(_) => "a string",
            Element::Array(_) => "an array",
            Element::Object(_) => "an object",
        };
        let pointer = at.pointer();
        let what = match at.name() {
            Some(name) => format!("`{name}`"),
            None => "this".into(),
        };
        let message = format!("{what} has to be {expected}, and is {found}");
        let mut diagnostic = Diagnostic::new(Code::WrongType, pointer, message)
            .with_aws(format!("Expected value of type {aws}"));
        if let Element::String(text) = value {
            let bare = serde_json::from_str::<Value>(text).ok().filter(|bare| !bare.is_string());
            if text.starts_with("{%") {
                diagnostic =
                    diagnostic.with_help("expressions are for fields of JSONata states that take them");
            } else if let Some(bare) = bare {
                diagnostic =
                    diagnostic.with_help(format!("write `{}` without quotes", short(&bare.to_string())));
            }
        }
        self.report(diagnostic);
    }

    fn empty(&mut self, at: &Trail<'_>, message: &str) {
        self.report(Diagnostic::new(Code::Empty, at.pointer(), message).with_aws("Value cannot be empty"));
    }

    /// Whether `text` is an unfilled placeholder that stands for a value, which is then noted.
    fn placeholder(&mut self, text: &str, at: &Trail<'_>) -> bool {
        let found = super::placeholder::is_placeholder(text);
        if found {
            self.unfilled.push(Unfilled { pointer: at.pointer(), text: text.into() });
        }
        found
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// `a`, `a and b`, `a, b and c`, each between two of `quote`.
fn list(items: &[&str], conjunction: &str, quote: &str) -> String {
    let quoted: Vec<_> = items.iter().map(|item| format!("{quote}{item}{quote}")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// As much of what somebody wrote as fits into a message.
fn short(text: &str) -> String {
    const CHARACTERS: usize = 60;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}
