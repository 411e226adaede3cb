//! Others have their turn: on one thread, whatever never waits for anything goes on with them, and not before them.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "shared/machine.rs"]
mod machine;
#[path = "shared/one_task.rs"]
mod one_task;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use stepwright::{
    ErrorName, ExecutionStatus, Failure, Runtime, RuntimeBuilder, StateMachine, TaskContext, WaitError,
    handler_fn,
};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use machine::machine;
use one_task::one_task;

const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";

/// A builder with a function that is ready at once, and how often it was called.
fn with_work() -> (RuntimeBuilder, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let work = handler_fn(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Failure>(1) }
    });
    (Runtime::builder().function("Work", work), calls)
}

fn two_tasks(second: &Value) -> Arc<StateMachine> {
    let task = |resource: &str, next: Value| {
        let mut state = json!({ "Type": "Task", "Resource": resource });
        state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        state
    };
    machine(&json!({ "StartAt": "First", "States": {
        "First": task(WORK, json!({ "Next": "Second" })),
        "Second": task(&WORK.replace("Work", "Second"), second.clone()),
        "Done": { "Type": "Succeed" } } }))
}

/// Tasks without an end.
fn round_and_round() -> Arc<StateMachine> {
    let round = json!({ "Type": "Task", "Resource": WORK, "Next": "Again" });
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "Done" }]);
    let again = json!({ "Type": "Task", "Resource": WORK, "Catch": catch, "Next": "Round" });
    let states = json!({ "Round": round, "Again": again, "Done": { "Type": "Succeed" } });
    machine(&json!({ "StartAt": "Round", "States": states }))
}

#[tokio::test(flavor = "current_thread")]
async fn a_task_after_the_other_lets_others_have_their_turn() {
    let (builder, calls) = with_work();
    let runtime = builder.build().unwrap();
    let execution = runtime.start_execution(&round_and_round(), None, json!({})).await.unwrap();
    let mut seen = 0;
    for _ in 0..5 {
        yield_now().await;
        let calls = calls.load(Ordering::Relaxed);
        assert!(calls > seen, "it goes on");
        seen = calls;
    }
    // It would have gone on to the last event that fits into its history.
    runtime.stop_execution(execution.id(), Failure::named("Enough")).await.unwrap();
    assert!(matches!(execution.closed().await.unwrap(), ExecutionStatus::Aborted { .. }));
}

#[tokio::test(flavor = "current_thread")]
async fn starting_one_after_the_other_lets_their_handlers_begin() {
    let (builder, calls) = with_work();
    let runtime = builder.build().unwrap();
    let machine = one_task(WORK, &json!({}));
    for n in 0..500 {
        runtime.start_execution(&machine, format!("e{n}").as_str(), json!({})).await.unwrap();
    }
    assert!(calls.load(Ordering::Relaxed) > 250, "{calls:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn answering_one_after_the_other_lets_what_follows_begin() {
    let (send, mut tokens) = mpsc::unbounded_channel();
    let queue = handler_fn(move |_, cx: TaskContext| {
        send.send(cx.token().unwrap().clone()).unwrap();
        async { Ok::<_, Failure>(1) }
    });
    let (builder, calls) = with_work();
    let runtime = builder.handler(QUEUE, queue).build().unwrap();
    let parameters = json!({ "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } });
    let machine = machine(&json!({ "StartAt": "Ask", "States": {
        "Ask": { "Type": "Task", "Resource": QUEUE, "Parameters": parameters, "Next": "Work" },
        "Work": { "Type": "Task", "Resource": WORK, "End": true } } }));
    for _ in 0..500 {
        runtime.start_execution(&machine, None, json!({})).await.unwrap();
    }
    let mut asked = Vec::new();
    while asked.len() < 500 {
        asked.push(tokens.recv().await.unwrap());
    }
    for token in &asked {
        runtime.send_task_success(token, 1).await.unwrap();
    }
    assert!(calls.load(Ordering::Relaxed) > 250, "{calls:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_handler_that_panics_after_another_one_fails_its_own_task() {
    let (builder, calls) = with_work();
    let second = handler_fn(async |_, _| -> Result<Value, Failure> { panic!("no") });
    let runtime = builder.function("Second", second).build().unwrap();
    let execution = runtime.start_execution(&two_tasks(&json!({ "Next": "Done" })), None, json!({})).await;
    let Err(WaitError::Failed(failure)) = execution.unwrap().wait().await else { panic!() };
    assert_eq!(failure.error, Some(ErrorName::TASK_FAILED));
    assert!(failure.cause.unwrap().ends_with("panicked: no"));
    assert_eq!(calls.load(Ordering::Relaxed), 1);

    let caught = json!({ "Next": "Done", "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Done" }] });
    let execution = runtime.start_execution(&two_tasks(&caught), None, json!({})).await.unwrap();
    assert!(execution.wait().await.is_ok());
}

#[tokio::test(flavor = "current_thread")]
async fn a_handler_that_waits_after_another_one_is_cancelled_with_its_execution() {
    let (began, mut begun) = mpsc::unbounded_channel();
    let (builder, _) = with_work();
    let second = handler_fn(move |_, cx: TaskContext| {
        let began = began.clone();
        async move {
            began.send(()).unwrap();
            cx.cancelled().await;
            began.send(()).unwrap();
            Ok::<_, Failure>(1)
        }
    });
    let runtime = builder.function("Second", second).build().unwrap();
    let machine = two_tasks(&json!({ "Next": "Done" }));
    let execution = runtime.start_execution(&machine, None, json!({})).await.unwrap();
    begun.recv().await.unwrap();
    runtime.stop_execution(execution.id(), Failure::named("Enough")).await.unwrap();
    begun.recv().await.unwrap();
    runtime.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_task_after_the_other_is_not_begun_in_a_shutdown() {
    let (builder, calls) = with_work();
    let runtime = builder.build().unwrap();
    runtime.start_execution(&round_and_round(), None, json!({})).await.unwrap();
    while calls.load(Ordering::Relaxed) == 0 {
        yield_now().await;
    }
    runtime.shutdown().await;
    let before = calls.load(Ordering::Relaxed);
    for _ in 0..9 {
        yield_now().await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branches_that_begin_after_a_handler_are_for_any_thread() {
    let both = Arc::new(Barrier::new(2));
    let meets = handler_fn(move |_, _| {
        let both = Arc::clone(&both);
        async move {
            both.wait();
            Ok::<_, Failure>(1)
        }
    });
    let (builder, _) = with_work();
    let runtime = builder.function("Meet", meets).build().unwrap();
    let meet = |state: &str| {
        let task = json!({ "Type": "Task", "Resource": WORK.replace("Work", "Meet"), "End": true });
        json!({ "StartAt": state, "States": { state: task } })
    };
    let machine = machine(&json!({ "StartAt": "Work", "States": {
        "Work": { "Type": "Task", "Resource": WORK, "Next": "Both" },
        "Both": { "Type": "Parallel", "Branches": [meet("One"), meet("Other")], "End": true } } }));
    let execution = runtime.start_execution(&machine, None, json!({})).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!([1, 1]));
}

#[tokio::test(flavor = "current_thread")]
async fn a_heart_that_never_rests_lets_others_have_their_turn() {
    let enough = Arc::new(AtomicUsize::new(0));
    let beats = Arc::clone(&enough);
    let work = handler_fn(move |_, cx: TaskContext| {
        let beats = Arc::clone(&beats);
        async move {
            while beats.load(Ordering::Relaxed) == 0 {
                cx.heartbeat().await.map_err(|_| Failure::named("Gone"))?;
            }
            Ok::<_, Failure>("rests")
        }
    });
    let runtime = Runtime::builder().function("Work", work).build().unwrap();
    let execution = runtime.start_execution(&one_task(WORK, &json!({})), None, json!({})).await.unwrap();
    yield_now().await;
    yield_now().await;
    enough.store(1, Ordering::Relaxed);
    assert_eq!(execution.wait().await.unwrap(), "rests");
}
