//! Runs the cases of `teststate/`: one state alone.

use serde_json::json;
use stepwright::testing::TestState;
use stepwright::{Failure, Json, Timestamp};

use super::case::Case;
use super::fault::Fault;

/// When the states run.
const NOW: Timestamp = Timestamp::from_millis(1_795_412_100_000);

pub(crate) fn run(case: &Case) -> Result<(), Fault> {
    let request: TestState =
        serde_json::from_value(case.get("request").clone()).map_err(|error| error.to_string())?;
    // What the service that was called answered.
    let host = case.get("hostOutcome")["output"].as_str();
    let call = |_| match host.map(str::parse::<Json>) {
        Some(Ok(output)) => Ok(output),
        _ => Err(Failure::new("Recording", "nothing was called")),
    };
    let actual = match request.account("us-east-1", "111111111111").at(NOW).run_with(call) {
        Ok(tested) => serde_json::to_value(&tested).map_err(|error| error.to_string())?,
        Err(error) => json!({ "exception": { "code": error.code().as_str(), "message": error.to_string() } }),
    };
    Ok(case.comparer().answer(case.get("expected"), &actual)?)
}
