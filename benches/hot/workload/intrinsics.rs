//! All eighteen intrinsic functions, once each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::interpreter::executions;
use crate::meter::{Workload, contender};

pub(crate) fn workload() -> Workload {
    Workload {
        name: "all 18 intrinsic functions",
        unit: ("call", 18),
        twin: contender(document, |document| by_hand(&document)),
        ours: executions(&definition(), &document(), [None, None]),
    }
}

fn document() -> Value {
    json!({
        "list": [1, 2, 3, 3, 4, 5, 6, 7, 8], "text": "a,b,c,d", "json": "{\"k\":[1,2,3]}", "encoded": "aGVsbG8=",
        "one": { "a": 1, "b": 2 }, "two": { "b": 3, "c": 4 }, "n": 41, "name": "Ada",
    })
}

fn by_hand(document: &Value) -> Value {
    let list = document["list"].as_array().expect("it is an array");
    let text = |key: &str| document[key].as_str().expect("it is a text");
    let n = document["n"].as_i64().expect("it is a number");
    let mut unique: Vec<&Value> = Vec::new();
    list.iter().for_each(|item| {
        if !unique.contains(&item) {
            unique.push(item)
        }
    });
    let mut merged = document["one"].as_object().expect("it is an object").clone();
    merged.extend(document["two"].as_object().expect("it is an object").clone());
    let mut random = [0; 24];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    let (uuid, draw) = random.split_at(16);
    let uuid = uuid::Builder::from_random_bytes(uuid.try_into().expect("sixteen")).into_uuid();
    let draw = u64::from_be_bytes(draw.try_into().expect("eight"));
    let hash = Sha256::digest(text("name"));
    let decoded = STANDARD.decode(text("encoded")).expect("it is Base64");
    json!({
        "array": [document["n"], document["name"]],
        "contains": list.contains(&json!(5)),
        "item": list[2],
        "length": list.len(),
        "partition": list.chunks(4).collect::<Vec<_>>(),
        "range": (1..=9).step_by(2).collect::<Vec<i64>>(),
        "unique": unique,
        "decoded": String::from_utf8(decoded).expect("it is text"),
        "encoded": STANDARD.encode(text("name")),
        "format": format!("{} is {}", text("name"), n),
        "hash": hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "merged": merged,
        "printed": document["one"].to_string(),
        "sum": n + 1,
        "random": 1 + draw % 99,
        "split": text("text").split(',').collect::<Vec<_>>(),
        "parsed": serde_json::from_str::<Value>(text("json")).expect("it is JSON"),
        "uuid": uuid.to_string(),
    })
}

fn definition() -> Value {
    json!({ "StartAt": "Call", "States": { "Call": {
        "Type": "Pass",
        "Parameters": {
            "array.$": "States.Array($.n, $.name)",
            "contains.$": "States.ArrayContains($.list, 5)",
            "item.$": "States.ArrayGetItem($.list, 2)",
            "length.$": "States.ArrayLength($.list)",
            "partition.$": "States.ArrayPartition($.list, 4)",
            "range.$": "States.ArrayRange(1, 9, 2)",
            "unique.$": "States.ArrayUnique($.list)",
            "decoded.$": "States.Base64Decode($.encoded)",
            "encoded.$": "States.Base64Encode($.name)",
            "format.$": "States.Format('{} is {}', $.name, $.n)",
            "hash.$": "States.Hash($.name, 'SHA-256')",
            "merged.$": "States.JsonMerge($.one, $.two, false)",
            "printed.$": "States.JsonToString($.one)",
            "sum.$": "States.MathAdd($.n, 1)",
            "random.$": "States.MathRandom(1, 100)",
            "split.$": "States.StringSplit($.text, ',')",
            "parsed.$": "States.StringToJson($.json)",
            "uuid.$": "States.UUID()"
        },
        "End": true
    } } })
}
