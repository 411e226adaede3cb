//! Load on several nodes, disturbances, and a look at what came of it all: nothing lost, nothing doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use stepwright::store::{ExecutionFilter, PageRequest, PostgresStore};
use stepwright::{
    ExecutionId, ExecutionStatus, Failure, HistoryEvent, Runtime, StateMachine, Store, TaskRequest,
    TaskToken, handler_fn,
};

use super::node::{DEFINITION, Node};

/// How many executions are under way at once.
const LOAD: usize = 24;

/// How long to wait for what has to come before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often to look around.
const BREATH: Duration = Duration::from_millis(5);

/// How long to wait for an answer before asking again.
const AGAIN: Duration = Duration::from_secs(5);

/// Nodes under load.
pub(crate) struct Storm {
    database: String,
    store: PostgresStore,
    pub(crate) nodes: Vec<Node>,
    /// The numbers of those that are ready.
    ready: BTreeSet<usize>,
    says: Sender<(usize, String)>,
    heard: Receiver<(usize, String)>,
    last_node: usize,
    random: u64,
    executions: BTreeMap<String, Known>,
    /// The executions of tokens.
    tokens: BTreeMap<String, String>,
    last_answer: u64,
    /// Whoever works and was held back.
    pub(crate) working: BTreeSet<String>,
}

/// What is known of an execution from outside.
#[derive(Debug, Default)]
struct Known {
    started: bool,
    /// When something was last asked for, and of which node, if there is no answer yet.
    asked: Option<(Instant, usize)>,
    token: Option<String>,
    /// The answers that were sent, and not refused for certain.
    sent: BTreeSet<u64>,
    accepted: Option<u64>,
    /// A later answer was too late: one of those before counts.
    late: bool,
}

impl Known {
    fn is_settled(&self) -> bool {
        self.started && (self.accepted.is_some() || self.late)
    }
}

impl Storm {
    pub(crate) async fn new(database: &str, nodes: usize, seed: u64) -> Self {
        let (says, heard) = channel();
        let mut storm = Self {
            database: database.into(),
            store: PostgresStore::connect(database).await.unwrap(),
            nodes: Vec::new(),
            ready: BTreeSet::new(),
            says,
            heard,
            last_node: 0,
            random: seed,
            executions: BTreeMap::new(),
            tokens: BTreeMap::new(),
            last_answer: 0,
            working: BTreeSet::new(),
        };
        (0..nodes).for_each(|_| storm.join());
        storm.until("the nodes are ready", |storm| storm.ready.len() == nodes);
        storm
    }

    /// Lets a new node join.
    fn join(&mut self) {
        self.last_node += 1;
        self.nodes.push(Node::start(&self.database, self.last_node, self.says.clone()));
    }

    /// Kills one of the nodes and lets another join.
    pub(crate) fn replace(&mut self) {
        let at = self.random(self.nodes.len() as u64) as usize;
        let dead = self.nodes.swap_remove(at);
        self.ready.remove(&dead.number);
        for known in self.executions.values_mut() {
            known.asked = known.asked.filter(|(_, node)| *node != dead.number);
        }
        drop(dead);
        self.join();
        let joined = self.last_node;
        self.until("the new node is ready", |storm| storm.ready.contains(&joined));
    }

    /// Goes on under load for some time, at most as long as `longest`.
    pub(crate) fn blow(&mut self, longest: Duration) {
        let end = Instant::now() + Duration::from_micros(self.random(longest.as_micros() as u64));
        while Instant::now() < end {
            self.load();
            self.listen();
        }
    }

    /// Waits under load.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(
                Instant::now() < end,
                "{what}: {:#?}",
                self.executions.iter().filter(|(_, known)| !known.is_settled()).take(3).collect::<Vec<_>>()
            );
            if !self.ready.is_empty() {
                self.ask();
            }
            self.listen();
        }
    }

    /// Starts executions where there are too few under way.
    fn load(&mut self) {
        let under_way = self.executions.values().filter(|known| !known.is_settled()).count();
        for _ in under_way..LOAD {
            let name = format!("e{}", self.executions.len());
            self.executions.insert(name, Known::default());
        }
        self.ask();
    }

    /// Asks for what was not confirmed, again if need be: to start, and to take an answer.
    fn ask(&mut self) {
        let due = |known: &Known| known.asked.is_none_or(|(since, _)| since.elapsed() > AGAIN);
        let open: Vec<String> = self
            .executions
            .iter()
            .filter(|(_, known)| !known.is_settled() && due(known))
            .map(|(name, _)| name.clone())
            .collect();
        for name in open {
            let at = self.random(self.ready.len() as u64) as usize;
            let Some(number) = self.ready.iter().nth(at).copied() else { return };
            let node = self.nodes.iter_mut().find(|node| node.number == number).unwrap();
            let known = self.executions.get_mut(&name).unwrap();
            match (&known.token, known.started) {
                (_, false) => node.tell(&format!("start {name}")),
                (Some(token), true) => {
                    self.last_answer += 1;
                    known.sent.insert(self.last_answer);
                    node.tell(&format!("answer {token} {}", self.last_answer));
                }
                (None, true) => continue,
            }
            known.asked = Some((Instant::now(), number));
        }
    }

    fn listen(&mut self) {
        let mut said = match self.heard.recv_timeout(BREATH) {
            Ok(said) => Some(said),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("the sender is here"),
        };
        while let Some((number, words)) = said {
            self.hear(number, &words);
            said = self.heard.try_recv().ok();
        }
    }

    fn hear(&mut self, number: usize, said: &str) {
        match said.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["ready"] => {
                if self.nodes.iter().any(|node| node.number == number) {
                    self.ready.insert(number);
                }
            }
            ["started", name] => {
                let known = self.executions.entry(name.into()).or_default();
                (known.started, known.asked) = (true, None);
            }
            ["unstarted", name, ..] => self.executions.get_mut(name).unwrap().asked = None,
            ["working", execution] => {
                self.working.insert(execution.into());
            }
            ["token", execution, token] => {
                let name = execution.rsplit(':').next().unwrap();
                self.tokens.insert(token.into(), name.into());
                let known = self.executions.entry(name.into()).or_default();
                known.token = Some(token.into());
            }
            ["answered", token, answer, came] => {
                let answer: u64 = answer.parse().unwrap();
                let known = self.executions.get_mut(&self.tokens[token]).unwrap();
                known.asked = None;
                match came {
                    "accepted" => {
                        assert_eq!(known.accepted, None, "a token was answered twice: {known:?}");
                        known.accepted = Some(answer);
                    }
                    "late" => {
                        known.sent.remove(&answer);
                        assert!(
                            known.accepted.is_some() || !known.sent.is_empty(),
                            "too late for nothing: {known:?}"
                        );
                        known.late = true;
                    }
                    _ if came.starts_with("unsure") => {}
                    _ => panic!("{said}"),
                }
            }
            _ => panic!("a node said: {said}"),
        }
    }

    /// Starts executions at a node that work until it is told to go on, and waits until they do.
    pub(crate) fn hold_back(&mut self, at: usize, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|n| format!("held-back-{n}")).collect();
        for name in &names {
            self.nodes[at].tell(&format!("hold {name}"));
        }
        self.until("the node works", |storm| storm.working.len() == count);
        names
    }

    /// Stops a node in the middle of whatever it does.
    pub(crate) fn freeze(&mut self, at: usize) {
        self.nodes[at].signal("-STOP");
        let number = self.nodes[at].number;
        self.ready.remove(&number);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self, at: usize) {
        self.nodes[at].signal("-CONT");
        self.ready.insert(self.nodes[at].number);
    }

    /// Whether all of these have ended.
    pub(crate) async fn have_ended(&self, names: &[String]) -> bool {
        for name in names {
            let summary = self.store.describe(&id(name)).await.unwrap();
            if !summary.is_some_and(|summary| summary.status.is_closed()) {
                return false;
            }
        }
        true
    }

    /// Waits until everything has come to its end.
    pub(crate) async fn calm(&mut self) {
        self.until("what was asked for is confirmed", |storm| {
            storm.executions.values().all(Known::is_settled)
        });
        let names: Vec<String> = self.executions.keys().cloned().collect();
        self.ended(&names).await;
    }

    /// Waits until these have come to their ends.
    pub(crate) async fn ended(&mut self, names: &[String]) {
        let end = Instant::now() + PATIENCE;
        while !self.have_ended(names).await {
            assert!(Instant::now() < end, "what was accepted comes to its end: {}", self.open().await);
            self.ask();
            self.listen();
        }
    }

    async fn open(&self) -> String {
        let open = ExecutionFilter::default().status("RUNNING");
        let page = self.store.list(open, PageRequest::default()).await.unwrap();
        let names: Vec<&str> = page.items.iter().map(|summary| &*summary.name).collect();
        format!("{names:?}")
    }

    /// Checks everything that is known against what is stored, and says how many executions there were.
    pub(crate) async fn check(&self) -> usize {
        let expected = undisturbed().await;
        let mut page = PageRequest::first(1000);
        let mut names = BTreeSet::new();
        loop {
            let got = self.store.list(ExecutionFilter::default(), page.clone()).await.unwrap();
            names.extend(got.items.iter().map(|summary| summary.name.to_string()));
            let Some(next) = got.next else { break };
            page = page.after(next);
        }
        assert!(names.iter().eq(self.executions.keys()), "there is exactly what was started");
        for (name, known) in &self.executions {
            let summary = self.store.describe(&id(name)).await.unwrap().unwrap();
            let ExecutionStatus::Succeeded { output } = &summary.status else {
                panic!("{name}: {summary:?}")
            };
            let answer = output.get("answer").and_then(|answer| answer.as_i64()).unwrap() as u64;
            match known.accepted {
                Some(accepted) => assert_eq!(answer, accepted, "an answer that was accepted counts: {name}"),
                None => assert!(known.sent.contains(&answer), "one of the answers counts: {name}"),
            }
            let history = self.store.history(&id(name), PageRequest::first(1000)).await.unwrap().items;
            assert_eq!(shape(&history), expected, "no transition is lost or happens twice: {name}");
        }
        for token in self.tokens.keys() {
            let token: TaskToken = token.parse().unwrap();
            assert!(
                self.store.find_task(&token.hash()).await.unwrap().is_some(),
                "tokens that were seen are known"
            );
        }
        names.len()
    }

    /// The next random number below `bound`: splitmix64.
    pub(crate) fn random(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

fn id(name: &str) -> ExecutionId {
    format!("arn:aws:states:us-east-1:123456789012:execution:Storm:{name}").into()
}

/// The history of an execution that nothing disturbs.
async fn undisturbed() -> Vec<&'static str> {
    let (tokens, mut asked) = tokio::sync::mpsc::unbounded_channel();
    let ask = handler_fn(move |request: TaskRequest, _| {
        tokens.send(request.input["MessageBody"]["Token"].as_str().unwrap().to_owned()).unwrap();
        async { Ok::<_, Failure>(json!({ "MessageId": "1" })) }
    });
    let work = handler_fn(async |request: TaskRequest, _| Ok::<_, Failure>(request.input));
    let runtime = Runtime::builder()
        .function("Work", work)
        .handler("arn:aws:states:::sqs:sendMessage.waitForTaskToken", ask)
        .build()
        .unwrap();
    let machine = Arc::new(StateMachine::parse(DEFINITION).unwrap().named("Storm"));
    let execution = runtime.start_execution(&machine, "calm", json!({ "name": "calm" })).await.unwrap();
    let token: TaskToken = asked.recv().await.unwrap().parse().unwrap();
    runtime.send_task_success(&token, json!(1)).await.unwrap();
    execution.wait().await.unwrap();
    let page = PageRequest::first(1000);
    shape(&runtime.get_execution_history(execution.id(), page).await.unwrap().items)
}

/// The types of a history's events, which are numbered without holes.
fn shape(history: &[HistoryEvent]) -> Vec<&'static str> {
    assert!(history.iter().map(|event| event.id).eq(1..=history.len() as u64), "histories have no holes");
    let mut types: Vec<&str> = history.iter().map(HistoryEvent::type_name).collect();
    // Where the answer is there before the call that asked has returned, nobody hears what that came to.
    if let Some(submitted) = types.iter().position(|name| *name == "TaskSubmitted") {
        types.remove(submitted);
    }
    types
}
