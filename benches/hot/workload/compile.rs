//! From text to machine: parse, validate and compile a definition of two hundred states.

use serde_json::{Value, json};
use stepwright::StateMachine;

use crate::meter::{Ours, Workload, contender};

pub(crate) fn workload() -> Workload {
    let states: serde_json::Map<String, Value> = (0..50).flat_map(four_states).collect();
    let text = json!({ "StartAt": "Look0", "States": states }).to_string();
    let ours = text.clone();
    let compile = move |()| StateMachine::parse(&ours).expect("the definition is right");
    Workload {
        name: "compile 200 states (beside serde_json's parse to a Value)",
        unit: ("state", 200),
        twin: contender(|| (), move |()| serde_json::from_str::<Value>(&text).expect("it is JSON")),
        // 30 % of its speed.
        ours: vec![Ours { how: "compile", contender: contender(|| (), compile), bound: Some(1.0 / 0.3) }],
    }
}

fn four_states(n: usize) -> [(String, Value); 4] {
    let next = if n + 1 == 50 { "Wait0".to_owned() } else { format!("Look{}", n + 1) };
    [
        (
            format!("Look{n}"),
            json!({
                "Type": "Choice",
                "Choices": [
                    { "And": [
                        { "Variable": "$.order.total", "NumericGreaterThan": n },
                        { "Variable": "$.order.kind", "StringMatches": "retail-*" }
                    ], "Next": format!("Work{n}") },
                    { "Variable": "$.order.rush", "BooleanEquals": true, "Next": format!("Write{n}") }
                ],
                "Default": format!("Wait{n}")
            }),
        ),
        (
            format!("Work{n}"),
            json!({
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": { "FunctionName": "work", "Payload": { "order.$": "$.order", "n": n } },
                "ResultSelector": { "value.$": "$.Payload.value" },
                "ResultPath": "$.worked",
                "TimeoutSeconds": 30,
                "Retry": [
                    { "ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 2, "MaxAttempts": 5 },
                    { "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }
                ],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": format!("Write{n}") }],
                "Next": format!("Write{n}")
            }),
        ),
        (
            format!("Write{n}"),
            json!({
                "Type": "Pass",
                "Parameters": { "text.$": "States.Format('{} of {}', $.order.id, $$.Execution.Name)" },
                "ResultPath": "$.text",
                "Next": format!("Wait{n}")
            }),
        ),
        (
            format!("Wait{n}"),
            match n + 1 == 50 {
                true => json!({ "Type": "Wait", "Seconds": 1, "End": true }),
                false => json!({ "Type": "Wait", "SecondsPath": "$.order.pause", "Next": next }),
            },
        ),
    ]
}
