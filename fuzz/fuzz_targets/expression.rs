//! A path or an intrinsic function, and after a line's end the document it reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::query::{Entropy, Expression, Path, ReferencePath, Scope};
use stepwright::{Json, Limits};

fuzz_target!(|text: &str| {
    let (expression, document) = text.split_once('\n').unwrap_or((text, "{}"));
    let document: Json = document.parse().unwrap_or_default();
    let entropy = Entropy::new([0; 32]);
    let scope = Scope::new(&document, &entropy, &Limits::AWS);
    if let Ok(expression) = Expression::parse(expression) {
        let _ = expression.evaluate(&scope, "x.$");
    }
    if let Ok(path) = Path::parse(expression) {
        if let Err(miss) = path.select(&scope) {
            let _ = miss.to_string();
        }
    }
    if let Ok(path) = ReferencePath::parse(expression) {
        if let Ok(written) = path.write(document.clone(), Json::from(1)) {
            assert_eq!(written.size(), written.to_string().len());
        }
    }
});
