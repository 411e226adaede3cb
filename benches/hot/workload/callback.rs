//! Wait for a callback, through the whole runtime and the memory store: a task is handed on with a token, and
//! whoever holds the token answers.

use std::sync::Arc;

use serde_json::Value;
use stepwright::{Failure, Json, Runtime, StateMachine, TaskContext, TaskRequest, TaskToken, handler_fn};
use tokio::sync::mpsc;

use crate::by_hand::{self as twin, ByHand, current_thread};
use crate::callback;
use crate::kept_by_hand::KeptByHand;
use crate::meter::{Contender, Ours, Workload};
use crate::processing::{self, DRAFT, Functions, ON_VALUES, SETTLE, SHARED};

/// The task that waits, alone.
pub(crate) fn workload() -> Workload {
    let ours = ours(callback::machine, SHARED, Some((3.0, 5.0)));
    workload_of("wait for a callback, through the runtime", by_hand(ByHand::approve), ours)
}

/// And between two functions.
pub(crate) fn whole() -> Workload {
    let ours = ours(processing::machine, SHARED, Some((3.0, 5.0)));
    workload_of("draft, wait for a callback, settle", by_hand(ByHand::process), ours)
}

/// The same with functions that have values made of what they get, as the twin's do.
pub(crate) fn whole_on_values() -> Workload {
    let ours = ours(processing::machine, ON_VALUES, None);
    workload_of("all three, the functions on `serde_json::Value`", by_hand(ByHand::process), ours)
}

/// The task that waits, beside a twin that keeps each step, too.
pub(crate) fn kept() -> Workload {
    let twin = kept_by_hand(KeptByHand::approve);
    workload_of("the callback, each step kept by hand, too", twin, ours(callback::machine, SHARED, None))
}

/// And between two functions.
pub(crate) fn whole_kept() -> Workload {
    let twin = kept_by_hand(KeptByHand::process);
    workload_of("all three, each step kept by hand, too", twin, ours(processing::machine, SHARED, None))
}

fn workload_of(name: &'static str, twin: Contender, ours: Vec<Ours>) -> Workload {
    Workload { name, unit: ("execution", 1), twin, ours }
}

fn ours(machine: fn() -> Arc<StateMachine>, functions: Functions, bounds: Option<(f64, f64)>) -> Vec<Ours> {
    let ours = |how, history, bound| Ours { how, contender: runtime(machine(), functions, history), bound };
    let (off, full) = bounds.unzip();
    vec![ours("history off", false, off), ours("full history", true, full)]
}

fn runtime(machine: Arc<StateMachine>, functions: Functions, history: bool) -> Contender {
    let tokio = current_thread();
    Box::new(move |count, meter| {
        let (runtime, mut tokens) = build(functions, history);
        let orders: Vec<_> = (0..count).map(|_| callback::order(1024)).collect();
        meter.of(|| tokio.block_on(run(&runtime, &mut tokens, &machine, 0, orders)))
    })
}

/// A runtime, and the tokens that its handler hands on.
pub(crate) fn build(functions: Functions, history: bool) -> (Runtime, mpsc::UnboundedReceiver<TaskToken>) {
    let (send, tokens) = mpsc::unbounded_channel();
    (handing([send].into(), functions, history), tokens)
}

/// A runtime whose handler hands the token of an order on to its customer: see [`twin::customer`].
pub(crate) fn handing(
    customers: Arc<[mpsc::UnboundedSender<TaskToken>]>,
    [draft, settle]: Functions,
    history: bool,
) -> Runtime {
    let queue = handler_fn(move |request: TaskRequest, cx: TaskContext| {
        let customers = Arc::clone(&customers);
        async move {
            let token = cx.token().expect("the task waits for one").clone();
            let number = || request.input["MessageBody"]["Order"]["id"].as_u64();
            twin::customer(&customers, number).send(token).expect("somebody listens");
            Ok::<_, Failure>([("MessageId", "m-1")])
        }
    });
    let function = |result: fn(Json) -> Json| {
        handler_fn(move |request, _| async move { Ok::<_, Failure>(result(request.input)) })
    };
    let runtime = Runtime::builder()
        .history(history)
        .handler(callback::QUEUE, queue)
        .function(DRAFT, function(draft))
        .function(SETTLE, function(settle))
        .build();
    runtime.expect("nothing is registered twice")
}

/// As many executions at once as there are orders, with names from `first` on.
pub(crate) async fn run(
    runtime: &Runtime,
    tokens: &mut mpsc::UnboundedReceiver<TaskToken>,
    machine: &Arc<StateMachine>,
    first: usize,
    orders: Vec<Value>,
) {
    let mut executions = Vec::with_capacity(orders.len());
    for (n, order) in orders.into_iter().enumerate() {
        let execution =
            runtime.start_execution(machine, format!("order-{}", first + n).as_str(), order).await;
        executions.push(execution.expect("it starts"));
    }
    for _ in 0..executions.len() {
        let token = tokens.recv().await.expect("every execution asks");
        runtime.send_task_success(&token, callback::answer()).await.expect("it waits");
    }
    for execution in executions {
        execution.wait().await.expect("it was answered");
    }
}

fn by_hand<F: Future<Output = Value> + Send + 'static>(each: fn(Arc<ByHand>, Value) -> F) -> Contender {
    let tokio = current_thread();
    Box::new(move |count, meter| {
        let (twin, mut tokens) = ByHand::new();
        let orders: Vec<_> = (0..count).map(|_| callback::order(1024)).collect();
        meter.of(|| tokio.block_on(twin.run(&mut tokens, orders, each)))
    })
}

fn kept_by_hand<F>(each: fn(Arc<KeptByHand>, Arc<str>, Value) -> F) -> Contender
where
    F: Future<Output = Arc<Value>> + Send + 'static,
{
    let tokio = current_thread();
    Box::new(move |count, meter| {
        let (twin, mut tokens) = KeptByHand::new();
        let orders: Vec<_> = (0..count).map(|_| callback::order(1024)).collect();
        // Dropped after, as our store is.
        let kept = Arc::clone(&twin);
        let took = meter.of(|| tokio.block_on(twin.run(&mut tokens, orders, each)));
        drop(kept);
        took
    })
}
