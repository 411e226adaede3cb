//! What is in a store of version 1, and how it goes on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::store::{ExecutionFilter, ExecutionSummary, PageRequest};
use stepwright::testing::VirtualClock;
use stepwright::{
    ExecutionId, ExecutionStatus, Failure, HistoryEvent, NotRedrivable, RedriveError, ReportError, Runtime,
    Store, handler_fn,
};

/// The tokens that were given out, of which one was answered.
const ASKED: &str = "rkK1a-jrMCcOb8aWjXlHmZgGkkcx7nPcJ42pnfjZCwI";
const DONE: &str = "npzf-_oGIAFN0lQWmCEfl9KooLUGAjboulaNonyzHVE";
const ITEMS: [&str; 3] = [
    "drYzOKosySPeP6AV4rDV6T7gNUDMdglxiFkyr_EdvL8",
    "niYugCzgDLCN_G3o1r6C5PRXxcHQzgoXOcHikt-5ias",
    "W1UFuiR262qKZrl-Sn_oR-qw_wNROutYqzbUP-hFCd0",
];

pub(crate) fn id(machine: &str, name: &str) -> ExecutionId {
    format!("arn:aws:states:us-east-1:123456789012:execution:{machine}:{name}").into()
}

fn order(n: usize) -> Value {
    json!({ "n": n, "note": "x".repeat(300) })
}

pub(crate) async fn events(store: &dyn Store, id: &ExecutionId) -> Vec<HistoryEvent> {
    let events = store.history(id, PageRequest::first(1_000)).await.unwrap().items;
    assert!(events.iter().zip(1..).all(|(event, number)| event.id == number));
    events
}

pub(crate) async fn describe(store: &dyn Store, id: &ExecutionId) -> ExecutionSummary {
    store.describe(id).await.unwrap().unwrap()
}

/// Reads everything, and lets everything that is open come to its end.
pub(crate) async fn goes_on(store: Arc<dyn Store>) {
    let all = store.list(ExecutionFilter::default(), PageRequest::first(10)).await.unwrap().items;
    let stands: Vec<_> = all.iter().map(|summary| (&*summary.name, summary.status.as_str())).collect();
    let expected = [
        ("asked", "RUNNING"),
        ("done", "SUCCEEDED"),
        ("resting", "RUNNING"),
        ("stopped", "ABORTED"),
        ("all", "RUNNING"),
    ];
    assert_eq!(stands, expected);
    let aborted = store.list(ExecutionFilter::default().status("ABORTED"), PageRequest::first(10)).await;
    assert_eq!(aborted.unwrap().items.len(), 1);
    let done = describe(&*store, &id("Asks", "done")).await;
    assert_eq!(Value::from(&done.input), order(1));
    let ExecutionStatus::Succeeded { output } = &done.status else { panic!("{:?}", done.status) };
    assert_eq!(output.get("answer").map(Value::from), Some(json!({ "yes": true })));
    assert!(done.stopped_at > Some(done.started_at));
    let wire = events(&*store, &id("Asks", "done")).await[0].to_wire();
    assert_eq!(wire["executionStartedEventDetails"]["input"], order(1).to_string());

    // It is 20 seconds after the last thing that was done.
    let clock = VirtualClock::manual().at("2026-06-01T12:01:21Z".parse().unwrap());
    let nobody = handler_fn(async |_, _| Err::<Value, _>(Failure::new("Again", "it was asked already")));
    let runtime = Runtime::builder()
        .store(Arc::clone(&store))
        .clock(Arc::new(clock.clone()))
        .handler("arn:aws:states:::sqs:*", nobody)
        .build()
        .unwrap();
    runtime.recover().await.unwrap();

    let stopped = id("Asks", "stopped");
    assert_eq!(describe(&*store, &stopped).await.redrive_count(), 0);
    let refused = runtime.redrive_execution(&stopped, None).await.unwrap_err();
    assert!(matches!(refused, RedriveError::ExecutionNotRedrivable(NotRedrivable::NotKept)), "{refused:?}");

    let late = runtime.send_task_success(&DONE.parse().unwrap(), 1).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    let late = runtime.send_task_success(&ITEMS[1].parse().unwrap(), 1).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    runtime.send_task_success(&ITEMS[0].parse().unwrap(), "one").await.unwrap();
    runtime.send_task_success(&ITEMS[2].parse().unwrap(), "three").await.unwrap();
    let all = describe(&*store, &id("All", "all")).await.status;
    assert_eq!(all, ExecutionStatus::Succeeded { output: json!(["one", "two", "three"]).into() });

    runtime.send_task_heartbeat(&ASKED.parse().unwrap()).await.unwrap();
    runtime.send_task_success(&ASKED.parse().unwrap(), json!({ "yes": false })).await.unwrap();
    while !describe(&*store, &id("Asks", "asked")).await.status.is_closed() {
        clock.advance(Duration::from_secs(60)).await;
        tokio::task::yield_now().await;
    }
    for (name, n, answer) in [("asked", 0, false), ("resting", 2, true)] {
        let summary = describe(&*store, &id("Asks", name)).await;
        let mut output = order(n);
        output["answer"] = json!({ "yes": answer });
        assert_eq!(summary.status, ExecutionStatus::Succeeded { output: output.into() }, "{name}");
        let events = events(&*store, &id("Asks", name)).await;
        assert_eq!(events.last().unwrap().type_name(), "ExecutionSucceeded");
    }
    runtime.shutdown().await;
}
