//! Executions that start others with `states:startExecution`, inside one runtime.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` reads best as an argument")]

use std::sync::Arc;

use serde_json::{Value, json};
use stepwright::store::PageRequest;
use stepwright::testing::VirtualClock;
use stepwright::{
    BuildError, Clock, ExecutionId, ExecutionStatus, Failure, MemoryStore, Runtime, RuntimeBuilder,
    StateMachine, TaskToken, WaitError, handler_fn,
};
use tokio::sync::mpsc;

const START: &str = "arn:aws:states:::states:startExecution";
const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:";
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:";
/// 2026-01-01T00:00:00Z, when virtual time begins.
const BEGIN: i64 = 1_767_225_600_000;

fn machine(name: &str, definition: Value) -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(&definition.to_string()).unwrap().named(name))
}

/// A parent that starts `child`, with more parameters and more fields.
fn parent(pattern: &str, child: &str, parameters: Value, more: Value) -> Arc<StateMachine> {
    let mut state = json!({ "Type": "Task", "Resource": format!("{START}{pattern}"), "End": true,
        "Parameters": { "StateMachineArn": format!("{MACHINE}{child}") } });
    for (key, value) in parameters.as_object().unwrap() {
        state["Parameters"][key] = value.clone();
    }
    for (key, value) in more.as_object().unwrap() {
        state[key] = value.clone();
    }
    machine("Parent", json!({ "StartAt": "Start", "States": { "Start": state } }))
}

/// Gives its input back, after a minute.
fn echo() -> Arc<StateMachine> {
    machine(
        "Echo",
        json!({ "StartAt": "Wait", "States": { "Wait": { "Type": "Wait", "Seconds": 60, "End": true } } }),
    )
}

fn fails() -> Arc<StateMachine> {
    machine(
        "Fails",
        json!({ "StartAt": "No", "States": { "No": { "Type": "Fail", "Error": "Never", "Cause": "not today" } } }),
    )
}

fn virtually() -> (RuntimeBuilder, VirtualClock) {
    let clock = VirtualClock::new();
    (Runtime::builder().clock(Arc::new(clock.clone())).machine(echo()).machine(fails()), clock)
}

async fn history(runtime: &Runtime, id: &ExecutionId) -> Vec<Value> {
    let page = runtime.get_execution_history(id, PageRequest::first(1000)).await.unwrap();
    page.items.iter().map(stepwright::HistoryEvent::to_wire).collect()
}

async fn status(runtime: &Runtime, id: &str) -> ExecutionStatus {
    runtime.describe_execution(&id.into()).await.unwrap().status
}

async fn failure(runtime: &Runtime, machine: &Arc<StateMachine>, name: &str) -> Failure {
    let execution = runtime.start_execution(machine, name, json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    failure
}

/// The keys of an object, as they are written.
fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn request_response_starts_and_goes_on() {
    let (builder, _) = virtually();
    let runtime = builder.build().unwrap();
    let machine = parent("", "Echo", json!({ "Name": "child", "Input": { "a": 1 } }), json!({}));
    runtime.require(&machine).unwrap();
    let execution = runtime.start_execution(&machine, "p", json!({})).await.unwrap();
    let output = execution.wait().await.unwrap();
    assert_eq!(
        keys(&output.clone().into()),
        ["ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"]
    );
    assert_eq!(output["ExecutionArn"], json!(format!("{EXECUTION}Echo:child")));
    assert_eq!(output["StartDate"], json!(BEGIN));
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], json!(200));
    assert_eq!(status(&runtime, &format!("{EXECUTION}Echo:child")).await, ExecutionStatus::Running);
}

#[tokio::test]
async fn sync_describes_the_child() {
    let (builder, clock) = virtually();
    let runtime = builder.build().unwrap();
    for (pattern, name, input, output) in [
        (".sync", "text", json!("{\"a\":1}"), json!("{\"a\":1}")),
        (".sync:2", "json", json!({ "a": 1 }), json!({ "a": 1 })),
    ] {
        let begin = clock.now().as_millis();
        let machine = parent(pattern, "Echo", json!({ "Name": name, "Input.$": "$" }), json!({}));
        let execution = runtime.start_execution(&machine, name, input).await.unwrap();
        assert_eq!(
            execution.wait().await.unwrap().to_string(),
            json!({
                "ExecutionArn": format!("{EXECUTION}Echo:{name}"),
                "Input": output,
                "InputDetails": { "Included": true },
                "Name": name,
                "Output": output,
                "OutputDetails": { "Included": true },
                "RedriveCount": 0,
                "RedriveStatus": "NOT_REDRIVABLE",
                "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
                "StartDate": begin,
                "StateMachineArn": format!("{MACHINE}Echo"),
                "Status": "SUCCEEDED",
                "StopDate": begin + 60_000,
            })
            .to_string()
        );
        let events = history(&runtime, execution.id()).await;
        let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);
        let submitted: Value =
            serde_json::from_str(events[4]["taskSubmittedEventDetails"]["output"].as_str().unwrap()).unwrap();
        assert_eq!(keys(&submitted), ["ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"]);
    }
}

#[tokio::test]
async fn a_child_that_fails_fails_the_task() {
    let (builder, _) = virtually();
    let runtime = builder.build().unwrap();
    for (pattern, name) in [(".sync", "a"), (".sync:2", "b")] {
        let machine = parent(pattern, "Fails", json!({ "Name": name, "Input": null }), json!({}));
        let failure = failure(&runtime, &machine, name).await;
        assert_eq!(failure.error.unwrap(), "States.TaskFailed");
        assert_eq!(
            failure.cause.unwrap().to_string(),
            format!(
                r#"{{"Cause":"not today","Error":"Never","ExecutionArn":"{EXECUTION}Fails:{name}","Input":"{{}}","InputDetails":{{"Included":true}},"Name":"{name}","RedriveCount":0,"RedriveStatus":"REDRIVABLE","StartDate":{BEGIN},"StateMachineArn":"{MACHINE}Fails","Status":"FAILED","StopDate":{BEGIN}}}"#
            )
        );
    }
}

#[tokio::test]
async fn a_child_that_times_out_has_neither_error_nor_cause() {
    let (builder, _) = virtually();
    let slow = machine(
        "Slow",
        json!({ "TimeoutSeconds": 5, "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 9, "End": true } } }),
    );
    let runtime = builder.machine(slow).build().unwrap();
    let failure = failure(&runtime, &parent(".sync", "Slow", json!({}), json!({})), "a").await;
    let cause: Value = serde_json::from_str(&failure.cause.unwrap()).unwrap();
    assert_eq!(cause["Status"], json!("TIMED_OUT"));
    assert_eq!(keys(&cause)[0], "ExecutionArn");
}

#[tokio::test]
async fn calls_that_are_refused() {
    let (builder, _) = virtually();
    let runtime = builder.build().unwrap();
    let nobody = failure(&runtime, &parent(".sync", "Nobody", json!({}), json!({})), "a").await;
    assert_eq!(nobody.error.unwrap(), "StepFunctions.StateMachineDoesNotExistException");
    let cause = nobody.cause.unwrap();
    let expected = format!(
        "State Machine Does Not Exist: '{MACHINE}Nobody' (Service: AWSStepFunctions; Status Code: 400; Error Code: \
         StateMachineDoesNotExist; Request ID: "
    );
    assert!(cause.starts_with(&expected) && cause.ends_with("; Proxy: null)"), "{cause}");

    let named = |input| parent("", "Echo", json!({ "Name": "one", "Input": input }), json!({}));
    let first = runtime.start_execution(&named(1), "b", json!({})).await.unwrap();
    first.wait().await.unwrap();
    // The same again finds it while it is open, as AWS's own idempotency does.
    let again = runtime.start_execution(&named(1), "c", json!({})).await.unwrap();
    assert_eq!(again.wait().await.unwrap()["StartDate"], first.wait().await.unwrap()["StartDate"]);
    let taken = failure(&runtime, &named(2), "d").await;
    assert_eq!(taken.error.unwrap(), "StepFunctions.ExecutionAlreadyExistsException");
    assert!(
        taken
            .cause
            .unwrap()
            .starts_with(&format!("Execution Already Exists: '{EXECUTION}Echo:one' (Service"))
    );

    let bad = parent("", "Echo", json!({ "Name": "a b" }), json!({}));
    assert_eq!(failure(&runtime, &bad, "e").await.error.unwrap(), "StepFunctions.InvalidNameException");
    let bad = parent("", "Echo", json!({ "Input": "not json" }), json!({}));
    assert_eq!(
        failure(&runtime, &bad, "f").await.error.unwrap(),
        "StepFunctions.InvalidExecutionInputException"
    );
}

#[tokio::test]
async fn a_parent_that_loses_interest_stops_its_child() {
    let (builder, clock) = virtually();
    let runtime = builder.build().unwrap();
    let stopped = |name: &str| {
        ExecutionStatus::Aborted {
        failure: Failure {
            error: None,
            cause: Some(
                format!(
                    "The Task state in AWS Step Functions execution [{EXECUTION}Parent:{name}] which was managing \
                     this resource was aborted"
                )
                .into(),
            ),
        },
    }
    };
    let child = |name: &str| format!("{EXECUTION}Echo:{name}");
    // Its own timeout.
    let machine = parent(".sync", "Echo", json!({ "Name": "timeout" }), json!({ "TimeoutSeconds": 5 }));
    assert_eq!(failure(&runtime, &machine, "timeout").await.error.unwrap(), "States.Timeout");
    clock.settle().await;
    assert_eq!(status(&runtime, &child("timeout")).await, stopped("timeout"));
    // A stop.
    let machine = parent(".sync", "Echo", json!({ "Name": "stop" }), json!({}));
    let execution = runtime.start_execution(&machine, "stop", json!({})).await.unwrap();
    clock.settle().await;
    runtime.stop_execution(execution.id(), Failure::default()).await.unwrap();
    clock.settle().await;
    assert_eq!(status(&runtime, &child("stop")).await, stopped("stop"));
    // The execution's timeout.
    let mut definition: Value =
        serde_json::from_str(parent(".sync", "Echo", json!({ "Name": "global" }), json!({})).definition())
            .unwrap();
    definition["TimeoutSeconds"] = json!(5);
    let execution =
        runtime.start_execution(&self::machine("Parent", definition), "global", json!({})).await.unwrap();
    assert!(matches!(execution.wait().await, Err(WaitError::TimedOut)));
    clock.settle().await;
    assert_eq!(status(&runtime, &child("global")).await, stopped("global"));
    // Request-response has nothing to do with the child's life.
    let machine = parent("", "Echo", json!({ "Name": "free" }), json!({}));
    runtime.start_execution(&machine, "free", json!({})).await.unwrap().wait().await.unwrap();
    clock.settle().await;
    assert!(!matches!(status(&runtime, &child("free")).await, ExecutionStatus::Aborted { .. }));
}

#[tokio::test]
async fn a_child_reports_by_token() {
    let (send, mut tokens) = mpsc::unbounded_channel::<TaskToken>();
    let report = "arn:aws:lambda:us-east-1:123456789012:function:Report";
    let child = machine(
        "Child",
        json!({ "StartAt": "R", "States": { "R": { "Type": "Task", "Resource": report, "End": true } } }),
    );
    let handler = handler_fn(move |request, _| {
        send.send(request.input["token"].as_str().unwrap().parse().unwrap()).unwrap();
        async { Ok::<_, Failure>("reported") }
    });
    let (builder, _) = virtually();
    let runtime = builder.machine(child).handler(report, handler).build().unwrap();
    let parameters = json!({ "Input": { "token.$": "$$.Task.Token" } });
    let machine = parent(".waitForTaskToken", "Child", parameters, json!({}));
    let execution = runtime.start_execution(&machine, None, json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    runtime.send_task_success(&token, json!({ "ok": true })).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!({ "ok": true }));
    let events = history(&runtime, execution.id()).await;
    let submitted = events[4]["taskSubmittedEventDetails"]["output"].as_str().unwrap();
    assert!(submitted.contains("execution:Child:"), "{submitted}");
}

#[tokio::test]
async fn a_handler_of_the_user_goes_first() {
    let (builder, _) = virtually();
    let mock = handler_fn(async |_, _| Ok::<_, Failure>("mocked"));
    let other = handler_fn(async |_, _| Ok::<_, Failure>("fallback"));
    let runtime = builder.handler("arn:aws:states:::*.sync:2", mock).fallback(other).build().unwrap();
    let mocked = parent(".sync:2", "Echo", json!({}), json!({}));
    let execution = runtime.start_execution(&mocked, None, json!({})).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("mocked"));
    let served = parent("", "Echo", json!({}), json!({}));
    let execution = runtime.start_execution(&served, None, json!({})).await.unwrap();
    assert!(execution.wait().await.unwrap()["ExecutionArn"].as_str().is_some());
    let twice = Runtime::builder().machine(echo()).machine(echo()).build();
    assert!(matches!(twice, Err(BuildError::DuplicateMachine { .. })), "{twice:?}");
}

#[tokio::test]
async fn nesting_is_as_deep_as_there_is_room_and_never_waits_for_itself() {
    // Starts itself until the input says that it is deep enough.
    let nest = machine(
        "Nest",
        json!({ "StartAt": "Deep", "States": {
            "Deep": { "Type": "Choice", "Default": "Down",
                "Choices": [{ "Variable": "$.left", "NumericEquals": 0, "Next": "Bottom" }] },
            "Bottom": { "Type": "Succeed" },
            "Down": { "Type": "Task", "Resource": format!("{START}.sync:2"),
                "Parameters": { "StateMachineArn": format!("{MACHINE}Nest"),
                    "Input": { "left.$": "States.MathAdd($.left, -1)" } },
                "OutputPath": "$.Output", "End": true } } }),
    );
    let fails = async |room: usize, left: usize| {
        let (builder, _) = virtually();
        let runtime = builder.machine(Arc::clone(&nest)).open_executions(room).build().unwrap();
        let execution =
            runtime.start_execution(&nest, None, json!({ "left": left })).await.unwrap().wait().await;
        match execution {
            Ok(output) => {
                assert_eq!(output, json!({ "left": 0 }));
                None
            }
            Err(WaitError::Failed(failure)) => failure.cause,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(fails(40, 39).await, None);
    let full = fails(3, 3).await.unwrap();
    assert!(full.contains("StepFunctions.ExecutionLimitExceededException"), "{full}");
    // Causes within causes stay small.
    let deep = fails(40, 40).await.unwrap();
    assert!(deep.starts_with("{\"Cause\":") && deep.len() < 200_000, "{}", deep.len());
}

#[tokio::test]
async fn parents_find_their_children_after_a_crash() {
    let store = Arc::new(MemoryStore::default());
    let clock = VirtualClock::manual();
    let build = || {
        let builder = Runtime::builder().clock(Arc::new(clock.clone())).store(Arc::clone(&store) as _);
        builder.machine(echo()).build().unwrap()
    };
    let before = build();
    let mut parents = Vec::new();
    for (name, parameters) in [("nameless", json!({})), ("named", json!({ "Name": "child" }))] {
        let machine = parent(".sync", "Echo", parameters, json!({}));
        parents.push(before.start_execution(&machine, name, json!({})).await.unwrap());
    }
    clock.settle().await;
    drop(before);
    let after = build();
    // The children have nothing to do now; their parents wait for them.
    assert_eq!(after.recover().await.unwrap(), 2);
    clock.settle().await;
    assert_eq!(children(&after).await, 2);
    drop(after);
    // Once more; this time the children end before their parents are there to see it.
    let after = build();
    let list = after.list_executions(Default::default(), PageRequest::first(10)).await.unwrap();
    for child in list.items.iter().filter(|execution| execution.id.as_str().contains(":Echo:")) {
        let _ = after.stop_execution(&child.id, Failure::named("Ended")).await.unwrap();
    }
    after.recover().await.unwrap();
    clock.settle().await;
    for execution in &parents {
        let status = after.describe_execution(execution.id()).await.unwrap().status;
        let ExecutionStatus::Failed { failure } = status else { panic!("{status:?}") };
        assert_eq!(failure.error.unwrap(), "States.TaskFailed");
        assert!(failure.cause.unwrap().starts_with("{\"Error\":\"Ended\",\"ExecutionArn\""));
    }
    assert_eq!(children(&after).await, 2);
}

async fn children(runtime: &Runtime) -> usize {
    let list = runtime.list_executions(Default::default(), PageRequest::first(10)).await.unwrap();
    list.items.iter().filter(|execution| execution.id.as_str().contains(":Echo:")).count()
}
