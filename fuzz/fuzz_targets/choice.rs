//! A Choice rule, and after a line's end the input it judges: a rule that compiles matches, does not, or fails the
//! execution.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stepwright::{Execution, Json, Start, StateMachine, Timestamp};

fuzz_target!(|text: &str| {
    let (rule, input) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(Value::Object(mut rule)) = serde_json::from_str(rule) else { return };
    rule.insert("Next".into(), json!("Yes"));
    let definition = json!({ "StartAt": "Choose", "States": {
        "Choose": { "Type": "Choice", "Choices": [rule], "Default": "No" },
        "Yes": { "Type": "Succeed" },
        "No": { "Type": "Succeed" } } });
    let Ok(machine) = StateMachine::parse(&definition.to_string()) else { return };
    let input = input.parse::<Json>().unwrap_or_default();
    let (execution, _) = Execution::start(Arc::new(machine), Start::new("x", input), Timestamp::EPOCH);
    assert!(execution.status().is_closed(), "a Choice never waits");
});
