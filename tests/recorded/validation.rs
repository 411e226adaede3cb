//! Runs the cases of `validation/`: definitions that AWS refused or accepted, and its words.

use serde_json::{Value, json};

use super::case::Case;
use super::compare::Difference;
use super::engine;
use super::fault::Fault;

/// How many diagnostics AWS answers unless it is asked for fewer.
const MAX_RESULTS: usize = 100;

pub(crate) fn run(case: &Case) -> Result<(), Fault> {
    let text = case.get("definition").as_str().unwrap_or("");
    let verdict = engine::validate(text, case.get("type") == "EXPRESS")?;
    let expected = case.get("expected");
    if expected["accepted"] == true {
        return match verdict.refusal {
            None => Ok(()),
            Some(refusal) => Err(Difference::new("definition", "accepted", refusal).into()),
        };
    }
    let actual = match (expected.get("error"), verdict.refusal) {
        (Some(_), Some(message)) => json!({ "error": { "code": "InvalidDefinition", "message": message } }),
        (Some(_), None) => json!({ "accepted": true }),
        (None, refusal) => answer(case, refusal.is_none(), &verdict.diagnostics),
    };
    Ok(case.comparer().answer(expected, &actual)?)
}

/// What `ValidateStateMachineDefinition` answers.
fn answer(case: &Case, ok: bool, diagnostics: &[Value]) -> Value {
    let warnings = case.get("severity") == "WARNING";
    let asked = case.get("maxResults").as_u64().filter(|asked| *asked > 0);
    let limit = asked.map_or(MAX_RESULTS, |asked| asked as usize);
    let shown = |diagnostic: &&Value| warnings || diagnostic["severity"] == "ERROR";
    let diagnostics: Vec<&Value> = diagnostics.iter().filter(shown).collect();
    json!({
        "result": if ok { "OK" } else { "FAIL" },
        "diagnostics": diagnostics.iter().take(limit).collect::<Vec<_>>(),
        "truncated": diagnostics.len() > limit,
    })
}
