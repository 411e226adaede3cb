//! Lambda functions by their names, however they are called.

use serde_json::{Value, json};

use crate::arn::Arn;
#[cfg(feature = "runtime")]
use crate::failure::Failure;

/// A call of a Lambda function: by its own ARN, or through `lambda:invoke` with a `FunctionName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionCall {
    function: String,
    /// Whether the response comes in the envelope of `lambda:invoke`.
    wrapped: bool,
}

impl FunctionCall {
    /// The resources that call Lambda functions.
    #[cfg(feature = "runtime")]
    pub(crate) const RESOURCES: [&'static str; 2] =
        ["arn:*:states:::lambda:invoke*", "arn:*:lambda:*:function:*"];

    /// The call that `resource` makes with `input`, if it calls a function.
    pub(crate) fn of(resource: &Arn, input: &Value) -> Option<Self> {
        match resource.service() {
            "lambda" => Some(Self { function: resource.as_str().into(), wrapped: false }),
            "states" if resource.resource().starts_with("lambda:invoke") => {
                let function = input["FunctionName"].as_str().unwrap_or_default().into();
                Some(Self { function, wrapped: true })
            }
            _ => None,
        }
    }

    /// The function's name, without version or alias.
    pub(crate) fn name(&self) -> &str {
        function_name(&self.function)
    }

    /// What the function gets when the Task's input is `input`.
    pub(crate) fn payload(&self, mut input: Value) -> Value {
        if !self.wrapped {
            return input;
        }
        // A payload that is absent or null arrives as an empty object (recorded: invoke).
        let payload = input.get_mut("Payload").map(Value::take);
        payload.filter(|payload| !payload.is_null()).unwrap_or_else(|| json!({}))
    }

    /// What the Task gets when the function's result is `result`.
    pub(crate) fn response(&self, result: Value, request_id: &str) -> Value {
        match self.wrapped {
            true => envelope(&result, request_id),
            false => result,
        }
    }

    /// AWS's words for a function that does not exist.
    #[cfg(feature = "runtime")]
    pub(crate) fn not_found(&self) -> Failure {
        let cause = format!(
            "Function not found: {} (Service: AWSLambda; Status Code: 404; Error Code: \
             ResourceNotFoundException; Request ID: none; Proxy: null)",
            self.function
        );
        Failure::new("Lambda.ResourceNotFoundException", cause)
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

    #[test]
    fn both_ways_to_call_a_function() {
        let direct: Arn = "arn:aws:lambda:us-east-1:123456789012:function:Greet".parse().unwrap();
        let call = FunctionCall::of(&direct, &json!(1)).unwrap();
        assert_eq!((call.name(), call.payload(json!(1))), ("Greet", json!(1)));
        assert_eq!(call.response(json!(2), "r"), json!(2));

        let invoke: Arn = "arn:aws:states:::lambda:invoke.waitForTaskToken".parse().unwrap();
        let input = json!({ "FunctionName": "Greet:prod", "Payload": null });
        let call = FunctionCall::of(&invoke, &input).unwrap();
        assert_eq!((call.name(), call.payload(input)), ("Greet", json!({})));
        assert_eq!(call.response(json!(2), "r")["Payload"], json!(2));

        let other: Arn = "arn:aws:states:::sqs:sendMessage".parse().unwrap();
        assert_eq!(FunctionCall::of(&other, &json!({})), None);
    }
}
