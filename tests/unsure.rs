//! Stores whose answers get lost: whatever was written, somebody goes on with it.

#![cfg(feature = "runtime")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use stepwright::store::{Decorator, StoreError, StoreErrorKind};
use stepwright::testing::VirtualClock;
use stepwright::{
    Clock as _, Failure, MemoryStore, Runtime, StateMachine, Store, TaskContext, TaskRequest, handler_fn,
};

/// Work, sleep, and work again.
const DEFINITION: &str = r#"{
  "StartAt": "First",
  "States": {
    "First": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "Next": "Nap" },
    "Nap": { "Type": "Wait", "Seconds": 60, "Next": "Second" },
    "Second": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "End": true }
  }
}"#;

/// A store that fails once.
#[derive(Debug)]
struct Unsure {
    inner: MemoryStore,
    /// How many calls there are before the one that fails.
    before: AtomicUsize,
    /// Whether that call does what it was asked for.
    does: bool,
}

impl Decorator for Unsure {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    async fn call<T: Send>(
        &self,
        method: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if method == "changed" {
            return work.await;
        }
        let fails =
            self.before.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| before.checked_sub(1));
        match fails {
            Ok(1) if self.does => work.await.and(Err(StoreErrorKind::Unavailable.into())),
            Ok(1) => Err(StoreErrorKind::Unavailable.into()),
            _ => work.await,
        }
    }
}

#[tokio::test]
async fn whichever_answer_of_a_store_is_lost_the_execution_goes_on() {
    let machine = Arc::new(StateMachine::parse(DEFINITION).unwrap());
    for does in [true, false] {
        let mut failing = 1;
        while goes_on(&machine, failing, does).await {
            failing += 1;
        }
        assert!(failing > 8, "the store is asked for several things: {failing}");
    }
}

/// Lets the call with this number fail; whether there was one.
async fn goes_on(machine: &Arc<StateMachine>, failing: usize, does: bool) -> bool {
    let clock = VirtualClock::new();
    let store = Arc::new(Unsure { inner: MemoryStore::default(), before: failing.into(), does });
    let runtime = Runtime::builder()
        .store(store.clone())
        .clock(Arc::new(clock.clone()))
        // What sleeps is in the store alone.
        .residents(0)
        .function("Work", handler_fn(async |request: TaskRequest, _| Ok::<_, Failure>(request.input)))
        .build()
        .unwrap();
    // Who falls asleep drives out who sleeps.
    let names = ["one", "two", "three"];
    let mut ids = BTreeMap::new();
    for _ in 0..100 {
        for name in names {
            if !ids.contains_key(name)
                && let Ok(handle) = runtime.start_execution(machine, name, json!({})).await
            {
                ids.insert(name, handle.id().clone());
            }
        }
        clock.sleep_until(clock.now() + Duration::from_secs(10)).await;
        let mut ended = 0;
        for id in ids.values() {
            let summary = store.inner.describe(id).await.unwrap();
            ended += usize::from(summary.is_some_and(|summary| summary.status.is_closed()));
        }
        if ended == names.len() {
            return store.before.load(Ordering::Relaxed) == 0;
        }
    }
    panic!("without the answer to call {failing} (done: {does}) nobody goes on")
}

/// Whoever reports is told the truth: a report that was kept counts, also if the store's answer to it was lost.
#[tokio::test]
async fn who_reports_is_told_what_became_of_it_whichever_answer_of_the_store_is_lost() {
    let definition = r#"{ "StartAt": "Ask", "States": {
        "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "Nap",
          "Parameters": { "QueueUrl": "q", "MessageBody": "m" } },
        "Nap": { "Type": "Wait", "Seconds": 60, "End": true } } }"#;
    let machine = Arc::new(StateMachine::parse(definition).unwrap());
    for (history, early, does) in [(true, false), (true, true), (false, false), (false, true)]
        .into_iter()
        .flat_map(|(history, early)| [true, false].map(|does| (history, early, does)))
    {
        // Keeping the answer, and whatever it takes to make sure of that.
        let mut failing = 0;
        loop {
            failing += 1;
            let clock = VirtualClock::manual();
            let store = Arc::new(Unsure { inner: MemoryStore::default(), before: AtomicUsize::new(0), does });
            let (send, mut tokens) = tokio::sync::mpsc::unbounded_channel();
            let ask = handler_fn(move |_: TaskRequest, cx: TaskContext| {
                send.send(cx.token().unwrap().clone()).unwrap();
                async move {
                    if early {
                        cx.sleep(Duration::from_secs(30)).await;
                    }
                    Ok::<_, Failure>(json!({}))
                }
            });
            let runtime = Runtime::builder()
                .store(store.clone())
                .clock(Arc::new(clock.clone()))
                .history(history)
                .handler("arn:aws:states:::sqs:*", ask)
                .build()
                .unwrap();
            let execution = runtime.start_execution(&machine, "one", json!({})).await.unwrap();
            let token = tokens.recv().await.unwrap();
            clock.settle().await;
            store.before.store(failing, Ordering::Relaxed);
            let told = while_time_passes(&clock, runtime.send_task_success(&token, json!("yes"))).await;
            let over = store.before.swap(0, Ordering::Relaxed) > 0;
            assert!(told.is_ok(), "call {failing} (done: {does}, early: {early}): {told:?}");
            let output = while_time_passes(&clock, execution.wait()).await.unwrap();
            assert_eq!(output, json!("yes"));
            if over {
                assert!(failing > 1);
                break;
            }
        }
    }
}

/// What a claim gave, and what a release did not give back, is not the runtime's for ever without its knowing.
#[tokio::test]
async fn what_a_store_gave_without_saying_so_is_gone_on_with() {
    let definition =
        r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 60, "End": true } } }"#;
    let machine = Arc::new(StateMachine::parse(definition).unwrap());
    for (does, awake) in [(true, true), (true, false), (false, true), (false, false)] {
        let clock = VirtualClock::manual();
        let store = Arc::new(Unsure { inner: MemoryStore::default(), before: AtomicUsize::new(0), does });
        let runtime = Runtime::builder().store(store.clone()).clock(Arc::new(clock.clone())).residents(0);
        let runtime = runtime.build().unwrap();
        // Activities are learned, it is created, and the call after that gives it back.
        store.before.store(if awake { 3 } else { 0 }, Ordering::Relaxed);
        let id = runtime.start_execution(&machine, "one", json!({})).await.unwrap().id().clone();
        clock.advance(Duration::from_secs(30)).await;
        if !awake {
            // The call when it is due takes it.
            store.before.store(1, Ordering::Relaxed);
        }
        clock.advance(Duration::from_secs(31)).await;
        clock.advance(Duration::from_secs(10)).await;
        assert_eq!(store.before.load(Ordering::Relaxed), 0, "the call was made");
        let status = store.inner.describe(&id).await.unwrap().unwrap().status;
        assert!(status.is_closed(), "done: {does}, when it fell asleep: {awake}");
    }
}

/// Lets time pass, a second at once, until `work` is done.
async fn while_time_passes<T>(clock: &VirtualClock, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = clock.advance(Duration::from_secs(1)) => {}
        }
    }
}
