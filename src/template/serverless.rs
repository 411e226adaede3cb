//! The resources that SAM adds to a template without writing them down.

use serde_json::{Map, Value, json};

/// The type and the properties of the resource `id`, if SAM would add one of that name.
pub(super) fn implicit(resources: &Map<String, Value>, id: &str) -> Option<(&'static str, Value)> {
    let serverless = |(_, resource): &(&String, &Value)| type_of(resource).starts_with("AWS::Serverless::");
    match id {
        "ServerlessRestApi" if resources.iter().any(|entry| serverless(&entry)) => {
            return Some(("AWS::ApiGateway::RestApi", json!({})));
        }
        "ServerlessHttpApi" if resources.iter().any(|entry| serverless(&entry)) => {
            return Some(("AWS::ApiGatewayV2::Api", json!({})));
        }
        "ServerlessRestApiProdStage" => {
            return Some(("AWS::ApiGateway::Stage", json!({ "StageName": "Prod" })));
        }
        _ => {}
    }
    resources.iter().filter(serverless).find_map(|(owner, resource)| {
        let suffix = id.strip_prefix(owner.as_str())?;
        beside(owner, resource, suffix)
    })
}

/// What SAM calls `owner` followed by `suffix`.
fn beside(owner: &str, resource: &Value, suffix: &str) -> Option<(&'static str, Value)> {
    let of_function = || json!({ "FunctionName": { "Ref": owner } });
    match (type_of(resource), suffix) {
        ("AWS::Serverless::Function" | "AWS::Serverless::StateMachine", "Role") => {
            Some(("AWS::IAM::Role", json!({})))
        }
        ("AWS::Serverless::Function", "Url") => {
            Some(("AWS::Lambda::Url", json!({ "TargetFunctionArn": { "Ref": owner } })))
        }
        ("AWS::Serverless::Function", "Version") => Some(("AWS::Lambda::Version", of_function())),
        ("AWS::Serverless::Function", _) if suffix.starts_with("Alias") && suffix.len() > "Alias".len() => {
            let name = &suffix["Alias".len()..];
            Some(("AWS::Lambda::Alias", json!({ "FunctionName": { "Ref": owner }, "Name": name })))
        }
        ("AWS::Serverless::Api", "Stage" | "ProdStage") => {
            Some(("AWS::ApiGateway::Stage", json!({ "StageName": "Prod" })))
        }
        ("AWS::Serverless::Function" | "AWS::Serverless::StateMachine", _) => {
            let events = resource.get("Properties")?.get("Events")?.as_object()?;
            events.iter().find_map(|(name, event)| {
                let rest = suffix.strip_prefix(name.as_str())?;
                match (rest, type_of(event)) {
                    ("", "Schedule" | "EventBridgeRule" | "CloudWatchEvent") => {
                        Some(("AWS::Events::Rule", json!({})))
                    }
                    ("", "ScheduleV2") => Some(("AWS::Scheduler::Schedule", json!({}))),
                    ("", "SQS" | "Kinesis" | "DynamoDB" | "MSK" | "MQ") => {
                        Some(("AWS::Lambda::EventSourceMapping", json!({})))
                    }
                    ("Role", _) => Some(("AWS::IAM::Role", json!({}))),
                    ("Permission", _) => Some(("AWS::Lambda::Permission", json!({}))),
                    _ => None,
                }
            })
        }
        _ => None,
    }
}

fn type_of(resource: &Value) -> &str {
    resource.get("Type").and_then(Value::as_str).unwrap_or_default()
}
