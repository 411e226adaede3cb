//! A Choice that loops a thousand times; `States.MathAdd` counts.

use serde_json::{Value, json};

use crate::interpreter::executions;
use crate::meter::{Workload, contender};

const ROUNDS: i64 = 1_000;

pub(crate) fn workload() -> Workload {
    let input = || json!({ "counter": { "value": 0 } });
    Workload {
        name: "Choice loop to 1,000 with States.MathAdd",
        // Of which a round has two.
        unit: ("transition", 2 * ROUNDS as usize),
        twin: contender(input, by_hand),
        ours: executions(&definition(), &input(), [Some(3.0), Some(6.0)]),
    }
}

fn by_hand(mut document: Value) -> Value {
    while document["counter"]["value"].as_i64().is_some_and(|value| value < ROUNDS) {
        let value = document["counter"]["value"].as_i64().unwrap_or_default();
        document["counter"] = json!({ "value": value + 1 });
    }
    document
}

fn definition() -> Value {
    json!({ "StartAt": "More", "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.counter.value", "NumericLessThan": ROUNDS, "Next": "Add" }],
            "Default": "Done"
        },
        "Add": {
            "Type": "Pass",
            "Parameters": { "value.$": "States.MathAdd($.counter.value, 1)" },
            "ResultPath": "$.counter",
            "Next": "More"
        },
        "Done": { "Type": "Succeed" }
    } })
}
