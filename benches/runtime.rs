//! The wait-for-callback machine end to end through the runtime and the memory store, beside what one would
//! write by hand: boxed handlers, and a oneshot channel for each token.
//!
//! Divan's items are executions.

mod callback;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::{Value, json};
use stepwright::{Failure, Runtime, StateMachine, TaskToken, handler_fn};
use tokio::sync::{mpsc, oneshot};

/// How many executions sleep at once.
const BATCH: usize = 100;

const THREADS: [&str; 2] = ["current thread", "2 threads"];

fn main() {
    divan::main();
}

fn tokio_runtime(threads: &str) -> tokio::runtime::Runtime {
    let mut builder = match threads == THREADS[0] {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(2).enable_all().build().expect("tokio starts")
}

#[divan::bench(args = THREADS)]
fn with_history(bencher: Bencher<'_, '_>, threads: &str) {
    executions(bencher, threads, true);
}

#[divan::bench(args = THREADS)]
fn without_history(bencher: Bencher<'_, '_>, threads: &str) {
    executions(bencher, threads, false);
}

fn executions(bencher: Bencher<'_, '_>, threads: &str, history: bool) {
    let tokio = tokio_runtime(threads);
    let machine = callback::machine();
    let build = || {
        let (send, tokens) = mpsc::unbounded_channel();
        let queue = handler_fn(move |_, cx: stepwright::TaskContext| {
            let send = send.clone();
            async move {
                send.send(cx.token().expect("the task waits for one").clone()).expect("somebody listens");
                Ok::<_, Failure>(json!({ "MessageId": "m-1" }))
            }
        });
        let runtime = Runtime::builder().history(history).handler(callback::QUEUE, queue).build();
        (runtime.expect("nothing is registered twice"), tokens)
    };
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(build).bench_local_values(|(runtime, tokens)| {
        tokio.block_on(batch(&runtime, tokens, &machine));
        runtime
    });
}

async fn batch(
    runtime: &Runtime,
    mut tokens: mpsc::UnboundedReceiver<TaskToken>,
    machine: &Arc<StateMachine>,
) {
    let mut executions = Vec::with_capacity(BATCH);
    for n in 0..BATCH {
        let name = format!("order-{n}");
        let execution = runtime.start_execution(machine, name.as_str(), callback::order(1024)).await;
        executions.push(execution.expect("it starts"));
    }
    for _ in 0..BATCH {
        let token = tokens.recv().await.expect("every execution asks");
        runtime.send_task_success(&token, callback::answer()).await.expect("it waits");
    }
    for execution in executions {
        execution.wait().await.expect("it was answered");
    }
}

#[divan::bench(args = THREADS)]
fn by_hand(bencher: Bencher<'_, '_>, threads: &str) {
    let tokio = tokio_runtime(threads);
    let build = || {
        let (send, tokens) = mpsc::unbounded_channel();
        let queue: Handler = Box::new(move |message: Value| {
            let send = send.clone();
            Box::pin(async move {
                let token = message["MessageBody"]["Token"].as_str().expect("there is one").to_owned();
                send.send(token).expect("somebody listens");
                json!({ "MessageId": "m-1" })
            })
        });
        let handlers = HashMap::from([(callback::QUEUE, queue)]);
        (Arc::new(ByHand { handlers, waiting: Mutex::default() }), tokens)
    };
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(build).bench_local_values(|(twin, mut tokens)| {
        tokio.block_on(async {
            let orders = (0..BATCH).map(|_| tokio::spawn(Arc::clone(&twin).approve(callback::order(1024))));
            let orders: Vec<_> = orders.collect();
            for _ in 0..BATCH {
                let token = tokens.recv().await.expect("every order asks");
                let waiting = twin.waiting.lock().expect("nobody panics").remove(&token);
                waiting.expect("it waits").send(callback::answer()).expect("it waits");
            }
            for order in orders {
                order.await.expect("it was answered");
            }
        });
        twin
    });
}

type Handler = Box<dyn Fn(Value) -> Pin<Box<dyn Future<Output = Value> + Send>> + Send + Sync>;

/// What one would write by hand: nothing is recorded, and nothing outlives the process.
struct ByHand {
    handlers: HashMap<&'static str, Handler>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Value>>>,
}

impl ByHand {
    async fn approve(self: Arc<Self>, order: Value) -> Value {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        let token = u128::from_be_bytes(secret).to_string();
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().expect("nobody panics").insert(token.clone(), answer);
        let message = json!({
            "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/approvals",
            "MessageBody": { "Order": order, "Token": token },
        });
        self.handlers[callback::QUEUE](message).await;
        answered.await.expect("somebody answers")
    }
}
