//! Texts that become expressions: paths, templates, timestamps, numbers.

use serde_json::Value;

use crate::compile::Compiler;
use crate::definition::{Amount, PathOrNull, has_placeholder};
use crate::diagnostic::{Code, Diagnostic, JsonPointer, Trail};
use crate::machine::io::{ResultPath, Select};
use crate::query::{Expression, Path, ReferencePath, SyntaxError, Template, TemplateError};
use crate::time::{Timestamp, parse_nanos};

impl Compiler<'_, '_> {
    /// A path that selects: `InputPath`, `OutputPath`.
    pub(super) fn path(&mut self, text: &str, at: &Trail<'_>) -> Option<Path> {
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.invalid_path(text, &error, at, "Value must be a valid JSONPath.");
                None
            }
        }
    }

    /// A path that is compared in a Choice rule. AWS calls it a reference path and takes any.
    pub(super) fn operand_path(&mut self, text: &str, at: &Trail<'_>) -> Option<Path> {
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.invalid_path(text, &error, at, reference_complaint(text));
                None
            }
        }
    }

    /// A path to one value: `ItemsPath`, `SecondsPath` and their likes.
    pub(super) fn single_path(&mut self, text: &str, at: &Trail<'_>) -> Option<Path> {
        let path = self.operand_path(text, at)?;
        if !path.is_definite() {
            self.not_a_reference(text, at);
            return None;
        }
        Some(path)
    }

    /// A path that is written to: `ResultPath`.
    pub(super) fn result_path(&mut self, path: Option<&PathOrNull>, at: &Trail<'_>) -> Option<ResultPath> {
        let text = match path {
            None => return Some(ResultPath::Replace),
            Some(PathOrNull::Null) => return Some(ResultPath::Discard),
            Some(PathOrNull::Path(text)) => text,
        };
        match ReferencePath::parse(text) {
            Ok(path) if path.is_root() => Some(ResultPath::Replace),
            Ok(path) => Some(ResultPath::Write(path)),
            Err(error) => {
                match Path::parse(text) {
                    Ok(_) => self.not_a_reference(text, at),
                    Err(_) => self.invalid_path(text, &error, at, reference_complaint(text)),
                }
                None
            }
        }
    }

    /// `InputPath` or `OutputPath`.
    pub(super) fn select(&mut self, path: Option<&PathOrNull>, at: &Trail<'_>) -> Option<Select> {
        match path {
            None => Some(Select::All),
            Some(PathOrNull::Null) => Some(Select::Nothing),
            Some(PathOrNull::Path(text)) if text == "$" => Some(Select::All),
            Some(PathOrNull::Path(text)) => self.path(text, at).map(Select::Path),
        }
    }

    /// A payload template.
    pub(super) fn template(&mut self, template: &Value, at: &Trail<'_>) -> Option<Template> {
        match Template::compile(template) {
            Ok(template) => Some(template),
            Err(errors) => {
                errors.iter().for_each(|error| self.template_error(template, error, at));
                None
            }
        }
    }

    /// A path or an intrinsic function: `ErrorPath`, `RoleArn.$`.
    pub(super) fn expression(&mut self, text: &str, at: &Trail<'_>) -> Option<Expression> {
        match Expression::parse(text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.invalid_path(text, &error, at, "Value must be a valid JSONPath.");
                None
            }
        }
    }

    /// A point in time that is written down, in nanoseconds.
    pub(super) fn nanos(&mut self, text: &str, at: &Trail<'_>) -> Option<i128> {
        if has_placeholder(text) {
            self.unfilled(text, at.pointer());
            return None;
        }
        let nanos = parse_nanos(text);
        if nanos.is_none() {
            let message = format!("`{text}` is not a timestamp");
            let diagnostic = Diagnostic::new(Code::InvalidTimestamp, at.pointer(), message)
                .with_aws("String does not match RFC3339 timestamp")
                .with_help("write it as in `2026-11-23T12:00:00Z`");
            self.report(diagnostic);
        }
        nanos
    }

    /// The same in milliseconds.
    pub(super) fn timestamp(&mut self, text: &str, at: &Trail<'_>) -> Option<Timestamp> {
        self.nanos(text, at)?;
        text.parse().ok()
    }

    /// Nobody has filled in a placeholder where a value is needed.
    pub(super) fn unfilled(&mut self, text: &str, at: JsonPointer) {
        let message = format!("the placeholder `{text}` is not filled in");
        let diagnostic = Diagnostic::new(Code::UnfilledPlaceholder, at, message)
            .with_help("give it a value before the definition is compiled");
        self.report(diagnostic);
    }

    fn invalid_path(&mut self, text: &str, error: &SyntaxError, at: &Trail<'_>, aws: &str) {
        if has_placeholder(text) {
            return self.unfilled(text, at.pointer());
        }
        let message = format!("`{text}` is not a path: {}", error.message());
        let mut diagnostic = Diagnostic::new(Code::InvalidPath, at.pointer(), message).with_aws(aws);
        if Path::parse(&format!("$.{text}")).is_ok() {
            diagnostic = diagnostic.with_help(format!("a path starts with `$`: `$.{text}`"));
        }
        self.report(diagnostic);
    }

    fn not_a_reference(&mut self, text: &str, at: &Trail<'_>) {
        let message = format!("`{text}` may select several things, and this field needs a path to one");
        let diagnostic = Diagnostic::new(Code::NotReferencePath, at.pointer(), message)
            .with_aws("Value is not a Reference Path")
            .with_help("use only names (`.name`, `['name']`) and indices (`[0]`)");
        self.report(diagnostic);
    }

    fn template_error(&mut self, template: &Value, error: &TemplateError, at: &Trail<'_>) {
        let place = error.place().iter().fold(at.pointer(), |at, step| match step {
            crate::query::Place::Key(key) => at.key(key.clone()),
            crate::query::Place::Index(index) => at.index(*index),
        });
        if let Some(text) = template.pointer(&error.pointer()).and_then(Value::as_str)
            && has_placeholder(text)
        {
            return self.unfilled(text, place);
        }
        let field = place.to_string().rsplit('/').next().unwrap_or_default().to_owned();
        let aws = format!(
            "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
        );
        // AWS locates it at the template, not at the field.
        let diagnostic = Diagnostic::new(Code::InvalidTemplateField, place, error.to_string())
            .with_aws_at(aws, Some(at.pointer().aws_location()));
        self.report(diagnostic);
    }
}

/// What AWS says of text that is no path, where it wants a reference path.
fn reference_complaint(text: &str) -> &'static str {
    match text.starts_with('$') {
        // unverified: what AWS says of `$.a[`.
        true => "Value must be a valid JSONPath.",
        false => "Value is not a Reference Path: Reference path didn't start with '$'",
    }
}

/// A whole number that is written down; the reader has checked its range. More than the machine can hold is as
/// good as what it holds.
pub(super) fn whole(amount: &Amount) -> Option<u32> {
    number(amount)
        .and_then(serde_json::Number::as_u64)
        .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// A number that is written down.
pub(super) fn number(amount: &Amount) -> Option<&serde_json::Number> {
    match amount {
        Amount::Number(number) => Some(number),
        // The one is reported with all others of its kind; the other is no number that is written down.
        Amount::Placeholder(_) | Amount::Expression(_) => None,
    }
}
