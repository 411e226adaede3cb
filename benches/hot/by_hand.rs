//! Waiting for a callback by hand: boxed handlers, and a oneshot channel for each token. Nothing is recorded, and nothing
//! outlives the process.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{callback, processing};

pub(crate) type Handler = Box<dyn Fn(Value) -> Pin<Box<dyn Future<Output = Value> + Send>> + Send + Sync>;

/// A handler, and whoever waits for an answer.
pub(crate) struct ByHand {
    handlers: HashMap<&'static str, Handler>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Value>>>,
}

impl ByHand {
    /// And the tokens that its handler hands on.
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<String>) {
        let (send, tokens) = mpsc::unbounded_channel();
        (Self::handing([send].into()), tokens)
    }

    /// One whose handler hands the token of an order on to its customer: see [`customer`].
    pub(crate) fn handing(customers: Arc<[mpsc::UnboundedSender<String>]>) -> Arc<Self> {
        Arc::new(Self { handlers: handlers(customers), waiting: Mutex::default() })
    }

    /// One order, to its end.
    pub(crate) async fn approve(self: Arc<Self>, order: Value) -> Value {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        let token = u128::from_be_bytes(secret).to_string();
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().expect("nobody panics").insert(token.clone(), answer);
        self.handlers[callback::QUEUE](message(&order, &token)).await;
        answered.await.expect("somebody answers")
    }

    /// One order from its draft to its end.
    pub(crate) async fn process(self: Arc<Self>, order: Value) -> Value {
        let drafted = self.handlers[processing::DRAFT](order).await;
        let answer = Arc::clone(&self).approve(drafted).await;
        self.handlers[processing::SETTLE](json!({ "Task": answer })).await
    }

    /// Answers whoever waits for `token`.
    pub(crate) fn answer(&self, token: &str, answer: Value) {
        let waiting = self.waiting.lock().expect("nobody panics").remove(token);
        waiting.expect("it waits").send(answer).expect("it waits");
    }

    /// All `orders` at once, `each` of them.
    pub(crate) async fn run<F: Future<Output = Value> + Send + 'static>(
        self: Arc<Self>,
        tokens: &mut mpsc::UnboundedReceiver<String>,
        orders: Vec<Value>,
        each: fn(Arc<Self>, Value) -> F,
    ) {
        let count = orders.len();
        let orders = orders.into_iter().map(|order| tokio::spawn(each(Arc::clone(&self), order)));
        let orders: Vec<_> = orders.collect();
        for _ in 0..count {
            let token = tokens.recv().await.expect("every order asks");
            self.answer(&token, callback::answer());
        }
        for order in orders {
            order.await.expect("it was answered");
        }
    }
}

/// The queue, which hands the token of an order on to its customer, and the functions.
pub(crate) fn handlers(customers: Arc<[mpsc::UnboundedSender<String>]>) -> HashMap<&'static str, Handler> {
    let queue: Handler = Box::new(move |message: Value| {
        let customers = Arc::clone(&customers);
        Box::pin(async move {
            let token = message["MessageBody"]["Token"].as_str().expect("there is one").to_owned();
            customer(&customers, || message["MessageBody"]["Order"]["id"].as_u64())
                .send(token)
                .expect("somebody listens");
            json!({ "MessageId": "m-1" })
        })
    });
    let function = |result: fn(Value) -> Value| -> Handler {
        Box::new(move |input| Box::pin(async move { result(input) }))
    };
    HashMap::from([
        (callback::QUEUE, queue),
        (processing::DRAFT, function(processing::draft)),
        (processing::SETTLE, function(processing::settle)),
    ])
}

/// What the queue gets.
pub(crate) fn message(order: &Value, token: &str) -> Value {
    json!({
        "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/approvals",
        "MessageBody": { "Order": order, "Token": token },
    })
}

/// The customer whose order a message is about: the only one, or the one of the order's number.
pub(crate) fn customer<T>(customers: &[T], number: impl FnOnce() -> Option<u64>) -> &T {
    match customers {
        [only] => only,
        _ => &customers[number().expect("orders are numbered") as usize],
    }
}

/// A tokio runtime without threads of its own.
pub(crate) fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio starts")
}
