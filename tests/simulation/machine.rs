//! The machines whose executions are simulated.

use std::sync::Arc;

use stepwright::StateMachine;

/// What workers poll for.
pub(crate) const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:Sign";

/// All of them, by their names. Every task has a time after which nobody waits for it.
const DEFINITIONS: [(&str, &str); 5] = [
    (
        "Order",
        r#"{ "StartAt": "Draft", "States": {
        "Draft": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Draft",
          "TimeoutSeconds": 120, "ResultPath": "$.draft",
          "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2 }],
          "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "Ask" }], "Next": "Ask" },
        "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "TimeoutSeconds": 300, "ResultPath": "$.answer",
          "Retry": [{ "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1 }],
          "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.refused", "Next": "Rest" }], "Next": "Rest" },
        "Rest": { "Type": "Wait", "Seconds": 45, "Next": "Settle" },
        "Settle": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Settle",
          "TimeoutSeconds": 120, "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 1 }], "End": true } } }"#,
    ),
    (
        "Both",
        r#"{ "StartAt": "Both", "States": {
        "Both": { "Type": "Parallel", "Next": "After",
          "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "After" }],
          "Branches": [
            { "StartAt": "Ask", "States": {
              "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "TimeoutSeconds": 240, "Next": "Nap" },
              "Nap": { "Type": "Wait", "Seconds": 20, "End": true } } },
            { "StartAt": "Work", "States": { "Work": { "Type": "Task", "TimeoutSeconds": 90,
              "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work",
              "Retry": [{ "ErrorEquals": ["Busy", "States.Timeout"], "IntervalSeconds": 3 }], "End": true } } },
            { "StartAt": "First", "States": {
              "First": { "Type": "Wait", "Seconds": 30, "Next": "Then" },
              "Then": { "Type": "Task", "TimeoutSeconds": 90,
                "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Then",
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "So" }], "End": true },
              "So": { "Type": "Pass", "End": true } } }
          ] },
        "After": { "Type": "Wait", "Seconds": 1, "End": true } } }"#,
    ),
    (
        "Each",
        r#"{ "StartAt": "Each", "States": { "Each": { "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2,
        "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 1 }], "End": true,
        "ItemProcessor": { "StartAt": "Ask", "States": {
          "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "TimeoutSeconds": 400, "HeartbeatSeconds": 60,
            "Catch": [{ "ErrorEquals": ["States.Timeout"], "Next": "Nap" }], "Next": "Nap" },
          "Nap": { "Type": "Wait", "Seconds": 10, "End": true } } } } } }"#,
    ),
    (
        "Sign",
        r#"{ "StartAt": "Sign", "States": {
        "Sign": { "Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign",
          "TimeoutSeconds": 600, "HeartbeatSeconds": 120,
          "Retry": [{ "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 2, "MaxAttempts": 1 }],
          "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Nap" }], "Next": "Nap" },
        "Nap": { "Type": "Wait", "Seconds": 5, "End": true } } }"#,
    ),
    (
        "Hasty",
        r#"{ "StartAt": "Work", "TimeoutSeconds": 60, "States": {
        "Work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "Next": "Ask",
          "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 7, "MaxAttempts": 9 }] },
        "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "End": true } } }"#,
    ),
];

pub(crate) type Machines = Vec<Arc<StateMachine>>;

pub(crate) fn machines() -> Machines {
    let parse = |(name, text): (&str, &str)| Arc::new(StateMachine::parse(text).unwrap().named(name));
    DEFINITIONS.into_iter().map(parse).collect()
}
