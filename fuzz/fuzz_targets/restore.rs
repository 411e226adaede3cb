//! Stored records, a line each, the head first: restoring them fails, or gives what goes on without a panic.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stepwright::{
    Event, Execution, FrameId, Json, Limits, Record, RecordKey, Reporter, Snapshot, StateMachine, Timestamp,
};

const MACHINE: &str = r#"{ "StartAt": "Out", "States": { "Out": { "Type": "Map", "End": true, "ItemProcessor": {
    "StartAt": "Work", "States": {
        "Work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "Next": "Nap" },
        "Nap": { "Type": "Wait", "Seconds": 5, "End": true } } } } } }"#;

fuzz_target!(|text: &str| {
    let machine = Arc::new(StateMachine::parse(MACHINE).expect("the machine is well formed"));
    let frames = |n: usize| serde_json::from_value::<FrameId>((n as u64).into()).expect("a number");
    let records = text.lines().enumerate().map(|(n, line)| {
        let key = n.checked_sub(1).map_or(RecordKey::Head, |n| RecordKey::Frame(frames(n)));
        Record::new(key, line.as_bytes().to_vec())
    });
    let Ok(snapshot) = Snapshot::from_records(records) else { return };
    let now = Timestamp::EPOCH;
    let Ok(mut execution) = Execution::restore(machine, &snapshot, Limits::AWS, now) else { return };
    for _ in 0..50 {
        let Some(deadline) = execution.deadline() else { return };
        let event = match execution.outstanding().first() {
            Some(start) => {
                Event::TaskSucceeded { task: start.task, output: Json::from(1), reporter: Reporter::Handler }
            }
            None => Event::Tick,
        };
        let _ = execution.handle(event, deadline);
    }
});
