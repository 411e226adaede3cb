//! A payload template, evaluated on itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::query::{Entropy, Scope, Template};
use stepwright::{Json, Limits};

fuzz_target!(|text: &str| {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let Ok(template) = Template::compile(&value) else { return };
    let (input, entropy) = (Json::from(value), Entropy::new([0; 32]));
    if let Ok(output) = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)) {
        assert_eq!(output.size(), output.to_string().len());
    }
});
