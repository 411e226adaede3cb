//! Every code once: its number, its name, how bad it is, AWS's code, and the page that explains it.

use std::fmt;
use std::str::FromStr;

use super::Severity;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $severity:ident, $aws:literal;)*) => {
        /// What kind of problem a [`Diagnostic`](super::Diagnostic) is.
        ///
        /// It prints as its number, and can be read from it.
        ///
        /// ```
        /// use stepwright::Code;
        ///
        /// let code: Code = "E0203".parse().unwrap();
        /// assert_eq!(code, Code::MissingTarget);
        /// assert_eq!(code.name(), "a transition to a state that does not exist");
        /// assert!(code.explain().starts_with("# E0203: a transition to a state that does not exist"));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number: `E0203`.
            pub fn number(self) -> &'static str {
                match self { $(Self::$name => $number,)* }
            }

            /// What kind of problem it is, in a few words.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How bad such a problem is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// AWS's code for such problems: `SCHEMA_VALIDATION_FAILED` where AWS refuses them without a code of
            /// their own, `None` where AWS does not mind.
            pub fn aws(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($aws).filter(|code| !code.is_empty()),)* }
            }

            /// The page that explains it, in Markdown: what it means, an example, what to do.
            pub fn explain(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("codes/", $number, ".md")),)* }
            }
        }
    };
}

// The hundreds are subjects: E00 text, E01 fields and shapes, E02 transitions, E03 expressions, E04 resources,
// E05 limits, E09 what cannot be executed yet; L01 tasks, L02 transitions, L03 errors, L04 data. A number is never used again for something else.
codes! {
    // text
    /// The text is not JSON.
    NotJson = "E0001", "the text is not JSON", Error, "INVALID_JSON_DESCRIPTION";
    /// The definition is not an object.
    NotObject = "E0002", "the definition is not an object", Error, "SCHEMA_VALIDATION_FAILED";
    /// A key is written twice in one object.
    DuplicateKey = "E0003", "a key is written twice in one object", Error, "INVALID_JSON_DESCRIPTION";
    /// The text is not YAML.
    NotYaml = "E0004", "the text is not YAML", Error, "INVALID_JSON_DESCRIPTION";
    /// YAML that a definition cannot hold.
    UnsupportedYaml = "E0005", "YAML that a definition cannot hold", Error, "INVALID_JSON_DESCRIPTION";
    /// A placeholder stands where a value is needed.
    UnfilledPlaceholder = "E0006", "a placeholder stands where a value is needed", Error, "SCHEMA_VALIDATION_FAILED";

    // fields and shapes
    /// A field that this object does not have.
    UnknownField = "E0101", "a field that this object does not have", Error, "SCHEMA_VALIDATION_FAILED";
    /// A required field is missing.
    MissingField = "E0102", "a required field is missing", Error, "SCHEMA_VALIDATION_FAILED";
    /// Fields that exclude each other.
    ExclusiveFields = "E0103", "fields that exclude each other", Error, "SCHEMA_VALIDATION_FAILED";
    /// One of several fields is needed.
    NoneOfFields = "E0104", "one of several fields is needed", Error, "SCHEMA_VALIDATION_FAILED";
    /// A value of the wrong type.
    WrongType = "E0105", "a value of the wrong type", Error, "SCHEMA_VALIDATION_FAILED";
    /// A value that is not one of those allowed.
    NotOneOf = "E0106", "a value that is not one of those allowed", Error, "SCHEMA_VALIDATION_FAILED";
    /// A number out of range.
    OutOfRange = "E0107", "a number out of range", Error, "SCHEMA_VALIDATION_FAILED";
    /// Something that cannot be empty.
    Empty = "E0108", "something that cannot be empty", Error, "SCHEMA_VALIDATION_FAILED";
    /// A state without a type, or of an unknown one.
    UnknownStateType = "E0109", "a state without a type, or of an unknown one", Error, "SCHEMA_VALIDATION_FAILED";
    /// A field of the other query language.
    OtherQueryLanguage = "E0110", "a field of the other query language", Error, "SCHEMA_VALIDATION_FAILED";
    /// A JSONPath state in a JSONata definition.
    LanguageDowngrade = "E0111", "a JSONPath state in a JSONata definition", Error, "SCHEMA_VALIDATION_FAILED";
    /// `States.ALL` beside or before others.
    StatesAllPlacement = "E0112", "`States.ALL` beside or before others", Error, "SCHEMA_VALIDATION_FAILED";
    /// A Choice rule that tests nothing, or several things.
    ChoiceRule = "E0113", "a Choice rule that tests nothing, or several things", Error, "SCHEMA_VALIDATION_FAILED";
    /// A comparison without an operator, or with several.
    Comparison = "E0114", "a comparison without an operator, or with several", Error, "SCHEMA_VALIDATION_FAILED";
    /// The name of a state is too long.
    StateNameTooLong = "E0115", "the name of a state is too long", Error, "INVALID_STATE_NAME";
    /// A label that cannot be used.
    InvalidLabel = "E0116", "a label that cannot be used", Error, "INVALID_LABEL_NAME";

    // transitions
    /// Two states have the same name.
    DuplicateStateName = "E0201", "two states have the same name", Error, "DUPLICATE_STATE_NAME";
    /// A state that nothing leads to.
    UnreachableState = "E0202", "a state that nothing leads to", Error, "MISSING_TRANSITION_TARGET";
    /// A transition to a state that does not exist.
    MissingTarget = "E0203", "a transition to a state that does not exist", Error, "MISSING_TRANSITION_TARGET";
    /// No state can be the last.
    NoTerminalState = "E0204", "no state can be the last", Error, "MISSING_END_STATE";
    /// Two Maps have the same label.
    DuplicateLabel = "E0205", "two Maps have the same label", Error, "DUPLICATE_LABEL_NAME";

    // expressions
    /// Text that is not a path.
    InvalidPath = "E0301", "text that is not a path", Error, "SCHEMA_VALIDATION_FAILED";
    /// A path that can select several things.
    NotReferencePath = "E0302", "a path that can select several things", Error, "SCHEMA_VALIDATION_FAILED";
    /// A `.$` field that is neither a path nor an intrinsic function.
    InvalidTemplateField = "E0303", "a `.$` field that is neither a path nor an intrinsic function", Error, "SCHEMA_VALIDATION_FAILED";
    /// An expression that is not closed.
    HalfExpression = "E0304", "an expression that is not closed", Error, "SCHEMA_VALIDATION_FAILED";
    /// An expression that is not JSONata.
    InvalidJsonata = "E0305", "an expression that is not JSONata", Error, "INVALID_JSONATA_EXPRESSION";
    /// JSONata that a state machine does not have.
    UnsupportedJsonata = "E0306", "JSONata that a state machine does not have", Error, "UNSUPPORTED_JSONATA_EXPRESSION";
    /// Text that is not a timestamp.
    InvalidTimestamp = "E0307", "text that is not a timestamp", Error, "SCHEMA_VALIDATION_FAILED";
    /// A variable that cannot be assigned.
    ReservedVariable = "E0308", "a variable that cannot be assigned", Error, "RESERVED_VARIABLE_NAME";
    /// A name that no variable can have.
    InvalidVariableName = "E0309", "a name that no variable can have", Error, "INVALID_VARIABLE_NAME";
    /// A variable of an outer scope is assigned.
    DuplicateVariable = "E0310", "a variable of an outer scope is assigned", Error, "DUPLICATE_VARIABLE_NAME";

    // resources
    /// A resource that is not an ARN.
    NotResourceArn = "E0401", "a resource that is not an ARN", Error, "SCHEMA_VALIDATION_FAILED";
    /// A service integration that does not exist.
    UnknownIntegration = "E0402", "a service integration that does not exist", Error, "SCHEMA_VALIDATION_FAILED";
    /// A service integration without parameters.
    MissingParameters = "E0403", "a service integration without parameters", Error, "SCHEMA_VALIDATION_FAILED";
    /// A service integration without a field it needs.
    MissingRequestField = "E0404", "a service integration without a field it needs", Error, "SCHEMA_VALIDATION_FAILED";
    /// Something that EXPRESS machines do not have.
    ExpressUnsupported = "E0405", "something that EXPRESS machines do not have", Error, "SCHEMA_VALIDATION_FAILED";
    /// Credentials for an activity.
    CredentialsOnActivity = "E0406", "credentials for an activity", Error, "SCHEMA_VALIDATION_FAILED";
    /// A resource that cannot read items or write results.
    ReaderResource = "E0407", "a resource that cannot read items or write results", Error, "SCHEMA_VALIDATION_FAILED";

    // limits
    /// The definition is too long.
    TooLong = "E0501", "the definition is too long", Error, "SCHEMA_VALIDATION_FAILED";
    /// Objects and lists within each other too deep.
    TooDeep = "E0502", "objects and lists within each other too deep", Error, "TOO_DEEPLY_NESTED";
    /// Aliases that stand for too much.
    TooManyAliases = "E0503", "aliases that stand for too much", Error, "SCHEMA_VALIDATION_FAILED";

    // not yet
    /// Something that is read and cannot be executed yet.
    NotExecutedYet = "E0901", "something that is read and cannot be executed yet", Error, "";

    // advice: tasks
    /// A callback that may never come.
    CallbackWithoutTimeout = "L0101", "a callback that may never come", Warning, "";
    /// A token that is never forwarded.
    TokenNotForwarded = "L0102", "a token that is never forwarded", Warning, "";
    /// A token that does not exist.
    NoToken = "L0103", "a token that does not exist", Warning, "";

    // advice: transitions
    /// A Choice that may fall through.
    ChoiceWithoutDefault = "L0201", "a Choice that may fall through", Warning, "";
    /// A state from which nothing ends.
    NeverEnds = "L0202", "a state from which nothing ends", Warning, "";
    /// A loop in which nothing changes.
    IdleLoop = "L0203", "a loop in which nothing changes", Warning, "";
    /// A Wait that does not wait.
    WaitOfZero = "L0204", "a Wait that does not wait", Warning, "";
    /// A rule that is never taken.
    RuleNeverTaken = "L0205", "a rule that is never taken", Warning, "";

    // advice: errors
    /// An error name that does not exist.
    UnknownErrorName = "L0301", "an error name that does not exist", Warning, "";
    /// An error that nothing catches.
    NeverCaught = "L0302", "an error that nothing catches", Warning, "";
    /// An error that an earlier entry takes.
    ShadowedError = "L0303", "an error that an earlier entry takes", Warning, "";
    /// An error that this state never has.
    NeverRaised = "L0304", "an error that this state never has", Warning, "";
    /// A retrier that never retries.
    IdleRetrier = "L0305", "a retrier that never retries", Warning, "";

    // advice: data
    /// A path that is only text.
    PathWithoutDollar = "L0401", "a path that is only text", Warning, "NO_DOLLAR";
    /// A path in a Result.
    StaticResult = "L0402", "a path in a Result", Warning, "PASS_RESULT_IS_STATIC";
    /// A variable that nobody reads.
    UnreadVariable = "L0403", "a variable that nobody reads", Warning, "";
    /// A variable that nobody assigns.
    UnassignedVariable = "L0404", "a variable that nobody assigns", Warning, "";
    /// A path in a JSONata state.
    PathInJsonata = "L0405", "a path in a JSONata state", Warning, "";
    /// An expression in a JSONPath state.
    ExpressionInJsonPath = "L0406", "an expression in a JSONPath state", Warning, "";
}

/// Text that is not the number of a code.
///
/// ```
/// use stepwright::Code;
///
/// assert_eq!("E9999".parse::<Code>().unwrap_err().to_string(), "there is no code `E9999`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no code `{text}`")]
pub struct UnknownCode {
    text: String,
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads a number, in capitals or not.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().find(|code| code.number().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| UnknownCode { text: text.into() })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_pages_are_headed_by_them() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        for code in Code::ALL {
            let heading = format!("# {}: {}\n\n", code.number(), code.name());
            assert!(code.explain().starts_with(&heading), "{heading}");
            assert_eq!(code.number().parse(), Ok(*code));
        }
    }
}
