//! Waiting for a callback by hand, with the least of what a store is for: an execution is found by its name, each step
//! is kept before the next is done, a token is kept as its hash and answered once, and a handler that panics harms
//! nobody else. Nothing is checked, timed or recorded, and there is one machine only.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::by_hand::{self, Handler};
use crate::{callback, processing};

/// Handlers, and what is kept.
pub(crate) struct KeptByHand {
    handlers: HashMap<&'static str, Handler>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    executions: HashMap<Arc<str>, Execution>,
    /// By the hashes of tokens.
    tokens: HashMap<[u8; 32], Asked>,
}

/// What somebody starts again from.
struct Execution {
    input: Arc<Value>,
    revision: u64,
    at: At,
}

/// What an execution is at.
#[expect(dead_code, reason = "a restart would read it, and there is none here")]
enum At {
    /// A handler has this, and gets it again.
    Called(&'static str, Arc<Value>),
    /// Whoever has the token has this.
    Asked(Arc<Value>),
    /// They have answered.
    Answered(Arc<Value>),
    Done(Arc<Value>),
}

/// Who waits for an answer; nobody once it has come.
struct Asked {
    execution: Arc<str>,
    waits: Option<oneshot::Sender<Arc<Value>>>,
}

impl KeptByHand {
    /// And the tokens that its handler hands on.
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<String>) {
        let (send, tokens) = mpsc::unbounded_channel();
        (Arc::new(Self { handlers: by_hand::handlers([send].into()), kept: Mutex::default() }), tokens)
    }

    /// One order, to its end.
    pub(crate) async fn approve(self: Arc<Self>, name: Arc<str>, order: Value) -> Arc<Value> {
        let order = self.begin(&name, order);
        let answer = self.ask(&name, &order).await;
        self.end(&name, answer)
    }

    /// One order from its draft to its end.
    pub(crate) async fn process(self: Arc<Self>, name: Arc<str>, order: Value) -> Arc<Value> {
        let order = self.begin(&name, order);
        let drafted = self.call(&name, processing::DRAFT, &order).await;
        let answer = self.ask(&name, &drafted).await;
        let settled = self.call(&name, processing::SETTLE, &Arc::new(json!({ "Task": *answer }))).await;
        self.end(&name, settled)
    }

    /// Answers whoever waits for `token`: when it returns, that is kept.
    pub(crate) fn answer(&self, token: &str, answer: Value) {
        let answer = Arc::new(answer);
        let mut kept = self.kept();
        let asked = kept.tokens.get_mut(&hash(token)).expect("it is known");
        let (waits, execution) =
            (asked.waits.take().expect("it is the first answer"), asked.execution.clone());
        kept.keep(&execution, At::Answered(answer.clone()));
        drop(kept);
        waits.send(answer).expect("it waits");
    }

    /// All `orders` at once, `each` of them.
    pub(crate) async fn run<F: Future<Output = Arc<Value>> + Send + 'static>(
        self: Arc<Self>,
        tokens: &mut mpsc::UnboundedReceiver<String>,
        orders: Vec<Value>,
        each: fn(Arc<Self>, Arc<str>, Value) -> F,
    ) {
        let mut executions = Vec::with_capacity(orders.len());
        for (n, order) in orders.into_iter().enumerate() {
            executions.push(tokio::spawn(each(Arc::clone(&self), format!("order-{n}").into(), order)));
        }
        for _ in 0..executions.len() {
            let token = tokens.recv().await.expect("every order asks");
            self.answer(&token, callback::answer());
        }
        for execution in executions {
            execution.await.expect("it was answered");
        }
    }

    fn begin(&self, name: &Arc<str>, order: Value) -> Arc<Value> {
        let order = Arc::new(order);
        match self.kept().executions.entry(name.clone()) {
            Entry::Vacant(place) => {
                let (input, at) = (order.clone(), At::Asked(order.clone()));
                place.insert(Execution { input, revision: 1, at });
            }
            Entry::Occupied(known) => assert_eq!(known.get().input, order, "the name is another one's"),
        }
        order
    }

    /// Calls a handler, on a task of its own.
    async fn call(&self, name: &Arc<str>, resource: &'static str, input: &Arc<Value>) -> Arc<Value> {
        self.kept().keep(name, At::Called(resource, input.clone()));
        let called = tokio::spawn((self.handlers[resource])(Value::clone(input)));
        Arc::new(called.await.expect("no handler panics"))
    }

    /// Hands a token on, and waits for the answer.
    async fn ask(&self, name: &Arc<str>, order: &Arc<Value>) -> Arc<Value> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        let token = URL_SAFE_NO_PAD.encode(secret);
        let (answer, answered) = oneshot::channel();
        let asked = Asked { execution: name.clone(), waits: Some(answer) };
        self.kept().tokens.insert(hash(&token), asked);
        let message = Arc::new(by_hand::message(order, &token));
        self.call(name, callback::QUEUE, &message).await;
        self.kept().asked(name, message);
        answered.await.expect("somebody answers")
    }

    fn end(&self, name: &Arc<str>, output: Arc<Value>) -> Arc<Value> {
        self.kept().keep(name, At::Done(output.clone()));
        output
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics")
    }
}

impl Kept {
    /// Whoever has the token has `message`, unless the answer was faster than the handler.
    fn asked(&mut self, name: &str, message: Arc<Value>) {
        if let Some(Execution { at: At::Called(..), .. }) = self.executions.get(name) {
            self.keep(name, At::Asked(message));
        }
    }

    fn keep(&mut self, name: &str, at: At) {
        let execution = self.executions.get_mut(name).expect("it has begun");
        (execution.at, execution.revision) = (at, execution.revision + 1);
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
