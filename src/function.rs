//! Lambda functions by their names, however they are called.

use std::sync::{Arc, LazyLock};

use serde_json::json;

use crate::arn::Arn;
#[cfg(feature = "runtime")]
use crate::failure::Failure;
use crate::json::{Json, Object, Shape};

/// A call of a Lambda function: by its own ARN, or through `lambda:invoke` with a `FunctionName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FunctionCall {
    /// By the function's own ARN.
    Direct(Arn),
    /// The response comes in the envelope of `lambda:invoke`.
    Invoke(Arc<str>),
}

impl FunctionCall {
    /// The resources that call Lambda functions.
    #[cfg(feature = "runtime")]
    pub(crate) const RESOURCES: [&'static str; 2] =
        ["arn:*:states:::lambda:invoke*", "arn:*:lambda:*:function:*"];

    /// The call that `resource` makes with `input`, if it calls a function.
    pub(crate) fn of(resource: &Arn, input: &Json) -> Option<Self> {
        match resource.service() {
            "lambda" => Some(Self::Direct(resource.clone())),
            "states" if resource.resource().starts_with("lambda:invoke") => {
                Some(Self::Invoke(match input.get("FunctionName") {
                    Some(Json::String(function)) => function.clone(),
                    _ => "".into(),
                }))
            }
            _ => None,
        }
    }

    /// The function's name, without version or alias.
    pub(crate) fn name(&self) -> &str {
        function_name(self.function())
    }

    fn function(&self) -> &str {
        match self {
            Self::Direct(arn) => arn.as_str(),
            Self::Invoke(function) => function,
        }
    }

    /// What the function gets when the Task's input is `input`.
    pub(crate) fn payload(&self, input: &Json) -> Json {
        if let Self::Direct(_) = self {
            return input.clone();
        }
        // A payload that is absent or null arrives as an empty object (recorded: invoke).
        let payload = input.get("Payload").filter(|payload| !payload.is_null());
        payload.cloned().unwrap_or_else(Json::empty_object)
    }

    /// What the Task gets when the function's result is `result`.
    pub(crate) fn response(&self, result: Json, request_id: impl FnOnce() -> String) -> Json {
        match self {
            Self::Direct(_) => result,
            // White space is passed on only with a document that is passed on as a whole.
            Self::Invoke(_) => envelope(result.into_compact(), request_id()),
        }
    }

    /// AWS's words for a function that does not exist.
    #[cfg(feature = "runtime")]
    pub(crate) fn not_found(&self) -> Failure {
        let cause = format!(
            "Function not found: {} (Service: AWSLambda; Status Code: 404; Error Code: \
             ResourceNotFoundException; Request ID: none; Proxy: null)",
            self.function()
        );
        Failure::new("Lambda.ResourceNotFoundException", cause)
    }
}

/// The name in a function's ARN, in a part of it (`123456789012:function:Greet`), or the name itself; without
/// version or alias.
fn function_name(function: &str) -> &str {
    if !function.contains(':') {
        return function;
    }
    let resource = match function.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).unwrap_or(function),
        None => function,
    };
    let name = resource.rsplit_once("function:").map_or(resource, |(_, name)| name);
    name.split(':').next().unwrap_or_default()
}

/// What `lambda:invoke` puts around a function's result: AWS's keys in AWS's order.
fn envelope(payload: Json, request_id: String) -> Json {
    static RESPONSE: LazyLock<[Arc<Shape>; 2]> = LazyLock::new(|| {
        let response =
            ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"].as_slice();
        [response, &["RequestId"]].map(|keys| {
            let keys = keys.iter().map(|key| Arc::from(*key)).collect();
            Arc::new(Shape::of(keys).expect("each key is there once"))
        })
    });
    static VERSION: LazyLock<Json> = LazyLock::new(|| "$LATEST".into());
    static HTTP: LazyLock<Json> = LazyLock::new(|| {
        Json::from(&json!({ "AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200 }))
    });
    let [response, metadata] = &*RESPONSE;
    let object = |shape: &Arc<Shape>, values| Json::Object(Arc::new(Object::shaped(shape.clone(), values)));
    let metadata = object(metadata, vec![request_id.into()]);
    object(response, vec![VERSION.clone(), payload, HTTP.clone(), metadata, 200.into()])
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
        let id = || "r".to_owned();
        let direct: Arn = "arn:aws:lambda:us-east-1:123456789012:function:Greet".parse().unwrap();
        let call = FunctionCall::of(&direct, &Json::from(1)).unwrap();
        assert_eq!((call.name(), call.payload(&Json::from(1))), ("Greet", Json::from(1)));
        assert_eq!(call.response(Json::from(2), id), Json::from(2));

        let invoke: Arn = "arn:aws:states:::lambda:invoke.waitForTaskToken".parse().unwrap();
        let input = Json::from(json!({ "FunctionName": "Greet:prod", "Payload": null }));
        let call = FunctionCall::of(&invoke, &input).unwrap();
        assert_eq!((call.name(), call.payload(&input)), ("Greet", Json::empty_object()));
        let spaced = call.response("[ 2 ]".parse().unwrap(), id);
        assert_eq!(spaced.get("Payload").unwrap().to_string(), "[2]");
        let response = call.response(Json::from(2), id);
        assert_eq!(response.get("Payload"), Some(&Json::from(2)));
        assert_eq!(
            Json::from(json!({ "RequestId": "r" })),
            response.get("SdkResponseMetadata").cloned().unwrap()
        );

        let other: Arn = "arn:aws:states:::sqs:sendMessage".parse().unwrap();
        assert_eq!(FunctionCall::of(&other, &Json::empty_object()), None);
    }
}
