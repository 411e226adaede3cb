//! Lambda functions by their names, however they are called.

use serde_json::{Value, json};

use crate::arn::Arn;
use crate::failure::Failure;
use crate::runtime::context::TaskContext;
use crate::runtime::handler::{ResourceHandler, SharedHandler, TaskOutcome, TaskRequest};
use crate::runtime::registry::Registry;

/// Handlers of Lambda functions, by patterns of function names.
#[derive(Debug, Default)]
pub(super) struct Functions {
    handlers: Registry<SharedHandler>,
}

impl Functions {
    /// The resources that call Lambda functions.
    pub(super) const RESOURCES: [&'static str; 2] =
        ["arn:*:states:::lambda:invoke*", "arn:*:lambda:*:function:*"];

    pub(super) fn add(&mut self, pattern: &str, handler: SharedHandler) -> bool {
        self.handlers.add(pattern, handler)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    fn find(&self, function: &str) -> Result<&SharedHandler, Failure> {
        self.handlers.find(function_name(function)).ok_or_else(|| {
            let cause = format!(
                "Function not found: {function} (Service: AWSLambda; Status Code: 404; Error Code: \
                 ResourceNotFoundException; Request ID: none; Proxy: null)"
            );
            Failure::new("Lambda.ResourceNotFoundException", cause)
        })
    }
}

impl ResourceHandler for Functions {
    async fn call(&self, mut request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        if request.resource.service() == "lambda" {
            return self.find(request.resource.as_str())?.call(request, cx).await;
        }
        let function = request.input["FunctionName"].as_str().unwrap_or_default().to_owned();
        let handler = self.find(&function)?;
        // A payload that is absent or null arrives as an empty object (recorded: invoke).
        let payload = request.input.get_mut("Payload").map(Value::take);
        request.input = payload.filter(|payload| !payload.is_null()).unwrap_or_else(|| json!({}));
        let request_id = request.idempotency_key();
        Ok(match handler.call(request, cx).await? {
            TaskOutcome::Completed(payload) => TaskOutcome::Completed(envelope(&payload, &request_id)),
            TaskOutcome::Deferred => TaskOutcome::Deferred,
        })
    }
}

/// The name in a function's ARN, in a part of it (`123456789012:function:Greet`), or the name itself; without
/// version or alias.
fn function_name(function: &str) -> &str {
    let resource = match function.parse::<Arn>() {
        Ok(_) => function.splitn(6, ':').nth(5).unwrap_or_default(),
        Err(_) => function,
    };
    let name = resource.rsplit_once("function:").map_or(resource, |(_, name)| name);
    name.split(':').next().unwrap_or_default()
}

/// What `lambda:invoke` puts around a function's result: AWS's keys in AWS's order.
fn envelope(payload: &Value, request_id: &str) -> Value {
    json!({
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": { "AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200 },
        "SdkResponseMetadata": { "RequestId": request_id },
        "StatusCode": 200,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions() {
        for (text, name) in [
            ("Greet", "Greet"),
            ("Greet:prod", "Greet"),
            ("123456789012:function:Greet", "Greet"),
            ("arn:aws:lambda:us-east-1:123456789012:function:Greet", "Greet"),
            ("arn:aws:lambda:us-east-1:123456789012:function:Greet:7", "Greet"),
        ] {
            assert_eq!(function_name(text), name, "{text}");
        }
    }
}
