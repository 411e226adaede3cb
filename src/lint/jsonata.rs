//! What is written in the other query language, and stays text.

use serde_json::Value;

use super::text::{Text, texts};
use crate::definition::Placed;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Trail};

pub(super) fn lint(placed: &Placed<'_>, at: &Trail<'_>, found: &mut Diagnostics) {
    texts(placed, at, &mut |at, text| match text {
        Text::Key(key) => {
            let name = key.trim_end_matches(".$");
            let message = format!("`{key}` is taken as it is: this state is in JSONata");
            let diagnostic = Diagnostic::new(Code::PathInJsonata, at.pointer(), message).at_key();
            found.push(diagnostic.with_help(format!("write an expression: `\"{name}\": \"{{% ... %}}\"`")));
        }
        Text::Expression(text) if !placed.jsonata => {
            let message = format!("{} stays text: this state is in JSONPath", Value::from(text));
            let diagnostic = Diagnostic::new(Code::ExpressionInJsonPath, at.pointer(), message);
            found.push(diagnostic.with_help("give the state `\"QueryLanguage\": \"JSONata\"`"));
        }
        Text::Expression(_) => {}
    });
}
