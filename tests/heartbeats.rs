//! Heartbeats outlive the process that took them, and whoever waits for them may leave memory.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepwright::store::PageRequest;
use stepwright::testing::VirtualClock;
use stepwright::{
    Clock as _, ExecutionId, Failure, FileStore, HistoryEvent, MemoryStore, Runtime, StateMachine, Store,
    TaskContext, TaskRequest, TaskToken, Timestamp, handler_fn,
};
use tokio::sync::mpsc;

const DEFINITION: &str = r#"{
  "StartAt": "Ask",
  "States": {
    "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "HeartbeatSeconds": 100,
      "Parameters": { "QueueUrl": "q", "MessageBody.$": "$" }, "End": true }
  }
}"#;

fn machine() -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(DEFINITION).unwrap().named("Asks"))
}

fn runtime(
    store: Arc<dyn Store>,
    clock: &VirtualClock,
) -> (Runtime, mpsc::UnboundedReceiver<(ExecutionId, TaskToken)>) {
    let (send, receive) = mpsc::unbounded_channel();
    let queue = handler_fn(move |request: TaskRequest, cx: TaskContext| {
        let _ = send.send((request.execution, cx.token().unwrap().clone()));
        async { Ok::<_, Failure>(json!({})) }
    });
    let builder = Runtime::builder().store(store).clock(Arc::new(clock.clone())).residents(0);
    (builder.handler("arn:aws:states:::sqs:*", queue).build().unwrap(), receive)
}

/// When the last event happened, once it is what it should be.
async fn last(store: &dyn Store, id: &ExecutionId, wanted: &str) -> Timestamp {
    loop {
        let page = store.history(id, PageRequest::first(1).reverse()).await.unwrap();
        match page.items.first() {
            Some(event) if HistoryEvent::type_name(event) == wanted => return event.timestamp,
            _ => tokio::task::yield_now().await,
        }
    }
}

/// Somebody sends a heartbeat after 60 seconds; at 90 the process dies; at 100, without it, time would be over.
async fn a_heartbeat_counts_after_a_restart(open: impl Fn() -> Arc<dyn Store>) {
    let begin: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    let second = |n| begin + Duration::from_secs(n);
    let (clock, store) = (VirtualClock::manual().at(begin), open());
    let (before, mut tokens) = runtime(Arc::clone(&store), &clock);
    let input = json!({ "note": "n".repeat(5_000) });
    before.start_execution(&machine(), "one", input).await.unwrap();
    let (id, token) = tokens.recv().await.unwrap();
    last(&*store, &id, "TaskSubmitted").await;
    clock.advance(Duration::from_secs(60)).await;
    before.send_task_heartbeat(&token).await.unwrap();
    clock.advance(Duration::from_secs(30)).await;
    before.shutdown().await;
    drop((before, store));

    let store = open();
    let (after, _tokens) = runtime(Arc::clone(&store), &clock);
    after.recover().await.unwrap();
    clock.advance(Duration::from_secs(69)).await;
    assert_eq!(clock.now(), second(159));
    assert!(!store.describe(&id).await.unwrap().unwrap().status.is_closed(), "it has a second left");
    clock.advance(Duration::from_secs(1)).await;
    assert_eq!(last(&*store, &id, "ExecutionFailed").await, second(160), "and no more than that");
}

#[tokio::test]
async fn a_heartbeat_counts_after_a_restart_in_memory() {
    let store = Arc::new(MemoryStore::default());
    a_heartbeat_counts_after_a_restart(|| Arc::clone(&store) as _).await;
}

#[tokio::test]
async fn a_heartbeat_counts_after_a_restart_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    a_heartbeat_counts_after_a_restart(|| Arc::new(FileStore::open(&path).unwrap())).await;
}

#[tokio::test]
async fn a_heartbeat_writes_little_whatever_its_execution_carries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    let store: Arc<dyn Store> = Arc::new(FileStore::open(&path).unwrap());
    let (runtime, mut tokens) = runtime(Arc::clone(&store), &VirtualClock::manual());
    let input = json!({ "note": "n".repeat(200_000) });
    runtime.start_execution(&machine(), "one", input).await.unwrap();
    let (id, token) = tokens.recv().await.unwrap();
    last(&*store, &id, "TaskSubmitted").await;
    let log = |path: &Path| std::fs::metadata(format!("{}-wal", path.display())).unwrap().len();
    let before = log(&path);
    for _ in 0..10 {
        runtime.send_task_heartbeat(&token).await.unwrap();
    }
    assert!((log(&path) - before) / 10 < 30_000, "{} bytes", (log(&path) - before) / 10);
}
