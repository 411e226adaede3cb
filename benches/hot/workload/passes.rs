//! A hundred Pass states that each write a little into a document of 2 KB.

use serde_json::{Value, json};

use crate::interpreter::executions;
use crate::meter::{Workload, contender};

const STATES: usize = 100;

pub(crate) fn workload() -> Workload {
    Workload {
        name: "100 Pass states with Parameters and ResultPath, 2 KB",
        unit: ("transition", STATES),
        twin: contender(document, by_hand),
        ours: executions(&definition(), &document(), [Some(1.5), Some(3.0)]),
    }
}

fn by_hand(mut document: Value) -> Value {
    for n in 0..STATES {
        let order = &document["order"];
        document["last"] = json!({ "id": order["id"], "total": order["total"], "step": n });
    }
    document
}

fn definition() -> Value {
    chain(STATES, |n| {
        json!({
            "Type": "Pass",
            "Parameters": { "id.$": "$.order.id", "total.$": "$.order.total", "step": n },
            "ResultPath": "$.last",
        })
    })
}

/// States that follow one another.
pub(crate) fn chain(count: usize, state: impl Fn(usize) -> Value) -> Value {
    let states = (0..count).map(|n| {
        let mut state = state(n);
        match n + 1 == count {
            true => state["End"] = true.into(),
            false => state["Next"] = format!("S{}", n + 1).into(),
        }
        (format!("S{n}"), state)
    });
    json!({ "StartAt": "S0", "States": states.collect::<serde_json::Map<_, _>>() })
}

pub(crate) fn document() -> Value {
    let items = (0..20).map(|n| {
        let sku = format!("article-{n:04}");
        json!({ "sku": sku, "count": n, "price": 9.95, "note": "as usual, please", "tags": ["a", "b"] })
    });
    json!({ "order": { "id": "order-17", "total": 199, "items": items.collect::<Vec<_>>() }, "last": null })
}
