//! Activities as their workers meet them: queues, long polls, hand-overs, recovery; and the other families of
//! tasks that handlers serve by patterns.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` reads best as an argument")]

#[path = "shared/machine.rs"]
mod machine;
#[path = "shared/one_task.rs"]
mod one_task;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::store::PageRequest;
use stepwright::testing::VirtualClock;
use stepwright::{
    ActivityError, ActivityTask, Arn, Clock, Command, ErrorName, Event, Execution, ExecutionId,
    ExecutionStatus, Failure, FileStore, Json, MemoryStore, ReportError, Runtime, RuntimeBuilder, Start,
    StateMachine, Store, TaskContext, TaskOutcome, TaskToken, WaitError, handler_fn,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use machine::machine;
use one_task::one_task;

const SIGN: &str = "arn:aws:states:us-east-1:123456789012:activity:Sign";

fn sign() -> Arn {
    SIGN.parse().unwrap()
}

fn virtually() -> (RuntimeBuilder, VirtualClock) {
    let clock = VirtualClock::new();
    (Runtime::builder().clock(Arc::new(clock.clone())), clock)
}

async fn history(runtime: &Runtime, id: &ExecutionId) -> Vec<Value> {
    let page = runtime.get_execution_history(id, PageRequest::first(1000)).await.unwrap();
    page.items.iter().map(stepwright::HistoryEvent::to_wire).collect()
}

async fn types(runtime: &Runtime, id: &ExecutionId) -> Vec<String> {
    history(runtime, id).await.iter().map(|event| event["type"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn a_worker_takes_a_task_and_reports_it() {
    let (builder, _) = virtually();
    let runtime = builder.build().unwrap();
    let machine = one_task(
        SIGN,
        &json!({ "TimeoutSeconds": 600, "HeartbeatSeconds": 60, "Parameters": { "page": 7 } }),
    );
    runtime.require(&machine).unwrap();
    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    let task = runtime.get_activity_task(&sign(), "notary").await.unwrap().unwrap();
    assert_eq!(task.input, json!({ "page": 7 }));
    assert_eq!((task.timeout.unwrap().as_secs(), task.heartbeat.unwrap().as_secs()), (600, 60));
    assert!(format!("{task:?}").contains("TaskToken(redacted)"));
    // It is committed by now.
    assert_eq!(types(&runtime, execution.id()).await.last().unwrap(), "ActivityStarted");
    runtime.send_task_heartbeat(&task.token).await.unwrap();
    runtime.send_task_success(&task.token, json!({ "signed": true })).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!({ "signed": true }));
    let history = history(&runtime, execution.id()).await;
    assert_eq!(
        history[2]["activityScheduledEventDetails"],
        json!({ "resource": SIGN, "input": "{\"page\":7}", "inputDetails": { "truncated": false },
            "timeoutInSeconds": 600, "heartbeatInSeconds": 60 })
    );
    assert_eq!(history[3]["activityStartedEventDetails"], json!({ "workerName": "notary" }));
    assert_eq!(
        (&history[4]["type"], &history[4]["previousEventId"]),
        (&json!("ActivitySucceeded"), &json!(4))
    );
    let late = runtime.send_task_success(&task.token, 1).await;
    assert!(matches!(late, Err(ReportError::TaskDoesNotExist)), "{late:?}");
}

#[tokio::test]
async fn a_worker_without_a_name_fails_a_task() {
    let (builder, _) = virtually();
    let runtime = builder.build().unwrap();
    let execution = runtime.start_execution(&one_task(SIGN, &json!({})), "a", json!({})).await.unwrap();
    let task = runtime.get_activity_task(&sign(), None).await.unwrap().unwrap();
    runtime.send_task_failure(&task.token, Failure::new("Blot", "{\"ink\":1}")).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure, Failure::new("Blot", "{\"ink\":1}"));
    let history = history(&runtime, execution.id()).await;
    assert_eq!(history[3]["activityStartedEventDetails"], json!({}));
    assert_eq!(history[4]["activityFailedEventDetails"], json!({ "error": "Blot", "cause": "{\"ink\":1}" }));
}

#[tokio::test]
async fn a_worker_waits_a_minute() {
    let (builder, clock) = virtually();
    let runtime = builder.build().unwrap();
    let begin = clock.now();
    assert_eq!(runtime.get_activity_task(&sign(), "idle").await.unwrap(), None);
    assert_eq!(clock.now().since(begin), Duration::from_secs(60));
}

#[tokio::test]
async fn mistakes_of_workers() {
    let runtime = Runtime::builder().build().unwrap();
    let other = "arn:aws:states:us-east-1:123456789012:stateMachine:Sign".parse().unwrap();
    let mistake = runtime.get_activity_task(&other, None).await;
    assert!(matches!(mistake, Err(ActivityError::InvalidArn { .. })), "{mistake:?}");
    for name in ["", &"x".repeat(81)] {
        let mistake = runtime.get_activity_task(&sign(), name).await;
        assert!(matches!(mistake, Err(ActivityError::InvalidWorkerName { .. })), "{mistake:?}");
    }
    let waiting = tokio::spawn({
        let runtime = runtime.clone();
        async move { runtime.get_activity_task(&sign(), None).await }
    });
    tokio::task::yield_now().await;
    runtime.shutdown().await;
    assert!(matches!(waiting.await.unwrap(), Err(ActivityError::ShuttingDown)));
}

#[tokio::test]
async fn first_come_first_served() {
    let (builder, clock) = virtually();
    let runtime = builder.build().unwrap();
    let machine = one_task(SIGN, &json!({}));
    // Tasks that wait for workers.
    for n in 0..3 {
        runtime.start_execution(&machine, None, json!(n)).await.unwrap();
    }
    for n in 0..3 {
        assert_eq!(runtime.get_activity_task(&sign(), None).await.unwrap().unwrap().input, json!(n));
    }
    // Workers that wait for tasks.
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let runtime = runtime.clone();
            tokio::spawn(async move { runtime.get_activity_task(&sign(), None).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for n in 3..6 {
        runtime.start_execution(&machine, None, json!(n)).await.unwrap();
    }
    let mut inputs = Vec::new();
    for worker in workers {
        inputs.push(worker.await.unwrap().unwrap().unwrap().input);
    }
    assert_eq!(inputs, [json!(3), json!(4), json!(5)]);
    let begin = clock.now();
    assert_eq!(runtime.get_activity_task(&sign(), None).await.unwrap(), None, "each task is given out once");
    assert_eq!(clock.now().since(begin), Duration::from_secs(60));
}

#[tokio::test]
async fn a_worker_that_is_gone_loses_no_task() {
    let clock = VirtualClock::manual();
    let runtime = Runtime::builder().clock(Arc::new(clock.clone())).build().unwrap();
    let machine = one_task(SIGN, &json!({}));
    let start = async || runtime.start_execution(&machine, None, json!(1)).await.unwrap();
    let activity = sign();
    let mut context = Context::from_waker(Waker::noop());
    // One that leaves while it waits.
    {
        let mut gone = pin!(runtime.get_activity_task(&activity, "gone"));
        assert!(gone.as_mut().poll(&mut context).is_pending());
    }
    let first = start().await;
    clock.settle().await;
    assert!(!types(&runtime, first.id()).await.contains(&"ActivityStarted".into()));
    // One that leaves when the task is in its hand, and another that waits by then.
    {
        let mut gone = pin!(runtime.get_activity_task(&activity, "gone"));
        assert!(gone.as_mut().poll(&mut context).is_pending());
        clock.settle().await;
        assert_eq!(types(&runtime, first.id()).await.last().unwrap(), "ActivityStarted");
    }
    let task = runtime.get_activity_task(&sign(), "next").await.unwrap().unwrap();
    runtime.send_task_success(&task.token, 2).await.unwrap();
    assert_eq!(first.wait().await.unwrap(), json!(2));
    let started = types(&runtime, first.id()).await.iter().filter(|name| **name == "ActivityStarted").count();
    assert_eq!(started, 1);
}

#[tokio::test]
async fn a_task_whose_time_is_over_is_not_given_out() {
    let (builder, clock) = virtually();
    let runtime = builder.build().unwrap();
    let impatient = one_task(SIGN, &json!({ "TimeoutSeconds": 5 }));
    let execution = runtime.start_execution(&impatient, "late", json!("late")).await.unwrap();
    let begin = clock.now();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure, Failure::named(ErrorName::TIMEOUT));
    assert_eq!(clock.now().since(begin), Duration::from_secs(5));
    let events = history(&runtime, execution.id()).await;
    assert_eq!((&events[3]["type"], &events[3]["previousEventId"]), (&json!("ActivityTimedOut"), &json!(3)));
    let stopped =
        runtime.start_execution(&one_task(SIGN, &json!({})), "stopped", json!("stopped")).await.unwrap();
    runtime.stop_execution(stopped.id(), Failure::default()).await.unwrap();
    runtime.start_execution(&one_task(SIGN, &json!({})), "waits", json!("waits")).await.unwrap();
    let task = runtime.get_activity_task(&sign(), None).await.unwrap().unwrap();
    assert_eq!(task.input, json!("waits"));
    assert_eq!(runtime.get_activity_task(&sign(), None).await.unwrap(), None);
}

#[tokio::test]
async fn the_heart_beats_from_when_a_worker_has_the_task() {
    let clock = VirtualClock::manual();
    let runtime = Runtime::builder().clock(Arc::new(clock.clone())).build().unwrap();
    let machine = one_task(SIGN, &json!({ "HeartbeatSeconds": 10 }));
    let execution = runtime.start_execution(&machine, "a", json!({})).await.unwrap();
    clock.advance(Duration::from_secs(3600)).await;
    let task = runtime.get_activity_task(&sign(), "slow").await.unwrap().unwrap();
    clock.advance(Duration::from_secs(9)).await;
    runtime.send_task_heartbeat(&task.token).await.unwrap();
    clock.advance(Duration::from_secs(9)).await;
    assert!(!runtime.describe_execution(execution.id()).await.unwrap().status.is_closed());
    clock.advance(Duration::from_secs(1)).await;
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure, Failure::named(ErrorName::TIMEOUT));
}

#[test]
fn an_activity_task_begins_once() {
    let now = stepwright::Timestamp::EPOCH;
    let (mut execution, step) = Execution::start(one_task(SIGN, &json!({})), Start::new("a", json!({})), now);
    let Command::StartTask(task) = &step.commands[0] else { panic!() };
    let begun = || Event::TaskStarted { task: task.task, worker: None };
    assert_eq!(execution.outstanding().len(), 1);
    let _step = execution.handle(begun(), now).unwrap();
    assert_eq!((execution.outstanding().len(), execution.handed_on().len()), (0, 1));
    assert!(execution.handle(begun(), now).is_err());
}

#[tokio::test]
async fn another_runtime_gives_out_what_nobody_took() {
    let store = Arc::new(MemoryStore::default());
    let build = || {
        let (builder, clock) = virtually();
        (builder.store(Arc::clone(&store) as _).build().unwrap(), clock)
    };
    let (before, _) = build();
    let machine = one_task(SIGN, &json!({}));
    let taken = before.start_execution(&machine, "taken", json!("taken")).await.unwrap();
    let task = before.get_activity_task(&sign(), None).await.unwrap().unwrap();
    let queued = before.start_execution(&machine, "queued", json!("queued")).await.unwrap();
    drop(before);

    let (after, _) = build();
    assert_eq!(after.recover().await.unwrap(), 2);
    let next = after.get_activity_task(&sign(), "new").await.unwrap().unwrap();
    assert_eq!(next.input, json!("queued"));
    assert_eq!(after.get_activity_task(&sign(), "new").await.unwrap(), None, "the other one has a worker");
    after.send_task_success(&task.token, 1).await.unwrap();
    after.send_task_success(&next.token, 2).await.unwrap();
    for (id, output) in [(taken.id(), 1), (queued.id(), 2)] {
        let status = after.describe_execution(id).await.unwrap().status;
        assert_eq!(status, ExecutionStatus::Succeeded { output: output.into() });
    }
}

/// Runtimes that share a store and a clock.
fn sharing<const N: usize>(
    store: &Arc<dyn Store>,
    clock: &VirtualClock,
    build: impl Fn(RuntimeBuilder) -> RuntimeBuilder,
) -> [Runtime; N] {
    std::array::from_fn(|_| {
        let builder = Runtime::builder().store(Arc::clone(store)).clock(Arc::new(clock.clone()));
        build(builder.lease(Duration::from_secs(3600))).build().unwrap()
    })
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

fn poll(runtime: &Runtime, worker: &'static str) -> JoinHandle<Option<ActivityTask>> {
    let runtime = runtime.clone();
    tokio::spawn(async move { runtime.get_activity_task(&sign(), worker).await.unwrap() })
}

#[tokio::test]
async fn a_worker_gets_the_task_of_another_runtime() {
    let clock = VirtualClock::manual();
    let [owner, other] = sharing(&memory(), &clock, |builder| builder);
    let machine = one_task(SIGN, &json!({ "TimeoutSeconds": 600, "Parameters": { "page": 7 } }));
    let start = async || owner.start_execution(&machine, None, json!({})).await.unwrap();
    for waits_first in [true, false] {
        let (execution, task) = match waits_first {
            true => {
                let worker = poll(&other, "far");
                clock.settle().await;
                (start().await, worker.await.unwrap().unwrap())
            }
            false => {
                let execution = start().await;
                clock.settle().await;
                (execution, poll(&other, "far").await.unwrap().unwrap())
            }
        };
        assert_eq!((&task.input, task.timeout.unwrap().as_secs()), (&Json::from(json!({ "page": 7 })), 600));
        let [near, far] = [poll(&owner, "near"), poll(&other, "far")];
        clock.advance(Duration::from_secs(60)).await;
        assert_eq!((near.await.unwrap(), far.await.unwrap()), (None, None), "it is given out once");
        other.send_task_success(&task.token, json!({ "signed": true })).await.unwrap();
        assert_eq!(execution.wait().await.unwrap(), json!({ "signed": true }));
        let history = history(&owner, execution.id()).await;
        assert_eq!(history[3]["activityStartedEventDetails"], json!({ "workerName": "far" }));
        let types: Vec<_> = history.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types[2..5], ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]);
    }
}

#[tokio::test]
async fn workers_of_two_runtimes_get_each_task_once() {
    let clock = VirtualClock::manual();
    let nodes: [Runtime; 2] = sharing(&memory(), &clock, |builder| builder);
    let machine = one_task(SIGN, &json!({}));
    let mut workers = Vec::new();
    for n in 0..20 {
        if n % 3 == 0 {
            workers.push(poll(&nodes[n % 2], "early"));
        }
        nodes[n / 10].start_execution(&machine, None, json!(n)).await.unwrap();
    }
    while workers.len() < 30 {
        workers.push(poll(&nodes[workers.len() % 2], "late"));
    }
    clock.advance(Duration::from_secs(60)).await;
    let mut inputs = Vec::new();
    for worker in workers {
        inputs.extend(worker.await.unwrap().map(|task| task.input.as_u64().unwrap()));
    }
    inputs.sort();
    assert_eq!(inputs, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_task_of_another_runtime_falls_back_where_its_worker_left() {
    let clock = VirtualClock::manual();
    let [owner, other] = sharing(&memory(), &clock, |builder| builder);
    let machine = one_task(SIGN, &json!({}));
    let activity = sign();
    let leave = async || {
        let mut gone = pin!(other.get_activity_task(&activity, "gone"));
        assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.settle().await;
    };
    let execution = owner.start_execution(&machine, None, json!(1)).await.unwrap();
    leave().await;
    assert_eq!(types(&owner, execution.id()).await.last().unwrap(), "ActivityStarted");
    let task = other.get_activity_task(&sign(), "next").await.unwrap().unwrap();
    owner.send_task_success(&task.token, 2).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!(2));
    // One that ended meanwhile is nobody's.
    let stopped = owner.start_execution(&machine, None, json!(3)).await.unwrap();
    leave().await;
    owner.stop_execution(stopped.id(), Failure::default()).await.unwrap();
    let next = poll(&other, "next");
    clock.advance(Duration::from_secs(60)).await;
    assert_eq!(next.await.unwrap(), None);
}

#[tokio::test]
async fn a_handler_is_the_only_worker_of_its_runtimes_tasks() {
    let clock = VirtualClock::manual();
    let store = memory();
    let stuck = || handler_fn(async |_, _| std::future::pending::<Result<Value, Failure>>().await);
    let [owner] = sharing(&store, &clock, |builder| builder.handler(SIGN, stuck()));
    let [other] = sharing(&store, &clock, |builder| builder);
    let worker = poll(&other, "far");
    owner.start_execution(&one_task(SIGN, &json!({})), None, json!({})).await.unwrap();
    clock.advance(Duration::from_secs(60)).await;
    assert_eq!(worker.await.unwrap(), None);
}

#[tokio::test]
async fn a_task_waits_in_the_file_for_a_worker_of_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let store: Arc<dyn Store> = Arc::new(FileStore::open(folder.path().join("executions.db")).unwrap());
        Runtime::builder().store(store).build().unwrap()
    };
    let before = open();
    let execution = before.start_execution(&one_task(SIGN, &json!({})), "a", json!(1)).await.unwrap();
    before.delete_activity(&sign()).await.unwrap();
    before.shutdown().await;
    let id = execution.id().clone();
    drop((before, execution));

    let after = open();
    let gone = after.get_activity_task(&sign(), None).await;
    assert!(matches!(gone, Err(ActivityError::ActivityDoesNotExist { .. })), "{gone:?}");
    after.create_activity(&sign()).await.unwrap();
    let task = after.get_activity_task(&sign(), "next").await.unwrap().unwrap();
    after.send_task_success(&task.token, json!(2)).await.unwrap();
    let status = after.describe_execution(&id).await.unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output: 2.into() });
    after.shutdown().await;
}

#[tokio::test]
async fn an_activity_that_was_deleted_is_gone_for_all_who_share_the_store() {
    let clock = VirtualClock::manual();
    let [one, other] = sharing(&memory(), &clock, |builder| builder);
    let machine = one_task(SIGN, &json!({}));
    let exists = async || {
        let execution = other.start_execution(&machine, None, json!({})).await.unwrap();
        !other.describe_execution(execution.id()).await.unwrap().status.is_closed()
    };
    assert!(exists().await);
    one.delete_activity(&sign()).await.unwrap();
    clock.settle().await;
    assert!(!exists().await);
    let gone = other.get_activity_task(&sign(), None).await;
    assert!(matches!(gone, Err(ActivityError::ActivityDoesNotExist { .. })), "{gone:?}");
    one.create_activity(&sign()).await.unwrap();
    clock.settle().await;
    assert!(exists().await);
}

#[tokio::test]
async fn a_handler_that_is_the_worker_is_called_again_after_a_crash() {
    let store = Arc::new(MemoryStore::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let clock = VirtualClock::manual();
    let build = || {
        let calls = Arc::clone(&calls);
        let handler = handler_fn(move |_, _| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                if first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Failure>("signed")
            }
        });
        Runtime::builder()
            .clock(Arc::new(clock.clone()))
            .store(Arc::clone(&store) as _)
            .handler(SIGN, handler)
            .build()
            .unwrap()
    };
    let before = build();
    let execution = before.start_execution(&one_task(SIGN, &json!({})), "a", json!({})).await.unwrap();
    clock.settle().await;
    drop(before);
    let after = build();
    after.recover().await.unwrap();
    clock.settle().await;
    let status = after.describe_execution(execution.id()).await.unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output: "signed".into() });
    let started =
        types(&after, execution.id()).await.iter().filter(|name| **name == "ActivityStarted").count();
    assert_eq!(started, 1);
}

#[tokio::test]
async fn integrations_are_served_by_patterns() {
    let (builder, _) = virtually();
    let runtime = builder
        .handler(
            "arn:aws:states:::aws-sdk:dynamodb:*",
            handler_fn(async |request, _| match request.input["TableName"].as_str() {
                Some("Tea") => Ok(json!({ "Item": { "cups": { "N": "2" } } })),
                _ => Err(Failure::new("DynamoDb.ResourceNotFoundException", "Requested resource not found")),
            }),
        )
        .handler(
            "arn:aws:states:::http:invoke",
            handler_fn(async |_, _| {
                Err::<Value, _>(Failure::new("States.Http.StatusCode.418", "short, stout"))
            }),
        )
        .build()
        .unwrap();
    let get = |table| {
        one_task(
            "arn:aws:states:::aws-sdk:dynamodb:getItem",
            &json!({ "Parameters": { "TableName": table } }),
        )
    };
    let execution = runtime.start_execution(&get("Tea"), None, json!({})).await.unwrap();
    assert_eq!(execution.wait().await.unwrap()["Item"]["cups"]["N"], json!("2"));
    let events = history(&runtime, execution.id()).await;
    assert_eq!(
        events[2]["taskScheduledEventDetails"],
        json!({ "resourceType": "aws-sdk:dynamodb", "resource": "getItem", "region": "us-east-1",
            "parameters": "{\"TableName\":\"Tea\"}" })
    );
    assert_eq!(
        events[4]["taskSucceededEventDetails"],
        json!({ "resourceType": "aws-sdk:dynamodb", "resource": "getItem",
            "output": "{\"Item\":{\"cups\":{\"N\":\"2\"}}}", "outputDetails": { "truncated": false } })
    );

    let execution = runtime.start_execution(&get("Coffee"), None, json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure.error.unwrap(), "DynamoDb.ResourceNotFoundException");

    let call = machine(&json!({ "StartAt": "Call", "States": {
        "Call": { "Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true,
            "Parameters": { "ApiEndpoint": "https://tea.example", "Method": "GET" },
            "Catch": [{ "ErrorEquals": ["States.Http.StatusCode.418"], "Next": "Pot" }] },
        "Pot": { "Type": "Succeed" } } }));
    let execution = runtime.start_execution(&call, None, json!({})).await.unwrap();
    assert_eq!(
        execution.wait().await.unwrap(),
        json!({ "Error": "States.Http.StatusCode.418", "Cause": "short, stout" })
    );
    let events = history(&runtime, execution.id()).await;
    assert_eq!(
        events[4]["taskFailedEventDetails"],
        json!({ "resourceType": "http", "resource": "invoke", "error": "States.Http.StatusCode.418",
            "cause": "short, stout" })
    );
}

const JOB: &str = "arn:aws:states:::batch:submitJob.sync";

/// A Task that waits for a job.
fn a_job(more: Value) -> Arc<StateMachine> {
    let mut fields = json!({ "Parameters": { "JobName": "j", "JobQueue": "q", "JobDefinition": "d" } });
    for (key, value) in more.as_object().unwrap() {
        fields[key] = value.clone();
    }
    one_task(JOB, &fields)
}

#[tokio::test]
async fn a_job_is_submitted_watched_and_kept_alive_by_heartbeats() {
    let (builder, clock) = virtually();
    let job = handler_fn(async |_, cx: TaskContext| {
        cx.submitted(json!({ "JobId": "j-1" })).await.unwrap();
        for _ in 0..5 {
            cx.sleep(Duration::from_secs(9)).await;
            cx.heartbeat().await.unwrap();
        }
        Ok::<_, Failure>(json!({ "Status": "SUCCEEDED" }))
    });
    let runtime = builder.handler(JOB, job).build().unwrap();
    let begin = clock.now();
    let machine = a_job(json!({ "HeartbeatSeconds": 10, "TimeoutSeconds": 60 }));
    let execution = runtime.start_execution(&machine, None, json!({})).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!({ "Status": "SUCCEEDED" }));
    assert_eq!(clock.now().since(begin), Duration::from_secs(45));
    let events = history(&runtime, execution.id()).await;
    assert_eq!(
        events[4]["taskSubmittedEventDetails"],
        json!({ "resourceType": "batch", "resource": "submitJob.sync", "output": "{\"JobId\":\"j-1\"}",
            "outputDetails": { "truncated": false } })
    );
}

#[tokio::test]
async fn a_job_that_its_token_completes_ends_its_handler_too() {
    let (builder, _) = virtually();
    let (send, mut tokens) = mpsc::unbounded_channel::<TaskToken>();
    let cancelled = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&cancelled);
    let job = handler_fn(move |_, cx: TaskContext| {
        let (send, seen) = (send.clone(), Arc::clone(&seen));
        async move {
            cx.submitted(json!({ "JobId": "j-1" })).await.unwrap();
            send.send(cx.token().unwrap().clone()).unwrap();
            cx.cancelled().await;
            *seen.lock().unwrap() = Some(cx.heartbeat().await.is_err());
            Ok::<_, Failure>(TaskOutcome::Deferred)
        }
    });
    let runtime = builder.handler(JOB, job).build().unwrap();
    let execution = runtime.start_execution(&a_job(json!({})), None, json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    runtime.send_task_success(&token, json!({ "early": true })).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!({ "early": true }));
    let expected = ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"];
    assert_eq!(types(&runtime, execution.id()).await[2..6], expected);
    runtime.shutdown().await;
    assert_eq!(*cancelled.lock().unwrap(), Some(true));
}

#[tokio::test]
async fn a_job_is_watched_again_after_a_crash() {
    let store = Arc::new(MemoryStore::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let clock = VirtualClock::manual();
    let build = || {
        let calls = Arc::clone(&calls);
        let job = handler_fn(move |_, cx: TaskContext| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                cx.submitted(json!({ "JobId": "j-1" })).await.unwrap();
                if first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Failure>("done")
            }
        });
        Runtime::builder()
            .clock(Arc::new(clock.clone()))
            .store(Arc::clone(&store) as _)
            .handler(JOB, job)
            .build()
            .unwrap()
    };
    let before = build();
    let execution = before.start_execution(&a_job(json!({})), "a", json!({})).await.unwrap();
    clock.settle().await;
    drop(before);
    let after = build();
    after.recover().await.unwrap();
    clock.settle().await;
    let status = after.describe_execution(execution.id()).await.unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output: "done".into() });
    let submitted =
        types(&after, execution.id()).await.iter().filter(|name| **name == "TaskSubmitted").count();
    assert_eq!((submitted, calls.load(Ordering::Relaxed)), (1, 2));
}

#[tokio::test]
async fn deleted_activities_have_no_tasks_until_they_are_created_again() {
    let (builder, _) = virtually();
    let (runtime, sign) = (builder.build().unwrap(), sign());
    let machine = one_task(SIGN, &json!({}));
    let before = runtime.start_execution(&machine, "before", json!({})).await.unwrap();
    runtime.delete_activity(&sign).await.unwrap();
    let refused = runtime.get_activity_task(&sign, None).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("Activity Does Not Exist: '{SIGN}'"));
    let after = runtime.start_execution(&machine, "after", json!({})).await.unwrap();
    let error = after.wait().await.unwrap_err().to_string();
    assert!(error.ends_with(&format!("The activity {SIGN} does not exist.")), "{error}");

    runtime.create_activity(&sign).await.unwrap();
    let task = runtime.get_activity_task(&sign, None).await.unwrap().expect("what was scheduled before");
    runtime.send_task_success(&task.token, json!("signed")).await.unwrap();
    assert_eq!(before.wait().await.unwrap(), json!("signed"));
}

/// What waits for a time alone is nobody's to attend to: whoever comes next need not have it before.
#[tokio::test]
async fn a_task_that_no_worker_took_in_time_leaves_nothing_to_do() {
    let sign = json!({ "Type": "Task", "Resource": SIGN, "TimeoutSeconds": 60, "Next": "Nap",
        "Catch": [{ "ErrorEquals": ["States.Timeout"], "Next": "Nap" }] });
    let nap = json!({ "Type": "Wait", "Seconds": 3600, "End": true });
    let machine = machine(&json!({ "StartAt": "Sign", "States": { "Sign": sign, "Nap": nap } }));
    let store = Arc::new(MemoryStore::default());
    let (builder, clock) = virtually();
    let before = builder.store(Arc::clone(&store) as _).build().unwrap();
    let execution = before.start_execution(&machine, "a", json!({})).await.unwrap();
    clock.sleep_until(clock.now() + Duration::from_secs(120)).await;
    assert_eq!(types(&before, execution.id()).await.last().unwrap(), "WaitStateEntered");
    drop((before, execution));
    let after = Runtime::builder().store(store).clock(Arc::new(clock.clone())).build().unwrap();
    assert_eq!(after.recover().await.unwrap(), 0);
}
