//! The process that is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use stepwright::store::{ExecutionFilter, PageRequest};
use stepwright::{
    Failure, FileStore, ReportError, Runtime, StateMachine, TaskContext, TaskOutcome, TaskRequest, TaskToken,
    handler_fn,
};

use crate::Random;
use crate::journal::{Entry, Journal};

/// Two functions, a callback and a timer.
pub(crate) const DEFINITION: &str = r#"{
  "StartAt": "Draft",
  "States": {
    "Draft": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Draft",
      "ResultPath": "$.draft", "Next": "Ask" },
    "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } },
      "ResultPath": "$.answer", "Next": "Rest" },
    "Rest": { "Type": "Wait", "Seconds": 1, "Next": "Settle" },
    "Settle": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Settle",
      "InputPath": "$.answer", "End": true }
  }
}"#;

/// How many executions are started one after another, in each of so many lines.
const LINES: u64 = 16;

/// How few sleepers stay in memory: the store has to bring them back, too.
const RESIDENTS: usize = 8;

#[derive(Clone)]
struct Life {
    runtime: Runtime,
    journal: Arc<Journal>,
    /// Tokens that were not answered yet, and whose they are.
    tokens: Arc<Mutex<BTreeMap<String, String>>>,
}

/// Lives until it is killed; one that `finishes` ends when nothing is open any longer.
pub(crate) fn live(folder: &Path, seed: u64, finishes: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let life = Life::begin(folder);
        life.runtime.recover().await.unwrap();
        life.journal.write(&Entry::Ready { seed });
        let answering = (0..4).map(|line| tokio::spawn(life.clone().answer(seed * 100 + line)));
        let answering: Vec<_> = answering.collect();
        if finishes {
            life.finish().await;
            answering.iter().for_each(|line| line.abort());
            life.runtime.shutdown().await;
            return;
        }
        let machine = Arc::new(StateMachine::parse(DEFINITION).unwrap().named("Killed"));
        let starting =
            (0..LINES).map(|line| tokio::spawn(life.clone().start(Arc::clone(&machine), seed, line)));
        for line in starting.collect::<Vec<_>>().into_iter().chain(answering) {
            line.await.unwrap();
        }
    });
}

impl Life {
    fn begin(folder: &Path) -> Self {
        let store = FileStore::open(folder.join("executions.db")).unwrap();
        let journal = Arc::new(Journal::open(folder));
        let mut tokens = BTreeMap::new();
        for entry in Journal::read(folder) {
            match entry {
                Entry::Asked { name, token } => drop(tokens.insert(name, token)),
                Entry::Answered { name, .. } => drop(tokens.remove(&name)),
                _ => {}
            }
        }
        let tokens = Arc::new(Mutex::new(tokens));
        let work = || {
            let journal = Arc::clone(&journal);
            handler_fn(move |request: TaskRequest, _: TaskContext| {
                journal.write(&Entry::Worked { key: request.idempotency_key() });
                async move { Ok::<_, Failure>(request.input) }
            })
        };
        let ask = {
            let (journal, tokens) = (Arc::clone(&journal), Arc::clone(&tokens));
            handler_fn(move |request: TaskRequest, cx: TaskContext| {
                let name = request.execution.as_str().rsplit(':').next().unwrap().to_owned();
                let token = cx.token().unwrap().reveal().to_owned();
                journal.write(&Entry::Asked { name: name.clone(), token: token.clone() });
                tokens.lock().unwrap().insert(name, token);
                async { Ok::<_, Failure>(TaskOutcome::Deferred) }
            })
        };
        let runtime = Runtime::builder()
            .store(Arc::new(store))
            .residents(RESIDENTS)
            .function("*", work())
            .handler("arn:aws:states:::sqs:*", ask)
            .build();
        Self { runtime: runtime.unwrap(), journal, tokens }
    }

    /// Starts one execution after another.
    async fn start(self, machine: Arc<StateMachine>, seed: u64, line: u64) {
        for n in 0.. {
            let name = format!("{seed}-{line}-{n}");
            self.journal.write(&Entry::Starts { name: name.clone() });
            let input = json!({ "name": name, "padding": "x".repeat(200) });
            self.runtime.start_execution(&machine, &*name, input).await.unwrap();
            self.journal.write(&Entry::Started { name });
        }
    }

    /// Answers one token after another, in an order that nobody knows.
    async fn answer(self, seed: u64) {
        let mut random = Random::new(seed);
        loop {
            let picked = {
                let mut tokens = self.tokens.lock().unwrap();
                let at = random.below(tokens.len().max(1) as u64) as usize;
                let name = tokens.keys().nth(at).cloned();
                name.and_then(|name| tokens.remove_entry(&name))
            };
            let Some((name, token)) = picked else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            let token: TaskToken = token.parse().unwrap();
            let value = random.below(1 << 53);
            self.journal.write(&Entry::Answers { name: name.clone(), value });
            match self.runtime.send_task_success(&token, json!({ "value": value })).await {
                Ok(()) => self.journal.write(&Entry::Answered { name, value }),
                // Somebody who was killed before it was told so has answered.
                Err(ReportError::TaskTimedOut) => {}
                Err(error) => panic!("the token of {name} was not taken: {error}"),
            }
        }
    }

    /// Waits until everything has ended.
    async fn finish(&self) {
        loop {
            let open = ExecutionFilter::default().status("RUNNING");
            let open = self.runtime.list_executions(open, PageRequest::first(1)).await.unwrap();
            if open.items.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
