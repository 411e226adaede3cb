//! Ten branches of five Pass states each.

use serde_json::{Value, json};

use super::passes::{chain, document};
use crate::interpreter::executions;
use crate::meter::{Workload, contender};

const BRANCHES: usize = 10;
const STATES: usize = 5;

pub(crate) fn workload() -> Workload {
    Workload {
        name: "Parallel, 10 branches of 5 Pass states",
        unit: ("transition", BRANCHES * STATES),
        twin: contender(document, |document| by_hand(&document)),
        ours: executions(&definition(), &document(), [Some(1.5), Some(3.0)]),
    }
}

fn by_hand(document: &Value) -> Value {
    let branches = (0..BRANCHES).map(|branch| {
        // Each branch has a document of its own.
        let mut document = document.clone();
        for n in 0..STATES {
            let id = document["order"]["id"].clone();
            document["last"] = json!({ "id": id, "branch": branch, "step": n });
        }
        document["last"].take()
    });
    branches.collect()
}

fn definition() -> Value {
    let branches = (0..BRANCHES).map(|branch| {
        let mut branch = chain(STATES, |n| {
            json!({
                "Type": "Pass",
                "Parameters": { "id.$": "$.order.id", "branch": branch, "step": n },
                "ResultPath": "$.last",
            })
        });
        branch["States"][format!("S{}", STATES - 1)]["OutputPath"] = "$.last".into();
        branch
    });
    // The names of states are unique within a machine.
    let branches: Vec<_> = branches
        .enumerate()
        .map(|(n, branch)| {
            let text = branch
                .to_string()
                .replace("\"S", &format!("\"B{n}S"))
                .replace(&format!("\"B{n}Sta"), "\"Sta");
            serde_json::from_str::<Value>(&text).expect("it is JSON")
        })
        .collect();
    json!({ "StartAt": "Fork", "States": { "Fork": {
        "Type": "Parallel", "Branches": branches, "End": true } } })
}
