//! A definition's text: parsing gives a machine or diagnostics, and those print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::StateMachine;

fuzz_target!(|text: &str| {
    if let Err(diagnostics) = StateMachine::parse(text) {
        let _ = diagnostics.to_string();
    }
});
