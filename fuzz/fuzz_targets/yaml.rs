//! A definition's text in YAML: compiling it gives a machine or diagnostics, and those print.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::diagnostic::{Format, Source};
use stepwright::{ExecutionKind, StateMachine};

fuzz_target!(|text: &str| {
    let source = Source::with_format("x.yaml", text, Format::Yaml);
    if let Err(diagnostics) = StateMachine::compile(&source, ExecutionKind::Standard) {
        let _ = diagnostics.to_string();
    }
});
