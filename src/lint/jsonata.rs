//! What is written in the other query language, and stays text.

use serde_json::Value;

use super::read::{Text, texts};
use super::tree::Visit;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

pub(super) fn lint(visit: &Visit<'_>) -> Diagnostics {
    let mut found = Diagnostics::default();
    for (at, text) in texts(visit) {
        match text {
            Text::Key(key) if visit.jsonata => {
                let name = key.trim_end_matches(".$");
                let message = format!("`{key}` is taken as it is: this state is in JSONata");
                let diagnostic = Diagnostic::new(Code::PathInJsonata, at, message).at_key();
                found.push(
                    diagnostic.with_help(format!("write an expression: `\"{name}\": \"{{% ... %}}\"`")),
                );
            }
            Text::Expression(text) if !visit.jsonata => {
                let message = format!("{} stays text: this state is in JSONPath", Value::from(text));
                let diagnostic = Diagnostic::new(Code::ExpressionInJsonPath, at, message);
                found.push(diagnostic.with_help("give the state `\"QueryLanguage\": \"JSONata\"`"));
            }
            _ => {}
        }
    }
    found
}
