//! A task token: what parses is what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::TaskToken;

fuzz_target!(|text: &str| {
    if let Ok(token) = text.parse::<TaskToken>() {
        assert_eq!(token.reveal(), text);
        assert!(!format!("{token:?}").contains(text) || "TaskToken(redacted)".contains(text));
    }
});
