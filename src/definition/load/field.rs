//! Reading one field of an object: strings, numbers, words, lists.

use serde_json::{Map, Value};

use super::object::Object;
use super::{Reader, short};
use crate::definition::document::{Element, Entries};
use crate::definition::keyword::Keyword;
use crate::definition::scalar::{Amount, PathOrNull, Setting};
use crate::definition::state::QueryLanguage;
use crate::diagnostic::{Code, Diagnostic, Trail};

/// Which numbers a field takes.
pub(super) struct Range {
    min: i64,
    max: Option<i64>,
    integer: bool,
}

/// `TimeoutSeconds` of a definition.
pub(super) const TIMEOUT: Range = Range { min: 0, max: Some(99_999_999), integer: true };
/// Timeouts and heartbeats of a Task.
pub(super) const TASK_TIMEOUT: Range = Range { min: 1, max: Some(99_999_999), integer: true };
/// Delays and counts that may be nothing.
pub(super) const SECONDS: Range = Range { min: 0, max: Some(99_999_999), integer: true };
/// Counts without an upper end.
pub(super) const COUNT: Range = Range { min: 0, max: None, integer: true };
pub(super) const PERCENTAGE: Range = Range { min: 0, max: Some(100), integer: false };
pub(super) const BACKOFF_RATE: Range = Range { min: 1, max: None, integer: false };
pub(super) const MAX_DELAY: Range = Range { min: 1, max: Some(31_622_400), integer: true };
pub(super) const BATCH_ITEMS: Range = Range { min: 1, max: None, integer: true };
pub(super) const BATCH_BYTES: Range = Range { min: 1, max: Some(262_144), integer: true };

impl Reader {
    /// A string.
    pub(super) fn text(&mut self, object: Object<'_>, name: &str) -> Option<String> {
        let (value, at) = object.get(name)?;
        self.string(value, &at)
    }

    pub(super) fn string(&mut self, value: Element<'_>, at: &Trail<'_>) -> Option<String> {
        let Element::String(text) = value else {
            self.wrong_type(value, at, "a string", "String");
            return None;
        };
        Some(text.into())
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, object: Object<'_>, name: &str) -> Option<bool> {
        let (value, at) = object.get(name)?;
        match value {
            Element::Bool(value) => Some(value),
            Element::String(text) if self.placeholder(text, &at) => None,
            _ => {
                self.wrong_type(value, &at, "`true` or `false`", "Boolean");
                None
            }
        }
    }

    /// A path, or `null`.
    pub(super) fn path_or_null(&mut self, object: Object<'_>, name: &str) -> Option<PathOrNull> {
        let (value, at) = object.get(name)?;
        match value {
            Element::Null => Some(PathOrNull::Null),
            Element::String(path) => Some(PathOrNull::Path(path.into())),
            _ => {
                self.wrong_type(value, &at, "a path or `null`", "String");
                None
            }
        }
    }

    /// Anything.
    pub(super) fn value(&mut self, object: Object<'_>, name: &str) -> Option<Value> {
        object.map.get(name).map(Element::to_value)
    }

    /// An object, to be kept as it is.
    pub(super) fn map(&mut self, object: Object<'_>, name: &str) -> Option<Map<String, Value>> {
        let (value, at) = object.get(name)?;
        self.object(value, &at).map(Entries::to_map)
    }

    /// An object.
    pub(super) fn object<'v>(&mut self, value: Element<'v>, at: &Trail<'_>) -> Option<Entries<'v>> {
        match value {
            Element::Object(map) => Some(map),
            Element::String(text) if self.placeholder(text, at) => None,
            _ => {
                self.wrong_type(value, at, "an object", "Object");
                None
            }
        }
    }

    /// An array, element by element; those that could not be read are left out.
    pub(super) fn list<T>(
        &mut self,
        object: Object<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, Element<'_>, &Trail<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (value, at) = object.get(name)?;
        match value {
            Element::Array(items) => {
                let mut list = Vec::with_capacity(items.iter().count());
                let items = items.iter().enumerate();
                list.extend(items.filter_map(|(i, item)| read(self, item, &at.index(i))));
                Some(list)
            }
            Element::String(text) if self.placeholder(text, &at) => None,
            _ => {
                self.wrong_type(value, &at, "an array", "Array");
                None
            }
        }
    }

    /// An array that has to have something in it.
    pub(super) fn filled_list<T>(
        &mut self,
        object: Object<'_>,
        name: &str,
        read: impl FnMut(&mut Self, Element<'_>, &Trail<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        if let Some((Element::Array(items), at)) = object.get(name)
            && items.is_empty()
        {
            self.empty(&at, &format!("`{name}` needs at least one entry"));
        }
        self.list(object, name, read)
    }

    /// One of a few words.
    pub(super) fn keyword<K: Keyword>(&mut self, object: Object<'_>, name: &str) -> Option<K> {
        let (value, at) = object.get(name)?;
        match value {
            Element::String(text) => {
                let found = K::WORDS.iter().copied().find(|word| word.word() == text);
                if found.is_none() && !self.placeholder(text, &at) {
                    self.not_one_of(&at, text, K::WORDS.iter().map(|word| word.word()));
                }
                found
            }
            _ => {
                self.wrong_type(value, &at, "a string", "String");
                None
            }
        }
    }

    /// A number that cannot be an expression.
    pub(super) fn literal(&mut self, object: Object<'_>, name: &str, range: &Range) -> Option<Amount> {
        self.amount(Object { language: Some(QueryLanguage::JsonPath), ..object }, name, range)
    }

    /// A number, in JSONata possibly an expression.
    pub(super) fn amount(&mut self, object: Object<'_>, name: &str, range: &Range) -> Option<Amount> {
        let (value, at) = object.get(name)?;
        match value {
            Element::Number(number) if !(range.integer && number.is_f64()) => {
                let value = number.as_f64().unwrap_or_default();
                // Bounds are far below the numbers at which a double is no longer exact.
                let bound = if value < range.min as f64 {
                    Some(("at least", "Minimum", range.min))
                } else {
                    let max = range.max.filter(|max| value > *max as f64);
                    max.map(|max| ("at most", "Maximum", max))
                };
                if let Some((ours, aws, bound)) = bound {
                    let message = format!("`{name}` has to be {ours} {bound}, and is {number}");
                    let diagnostic = Diagnostic::new(Code::OutOfRange, at.pointer(), message);
                    self.report(diagnostic.with_aws(format!("{aws} value is {bound}")));
                }
                Some(Amount::Number(number.clone()))
            }
            Element::String(text) if self.placeholder(text, &at) => Some(Amount::Placeholder(text.into())),
            Element::String(text)
                if object.language != Some(QueryLanguage::JsonPath)
                    && (text.starts_with("{%") || text.ends_with("%}")) =>
            {
                Some(Amount::Expression(text.into()))
            }
            _ => {
                let (ours, aws) =
                    if range.integer { ("an integer", "Integer") } else { ("a number", "Number") };
                self.wrong_type(value, &at, ours, aws);
                None
            }
        }
    }

    /// A number, or the path to one in the field's twin.
    pub(super) fn amount_or_path(
        &mut self,
        object: Object<'_>,
        [name, path]: [&str; 2],
        range: &Range,
    ) -> Option<Setting<Amount>> {
        self.at_most_one(object, &[name, path]);
        let path = self.text(object, path).map(Setting::Path);
        self.amount(object, name, range).map(Setting::Value).or(path)
    }

    /// A string, or the path to one in the field's twin.
    pub(super) fn text_or_path(
        &mut self,
        object: Object<'_>,
        [name, path]: [&str; 2],
    ) -> Option<Setting<String>> {
        self.at_most_one(object, &[name, path]);
        let path = self.text(object, path).map(Setting::Path);
        self.text(object, name).map(Setting::Value).or(path)
    }

    /// Reports a name with more than `limit` characters; `what` and `aws` say of what.
    pub(super) fn check_length(
        &mut self,
        code: Code,
        at: &Trail<'_>,
        text: &str,
        limit: usize,
        [what, aws]: [&str; 2],
    ) {
        let length = text.chars().count();
        if length > limit {
            let message =
                format!("the {what} `{}` has {length} characters, and {limit} are allowed", short(text));
            let aws = format!(
                "Invalid {aws} name: '{text}' exceeds the {limit}-character limit allowed by the service"
            );
            self.report(Diagnostic::new(code, at.pointer(), message).at_key().with_aws(aws));
        }
    }
}
