//! What is in a store of version 2: executions that did not succeed, and go on where they ended.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stepwright::testing::VirtualClock;
use stepwright::{
    ExecutionStatus, Failure, ReportError, Runtime, Store, TaskContext, TaskRequest, TaskToken, handler_fn,
};

use crate::life::{describe, events, id};

/// The token that counts still; the others were those of tasks that have ended.
const OPEN: &str = "ssVXr3gQnBaJFhjDsEMuefJyAxw1qhcDrMQYTrnfUXk";
const OVER: [&str; 2] =
    ["tNe9ZgtbqzOGMLCcUPK3-_iZ-LZPdW50tORlc9DszYM", "h-5r1Wc20hhbpSBBfx22TcZJgaOYyTdaYjfE-gC47WM"];

/// Redrives everything that has ended, and lets it come to a better end.
pub(crate) async fn goes_on(store: Arc<dyn Store>) {
    let stands = [
        ("Works", "failed", "FAILED", 0),
        ("Works", "again", "FAILED", 1),
        ("All", "all", "FAILED", 0),
        ("Asks", "stopped", "ABORTED", 0),
        ("Asks", "goes-on", "RUNNING", 1),
    ];
    for (machine, name, status, redrives) in stands {
        let summary = describe(&*store, &id(machine, name)).await;
        assert_eq!((summary.status.as_str(), summary.redrive_count()), (status, redrives), "{name}");
        events(&*store, &id(machine, name)).await;
    }

    // It is five minutes after they were started.
    let clock = VirtualClock::manual().at("2026-06-01T12:05:00Z".parse().unwrap());
    let (calls, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
    let (called, ask) = (Arc::clone(&calls), Arc::clone(&asked));
    let queue = handler_fn(move |_: TaskRequest, cx: TaskContext| {
        *ask.lock().unwrap() = cx.token().cloned();
        async { Ok::<_, Failure>(json!({ "MessageId": "m" })) }
    });
    let one = handler_fn(move |request: TaskRequest, _| {
        called.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, Failure>(request.input["item"].clone()) }
    });
    // Nobody is there who could do anew what had succeeded.
    let runtime = Runtime::builder()
        .store(Arc::clone(&store))
        .clock(Arc::new(clock.clone()))
        .handler("arn:aws:states:::sqs:*", queue)
        .function("Work", handler_fn(async |_, _| Ok::<_, Failure>("worked")))
        .function("One", one)
        .build()
        .unwrap();
    runtime.recover().await.unwrap();

    for token in OVER {
        let late = runtime.send_task_success(&token.parse().unwrap(), 1).await;
        assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    }
    runtime.send_task_success(&OPEN.parse().unwrap(), "yes").await.unwrap();

    let repeated = runtime.redrive_execution(&id("Works", "again"), "first").await.unwrap();
    assert_eq!(repeated.at, "2026-06-01T12:00:10Z".parse().unwrap());
    assert_eq!(describe(&*store, &id("Works", "again")).await.redrive_count(), 1);

    for (machine, name) in [("Works", "failed"), ("Works", "again"), ("All", "all")] {
        let redriven = runtime.redrive_execution(&id(machine, name), None).await.unwrap();
        redriven.execution.wait().await.unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1, "two of three items had been done");
    let stopped = runtime.redrive_execution(&id("Asks", "stopped"), None).await.unwrap().execution;
    let token: TaskToken = loop {
        if let Some(token) = asked.lock().unwrap().take() {
            break token;
        }
        tokio::task::yield_now().await;
    };
    runtime.send_task_success(&token, "yes").await.unwrap();
    stopped.wait().await.unwrap();

    let order = |field: &str, what: &str| {
        let mut order = json!({ "n": 1, "note": "x".repeat(300) });
        order[field] = Value::from(what);
        order
    };
    let ends = [
        ("Works", "failed", 1, order("worked", "worked")),
        ("Works", "again", 2, order("worked", "worked")),
        ("All", "all", 1, json!([1, 2, 3])),
        ("Asks", "stopped", 1, order("answer", "yes")),
        ("Asks", "goes-on", 1, order("answer", "yes")),
    ];
    for (machine, name, redrives, output) in ends {
        let summary = describe(&*store, &id(machine, name)).await;
        assert_eq!(summary.redrive_count(), redrives, "{name}");
        assert_eq!(summary.status, ExecutionStatus::Succeeded { output: output.into() }, "{name}");
        events(&*store, &id(machine, name)).await;
    }
    runtime.shutdown().await;
}
