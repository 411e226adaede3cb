//! An inline Map of a thousand items.

use serde_json::{Value, json};

use crate::interpreter::{execution, executions};
use crate::meter::{Contender, Workload, contender};

const ITEMS: usize = 1_000;

pub(crate) fn workload() -> Workload {
    Workload {
        name: "inline Map of 1,000 items",
        unit: ("item", ITEMS),
        twin: twin(ITEMS),
        ours: executions(&definition(), &document(ITEMS), [Some(1.5), Some(3.0)]),
    }
}

/// The same with an input for each iteration made of its item, the item's index and what is around them.
pub(crate) fn with_selector() -> Workload {
    let mut definition = definition();
    let state = &mut definition["States"]["Each"];
    state["ItemSelector"] = json!({
        "index.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value", "currency.$": "$.currency" });
    state["ItemProcessor"]["States"]["Price"]["Parameters"] = json!({
        "sku.$": "$.item.sku", "price.$": "$.item.price", "index.$": "$.index", "currency.$": "$.currency" });
    Workload {
        name: "the same Map with an ItemSelector",
        unit: ("item", ITEMS),
        twin: contender(|| document(ITEMS), by_hand_with_selector),
        ours: executions(&definition, &document(ITEMS), [Some(1.5), Some(3.0)]),
    }
}

fn by_hand(mut document: Value) -> Value {
    let items = document["items"].as_array().expect("there are items");
    document["items"] =
        items.iter().map(|item| json!({ "sku": item["sku"], "price": item["price"] })).collect();
    document
}

fn by_hand_with_selector(mut document: Value) -> Value {
    let items = document["items"].as_array().expect("there are items");
    let priced = items.iter().enumerate().map(|(index, item)| {
        json!({ "sku": item["sku"], "price": item["price"], "index": index, "currency": document["currency"] })
    });
    document["items"] = priced.collect();
    document
}

/// The twin alone, with so many items.
pub(crate) fn twin(items: usize) -> Contender {
    contender(move || document(items), by_hand)
}

/// The interpreter alone, with so many items.
pub(crate) fn interpreter(items: usize, history: bool) -> Contender {
    execution(&definition(), &document(items), history)
}

fn definition() -> Value {
    json!({ "StartAt": "Each", "States": { "Each": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {
            "StartAt": "Price",
            "States": { "Price": {
                "Type": "Pass",
                "Parameters": { "sku.$": "$.sku", "price.$": "$.price" },
                "End": true
            } }
        },
        "ResultPath": "$.items",
        "End": true
    } } })
}

fn document(items: usize) -> Value {
    let items = (0..items).map(|n| json!({ "sku": format!("article-{n:05}"), "price": n % 97, "count": 1 }));
    json!({ "currency": "EUR", "items": items.collect::<Vec<_>>() })
}
