//! Redrives on the runtime: who may, what of it survives, and who comes in between.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

#[path = "shared/settle.rs"]
mod settle;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::store::{
    Commit, Decorator, ExecutionFilter, PageRequest, Revision, StoreError, StoreErrorKind,
};
use stepwright::testing::VirtualClock;
use stepwright::{
    Clock, ExecutionError, ExecutionId, ExecutionStatus, Failure, FileStore, HistoryEvent, Limits,
    MemoryStore, NotRedrivable, Observer, RedriveError, Redriven, ReportError, Runtime, RuntimeBuilder,
    StartError, StateMachine, Store, SystemClock, TaskContext, TaskToken, Timestamp, WaitError, handler_fn,
};
use tokio::sync::Semaphore;

use settle::settle;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:";

fn machine(name: &str, states: &Value) -> Arc<StateMachine> {
    let start = states.as_object().unwrap().keys().next().unwrap();
    let definition = json!({ "StartAt": start, "States": states });
    Arc::new(StateMachine::parse(&definition.to_string()).unwrap().named(name))
}

/// Prepares, and works.
fn work() -> Arc<StateMachine> {
    let task = |name, next: Value| {
        let mut task = json!({ "Type": "Task",
            "Resource": format!("arn:aws:lambda:us-east-1:123456789012:function:{name}") });
        task.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        task
    };
    let states = json!({ "Prepare": task("Prepare", json!({ "Next": "Work" })),
        "Work": task("Work", json!({ "End": true })) });
    machine("Work", &states)
}

/// A runtime in virtual time whose `Work` fails so often; it counts what it prepares.
struct World {
    clock: VirtualClock,
    prepared: Arc<AtomicU32>,
    worked: Arc<AtomicU32>,
    fails: u32,
    /// How long the work takes.
    takes: Duration,
}

impl World {
    fn new(fails: u32) -> Self {
        let (prepared, worked) = (Arc::default(), Arc::default());
        Self { clock: VirtualClock::new(), prepared, worked, fails, takes: Duration::ZERO }
    }

    fn builder(&self) -> RuntimeBuilder {
        let (prepared, worked, fails) = (Arc::clone(&self.prepared), Arc::clone(&self.worked), self.fails);
        let prepare = handler_fn(move |request, _| {
            prepared.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<_, Failure>(request.input) }
        });
        let takes = self.takes;
        let work = handler_fn(move |request, cx: TaskContext| {
            let failed = worked.fetch_add(1, Ordering::Relaxed) < fails;
            async move {
                cx.clock().sleep_until(cx.clock().now() + takes).await;
                if failed { Err(Failure::named("Busy")) } else { Ok(request.input) }
            }
        });
        let builder = Runtime::builder().clock(Arc::new(self.clock.clone()));
        builder.function("Prepare", prepare).function("Work", work)
    }

    async fn pass(&self, duration: Duration) {
        self.clock.sleep_until(self.clock.now() + duration).await;
    }
}

fn refused(redriven: Result<Redriven, RedriveError>) -> Option<NotRedrivable> {
    match redriven.err()? {
        RedriveError::ExecutionNotRedrivable(reason) => Some(reason),
        error => panic!("{error}"),
    }
}

async fn events(runtime: &Runtime, id: &ExecutionId) -> Vec<&'static str> {
    let page = runtime.get_execution_history(id, PageRequest::first(1000)).await.unwrap();
    page.items.iter().map(HistoryEvent::type_name).collect()
}

#[tokio::test]
async fn a_handle_waits_for_the_new_end() {
    let world = World::new(2);
    let runtime = world.builder().build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!([1])).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(execution.wait().await, Err(WaitError::Failed(_))));
        // And again, until it was redriven.
        assert!(matches!(execution.wait().await, Err(WaitError::Failed(_))));
        runtime.redrive_execution(execution.id(), None).await.unwrap();
    }
    assert_eq!(execution.wait().await.unwrap(), json!([1]));
    assert_eq!(world.prepared.load(Ordering::Relaxed), 1, "what succeeded is not done again");
    assert_eq!(runtime.describe_execution(execution.id()).await.unwrap().redrive_count(), 2);
}

#[tokio::test]
async fn it_is_described_as_what_it_is() {
    let world = World::new(1);
    let runtime = world.builder().build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
    let id = execution.id();
    let may = async || {
        let summary = runtime.describe_execution(id).await.unwrap();
        summary.may_be_redriven(&Limits::AWS, world.clock.now())
    };
    assert_eq!(may().await, Err(NotRedrivable::Running));
    assert_eq!(refused(runtime.redrive_execution(id, None).await), Some(NotRedrivable::Running));
    execution.wait().await.unwrap_err();
    assert_eq!(may().await, Ok(()));

    world.pass(DAY).await;
    let redriven = runtime.redrive_execution(id, None).await.unwrap();
    assert_eq!(redriven.at, world.clock.now());
    let summary = runtime.describe_execution(id).await.unwrap();
    assert_eq!((summary.status, summary.stopped_at), (ExecutionStatus::Running, None));
    assert_eq!(summary.redrives.unwrap().last, Some(redriven.at));
    let running = ExecutionFilter::default().status("RUNNING");
    assert_eq!(runtime.list_executions(running, PageRequest::first(9)).await.unwrap().items.len(), 1);

    // A start that repeats the first one finds it open.
    let again = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
    assert_eq!(again.wait().await.unwrap(), json!({}));
    let again = runtime.start_execution(&work(), "a", json!({})).await;
    assert!(matches!(again, Err(StartError::ExecutionAlreadyExists { .. })));
    assert_eq!(refused(runtime.redrive_execution(id, None).await), Some(NotRedrivable::Succeeded));
}

#[tokio::test]
async fn a_call_that_repeats_another_changes_nothing() {
    let world = World::new(u32::MAX);
    let runtime = world.builder().build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
    let id = execution.id();
    execution.wait().await.unwrap_err();
    let first = runtime.redrive_execution(id, "one").await.unwrap().at;
    execution.wait().await.unwrap_err();
    world.pass(Duration::from_secs(60)).await;
    let second = runtime.redrive_execution(id, "two").await.unwrap().at;
    execution.wait().await.unwrap_err();
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(runtime.redrive_execution(id, "one").await.unwrap().at, first);
    assert_eq!(runtime.redrive_execution(id, "two").await.unwrap().at, second);
    assert_eq!(runtime.describe_execution(id).await.unwrap().redrive_count(), 2);

    // 15 minutes after the first.
    world.pass(Duration::from_secs(13 * 60)).await;
    assert_eq!(runtime.redrive_execution(id, "two").await.unwrap().at, second);
    assert_eq!(runtime.redrive_execution(id, "one").await.unwrap().at, world.clock.now());
    execution.wait().await.unwrap_err();
    assert_eq!(runtime.describe_execution(id).await.unwrap().redrive_count(), 3);

    // The last ten are remembered, without those of calls that said none.
    for token in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        runtime.redrive_execution(id, token).await.unwrap();
        execution.wait().await.unwrap_err();
        runtime.redrive_execution(id, None).await.unwrap();
        execution.wait().await.unwrap_err();
    }
    let count = runtime.describe_execution(id).await.unwrap().redrive_count();
    runtime.redrive_execution(id, "one").await.unwrap();
    runtime.redrive_execution(id, "i").await.unwrap();
    assert_eq!(runtime.describe_execution(id).await.unwrap().redrive_count(), count);
    runtime.redrive_execution(id, "two").await.unwrap();
    assert_eq!(runtime.describe_execution(id).await.unwrap().redrive_count(), count + 1);

    for token in ["", "with a blank", "ümlaut", &"x".repeat(65)] {
        let refused = runtime.redrive_execution(id, token).await;
        assert!(matches!(refused, Err(RedriveError::InvalidClientToken { .. })), "{token}");
    }
}

#[tokio::test]
async fn limits_say_for_how_long_and_how_often() {
    let world = World::new(u32::MAX);
    let limits = Limits::AWS.redrives(2).redrive_time(DAY).history_events(40);
    let store = Arc::new(MemoryStore::default());
    let runtime = world.builder().store(Arc::clone(&store) as _).limits(limits).build().unwrap();
    let fails = async |name| {
        let execution = runtime.start_execution(&work(), name, json!({})).await.unwrap();
        execution.wait().await.unwrap_err();
        execution
    };
    let often = fails("often").await;
    for _ in 0..2 {
        runtime.redrive_execution(often.id(), None).await.unwrap();
        often.wait().await.unwrap_err();
    }
    assert_eq!(refused(runtime.redrive_execution(often.id(), None).await), Some(NotRedrivable::TooOften));
    assert!(store.load(often.id()).await.unwrap().is_none(), "what cannot be redriven keeps no state");

    let late = fails("late").await;
    world.pass(DAY + Duration::from_millis(1)).await;
    assert_eq!(refused(runtime.redrive_execution(late.id(), None).await), Some(NotRedrivable::TooLate));

    let unknown = runtime.redrive_execution(&"arn:nobody".into(), None).await;
    let unknown = unknown.unwrap_err();
    assert!(matches!(unknown, RedriveError::Execution(ExecutionError::ExecutionDoesNotExist { .. })));
    runtime.shutdown().await;

    let none = world.builder().store(Arc::clone(&store) as _).limits(limits.redrive_time(Duration::ZERO));
    let runtime = none.build().unwrap();
    let execution = runtime.start_execution(&work(), "never", json!({})).await.unwrap();
    execution.wait().await.unwrap_err();
    assert!(store.load(execution.id()).await.unwrap().is_none(), "nothing is kept that nobody may use");
    assert_eq!(refused(runtime.redrive_execution(execution.id(), None).await), Some(NotRedrivable::NotKept));
}

#[tokio::test]
async fn a_full_history_has_no_room_for_it() {
    // Eleven events, three for a redrive that fails again... and the one that says so.
    let world = World::new(u32::MAX);
    for (limit, redriven) in [(13, None), (12, Some(NotRedrivable::HistoryFull))] {
        let runtime = world.builder().limits(Limits::AWS.history_events(limit)).build().unwrap();
        let execution = runtime.start_execution(&work(), "full", json!({})).await.unwrap();
        execution.wait().await.unwrap_err();
        assert_eq!(events(&runtime, execution.id()).await.len(), 11);
        let summary = runtime.describe_execution(execution.id()).await.unwrap();
        let may = summary.may_be_redriven(&Limits::AWS.history_events(limit), world.clock.now());
        assert_eq!(may.err(), redriven);
        assert_eq!(refused(runtime.redrive_execution(execution.id(), None).await), redriven);
        execution.wait().await.unwrap_err();
        assert!(events(&runtime, execution.id()).await.len() as u64 <= limit);
    }
}

#[tokio::test]
async fn what_would_be_redriven_is_given_up_in_time() {
    let world = World::new(1);
    let store = Arc::new(MemoryStore::default());
    let runtime = world.builder().store(Arc::clone(&store) as _).build().unwrap();
    let failed = runtime.start_execution(&work(), "failed", json!({})).await.unwrap();
    failed.wait().await.unwrap_err();
    let kept = async || store.load(failed.id()).await.unwrap().is_some();
    let other = async |name| {
        runtime.start_execution(&work(), name, json!({})).await.unwrap().wait().await.unwrap();
        // The clean-up goes on beside it.
        world.pass(Duration::from_secs(1)).await;
    };
    world.pass(DAY * 14 - Duration::from_secs(60)).await;
    other("in-time").await;
    assert!(kept().await);
    world.pass(Duration::from_secs(120)).await;
    other("too-late").await;
    assert!(!kept().await, "the state goes");
    assert_eq!(events(&runtime, failed.id()).await.len(), 11, "and the history stays");
    assert_eq!(refused(runtime.redrive_execution(failed.id(), None).await), Some(NotRedrivable::TooLate));
}

#[tokio::test]
async fn old_tokens_stay_old() {
    let (send, mut tokens) = tokio::sync::mpsc::unbounded_channel();
    let ask = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let handler = handler_fn(move |request, _| {
        send.send(request.input["Token"].as_str().unwrap().parse::<TaskToken>().unwrap()).unwrap();
        async { Ok::<_, Failure>(json!({})) }
    });
    let runtime = Runtime::builder().handler(ask, handler).build().unwrap();
    let states = json!({ "Ask": { "Type": "Task", "Resource": ask, "End": true,
        "Parameters": { "QueueUrl": "q", "MessageBody": "m", "Token.$": "$$.Task.Token" } } });
    let execution = runtime.start_execution(&machine("Ask", &states), "a", json!({})).await.unwrap();
    let old = tokens.recv().await.unwrap();
    runtime.stop_execution(execution.id(), Failure::default()).await.unwrap();
    runtime.redrive_execution(execution.id(), None).await.unwrap();
    let new = tokens.recv().await.unwrap();
    let late = runtime.send_task_success(&old, json!("late")).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)));
    runtime.send_task_success(&new, json!("in time")).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("in time"));
}

#[tokio::test]
async fn whoever_watches_sees_it() {
    #[derive(Debug, Default)]
    struct Diary(Mutex<Vec<String>>);
    impl Observer for Diary {
        fn on_history(&self, _: &ExecutionId, events: &[HistoryEvent]) {
            self.0.lock().unwrap().extend(events.iter().map(|event| event.type_name().to_owned()));
        }
        fn on_closed(&self, _: &ExecutionId, status: &ExecutionStatus) {
            self.0.lock().unwrap().push(status.as_str().to_owned());
        }
    }
    let (world, diary) = (World::new(1), Arc::new(Diary::default()));
    let runtime = world.builder().observer(Arc::clone(&diary) as _).build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
    execution.wait().await.unwrap_err();
    runtime.redrive_execution(execution.id(), None).await.unwrap();
    execution.wait().await.unwrap();
    let mut seen = std::mem::take(&mut *diary.0.lock().unwrap());
    assert_eq!(seen.pop().as_deref(), Some("SUCCEEDED"));
    let failed = seen.iter().position(|line| line == "FAILED").unwrap();
    seen.remove(failed);
    assert_eq!(seen, events(&runtime, execution.id()).await, "each event once, in order");
    assert_eq!(seen[failed], "ExecutionRedriven");
}

#[tokio::test]
async fn of_many_redrives_at_once_one_is_made() {
    let world = World::new(1);
    let runtime = world.builder().build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
    execution.wait().await.unwrap_err();
    let redrive = |token: Option<&'static str>| {
        let (runtime, id) = (runtime.clone(), execution.id().clone());
        tokio::spawn(async move { runtime.redrive_execution(&id, token).await })
    };
    let redrives: Vec<_> = (0..16).map(|n| redrive((n % 2 == 0).then_some("even"))).collect();
    let mut made = Vec::new();
    for (n, redriven) in redrives.into_iter().enumerate() {
        match redriven.await.unwrap() {
            Ok(redriven) => made.push((n, redriven.at)),
            refused => assert!(matches!(
                refused,
                Err(RedriveError::ExecutionNotRedrivable(NotRedrivable::Running | NotRedrivable::Succeeded))
            )),
        }
    }
    // All that say the same token are one; each of the others is one of its own.
    let others = made.iter().filter(|(n, _)| n % 2 == 1).count();
    let even = made.len() - others;
    assert!((others, even) == (0, 8) || (others, even) == (1, 0), "{made:?}");
    execution.wait().await.unwrap();
    assert_eq!(runtime.describe_execution(execution.id()).await.unwrap().redrive_count(), 1);
    assert_eq!(world.worked.load(Ordering::Relaxed), 2, "and its task is started once");
}

/// The runtime ends so many moments after a redrive, and another one goes on with the store.
async fn a_crash_after_a_redrive(moments: usize, store: impl Fn() -> Arc<dyn Store>) {
    let world = World::new(1);
    let runtime = world.builder().store(store()).clock(Arc::new(SystemClock)).build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!({ "n": moments })).await.unwrap();
    execution.wait().await.unwrap_err();
    let id = execution.id().clone();
    runtime.redrive_execution(&id, "once").await.unwrap();
    for _ in 0..moments {
        tokio::task::yield_now().await;
    }
    // Whatever it is at is dropped, but for what is being written.
    runtime.shutdown().await;
    drop((runtime, execution));

    let runtime = world.builder().store(store()).clock(Arc::new(SystemClock)).build().unwrap();
    runtime.recover().await.unwrap();
    let redriven = runtime.redrive_execution(&id, "once").await.unwrap();
    assert_eq!(redriven.execution.wait().await.unwrap(), json!({ "n": moments }));
    assert_eq!(runtime.describe_execution(&id).await.unwrap().redrive_count(), 1);
    let history = events(&runtime, &id).await;
    assert_eq!(history[10..12], ["ExecutionFailed", "ExecutionRedriven"]);
    assert_eq!(history.len(), 17, "{history:?}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn what_was_redriven_survives_a_crash_at_any_moment() {
    for moments in 0..24 {
        let store = Arc::new(MemoryStore::default());
        a_crash_after_a_redrive(moments, || Arc::clone(&store) as _).await;
    }
    let folder = tempfile::tempdir().unwrap();
    for moments in [0, 2] {
        let path = folder.path().join(format!("{moments}.db"));
        a_crash_after_a_redrive(moments, || Arc::new(FileStore::open(&path).unwrap())).await;
    }
}

#[tokio::test]
async fn it_goes_on_where_a_handler_is_gone_as_others_do() {
    let world = World::new(1);
    let store = Arc::new(MemoryStore::default());
    let runtime = world.builder().store(Arc::clone(&store) as _).build().unwrap();
    let execution = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
    execution.wait().await.unwrap_err();
    let id = execution.id().clone();
    runtime.redrive_execution(&id, None).await.unwrap();
    // The runtime is gone before the task is started, and the next one starts it and is gone, too.
    runtime.shutdown().await;
    let never = handler_fn(async |_, _| std::future::pending::<Result<Value, Failure>>().await);
    let runtime = Runtime::builder().store(Arc::clone(&store) as _).function("Work", never).build().unwrap();
    runtime.recover().await.unwrap();
    while events(&runtime, &id).await.len() < 14 {
        tokio::task::yield_now().await;
    }
    runtime.shutdown().await;

    let runtime = Runtime::builder().store(Arc::clone(&store) as _).build().unwrap();
    runtime.recover().await.unwrap();
    assert!(matches!(&*runtime.stranded()[0].1, ExecutionError::NoHandler { .. }));
    assert_eq!(runtime.describe_execution(&id).await.unwrap().status, ExecutionStatus::Running);
    runtime.shutdown().await;
    let runtime = world.builder().store(store).build().unwrap();
    runtime.recover().await.unwrap();
    while runtime.describe_execution(&id).await.unwrap().status == ExecutionStatus::Running {
        tokio::task::yield_now().await;
    }
    assert_eq!(events(&runtime, &id).await.last(), Some(&"ExecutionSucceeded"));
}

/// A parent that starts a child, with a name or without one.
fn parent(name: Option<&str>) -> Arc<StateMachine> {
    let mut parameters =
        json!({ "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Work", "Input": [7] });
    if let Some(name) = name {
        parameters["Name"] = json!(name);
    }
    let states = json!({ "Start": { "Type": "Task", "Parameters": parameters, "End": true,
        "Resource": "arn:aws:states:::states:startExecution.sync:2", "OutputPath": "$.Output" } });
    machine("Parent", &states)
}

#[tokio::test]
async fn a_parent_starts_another_child() {
    let world = World::new(1);
    let runtime = world.builder().machine(work()).build().unwrap();
    let execution = runtime.start_execution(&parent(None), "a", json!({})).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    let cause: Value = serde_json::from_str(failure.cause.as_deref().unwrap()).unwrap();
    assert_eq!((&cause["RedriveCount"], &cause["RedriveStatus"]), (&json!(0), &json!("REDRIVABLE")));
    runtime.redrive_execution(execution.id(), None).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!([7]));
    let children =
        ExecutionFilter::default().machine(format!("{}Work", EXECUTION.replace("execution", "stateMachine")));
    let children = runtime.list_executions(children, PageRequest::first(9)).await.unwrap().items;
    let ends: Vec<_> = children.iter().map(|child| child.status.as_str()).collect();
    assert_eq!(ends, ["FAILED", "SUCCEEDED"]);
}

#[tokio::test]
async fn a_child_with_a_name_is_redriven_first() {
    let world = World { takes: Duration::from_secs(1), ..World::new(2) };
    let runtime = world.builder().machine(work()).build().unwrap();
    let execution = runtime.start_execution(&parent(Some("only")), "a", json!({})).await.unwrap();
    execution.wait().await.unwrap_err();
    // There is an execution of that name, and it has ended.
    runtime.redrive_execution(execution.id(), None).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    assert_eq!(failure.error.unwrap().as_str(), "StepFunctions.ExecutionAlreadyExistsException");

    // While the child goes on, the parent finds it, and takes what it comes to.
    let child = ExecutionId::from(format!("{EXECUTION}Work:only"));
    runtime.redrive_execution(&child, None).await.unwrap();
    runtime.redrive_execution(execution.id(), None).await.unwrap();
    let Err(WaitError::Failed(failure)) = execution.wait().await else { panic!() };
    let cause: Value = serde_json::from_str(failure.cause.as_deref().unwrap()).unwrap();
    assert_eq!((&cause["RedriveCount"], &cause["RedriveStatus"]), (&json!(1), &json!("REDRIVABLE")));
    assert!(cause["RedriveDate"].is_i64(), "{cause}");
    runtime.redrive_execution(&child, None).await.unwrap();
    runtime.redrive_execution(execution.id(), None).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!([7]));
    assert_eq!(world.prepared.load(Ordering::Relaxed), 1, "all of it was one child");
}

/// What somebody else does just before an execution is opened again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meddling {
    Expires,
    Forgets,
    Redrives,
    LosesTheAnswer,
    Fails,
}

/// A store in which somebody meddles, once.
#[derive(Debug, Default)]
struct Meddled {
    store: MemoryStore,
    how: Mutex<Option<Meddling>>,
}

#[tokio::test]
async fn whoever_comes_in_between_is_first() {
    let unavailable = |error: &RedriveError| {
        let RedriveError::Execution(ExecutionError::Store(error)) = error else { return false };
        error.kind() == StoreErrorKind::Unavailable
    };
    let missing = |error: &RedriveError| {
        matches!(error, RedriveError::Execution(ExecutionError::ExecutionDoesNotExist { .. }))
    };
    for (how, expected, count) in [
        (Meddling::Expires, Some(NotRedrivable::NotKept), Some(0)),
        (Meddling::Redrives, Some(NotRedrivable::Running), Some(1)),
        (Meddling::Forgets, None, None),
        (Meddling::LosesTheAnswer, None, Some(1)),
        (Meddling::Fails, None, Some(0)),
    ] {
        let (world, store) = (World::new(1), Arc::new(Meddled::default()));
        let runtime = world.builder().store(Arc::clone(&store) as _).build().unwrap();
        let execution = runtime.start_execution(&work(), "a", json!({})).await.unwrap();
        execution.wait().await.unwrap_err();
        *store.how.lock().unwrap() = Some(how);
        let token = (how != Meddling::Redrives).then_some("token");
        let error = runtime.redrive_execution(execution.id(), token).await.unwrap_err();
        match how {
            Meddling::Expires | Meddling::Redrives => assert_eq!(refused(Err(error)), expected),
            Meddling::Forgets => assert!(missing(&error), "{error:?}"),
            Meddling::LosesTheAnswer | Meddling::Fails => assert!(unavailable(&error), "{error:?}"),
        }
        let summary = store.store.describe(execution.id()).await.unwrap();
        assert_eq!(summary.map(|summary| summary.redrive_count()), count, "{how:?}");
        match how {
            // It goes on, whoever redrove it: also where that was said to have failed.
            Meddling::LosesTheAnswer => drop(execution.wait().await.unwrap()),
            Meddling::Redrives | Meddling::Fails => {
                runtime.recover().await.unwrap();
                if how == Meddling::Fails {
                    runtime.redrive_execution(execution.id(), "token").await.unwrap();
                }
                execution.wait().await.unwrap();
            }
            Meddling::Expires | Meddling::Forgets => {}
        }
        // A call that is repeated after the end still is a repetition.
        if how == Meddling::LosesTheAnswer {
            runtime.redrive_execution(execution.id(), "token").await.unwrap();
        }
    }
}

impl Decorator for Meddled {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let how = self.how.lock().unwrap().take();
        match how {
            Some(Meddling::Expires) => drop(self.store.expire(Timestamp::MAX, 9).await?),
            Some(Meddling::Forgets) => drop(self.store.forget(Timestamp::MAX, 9).await?),
            Some(Meddling::Redrives) => drop(self.store.reopen(id, expected, commit.clone()).await?),
            Some(Meddling::LosesTheAnswer) => {
                self.store.reopen(id, expected, commit).await?;
                return Err(StoreErrorKind::Unavailable.into());
            }
            Some(Meddling::Fails) => return Err(StoreErrorKind::Unavailable.into()),
            None => {}
        }
        self.store.reopen(id, expected, commit).await
    }
}

/// A store in which an execution goes on, and ends, just after somebody looked for it.
#[derive(Debug)]
struct Sudden {
    store: Arc<MemoryStore>,
    elsewhere: Mutex<Option<Runtime>>,
}

#[tokio::test]
async fn what_ends_while_somebody_looks_for_it_is_not_one_that_was_not_kept() {
    let id = ExecutionId::from(format!("{EXECUTION}Work:a"));
    for is_there in [false, true] {
        let (world, store) = (World::new(1), Arc::new(MemoryStore::default()));
        let elsewhere = world.builder().store(Arc::clone(&store) as _).build().unwrap();
        if is_there {
            let execution = elsewhere.start_execution(&work(), "a", json!({})).await.unwrap();
            execution.wait().await.unwrap_err();
        }
        let elsewhere = Mutex::new(Some(elsewhere));
        let runtime = world.builder().store(Arc::new(Sudden { store, elsewhere })).build().unwrap();
        let error = runtime.redrive_execution(&id, None).await.unwrap_err();
        match is_there {
            true => assert_eq!(refused(Err(error)), Some(NotRedrivable::Succeeded)),
            false => assert!(
                matches!(error, RedriveError::Execution(ExecutionError::ExecutionDoesNotExist { .. })),
                "{error:?}"
            ),
        }
    }
}

impl Decorator for Sudden {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn call<T: Send>(
        &self,
        method: &'static str,
        called: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let found = called.await;
        let elsewhere = self.elsewhere.lock().unwrap().take_if(|_| ["load", "describe"].contains(&method));
        if let Some(elsewhere) = elsewhere {
            let id = ExecutionId::from(format!("{EXECUTION}Work:a"));
            let execution = match elsewhere.redrive_execution(&id, None).await {
                Ok(redriven) => redriven.execution,
                Err(_) => elsewhere.start_execution(&work(), "a", json!({})).await.unwrap(),
            };
            // However that may be.
            let _ = execution.wait().await;
        }
        found
    }
}

/// A store that is slow to say that it has committed.
#[derive(Debug)]
struct Slow {
    store: Arc<MemoryStore>,
    says: Semaphore,
}

impl Decorator for Slow {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn call<T: Send>(
        &self,
        method: &'static str,
        called: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let came = called.await;
        if method == "commit" {
            self.says.acquire().await.unwrap().forget();
        }
        came
    }
}

/// A runtime ends an execution, and has not heard yet that this is written, when another one redrives it and leaves.
#[tokio::test]
async fn what_is_claimed_while_its_end_is_being_written_here_goes_on_here() {
    let states = json!({ "Work": { "Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work" } });
    let machine = machine("Work", &states);
    let inner = Arc::new(MemoryStore::default());
    let store = Arc::new(Slow { store: Arc::clone(&inner), says: Semaphore::new(0) });
    let lease = || Runtime::builder().lease(DAY);
    let worked = AtomicU32::new(0);
    let work = handler_fn(move |_, _| {
        let fails = worked.fetch_add(1, Ordering::Relaxed) == 0;
        async move { if fails { Err(Failure::named("Busy")) } else { Ok("done") } }
    });
    let here = lease().store(Arc::clone(&store) as _).function("Work", work).build().unwrap();
    here.recover().await.unwrap();
    let execution = here.start_execution(&machine, "a", json!({})).await.unwrap();
    settle().await;
    let status = inner.describe(execution.id()).await.unwrap().unwrap().status;
    assert!(status.is_closed(), "its end is written");

    let forever = handler_fn(async |_, _| std::future::pending::<Result<&str, Failure>>().await);
    let elsewhere = lease().store(Arc::clone(&inner) as _).function("Work", forever).build().unwrap();
    elsewhere.redrive_execution(execution.id(), None).await.unwrap();
    elsewhere.shutdown().await;
    settle().await;
    store.says.add_permits(9);
    settle().await;
    let status = inner.describe(execution.id()).await.unwrap().unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output: "done".into() });
}
