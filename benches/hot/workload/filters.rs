//! Filters of JSONPath over five hundred items.

use serde_json::{Value, json};

use crate::interpreter::executions;
use crate::meter::{Workload, contender};

const ITEMS: usize = 500;

pub(crate) fn workload() -> Workload {
    Workload {
        name: "4 JSONPath filters over 500 items",
        unit: ("item", 4 * ITEMS),
        twin: contender(document, |document| by_hand(&document)),
        ours: executions(&definition(), &document(), [None, None]),
    }
}

fn by_hand(document: &Value) -> Value {
    let items = document["items"].as_array().expect("there are items");
    let select =
        |holds: &dyn Fn(&Value) -> bool| items.iter().filter(|item| holds(item)).cloned().collect::<Vec<_>>();
    json!({
        "dear": select(&|item| item["price"].as_f64().is_some_and(|price| price > 80.0)),
        "tea": select(&|item| {
            item["kind"] == "tea" && item["price"].as_f64().is_some_and(|price| price < 20.0)
        }),
        "marked": select(&|item| item.get("mark").is_some()),
        "some": items.iter().filter(|item| item["count"] == 3).map(|item| item["sku"].clone())
            .collect::<Vec<_>>(),
    })
}

fn definition() -> Value {
    json!({ "StartAt": "Select", "States": { "Select": {
        "Type": "Pass",
        "Parameters": {
            "dear.$": "$.items[?(@.price > 80)]",
            "tea.$": "$.items[?(@.kind == 'tea' && @.price < 20)]",
            "marked.$": "$.items[?(@.mark)]",
            "some.$": "$.items[?(@.count == 3)].sku"
        },
        "End": true
    } } })
}

fn document() -> Value {
    let items = (0..ITEMS).map(|n| {
        let kind = if n % 3 == 0 { "tea" } else { "cake" };
        let mut item = json!({ "sku": format!("a-{n:04}"), "kind": kind, "price": n % 97, "count": n % 7 });
        if n % 10 == 0 {
            item["mark"] = true.into();
        }
        item
    });
    json!({ "items": items.collect::<Vec<_>>() })
}
