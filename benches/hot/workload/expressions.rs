//! Typical expressions of JSONata, one by one; the twin of each is the same in JSONPath.

use serde_json::{Value, json};

use crate::interpreter::execution;
use crate::meter::{Ours, Workload};

/// What it is called, in JSONPath, in JSONata.
const TYPICAL: &[(&str, &str, &str)] = &[
    ("JSONata: a field", "$.order.id", "$states.input.order.id"),
    ("JSONata: a field of each", "$.items[*].price", "$states.input.items.price"),
    ("JSONata: a filter", "$.items[?(@.price > 100)]", "$states.input.items[price > 100]"),
    ("JSONata: how many", "States.ArrayLength($.items)", "$count($states.input.items)"),
    ("JSONata: a sum of two", "States.MathAdd($.n, 1)", "$states.input.n + 1"),
    (
        "JSONata: a text of parts",
        "States.Format('{} for {}', $.order.id, $.order.customer)",
        "$states.input.order.id & ' for ' & $states.input.order.customer",
    ),
    ("JSONata: a text in parts", "States.StringSplit($.text, ',')", "$split($states.input.text, ',')"),
    (
        "JSONata: two objects in one",
        "States.JsonMerge($.one, $.two, false)",
        "$merge([$states.input.one, $states.input.two])",
    ),
    ("JSONata: a list in chunks", "States.ArrayPartition($.items, 4)", "$partition($states.input.items, 4)"),
    ("JSONata: a hash", "States.Hash($.text, 'SHA-256')", "$hash($states.input.text, 'SHA-256')"),
    ("JSONata: JSON from text", "States.StringToJson($.json)", "$parse($states.input.json)"),
];

pub(crate) fn workloads() -> impl Iterator<Item = Workload> {
    TYPICAL.iter().map(|(name, jsonpath, jsonata)| Workload {
        name,
        unit: ("state", 1),
        twin: execution(&machine(&json!({ "Parameters": { "value.$": jsonpath } })), &document(), false),
        ours: vec![Ours {
            how: "beside JSONPath",
            contender: execution(
                &machine(&json!({
                    "QueryLanguage": "JSONata",
                    "Output": { "value": format!("{{% {jsonata} %}}") }
                })),
                &document(),
                false,
            ),
            bound: None,
        }],
    })
}

fn machine(fields: &Value) -> Value {
    let mut state = json!({ "Type": "Pass", "End": true });
    let state_fields = state.as_object_mut().expect("it is an object");
    state_fields.extend(fields.as_object().expect("it is an object").clone());
    json!({ "StartAt": "Evaluate", "States": { "Evaluate": state } })
}

fn document() -> Value {
    let items: Vec<Value> = (0..20).map(|n| json!({ "id": n, "price": n * 10 })).collect();
    json!({
        "order": { "id": "order-17", "customer": "Ada" }, "items": items, "n": 41, "text": "a,b,c,d",
        "one": { "a": 1, "b": 2 }, "two": { "b": 3, "c": 4 }, "json": "{\"k\":[1,2,3]}",
    })
}
