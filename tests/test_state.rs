//! `TestState`: what it refuses, in AWS's words, and what its stages show.

use serde_json::{Value, json};
use stepwright::testing::{FieldValidation, InspectionLevel, StateConfiguration, TestState};

fn task(resource: &str) -> Value {
    let parameters = json!({
        "FunctionName": "f", "StateMachineArn": "m", "QueueUrl": "q", "MessageBody": "m", "TableName": "t",
        "Item": {}, "KeyId": "k", "Plaintext": "p"
    });
    let parameters = parameters.as_object().into_iter().flatten();
    let taken = parameters.filter(|(name, _)| match resource.rsplit(':').next().unwrap_or_default() {
        "invoke" | "getFunction" => *name == "FunctionName",
        "startExecution" => *name == "StateMachineArn",
        "putItem" => ["TableName", "Item"].contains(&name.as_str()),
        "encrypt" => ["KeyId", "Plaintext"].contains(&name.as_str()),
        "sendMessage.waitForTaskToken" => ["QueueUrl", "MessageBody"].contains(&name.as_str()),
        _ => false,
    });
    let taken: serde_json::Map<_, _> = taken.map(|(name, value)| (name.clone(), value.clone())).collect();
    json!({ "Type": "Task", "Resource": resource, "Parameters": taken, "End": true })
}

fn parallel() -> Value {
    let branch = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
    json!({ "Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": true })
}

fn map(more: &Value) -> Value {
    let mut map = json!({
        "Type": "Map", "ItemsPath": "$.xs", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Inner", "States": { "Inner": { "Type": "Pass", "End": true } }
        }
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        map[field] = value.clone();
    }
    map
}

const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
const TOKEN: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

#[track_caller]
fn refuses(test: &TestState, code: &str, message: &str) {
    let error = test.run().expect_err(message);
    assert_eq!((error.code().as_str(), error.to_string().as_str()), (code, message));
}

#[track_caller]
fn gives(test: TestState, expected: &Value) {
    let outcome = test.inspect(InspectionLevel::Debug).run().expect("the request makes sense");
    assert_eq!(&serde_json::to_value(outcome).expect("outcomes are JSON"), expected);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let invalid = "ValidationException";
    refuses(&TestState::new(task(LAMBDA)), invalid, "RoleArn must be specified when testing a Task state");
    refuses(
        &TestState::new(parallel()),
        "InvalidDefinition",
        "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
         Succeed, Fail, Choice]",
    );
    refuses(
        &TestState::new(json!({ "Type": "Wait", "Seconds": 1, "End": true })).failure("E", "C"),
        invalid,
        "State type 'Wait' is not supported when a mock is specified",
    );
    refuses(
        &TestState::new(task(LAMBDA)).result(json!({})).failure("E", "C"),
        invalid,
        "A test mock should have only one of the following fields: [result, errorOutput].",
    );
    refuses(
        &TestState::new(parallel()).result(json!([1])),
        invalid,
        "Mocked result must contain the same number of items as number of Parallel branches.",
    );
    refuses(&TestState::new(map(&json!({}))).result(json!({})), invalid, "Mocked result must be an array.");
    let writer = json!({ "ResultWriter": { "Resource": "arn:aws:states:::s3:putObject", "Parameters": { "Bucket": "b" } } });
    refuses(&TestState::new(map(&writer)).result(json!([])), invalid, "Mocked result must be a JSON object.");
    let failures = |count| {
        let mut configuration = StateConfiguration::default();
        configuration.map_iteration_failure_count = Some(count);
        configuration
    };
    refuses(
        &TestState::new(map(&json!({}))).configuration(failures(1)),
        invalid,
        "TestState does not support MapIterationFailureCount when a mock is not specified.",
    );
    refuses(
        &TestState::new(map(&json!({})))
            .input(json!({ "xs": [1] }))
            .result(json!([1]))
            .configuration(failures(2)),
        invalid,
        "Map iteration failure count must be less than or equal to the number of Map iterations",
    );
    let machine = json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } });
    refuses(&TestState::new(machine).state("B"), invalid, "State not found in definition");
}

#[test]
fn contexts_are_checked() {
    let check = |resource, context, complaint: &str| {
        let test = TestState::new(task(resource)).result(json!({})).context(context);
        let message = format!("Invalid Context object provided: {complaint}");
        refuses(&test, "ValidationException", &message);
    };
    check(LAMBDA, json!({ "Pokedex": {} }), "Field 'Pokedex' is not allowed");
    check(LAMBDA, json!({ "Execution": { "Id": 1 } }), "Execution.Id must be a string");
    check(LAMBDA, json!({ "Map": {} }), "'Map' field is not supported when mocking a Context object");
    check(
        LAMBDA,
        json!({ "Task": { "Token": "t" } }),
        "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service \
         integration pattern",
    );
    let waiting = json!({
        "Type": "Task", "Resource": TOKEN, "End": true,
        "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" }
    });
    gives(
        TestState::new(waiting).context(json!({ "Task": { "Token": "t" } })).result(json!(1)),
        &json!({
            "status": "SUCCEEDED", "output": "1",
            "inspectionData": {
                "input": "{}", "afterInputPath": "{}", "result": "1",
                "afterParameters": r#"{"QueueUrl":"q","MessageBody":"t"}"#,
                "afterResultSelector": "1", "afterResultPath": "1"
            }
        }),
    );
}

#[test]
fn results_are_compared_with_what_services_answer() {
    let check = |resource: &str, mode, result: Value, complaint: Option<&str>| {
        let test = TestState::new(task(resource)).field_validation(mode).result(result);
        match complaint {
            None => assert!(test.run().is_ok(), "{resource}"),
            Some(complaint) => refuses(
                &test,
                "ValidationException",
                &format!("Mock result schema validation error: {complaint}"),
            ),
        }
    };
    use FieldValidation::{None as Off, Present, Strict};
    let start = "arn:aws:states:::states:startExecution";
    check(start, Strict, json!({}), Some("Required field 'ExecutionArn' is missing"));
    check(start, Present, json!({}), None);
    check(start, Present, json!({ "StartDate": 7 }), Some("Field 'StartDate' must be a string"));
    check(start, Off, json!({ "StartDate": 7 }), None);
    check(LAMBDA, Strict, json!({ "Anything": 1, "Payload": [] }), None);
    let put = "arn:aws:states:::dynamodb:putItem";
    let attribute = json!({ "Attributes": { "a": { "L": [{ "M": { "b": { "S": 1 } } }] } } });
    check(put, Strict, attribute, Some("Field 'S' must be a string"));
    let function = "arn:aws:states:::aws-sdk:lambda:getFunction";
    let memory = |size| json!({ "Configuration": { "MemorySize": size } });
    check(function, Strict, memory(1), Some("Field 'MemorySize' is less than the minimum value"));
    check(function, Strict, memory(1_000_000), Some("Field 'MemorySize' exceeds the maximum value"));
    let encrypt = "arn:aws:states:::aws-sdk:kms:encrypt";
    let complaint = "Field 'CiphertextBlob' is smaller than the minimum length";
    check(encrypt, Strict, json!({ "CiphertextBlob": "" }), Some(complaint));
    check(TOKEN, Strict, json!({ "MessageId": 1 }), None);
}

#[test]
fn retriers_and_catchers_have_their_say() {
    let mut state = task("arn:aws:lambda:us-east-1:123456789012:function:Pay");
    state["Retry"] = json!([{ "ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2 }]);
    state["Catch"] = json!([
        { "ErrorEquals": ["Other"], "Next": "X" },
        { "ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "Caught" }
    ]);
    let state = |tried| {
        let mut configuration = StateConfiguration::default();
        configuration.retrier_retry_count = tried;
        TestState::new(state.clone())
            .input(json!({ "a": 1 }))
            .failure("Busy", "later")
            .configuration(configuration)
    };
    let seen = |details: Value| {
        json!({
            "input": r#"{"a":1}"#, "afterInputPath": r#"{"a":1}"#, "afterParameters": "{}", "errorDetails": details
        })
    };
    gives(
        state(1),
        &json!({
            "status": "RETRIABLE", "error": "Busy", "cause": "later",
            "inspectionData": seen(json!({ "retryIndex": 0, "retryBackoffIntervalSeconds": 4 }))
        }),
    );
    gives(
        state(2),
        &json!({
            "status": "CAUGHT_ERROR", "error": "Busy", "cause": "later", "nextState": "Caught",
            "output": r#"{"a":1,"e":{"Error":"Busy","Cause":"later"}}"#,
            "inspectionData": seen(json!({ "retryIndex": 0, "catchIndex": 1 }))
        }),
    );
}

#[test]
fn maps_show_their_items() {
    let more = json!({
        "ItemSelector": { "n.$": "$$.Map.Item.Index", "x.$": "$$.Map.Item.Value" },
        "ToleratedFailurePercentage": 50, "MaxConcurrencyPath": "$.c"
    });
    let mut configuration = StateConfiguration::default();
    configuration.map_iteration_failure_count = Some(2);
    let test = TestState::new(map(&more)).input(json!({ "xs": ["a", "b", "c"], "c": 2 }));
    gives(
        test.result(json!([0, 0, 1])).configuration(configuration),
        &json!({
            "status": "FAILED", "error": "States.ExceedToleratedFailureThreshold",
            "cause": "The specified tolerated failure threshold was exceeded",
            "inspectionData": {
                "input": r#"{"xs":["a","b","c"],"c":2}"#, "afterInputPath": r#"{"xs":["a","b","c"],"c":2}"#,
                "afterItemsPath": r#"["a","b","c"]"#,
                "afterItemSelector": r#"[{"x":"a","n":0},{"x":"b","n":1},{"x":"c","n":2}]"#,
                "maxConcurrency": 2, "toleratedFailurePercentage": 50.0
            }
        }),
    );
}

#[test]
fn variables_and_choices() {
    let choice = json!({
        "Type": "Choice", "QueryLanguage": "JSONata", "Default": "Small",
        "Choices": [{
            "Condition": "{% $n > 9 %}", "Next": "Large",
            "Assign": { "n": "{% $n + 1 %}" }, "Output": { "was": "{% $n %}" }
        }]
    });
    gives(
        TestState::new(choice.clone()).variables(json!({ "n": 10, "m": 0 })),
        &json!({
            "status": "SUCCEEDED", "output": r#"{"was":10}"#, "nextState": "Large",
            "inspectionData": { "input": "{}", "variables": r#"{"n":11,"m":0}"# }
        }),
    );
    gives(
        TestState::new(choice).variables(json!({ "n": "x" })),
        &json!({
            "status": "FAILED", "error": "States.QueryEvaluationError",
            "cause": "The JSONata expression '$n > 9' specified for the field 'Choices[0]/Condition' threw an error \
                      during evaluation. T2009: The values \"x\" and 9 either side of operator \">\" must be of the \
                      same data type",
            "inspectionData": { "input": "{}", "variables": r#"{"n":"x"}"# }
        }),
    );
}
