//! The machine that the benches run: it hands a task to somebody with a token, and sleeps until they answer.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwright::StateMachine;

/// What hands the task on.
pub(crate) const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

/// The machine's definition.
pub(crate) const DEFINITION: &str = r#"{
  "StartAt": "Approve",
  "States": {
    "Approve": {
      "Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": {
        "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/approvals",
        "MessageBody": { "Order.$": "$", "Token.$": "$$.Task.Token" }
      },
      "Next": "Done"
    },
    "Done": { "Type": "Succeed" }
  }
}"#;

/// The machine.
pub(crate) fn machine() -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(DEFINITION).expect("the definition is right").named("Approvals"))
}

/// An input of about `bytes` bytes.
pub(crate) fn order(bytes: usize) -> Value {
    json!({ "id": 17, "note": "x".repeat(bytes) })
}

/// What whoever holds the token answers.
pub(crate) fn answer() -> Value {
    json!({ "approved": true })
}
