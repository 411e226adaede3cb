//! The machine of a template of CDK, whole: a function drafts a task, a queue takes it to whoever answers, and another
//! function settles it.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwright::{Json, StateMachine};

/// What drafts the task.
pub(crate) const DRAFT: &str = "Draft";
/// What settles it.
pub(crate) const SETTLE: &str = "Settle";

/// The machine, as CDK writes it.
pub(crate) fn machine() -> Arc<StateMachine> {
    let retry = json!([{
        "ErrorEquals": ["Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException"],
        "IntervalSeconds": 2,
        "MaxAttempts": 6,
        "BackoffRate": 2
    }]);
    let definition = json!({
        "StartAt": "Draft task",
        "States": {
            "Draft task": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": { "FunctionName": DRAFT, "Payload.$": "$" },
                "OutputPath": "$.Payload",
                "Retry": retry,
                "Next": "Ask"
            },
            "Ask": {
                "Type": "Task",
                "Resource": crate::callback::QUEUE,
                "Parameters": {
                    "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/approvals",
                    "MessageBody": { "Order.$": "$", "Token.$": "$$.Task.Token" }
                },
                "Next": "Settle task"
            },
            "Settle task": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "InputPath": "$",
                "Parameters": { "FunctionName": SETTLE, "Payload": { "Task.$": "$" } },
                "OutputPath": "$.Payload",
                "Retry": retry,
                "End": true
            }
        },
        "TimeoutSeconds": 300
    });
    let machine = StateMachine::parse(&definition.to_string()).expect("the definition is right");
    Arc::new(machine.named("Processing"))
}

/// What drafts a task, and what settles it.
pub(crate) type Functions = [fn(Json) -> Json; 2];

/// The functions, on documents that are shared, as handlers get them.
pub(crate) const SHARED: Functions = [draft_shared, |answered| settle_shared(&answered)];

/// And on values that are made of those.
pub(crate) const ON_VALUES: Functions =
    [|order| draft(order.into()).into(), |answered| settle(answered.into()).into()];

/// What is drafted from an order.
pub(crate) fn draft(order: Value) -> Value {
    let mut request = json!({ "request": "r-17", "order": null });
    request["order"] = order;
    request
}

/// The same of a document that is shared.
fn draft_shared(order: Json) -> Json {
    Json::from([("request", Json::from("r-17")), ("order", order)])
}

/// What is settled from an answer.
pub(crate) fn settle(mut answered: Value) -> Value {
    let mut settled = json!({ "settled": null });
    settled["settled"] = answered["Task"]["approved"].take();
    settled
}

/// The same of a document that is shared.
fn settle_shared(answered: &Json) -> Json {
    Json::from([("settled", answered["Task"]["approved"].clone())])
}
