//! Why a template cannot be read or resolved: where, what, and what to do about it.

use std::fmt;

use super::place::Place;

/// A template that cannot be read, or a value in it that cannot be resolved.
///
/// Its text says where (a JSON pointer into the template), what is wrong and, where we know it, what to do.
///
/// ```
/// use stepwright::template::{Template, TemplateErrorKind};
///
/// let template = Template::parse(r#"{ "Resources": {
///     "Approvals": { "Type": "AWS::SQS::Queue" },
///     "Machine": { "Type": "AWS::StepFunctions::StateMachine", "Properties": {
///         "DefinitionString": { "Fn::Sub": "{ \"Comment\": \"${Aprovals}\" }" } } } } }"#)?;
/// let error = template.state_machines().unwrap_err();
/// assert_eq!(error.kind(), TemplateErrorKind::UnknownName);
/// assert_eq!(error.pointer(), "/Resources/Machine/Properties/DefinitionString/Fn::Sub");
/// assert_eq!(error.help(), Some("did you mean `Approvals`?"));
/// # Ok::<(), stepwright::template::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    kind: TemplateErrorKind,
    pointer: String,
    message: String,
    help: Option<String>,
}

/// The kinds of [`TemplateError`], for programs that react to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// The text is neither JSON nor YAML.
    Syntax,
    /// The document is something else: it has no `Resources`.
    NotATemplate,
    /// Something in the template does not have the shape that CloudFormation asks for.
    Malformed,
    /// A name that is no parameter, resource, condition, mapping or output of the template.
    UnknownName,
    /// A value that needs itself to be resolved.
    Cycle,
    /// The template, or what it resolves to, is larger or deeper than we go.
    TooLarge,
    /// Something that only CloudFormation itself can work out, such as a macro.
    Unsupported,
    /// The definition is in a file that the template names: read it, and hand it over.
    DefinitionElsewhere,
}

impl TemplateError {
    pub(super) fn new(kind: TemplateErrorKind, place: &Place<'_>, message: impl Into<String>) -> Self {
        Self { kind, pointer: place.to_string(), message: message.into(), help: None }
    }

    pub(super) fn malformed(place: &Place<'_>, message: impl Into<String>) -> Self {
        Self::new(TemplateErrorKind::Malformed, place, message)
    }

    pub(super) fn unsupported(place: &Place<'_>, message: impl Into<String>) -> Self {
        Self::new(TemplateErrorKind::Unsupported, place, message)
    }

    /// No `what` is named `name`; advises the most similar of `known`.
    pub(super) fn unknown<'k>(
        place: &Place<'_>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Self {
        let error =
            Self::new(TemplateErrorKind::UnknownName, place, format!("no {what} is named `{}`", short(name)));
        let similar = known
            .into_iter()
            .take(MOST_NAMES)
            .filter(|known| known.len() <= 255 && name.len() <= 255)
            .map(|known| (strsim::jaro_winkler(known, name), known))
            .filter(|(similarity, _)| *similarity > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        match similar {
            Some((_, known)) => error.with_help(format!("did you mean `{known}`?")),
            None => error,
        }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With `help` unless there is advice already.
    pub(super) fn or_help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    /// Whether no default may stand in for the value: it would hide a circle, or go on for too long.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self.kind, TemplateErrorKind::Cycle | TemplateErrorKind::TooLarge)
    }

    /// What kind of mistake this is.
    pub fn kind(&self) -> TemplateErrorKind {
        self.kind
    }

    /// Where in the template, as a JSON pointer; empty when it is about the whole text.
    ///
    /// Short tags of YAML count as the long form they stand for: `!Sub` is a member `Fn::Sub`.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is wrong, without place and advice.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TemplateError {}

/// How many names are looked at for advice; as many as a template may have resources.
const MOST_NAMES: usize = 500;

/// `text` as a message may quote it.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_what_and_what_to_do() {
        let place = Place::of(&["Resources", "a/b"], 0);
        let error = TemplateError::unknown(&place, "resource", "Quue", ["Queue", "Topic"]);
        assert_eq!(
            error.to_string(),
            "/Resources/a~1b: no resource is named `Quue` (help: did you mean `Queue`?)"
        );
    }

    #[test]
    fn quotes_at_most_two_hundred_characters() {
        assert_eq!(short(&"ü".repeat(300)).chars().count(), 201);
        assert_eq!(short("short"), "short");
    }
}
