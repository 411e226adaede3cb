//! 200 KB of payload through ten states that each write something small.

use serde_json::{Value, json};

use super::passes::chain;
use crate::interpreter::executions;
use crate::meter::{Workload, contender};

const STATES: usize = 10;

pub(crate) fn workload() -> Workload {
    Workload {
        name: "200 KB of payload through 10 states, a small ResultPath each",
        unit: ("transition", STATES),
        twin: contender(document, by_hand),
        ours: executions(&definition(), &document(), [Some(2.0), Some(4.0)]),
    }
}

fn by_hand(mut document: Value) -> Value {
    for n in 0..STATES {
        document[format!("step{n}")] = json!({ "ok": true, "n": n });
    }
    document
}

fn definition() -> Value {
    chain(
        STATES,
        |n| json!({ "Type": "Pass", "Result": { "ok": true, "n": n }, "ResultPath": format!("$.step{n}") }),
    )
}

fn document() -> Value {
    let rows = (0..1_400).map(|n| {
        let note = "what the customer wrote, at some length, when the order came in";
        json!({ "row": n, "sku": format!("article-{n:05}"), "note": note, "price": 9.95, "tags": ["a", "b"] })
    });
    json!({ "id": "order-17", "rows": rows.collect::<Vec<_>>() })
}
