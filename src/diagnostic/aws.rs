//! Diagnostics in AWS's words, as its API answers them.

use serde::{Serialize, Serializer};

use super::{Diagnostic, Diagnostics, Severity};

/// One problem as `ValidateStateMachineDefinition` reports it; it serializes to that shape.
///
/// ```
/// use stepwright::Definition;
///
/// let diagnostics = Definition::parse("{}").unwrap_err();
/// let first = diagnostics.iter().next().unwrap().aws();
/// assert_eq!(
///     serde_json::to_string(&first).unwrap(),
///     r#"{"severity":"ERROR","code":"SCHEMA_VALIDATION_FAILED","message":"These fields are required: [States, StartAt]","location":"/"}"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AwsDiagnostic {
    /// How bad it is: `ERROR` or `WARNING`.
    #[serde(serialize_with = "upper_case")]
    pub severity: Severity,
    /// AWS's code: `SCHEMA_VALIDATION_FAILED`; ours, where AWS has none.
    pub code: &'static str,
    /// AWS's message; ours, where AWS has none or it is not known.
    pub message: String,
    /// AWS's location: `/States/Pay/Next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl Diagnostic {
    /// The problem in AWS's words.
    pub fn aws(&self) -> AwsDiagnostic {
        let (message, location) = match &self.0.aws {
            Some(words) => (words.message.clone(), words.location.clone()),
            None => (self.message().into(), Some(self.pointer().aws_location())),
        };
        let code = self.code().aws().unwrap_or(self.code().number());
        AwsDiagnostic { severity: self.severity(), code, message, location }
    }
}

impl Diagnostics {
    /// All problems in AWS's words, in their order: those that AWS finds too. Errors that it would not have are
    /// told when there are no others.
    pub fn aws(&self) -> impl Iterator<Item = AwsDiagnostic> {
        let known = |diagnostic: &Diagnostic| diagnostic.code().aws().is_some();
        let error = |diagnostic: &Diagnostic| diagnostic.severity() == Severity::Error;
        let alone = !self.iter().any(|diagnostic| error(diagnostic) && known(diagnostic));
        let told = move |diagnostic: &&Diagnostic| known(diagnostic) || error(diagnostic) && alone;
        self.iter().filter(told).map(Diagnostic::aws)
    }

    /// The message of the `InvalidDefinition` with which AWS refuses the definition.
    ///
    /// ```
    /// use stepwright::Definition;
    ///
    /// let diagnostics = Definition::parse(r#"{ "StartAt": "A" }"#).unwrap_err();
    /// assert_eq!(
    ///     diagnostics.invalid_definition(),
    ///     "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'"
    /// );
    /// ```
    pub fn invalid_definition(&self) -> String {
        let errors = self.aws().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let errors = errors.map(|AwsDiagnostic { code, message, location, .. }| {
            format!("{code}: {message} at {}", location.as_deref().unwrap_or("null"))
        });
        format!("Invalid State Machine Definition: '{}'", errors.collect::<Vec<_>>().join(", "))
    }
}

fn upper_case<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match severity {
        Severity::Warning => "WARNING",
        Severity::Error => "ERROR",
    })
}
