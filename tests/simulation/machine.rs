//! The machines whose executions are simulated.

use std::sync::Arc;

use serde_json::Value;
use stepwright::{ExecutionId, StateMachine};

/// What workers poll for.
pub(crate) const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:Sign";

/// All of them, by their names. Every task has a time after which nobody waits for it.
const DEFINITIONS: [(&str, &str); 7] = [
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
    (
        "Family",
        r#"{ "StartAt": "All", "States": {
        "All": { "Type": "Parallel", "Next": "Leave", "Branches": [
          { "StartAt": "Each", "States": { "Each": { "Type": "Map", "ItemsPath": "$.items", "End": true,
            "ItemProcessor": { "StartAt": "Have", "States": {
              "Have": { "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {
                  "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
                  "Input": { "parent.$": "$$.Execution.Name" } },
                "TimeoutSeconds": 500, "Catch": [{ "ErrorEquals": ["States.Timeout"], "Next": "Nap" }], "Next": "Nap" },
              "Nap": { "Type": "Wait", "Seconds": 10, "End": true } } } } } },
          { "StartAt": "Name", "States": {
            "Name": { "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
              "Parameters": {
                "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
                "Name.$": "States.Format('Child-of-{}', $$.Execution.Name)",
                "Input": { "parent.$": "$$.Execution.Name" } },
              "TimeoutSeconds": 500, "Retry": [{ "ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1 }], "End": true } } }
          ] },
        "Leave": { "Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
          "Parameters": {
            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
            "Input": { "parent.$": "$$.Execution.Name" } }, "End": true } } }"#,
    ),
    (
        CHILD,
        r#"{ "StartAt": "Work", "States": {
        "Work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work",
          "TimeoutSeconds": 60, "Retry": [{ "ErrorEquals": ["States.Timeout"] }], "Next": "Ask" },
        "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
          "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "TimeoutSeconds": 200, "Next": "Nap" },
        "Nap": { "Type": "Wait", "Seconds": 15, "End": true } } }"#,
    ),
];

/// What other executions start.
pub(crate) const CHILD: &str = "Child";

pub(crate) type Machines = Vec<Arc<StateMachine>>;

/// Those that somebody starts come first.
pub(crate) fn machines() -> Machines {
    let parse = |(name, text): (&str, &str)| Arc::new(StateMachine::parse(text).unwrap().named(name));
    DEFINITIONS.into_iter().map(parse).collect()
}

/// The ARN of an execution.
pub(crate) fn execution_of(machine: &str, name: &str) -> ExecutionId {
    format!("arn:aws:states:us-east-1:123456789012:execution:{machine}:{name}").into()
}

/// The name of an execution's machine, and its own.
pub(crate) fn names_of(id: &ExecutionId) -> (&str, &str) {
    let mut names = id.as_str().rsplit(':');
    let name = names.next().unwrap();
    (names.next().unwrap(), name)
}

/// The machine called so.
pub(crate) fn named<'a>(machines: &'a [Arc<StateMachine>], name: &str) -> &'a Arc<StateMachine> {
    machines.iter().find(|machine| machine.name() == name).unwrap()
}

/// How long a Wait takes.
pub(crate) fn seconds_of(machine: &StateMachine, state: &str) -> i64 {
    let definition: Value = serde_json::from_str(machine.definition()).unwrap();
    let mut pending = vec![&definition];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(seconds) = fields.get(state).and_then(|state| state["Seconds"].as_i64()) {
                    return seconds;
                }
                pending.extend(fields.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    panic!("no Wait is called {state}")
}
