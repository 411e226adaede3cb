//! A runtime in a process of its own, which others may kill: it does what it is told on its standard input, and
//! says what came of it on its standard output.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::store::PostgresStore;
use stepwright::{
    Failure, ReportError, Runtime, StartError, StateMachine, TaskRequest, TaskToken, handler_fn,
};
use tokio::sync::Semaphore;

/// What executions go through: work, a callback, a timer, and work.
pub(crate) const DEFINITION: &str = r#"{
  "StartAt": "Prepare",
  "States": {
    "Prepare": {
      "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "Next": "Ask"
    },
    "Ask": {
      "Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } },
      "ResultPath": "$.answer",
      "TimeoutSeconds": 3600,
      "Next": "Nap"
    },
    "Nap": { "Type": "Wait", "Seconds": 1, "Next": "Finish" },
    "Finish": {
      "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "End": true
    }
  }
}"#;

/// How long a node may be silent.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// The variable that tells a process that it is a node, and where its database is.
const DATABASE: &str = "STEPWRIGHT_TEST_NODE";

/// What nodes say begins with this: the test harness talks, too.
const MARK: &str = "@";

/// A node, as seen from outside.
pub(crate) struct Node {
    child: Child,
    pub(crate) number: usize,
}

impl Node {
    /// Starts one. What it says goes to `heard`, with its number.
    pub(crate) fn start(database: &str, number: usize, heard: Sender<(usize, String)>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "node", "--nocapture"])
            .env(DATABASE, database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(said) = line.split_once(MARK).map(|(_, said)| said.to_owned()) {
                    // Nobody listens any longer when the test is over.
                    let _ = heard.send((number, said));
                }
            }
        });
        Self { child, number }
    }

    /// Tells it to do something. It may be dead, and then it does not.
    pub(crate) fn tell(&mut self, what: &str) {
        let _ = writeln!(self.child.stdin.as_mut().unwrap(), "{what}");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

/// A node that is dropped is killed, at once.
impl Drop for Node {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The life of a node, if this process is one.
pub(crate) async fn live() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let store = PostgresStore::options(&database).connections(4).connect().await.unwrap();
    let held_back = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&held_back);
    let work = handler_fn(move |request: TaskRequest, _| {
        let wait = Arc::clone(&wait);
        async move {
            if request.input["held_back"] == json!(std::process::id()) {
                say(&format!("working {}", request.execution));
                wait.acquire().await.unwrap().forget();
            }
            Ok::<_, Failure>(request.input)
        }
    });
    let ask = handler_fn(async |request: TaskRequest, _| {
        let token = request.input["MessageBody"]["Token"].as_str().unwrap().to_owned();
        say(&format!("token {} {token}", request.execution));
        Ok::<_, Failure>(json!({ "MessageId": "1" }))
    });
    let runtime = Runtime::builder()
        .store(Arc::new(store))
        .lease(LEASE)
        .function("Work", work)
        .handler("arn:aws:states:::sqs:sendMessage.waitForTaskToken", ask)
        .build()
        .unwrap();
    runtime.recover().await.unwrap();
    let machine = Arc::new(StateMachine::parse(DEFINITION).unwrap().named("Storm"));
    say("ready");

    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // At the end of the input the process ends: whoever started it is gone.
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| told.send(line))
    });
    while let Some(line) = tells.recv().await {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (runtime, machine, held_back) = (runtime.clone(), Arc::clone(&machine), Arc::clone(&held_back));
        tokio::spawn(async move {
            match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["start", name] => start(&runtime, &machine, name, Value::Null).await,
                ["hold", name] => start(&runtime, &machine, name, json!(std::process::id())).await,
                ["go"] => held_back.add_permits(1_000),
                ["answer", token, number] => answer(&runtime, token, number.parse().unwrap()).await,
                _ => panic!("{line}"),
            }
        });
    }
}

async fn start(runtime: &Runtime, machine: &Arc<StateMachine>, name: &str, held_back: Value) {
    match runtime.start_execution(machine, name, json!({ "name": name, "held_back": held_back })).await {
        Ok(_) | Err(StartError::ExecutionAlreadyExists { .. }) => say(&format!("started {name}")),
        Err(error) => say(&format!("unstarted {name} {error}")),
    }
}

async fn answer(runtime: &Runtime, text: &str, number: u64) {
    let token: TaskToken = text.parse().unwrap();
    let came = match runtime.send_task_success(&token, json!(number)).await {
        Ok(()) => "accepted".to_owned(),
        Err(ReportError::TaskTimedOut) => "late".to_owned(),
        Err(ReportError::InvalidToken) => "invalid".to_owned(),
        Err(error) => format!("unsure {error}"),
    };
    say(&format!("answered {text} {number} {came}"));
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody may listen any longer.
    let _ = writeln!(out, "{MARK}{what}");
    let _ = out.flush();
}
