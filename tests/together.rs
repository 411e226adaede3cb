//! What comes while a store writes is written with what comes next: in one commit, of which all hear.

#![cfg(feature = "runtime")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "shared/machine.rs"]
mod machine;
#[path = "shared/settle.rs"]
mod settle;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use stepwright::store::{Decorator, PageRequest, StoreError, StoreErrorKind};
use stepwright::{
    ExecutionHandle, ExecutionId, ExecutionStatus, Failure, HistoryEvent, MemoryStore, ReportError, Runtime,
    RuntimeBuilder, StateMachine, Store, TaskContext, TaskRequest, TaskToken, handler_fn,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use machine::machine;
use settle::settle;

const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";

/// A store that commits when it is let, counts, and may refuse.
#[derive(Debug)]
struct Gate {
    inner: MemoryStore,
    open: Semaphore,
    asked: AtomicUsize,
    refuses: AtomicBool,
}

impl Gate {
    fn new() -> Arc<Self> {
        let (asked, refuses) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { inner: MemoryStore::default(), open: Semaphore::new(0), asked, refuses })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Lets everything through from now on.
    fn open(&self) {
        self.open.add_permits(1_000);
    }
}

impl Decorator for Gate {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    async fn call<T: Send>(
        &self,
        method: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if method == "commit" {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.open.acquire().await.unwrap().forget();
            if self.refuses.load(Ordering::Relaxed) {
                return Err(StoreErrorKind::Corrupt.into());
            }
        }
        work.await
    }
}

/// Branches that wait for an answer each, and then work.
fn branches(count: usize) -> Arc<StateMachine> {
    let branch = |number: usize| {
        let [ask, work] = ["Ask", "Work"].map(|name| format!("{name} {number}"));
        json!({ "StartAt": ask, "States": {
            ask: { "Type": "Task", "Resource": QUEUE, "Next": work,
                "Parameters": { "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } } },
            work: { "Type": "Task", "Resource": WORK, "End": true } } })
    };
    let branches: Vec<Value> = (0..count).map(branch).collect();
    machine(&json!({ "StartAt": "All", "States": {
        "All": { "Type": "Parallel", "Branches": branches, "End": true } } }))
}

/// A builder with a handler of the queue that passes the tokens on.
fn with_queue(store: &Arc<Gate>) -> (RuntimeBuilder, mpsc::UnboundedReceiver<TaskToken>) {
    let (send, tokens) = mpsc::unbounded_channel();
    let queue = handler_fn(move |_: TaskRequest, cx: TaskContext| {
        send.send(cx.token().unwrap().clone()).unwrap();
        async { Ok::<_, Failure>(json!({})) }
    });
    (Runtime::builder().store(store.clone()).handler(QUEUE, queue), tokens)
}

/// Branches that wait for their answers, with the tokens, and how often work was begun.
async fn waiting(
    store: &Arc<Gate>,
    count: usize,
) -> (Arc<Runtime>, ExecutionHandle, Vec<TaskToken>, Arc<AtomicUsize>) {
    let (builder, mut tokens) = with_queue(store);
    let begun = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&begun);
    let work = handler_fn(move |request: TaskRequest, _| {
        counts.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, Failure>(request.input) }
    });
    let runtime = Arc::new(builder.function("Work", work).build().unwrap());
    let execution = runtime.start_execution(&branches(count), "one", json!({})).await.unwrap();
    // The commits that the messages were sent.
    store.open.add_permits(count);
    let mut known = Vec::new();
    for _ in 0..count {
        known.push(tokens.recv().await.unwrap());
    }
    settle().await;
    store.open.forget_permits(store.open.available_permits());
    (runtime, execution, known, begun)
}

/// Answers all: while the first answer is written, the others wait.
async fn answer(runtime: &Arc<Runtime>, tokens: Vec<TaskToken>) -> Vec<JoinHandle<Result<(), ReportError>>> {
    let mut answers = Vec::new();
    for token in tokens {
        let runtime = Arc::clone(runtime);
        answers.push(tokio::spawn(async move { runtime.send_task_success(&token, json!("yes")).await }));
        settle().await;
    }
    answers
}

async fn history(runtime: &Runtime, id: &ExecutionId) -> Vec<&'static str> {
    let page = runtime.get_execution_history(id, PageRequest::first(1_000)).await.unwrap();
    page.items.iter().map(HistoryEvent::type_name).collect()
}

#[tokio::test]
async fn items_that_end_while_the_store_writes_are_one_commit() {
    let machine = machine(&json!({ "StartAt": "Each", "States": { "Each": { "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": { "Type": "Task",
            "Resource": WORK, "End": true } } } } } }));
    let store = Gate::new();
    let work = handler_fn(async |request: TaskRequest, _| Ok::<_, Failure>(request.input));
    let runtime = Runtime::builder().store(store.clone()).function("Work", work).build().unwrap();
    let items: Vec<u32> = (0..30).collect();
    let execution = runtime.start_execution(&machine, "one", json!(items)).await.unwrap();
    settle().await;
    assert_eq!(store.asked(), 1, "the first that ended is being written");
    store.open();
    assert_eq!(execution.wait().await.unwrap(), json!(items));
    assert!(store.asked() <= 3, "29 items had ended, and were written in {} commits", store.asked() - 1);
    let events = history(&runtime, execution.id()).await;
    assert_eq!(events.iter().filter(|event| **event == "LambdaFunctionSucceeded").count(), 30);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_message_was_written_down_is_written_with_it() {
    let store = Gate::new();
    let (builder, mut tokens) = with_queue(&store);
    let runtime = Arc::new(builder.build().unwrap());
    let answers = Arc::clone(&runtime);
    let answered = tokio::spawn(async move {
        let token = tokens.recv().await.unwrap();
        answers.send_task_success(&token, json!("yes")).await
    });
    let ask = json!({ "StartAt": "Ask", "States": { "Ask": { "Type": "Task", "Resource": QUEUE, "End": true,
        "Parameters": { "QueueUrl": "q", "MessageBody": "m" } } } });
    let execution = runtime.start_execution(&machine(&ask), "one", json!({})).await.unwrap();
    settle().await;
    assert!(!answered.is_finished(), "nothing is acknowledged before it is written");
    store.open();
    assert_eq!(execution.wait().await.unwrap(), json!("yes"));
    answered.await.unwrap().unwrap();
    assert_eq!(store.asked(), 1);
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
async fn all_whose_answers_are_in_a_commit_hear_that_it_was_refused() {
    let store = Gate::new();
    let (runtime, execution, tokens, _) = waiting(&store, 4).await;
    let asked = store.asked();
    let answers = answer(&runtime, tokens).await;
    assert_eq!(store.asked(), asked + 1);
    // The first is written; what the others brought meanwhile is not.
    store.open.add_permits(1);
    settle().await;
    store.refuses.store(true, Ordering::Relaxed);
    store.open.add_permits(1);
    let mut heard = Vec::new();
    for answer in answers {
        heard.push(answer.await.unwrap());
    }
    assert_eq!(heard.iter().filter(|heard| heard.is_ok()).count(), 1);
    assert_eq!(heard.iter().filter(|heard| matches!(heard, Err(ReportError::Store(_)))).count(), 3);
    // The store thinks better of it.
    store.refuses.store(false, Ordering::Relaxed);
    store.open();
    assert_eq!(execution.wait().await.unwrap(), json!(["yes", "yes", "yes", "yes"]));
}

#[tokio::test]
async fn what_is_stopped_before_it_was_written_is_not_begun() {
    let store = Gate::new();
    let (runtime, execution, tokens, begun) = waiting(&store, 2).await;
    let answers = answer(&runtime, tokens).await;
    let stops = Arc::clone(&runtime);
    let id = execution.id().clone();
    let stopped = tokio::spawn(async move { stops.stop_execution(&id, Failure::default()).await });
    settle().await;
    store.open();
    stopped.await.unwrap().unwrap();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    assert!(execution.wait().await.is_err());
    settle().await;
    assert_eq!(begun.load(Ordering::Relaxed), 1, "the second branch was told to stop before it began");
    let summary = runtime.describe_execution(execution.id()).await.unwrap();
    assert!(matches!(summary.status, ExecutionStatus::Aborted { .. }));
    let events = history(&runtime, execution.id()).await;
    assert_eq!(events.iter().filter(|event| **event == "LambdaFunctionScheduled").count(), 2);
    assert_eq!(events.last(), Some(&"ExecutionAborted"));
}

#[tokio::test]
async fn that_an_answer_does_not_count_is_not_said_before_what_it_came_too_late_for_is_written() {
    let store = Gate::new();
    let (runtime, execution, tokens, _) = waiting(&store, 2).await;
    let twice = vec![tokens[0].clone(), tokens[1].clone(), tokens[1].clone()];
    let mut answers = answer(&runtime, twice).await;
    store.open.add_permits(1);
    settle().await;
    let (late, second) = (answers.pop().unwrap(), answers.pop().unwrap());
    assert!(!second.is_finished() && !late.is_finished(), "the second answer is still being written");
    store.open();
    second.await.unwrap().unwrap();
    assert!(matches!(late.await.unwrap(), Err(ReportError::TaskTimedOut)));
    execution.wait().await.unwrap();
}
