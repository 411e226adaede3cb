//! The runtime as its users meet it: callbacks, cancellation, backpressure, shutdown, recovery, bad input.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` reads best as an argument")]

#[path = "shared/machine.rs"]
mod machine;
#[path = "shared/one_task.rs"]
mod one_task;

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::store::PageRequest;
use stepwright::testing::VirtualClock;
use stepwright::{
    Clock, ErrorName, ExecutionStatus, Failure, Json, Limits, MemoryStore, ReportError, ResourceHandlerExt,
    Runtime, RuntimeBuilder, StartError, StateMachine, TaskOutcome, TaskRequest, TaskToken, WaitError,
    handler_fn,
};
use tokio::sync::{mpsc, oneshot};

use machine::machine;
use one_task::one_task;

const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";

fn waits_for_token(more: Value) -> Arc<StateMachine> {
    let mut fields =
        json!({ "Parameters": { "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } } });
    for (key, value) in more.as_object().unwrap() {
        fields[key] = value.clone();
    }
    one_task(QUEUE, &fields)
}

/// A builder with a virtual clock, and a handler of the queue that passes the tokens on.
fn with_queue() -> (RuntimeBuilder, mpsc::UnboundedReceiver<TaskToken>, VirtualClock) {
    let (send, receive) = mpsc::unbounded_channel();
    let clock = VirtualClock::new();
    let builder = Runtime::builder().clock(Arc::new(clock.clone())).handler(
        QUEUE,
        handler_fn(move |request, _| {
            let token: TaskToken = request.input["MessageBody"]["Token"].as_str().unwrap().parse().unwrap();
            send.send(token).unwrap();
            async { Ok::<_, Failure>(json!({ "MessageId": "m-1" })) }
        }),
    );
    (builder, receive, clock)
}

async fn history(runtime: &Runtime, id: &stepwright::ExecutionId) -> Vec<&'static str> {
    let page = runtime.get_execution_history(id, PageRequest::first(1000)).await.unwrap();
    page.items.iter().map(stepwright::HistoryEvent::type_name).collect()
}

#[tokio::test]
async fn a_token_wakes_its_execution_after_a_month() {
    let (builder, mut tokens, clock) = with_queue();
    let runtime = builder.build().unwrap();
    let begin = clock.now();
    let execution =
        runtime.start_execution(&waits_for_token(json!({})), "approval", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    clock.sleep_until(begin + Duration::from_secs(30 * 24 * 60 * 60)).await;
    runtime.send_task_success(&token, json!({ "approved": true })).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!({ "approved": true }));
    assert_eq!(
        history(&runtime, execution.id()).await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[tokio::test]
async fn the_first_answer_wins_and_later_ones_hear_the_truth() {
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.build().unwrap();
    let execution = runtime.start_execution(&waits_for_token(json!({})), "a", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    runtime.send_task_heartbeat(&token).await.unwrap();
    runtime.send_task_success(&token, 1).await.unwrap();
    for late in [
        runtime.send_task_success(&token, 2).await,
        runtime.send_task_failure(&token, Failure::default()).await,
        runtime.send_task_heartbeat(&token).await,
    ] {
        assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    }
    let unknown: TaskToken = "bm9ib2R5IGV2ZXIgaXNzdWVkIHRoaXM".parse().unwrap();
    let never = runtime.send_task_success(&unknown, 3).await;
    assert!(matches!(never, Err(ReportError::InvalidToken)), "{never:?}");
    assert_eq!(execution.wait().await.unwrap(), json!(1));
}

#[tokio::test]
async fn an_answer_that_overtakes_the_handler_counts() {
    let (send, receive) = oneshot::channel::<TaskToken>();
    let (go, wait) = oneshot::channel::<()>();
    let (send, wait) = (Mutex::new(Some(send)), Mutex::new(Some(wait)));
    let runtime = Runtime::builder()
        .handler(
            QUEUE,
            handler_fn(move |_, cx: stepwright::TaskContext| {
                let (send, wait) =
                    (send.lock().unwrap().take().unwrap(), wait.lock().unwrap().take().unwrap());
                async move {
                    send.send(cx.token().unwrap().clone()).unwrap();
                    wait.await.unwrap();
                    Ok::<_, Failure>(json!({ "MessageId": "late" }))
                }
            }),
        )
        .clock(Arc::new(VirtualClock::manual()))
        .build()
        .unwrap();
    let execution = runtime.start_execution(&waits_for_token(json!({})), "a", json!({})).await.unwrap();
    let token = receive.await.unwrap();
    runtime.send_task_success(&token, json!("early")).await.unwrap();
    let again = runtime.send_task_success(&token, json!("again")).await;
    assert!(matches!(again, Err(ReportError::TaskTimedOut)), "{again:?}");
    go.send(()).unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("early"));
    assert!(history(&runtime, execution.id()).await.contains(&"TaskSubmitted"));
}

#[tokio::test]
async fn an_answer_to_a_handler_that_never_returns_counts_too() {
    let (send, mut receive) = mpsc::unbounded_channel();
    let runtime = Runtime::builder()
        .clock(Arc::new(VirtualClock::new()))
        .handler(
            QUEUE,
            handler_fn(move |_, cx: stepwright::TaskContext| {
                send.send(cx.token().unwrap().clone()).unwrap();
                async { std::future::pending::<Result<Value, Failure>>().await }
            }),
        )
        .build()
        .unwrap();
    let execution = runtime.start_execution(&waits_for_token(json!({})), "a", json!({})).await.unwrap();
    runtime.send_task_success(&receive.recv().await.unwrap(), json!("done")).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("done"));
}

#[tokio::test]
async fn a_token_of_a_task_that_timed_out_is_told_so() {
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.build().unwrap();
    let machine = waits_for_token(json!({ "TimeoutSeconds": 60 }));
    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure, Failure::named(ErrorName::TIMEOUT));
    let late = runtime.send_task_success(&token, 1).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
}

#[tokio::test]
async fn heartbeats_keep_a_task_alive_and_their_absence_ends_it() {
    let (builder, mut tokens, clock) = with_queue();
    let runtime = builder.build().unwrap();
    let machine = waits_for_token(json!({ "HeartbeatSeconds": 10 }));
    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    for _ in 0..5 {
        clock.sleep_until(clock.now() + Duration::from_secs(9)).await;
        runtime.send_task_heartbeat(&token).await.unwrap();
    }
    let last = clock.now();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure.error, Some(ErrorName::TIMEOUT));
    assert_eq!(clock.now().since(last), Duration::from_secs(10));
}

/// A future that panics when it is dropped.
struct BurstsAtLast(Ready<Result<Value, Failure>>);

impl Future for BurstsAtLast {
    type Output = Result<Value, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Drop for BurstsAtLast {
    fn drop(&mut self) {
        panic!("the boiler burst");
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_task_and_nothing_else() {
    // Before there is a future, in it, or at its end.
    let runtime = Runtime::builder()
        .handler(WORK, handler_fn(|_, _| async { panic!("the boiler burst") as Result<Value, Failure> }))
        .function(
            "AtOnce",
            handler_fn(|_, _| -> Ready<Result<Value, Failure>> { panic!("the boiler burst") }),
        )
        .function("AtLast", handler_fn(|_, _| BurstsAtLast(ready(Ok(json!(1))))))
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .unwrap();
    let function = |name: &str| format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
    for (name, work) in [("later", WORK), ("at-once", &function("AtOnce")), ("at-last", &function("AtLast"))]
    {
        let execution = runtime.start_execution(&one_task(work, &json!({})), name, json!({})).await.unwrap();
        let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
        assert_eq!(failure.error, Some(ErrorName::TASK_FAILED));
        assert!(failure.cause.unwrap().contains("panicked: the boiler burst"));
    }
    let caught = one_task(WORK, &json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2 }] }));
    let execution = runtime.start_execution(&caught, "b", json!({})).await.unwrap();
    assert!(execution.wait().await.is_err());
    assert_eq!(
        history(&runtime, execution.id())
            .await
            .iter()
            .filter(|name| **name == "LambdaFunctionFailed")
            .count(),
        3
    );
}

#[tokio::test]
async fn a_handler_that_never_returns_sees_its_cancellation() {
    let cleaned = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cleaned);
    let runtime = Runtime::builder()
        .handler(
            WORK,
            handler_fn(move |_, cx: stepwright::TaskContext| {
                let counted = Arc::clone(&counted);
                async move {
                    cx.cancelled().await;
                    counted.fetch_add(1, Ordering::Relaxed);
                    std::future::pending::<Result<Value, Failure>>().await
                }
            }),
        )
        .clock(Arc::new(VirtualClock::new()))
        .build()
        .unwrap();
    let machine = one_task(WORK, &json!({ "TimeoutSeconds": 5 }));
    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure.error, Some(ErrorName::TIMEOUT));
    runtime.shutdown().await;
    assert_eq!(cleaned.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn names_are_used_once() {
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.build().unwrap();
    let machine = waits_for_token(json!({}));
    let first = runtime.start_execution(&machine, "order-17", json!({ "total": 1 })).await.unwrap();
    let same = runtime.start_execution(&machine, "order-17", json!({ "total": 1 })).await.unwrap();
    assert_eq!(first.id(), same.id());
    let other = runtime.start_execution(&machine, "order-17", json!({ "total": 2 })).await;
    assert!(matches!(other, Err(StartError::ExecutionAlreadyExists { .. })), "{other:?}");
    let token = tokens.recv().await.unwrap();
    assert!(tokens.try_recv().is_err(), "the task was started once");
    runtime.send_task_success(&token, 1).await.unwrap();
    assert_eq!(same.wait().await.unwrap(), json!(1));
    let closed = runtime.start_execution(&machine, "order-17", json!({ "total": 1 })).await;
    assert!(matches!(closed, Err(StartError::ExecutionAlreadyExists { .. })), "{closed:?}");
    for bad in ["", "with blank", "a/b", "a:b", &"x".repeat(81)] {
        let refused = runtime.start_execution(&machine, bad, json!({})).await;
        assert!(matches!(refused, Err(StartError::InvalidName { .. })), "{bad} {refused:?}");
    }
}

#[tokio::test]
async fn payloads_have_a_limit() {
    let big = || json!("x".repeat(300 * 1024));
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder
        .handler(WORK, handler_fn(move |_, _| async move { Ok::<_, Failure>(big()) }))
        .build()
        .unwrap();
    let machine = waits_for_token(json!({}));
    let refused = runtime.start_execution(&machine, "a", big()).await;
    assert!(
        matches!(refused, Err(StartError::InputTooLarge { size: 307_202, limit: 262_144 })),
        "{refused:?}"
    );

    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    let refused = runtime.send_task_success(&token, big()).await;
    assert!(matches!(refused, Err(ReportError::OutputTooLarge { .. })), "{refused:?}");
    runtime.send_task_success(&token, "small").await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("small"));

    let execution = runtime.start_execution(&one_task(WORK, &json!({})), "b", json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure.error, Some(ErrorName::DATA_LIMIT_EXCEEDED));
}

#[tokio::test]
async fn a_missing_handler_is_found_before_anything_runs() {
    let runtime = Runtime::builder().build().unwrap();
    let missing = runtime.require(&one_task(WORK, &json!({}))).unwrap_err();
    assert_eq!(missing.to_string(), format!("no handler is registered for `{WORK}`"));
}

#[tokio::test]
async fn stopping_ends_an_execution_and_its_tasks() {
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.build().unwrap();
    let execution = runtime.start_execution(&waits_for_token(json!({})), "a", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    let failure = Failure::new("Changed", "my mind");
    let stopped = runtime.stop_execution(execution.id(), failure.clone()).await.unwrap();
    assert_eq!(stopped.status, ExecutionStatus::Aborted { failure });
    assert!(stopped.stopped_at.is_some());
    assert!(matches!(execution.wait().await, Err(WaitError::Aborted(_))));
    let again = runtime.stop_execution(execution.id(), Failure::default()).await.unwrap();
    assert_eq!(again.status, stopped.status);
    let late = runtime.send_task_success(&token, 1).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    let nobody = runtime.describe_execution(&"arn:aws:states:::execution:x:y".into()).await.unwrap_err();
    assert_eq!(nobody.to_string(), "Execution Does Not Exist: 'arn:aws:states:::execution:x:y'");
}

#[tokio::test]
async fn the_machine_s_own_timeout_ends_everything() {
    let (builder, mut tokens, clock) = with_queue();
    let runtime = builder.build().unwrap();
    let definition: Value = serde_json::from_str(waits_for_token(json!({})).definition()).unwrap();
    let mut definition = definition;
    definition["TimeoutSeconds"] = json!(300);
    let begin = clock.now();
    let execution = runtime.start_execution(&machine(&definition), "a", json!({})).await.unwrap();
    tokens.recv().await.unwrap();
    assert!(matches!(execution.wait().await, Err(WaitError::TimedOut)));
    assert_eq!(clock.now().since(begin), Duration::from_secs(300));
    assert_eq!(history(&runtime, execution.id()).await.last(), Some(&"ExecutionTimedOut"));
}

#[tokio::test]
async fn sleepers_leave_memory_and_come_back() {
    let clock = VirtualClock::manual();
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.clock(Arc::new(clock.clone())).residents(0).build().unwrap();
    let answered =
        runtime.start_execution(&waits_for_token(json!({})), "a", json!({})).await.unwrap().id().clone();
    let late = json!({ "TimeoutSeconds": 100 });
    let late = runtime.start_execution(&waits_for_token(late), "b", json!({})).await.unwrap().id().clone();
    let silent = json!({ "HeartbeatSeconds": 10 });
    let silent =
        runtime.start_execution(&waits_for_token(silent), "c", json!({})).await.unwrap().id().clone();
    clock.settle().await;
    clock.advance(Duration::from_secs(50)).await;
    let status = async |id| runtime.describe_execution(id).await.unwrap().status;
    assert!(status(&silent).await.is_closed(), "heartbeats are missed");
    assert!(!status(&late).await.is_closed());
    let token = tokens.recv().await.unwrap();
    runtime.send_task_success(&token, 1).await.unwrap();
    assert!(status(&answered).await.is_closed(), "a token finds its execution");
    clock.advance(Duration::from_secs(50)).await;
    assert!(status(&late).await.is_closed(), "timers go off");
}

#[tokio::test]
async fn runtimes_that_share_a_store_pass_reports_on() {
    let store = Arc::new(MemoryStore::default());
    let clock = VirtualClock::manual();
    let build = || {
        let (builder, tokens, _) = with_queue();
        let builder = builder.clock(Arc::new(clock.clone())).store(Arc::clone(&store) as _);
        (builder.lease(Duration::from_secs(3600)).build().unwrap(), tokens)
    };
    let ((one, mut tokens), (other, _others)) = (build(), build());
    let asks = waits_for_token(json!({}));
    let execution = one.start_execution(&asks, "a", json!({})).await.unwrap();
    other.recover().await.unwrap();
    let token = tokens.recv().await.unwrap();
    clock.settle().await;
    other.send_task_success(&token, json!("yes")).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("yes"), "who has it was told");
    let late = other.send_task_success(&token, json!("no")).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");

    let stopped = one.start_execution(&asks, "b", json!({})).await.unwrap();
    let status = other.stop_execution(stopped.id(), Failure::named("Enough")).await.unwrap().status;
    assert_eq!(status.as_str(), "ABORTED");

    // What one lets go of, the other goes on with.
    let sleeps = machine(
        &json!({ "StartAt": "S", "States": { "S": { "Type": "Wait", "Seconds": 60, "End": true } } }),
    );
    let left = one.start_execution(&sleeps, "c", json!({})).await.unwrap().id().clone();
    one.shutdown().await;
    clock.advance(Duration::from_secs(120)).await;
    while !other.describe_execution(&left).await.unwrap().status.is_closed() {
        clock.advance(Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_its_name_is_free() {
    let clock = VirtualClock::manual();
    let runtime = Runtime::builder().clock(Arc::new(clock.clone())).build().unwrap();
    let done = machine(&json!({ "StartAt": "S", "States": { "S": { "Type": "Succeed" } } }));
    let day = Duration::from_secs(24 * 60 * 60);
    runtime.start_execution(&done, "old", json!(1)).await.unwrap();
    let taken = async || runtime.start_execution(&done, "old", json!(1)).await.is_err();
    clock.advance(90 * day).await;
    assert!(taken().await, "a name is taken for 90 days");
    clock.advance(day).await;
    runtime.start_execution(&done, "new", json!(1)).await.unwrap();
    clock.settle().await;
    assert!(!taken().await, "and no longer");
}

#[tokio::test]
async fn another_runtime_goes_on_with_what_the_store_kept() {
    let store = Arc::new(MemoryStore::default());
    let clock = VirtualClock::manual();
    let calls = Arc::new(AtomicUsize::new(0));
    let (send, mut tokens) = mpsc::unbounded_channel();
    let build = || {
        let (calls, send) = (Arc::clone(&calls), send.clone());
        Runtime::builder()
            .store(Arc::clone(&store) as _)
            .clock(Arc::new(clock.clone()))
            .handler(
                QUEUE,
                handler_fn(move |_, cx: stepwright::TaskContext| {
                    send.send(cx.token().unwrap().clone()).unwrap();
                    async { Ok::<_, Failure>("sent") }
                }),
            )
            .handler(
                WORK,
                handler_fn(move |_, cx: stepwright::TaskContext| {
                    let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
                    async move {
                        if first {
                            // It does not live to answer.
                            cx.cancelled().await;
                            std::future::pending::<()>().await;
                        }
                        Ok::<_, Failure>("worked")
                    }
                }),
            )
            .build()
            .unwrap()
    };
    let before = build();
    let waits = before.start_execution(&waits_for_token(json!({})), "waits", json!({})).await.unwrap();
    let works = before.start_execution(&one_task(WORK, &json!({})), "works", json!({})).await.unwrap();
    let sleeps = machine(
        &json!({ "StartAt": "S", "States": { "S": { "Type": "Wait", "Seconds": 60, "End": true } } }),
    );
    let sleeps = before.start_execution(&sleeps, "sleeps", json!({ "a": 1 })).await.unwrap();
    let token = tokens.recv().await.unwrap();
    clock.settle().await;
    // As a crash would: nothing is told to anybody.
    drop(before);
    clock.advance(Duration::from_secs(3600)).await;

    let after = build();
    // The one that waits for its token stays in the store until somebody brings it.
    assert_eq!(after.recover().await.unwrap(), 2);
    clock.settle().await;
    assert!(tokens.try_recv().is_err(), "what was handed on is not handed on again");
    after.send_task_success(&token, "approved").await.unwrap();
    for (id, output) in
        [(waits.id(), json!("approved")), (works.id(), json!("worked")), (sleeps.id(), json!({ "a": 1 }))]
    {
        clock.settle().await;
        let summary = after.describe_execution(id).await.unwrap();
        assert_eq!(summary.status, ExecutionStatus::Succeeded { output: output.into() }, "{id}");
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the task that had not reported was started again");
}

#[tokio::test]
async fn a_callback_finds_an_execution_that_nobody_recovered() {
    let store = Arc::new(MemoryStore::default());
    let token = {
        let (builder, mut tokens, _) = with_queue();
        let runtime = builder.store(Arc::clone(&store) as _).build().unwrap();
        let execution = runtime.start_execution(&waits_for_token(json!({})), "a", json!({})).await.unwrap();
        let token = tokens.recv().await.unwrap();
        // Not longer than that: a virtual clock does not wait for a task that waits.
        while !history(&runtime, execution.id()).await.contains(&"TaskSubmitted") {
            tokio::task::yield_now().await;
        }
        token
    };
    let (builder, _, _) = with_queue();
    let runtime = builder.store(store).build().unwrap();
    runtime.send_task_success(&token, "found").await.unwrap();
    let page = runtime.list_executions(Default::default(), PageRequest::default()).await.unwrap();
    assert_eq!(page.items[0].status, ExecutionStatus::Succeeded { output: "found".into() });
}

#[tokio::test]
async fn shutting_down_finishes_steps_and_keeps_what_is_open() {
    let store = Arc::new(MemoryStore::default());
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.store(Arc::clone(&store) as _).build().unwrap();
    let machine = waits_for_token(json!({}));
    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    runtime.shutdown().await;
    assert!(matches!(execution.wait().await, Err(WaitError::ShuttingDown)));
    let refused = runtime.start_execution(&machine, "b", json!({})).await;
    assert!(matches!(refused, Err(StartError::ShuttingDown)), "{refused:?}");
    let (builder, _, _) = with_queue();
    let runtime = builder.store(store).build().unwrap();
    runtime.send_task_success(&token, 1).await.unwrap();
}

#[tokio::test]
async fn starting_waits_for_room() {
    let (builder, mut tokens, _) = with_queue();
    let runtime = builder.open_executions(1).build().unwrap();
    let machine = waits_for_token(json!({}));
    runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let full = runtime.try_start_execution(&machine, "b", json!({})).await;
    assert!(matches!(full, Err(StartError::NoRoom)), "{full:?}");
    let second = tokio::spawn({
        let (runtime, machine) = (runtime.clone(), Arc::clone(&machine));
        async move { runtime.start_execution(&machine, "b", json!({})).await.map(|_| ()) }
    });
    runtime.send_task_success(&tokens.recv().await.unwrap(), 1).await.unwrap();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_limited_handler_does_one_task_at_a_time() {
    let running = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&running);
    let handler = handler_fn(move |_, cx: stepwright::TaskContext| {
        let seen = Arc::clone(&seen);
        async move {
            assert_eq!(seen.fetch_add(1, Ordering::Relaxed), 0);
            cx.sleep(Duration::from_secs(1)).await;
            seen.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, Failure>(1)
        }
    });
    let clock = VirtualClock::new();
    let begin = clock.now();
    let runtime =
        Runtime::builder().clock(Arc::new(clock.clone())).handler(WORK, handler.limit(1)).build().unwrap();
    let machine = one_task(WORK, &json!({}));
    let mut executions = Vec::new();
    for _ in 0..5 {
        executions.push(runtime.start_execution(&machine, None, json!({})).await.unwrap());
    }
    for execution in executions {
        execution.wait().await.unwrap();
    }
    assert_eq!(clock.now().since(begin), Duration::from_secs(5));
}

#[tokio::test]
async fn deferring_needs_a_token() {
    let runtime = Runtime::builder()
        .handler(WORK, handler_fn(|_, _| async { Ok::<_, Failure>(TaskOutcome::Deferred) }))
        .build()
        .unwrap();
    let execution = runtime.start_execution(&one_task(WORK, &json!({})), "a", json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert!(failure.cause.unwrap().contains("has no token"));
}

#[tokio::test]
async fn a_machine_that_never_waits_lets_others_have_their_turn() {
    let spin = machine(&json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Next": "B" },
        "B": { "Type": "Choice", "Choices": [{ "Variable": "$.end", "IsPresent": true, "Next": "C" }], "Default": "A" },
        "C": { "Type": "Succeed" } } }));
    let runtime = Runtime::builder().limits(Limits::AWS.fuel(10)).build().unwrap();
    let execution = runtime.start_execution(&spin, "a", json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(
        failure.cause.as_deref(),
        Some("The execution reached the maximum number of history events (25000).")
    );
    let page = runtime.get_execution_history(execution.id(), PageRequest::first(1).reverse()).await.unwrap();
    assert_eq!((page.items[0].id, page.items[0].previous), (25_000, 24_999));
}

#[tokio::test]
async fn handlers_see_and_leave_no_white_space() {
    let spaced = || r#"{ "a": [ 1 ] }"#.parse::<Json>().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&seen);
    let work = handler_fn(move |request: TaskRequest, _| {
        see.lock().unwrap().push(request.input.to_string());
        async move { Ok::<_, Failure>(spaced()) }
    });
    let runtime = Runtime::builder().function("Work", work).build().unwrap();
    let invoked = json!({ "Parameters": { "FunctionName": "Work", "Payload.$": "$" }, "ResultSelector": { "is.$": "$.Payload" } });
    let direct = one_task("arn:aws:lambda:us-east-1:123456789012:function:Work", &json!({}));
    let pass = |name: &str| json!({ "StartAt": name, "States": { name: { "Type": "Pass", "End": true } } });
    let branches = machine(&json!({ "StartAt": "Both", "States": {
        "Both": { "Type": "Parallel", "Branches": [pass("One"), pass("Two")], "Next": "Work" },
        "Work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "End": true } } }));
    let machines = [
        (direct, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (one_task("arn:aws:states:::lambda:invoke", &invoked), r#"{"is":{"a":[1]}}"#, r#"{"a":[1]}"#),
        (branches, r#"{"a":[1]}"#, r#"[{"a":[1]},{"a":[1]}]"#),
        (machine(&pass("One")), r#"{"a":[1]}"#, ""),
    ];
    for (machine, output, input) in machines {
        let execution = runtime.start_execution(&machine, None, spaced()).await.unwrap();
        let ExecutionStatus::Succeeded { output: left } = execution.closed().await.unwrap() else { panic!() };
        // What passes through as a whole keeps its white space; what a handler leaves has none.
        let called = !seen.lock().unwrap().is_empty();
        let text = left.to_string();
        assert_eq!(text == output, called, "{text}");
        assert_eq!(execution.wait().await.unwrap().to_string(), output);
        assert_eq!(seen.lock().unwrap().pop().unwrap_or_default(), input);
    }
}
