//! A JSONata expression, and after a line's end the document it reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::query::{Entropy, Jsonata, Scope};
use stepwright::{Json, Limits};

fuzz_target!(|text: &str| {
    let (expression, document) = text.split_once('\n').unwrap_or((text, "{}"));
    let document: Json = document.parse().unwrap_or_default();
    let entropy = Entropy::new([0; 32]);
    let scope = Scope::new(&document, &entropy, &Limits::AWS);
    for expression in [Jsonata::parse(expression, &["input", "context"]), Jsonata::standalone(expression)] {
        match expression {
            Ok(expression) => match expression.evaluate(&scope, "x") {
                Ok(result) => assert_eq!(result.size(), result.to_string().len()),
                Err(error) => drop(error.to_string()),
            },
            Err(error) => drop(error.to_string()),
        }
    }
});
