//! The reference suite of JSONata, where it is present: in the folder that `STEPWRIGHT_SHARED` names, else in
//! `../shared`, as `jsonata-suite`. It is not part of this project.

#![cfg(feature = "jsonata")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod shared;

use std::fs;
use std::path::Path;
use std::time::Duration;

use shared::{files, shared};

use serde_json::Value;
use stepwright::query::{Entropy, Jsonata, JsonataError, Scope};
use stepwright::{Json, Limits};

/// Cases that do not pass, and why; those of `$eval`, which AWS removes, besides.
const GAPS: &[(&str, &str)] = &[
    ("function-encodeUrl/case002", "half a surrogate pair is no Rust string"),
    ("function-encodeUrlComponent/case002", "half a surrogate pair is no Rust string"),
    ("function-string/case019", "the engine finds the infinity before $string does: D1001, not D3001"),
    ("tail-recursion/case002", "its depth of 302 is a bound of the suite's runner"),
    ("transform/case019", "an input of null stands for none"),
];

#[test]
fn the_reference_suite_passes() {
    let Some(folder) = shared("jsonata-suite") else { return };
    let (mut passed, mut failed) = (0, Vec::new());
    for path in files(&folder.join("groups")) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let cases = match serde_json::from_str(&fs::read_to_string(&path).unwrap()) {
            Ok(Value::Array(cases)) => cases,
            Ok(case) => vec![case],
            // Half a surrogate pair: a case that fails.
            Err(_) => vec![Value::Null],
        };
        for (n, case) in cases.iter().enumerate() {
            let group = path.parent().and_then(Path::file_name).unwrap().to_string_lossy();
            let stem = path.file_stem().unwrap().to_string_lossy();
            let name =
                if cases.len() == 1 { format!("{group}/{stem}") } else { format!("{group}/{stem}.{n}") };
            match check(&folder, &path, case) {
                Ok(()) => passed += 1,
                Err(reason) => failed.push((name, reason)),
            }
        }
    }
    println!("{passed} of {} pass", passed + failed.len());
    let unexpected: Vec<String> = failed
        .iter()
        .filter(|(name, _)| !name.starts_with("function-eval/") && !GAPS.iter().any(|(gap, _)| gap == name))
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    assert!(unexpected.is_empty(), "{} fail:\n{}", unexpected.len(), unexpected.join("\n"));
    for (gap, _) in GAPS {
        assert!(failed.iter().any(|(name, _)| name == gap), "{gap} passes: take it off the list");
    }
}

fn check(folder: &Path, path: &Path, case: &Value) -> Result<(), String> {
    let text = match case["expr-file"].as_str() {
        Some(file) => fs::read_to_string(path.with_file_name(file)).unwrap(),
        None => case["expr"].as_str().unwrap_or_default().to_owned(),
    };
    let input = match case["dataset"].as_str() {
        Some(name) => {
            let text = fs::read_to_string(folder.join("datasets").join(format!("{name}.json"))).unwrap();
            serde_json::from_str(&text).unwrap()
        }
        None => case["data"].clone(),
    };
    let (input, variables) = (Json::from(input), Json::from(&case["bindings"]));
    let entropy = Entropy::new([0; 32]);
    // However busy the machine is.
    let limits = Limits::AWS.expression_time(Duration::from_secs(10));
    let scope = Scope { variables: &variables, ..Scope::new(&input, &entropy, &limits) };
    let outcome = match Jsonata::standalone(&text) {
        Ok(expression) => expression
            .try_evaluate(&scope)
            .map_err(|error| error.jsonata_code().unwrap_or_default().to_owned()),
        Err(JsonataError::Syntax(_, code)) => Err(code.into()),
        Err(error) => Err(error.to_string()),
    };
    let expected = case["code"].as_str().or(case["error"]["code"].as_str());
    let fine = match (&outcome, expected) {
        // The suite's own runner stops what takes too long.
        (Err(code), Some("U1001")) => ["U1001", "D1011", "D1012", "U1006"].contains(&code.as_str()),
        (Err(code), Some(expected)) => code == expected,
        (Ok(None), None) => case["undefinedResult"] == true || case.get("result").is_none(),
        (Ok(Some(value)), None) if case["unordered"] == true => unordered(value, &case["result"]),
        (Ok(Some(value)), None) => case.get("result").is_some_and(|result| same(&Value::from(value), result)),
        _ => false,
    };
    if fine { Ok(()) } else { Err(format!("{outcome:?} where {case}").chars().take(600).collect()) }
}

fn unordered(value: &Json, expected: &Value) -> bool {
    match (Value::from(value), expected) {
        (Value::Array(items), Value::Array(expected)) => {
            items.len() == expected.len()
                && items.iter().all(|item| expected.iter().any(|expected| same(item, expected)))
        }
        (value, expected) => same(&value, expected),
    }
}

/// Equal as JavaScript's numbers are: `1` is `1.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
