//! Twenty states in JSONata on a document of 2 KB; its twin is the same in JSONPath.

use serde_json::{Value, json};

use super::passes::{chain, document};
use crate::interpreter::{execution, executions};
use crate::meter::Workload;

const STATES: usize = 20;

pub(crate) fn workload() -> Workload {
    let jsonpath = chain(STATES, |n| {
        json!({
            "Type": "Pass",
            "Parameters": { "order.$": "$.order", "last": { "id.$": "$.order.id", "step": n } },
        })
    });
    let mut jsonata = chain(STATES, |n| {
        json!({
            "Type": "Pass",
            "Output": {
                "order": "{% $states.input.order %}",
                "last": { "id": "{% $states.input.order.id %}", "step": n }
            },
        })
    });
    jsonata["QueryLanguage"] = Value::from("JSONata");
    Workload {
        name: "20 states in JSONata, 2 KB (beside JSONPath)",
        unit: ("transition", STATES),
        twin: execution(&jsonpath, &document(), false),
        ours: executions(&jsonata, &document(), [None, None]),
    }
}
