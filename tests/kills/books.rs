//! What the store says, beside what the children were told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use rusqlite::Connection;
use stepwright::store::{ExecutionFilter, ExecutionSummary, PageRequest};
use stepwright::{ExecutionStatus, FileStore, Store, TaskToken};

use crate::journal::{Entry, Journal};

/// The only history that an execution may have.
const HISTORY: [&str; 18] = [
    "ExecutionStarted",
    "TaskStateEntered",
    "LambdaFunctionScheduled",
    "LambdaFunctionStarted",
    "LambdaFunctionSucceeded",
    "TaskStateExited",
    "TaskStateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskStateExited",
    "WaitStateEntered",
    "WaitStateExited",
    "TaskStateEntered",
    "LambdaFunctionScheduled",
    "LambdaFunctionStarted",
    "LambdaFunctionSucceeded",
];

/// How much was checked.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    executions: usize,
    answers: usize,
    tokens: usize,
    /// Tasks that were called more often than once: "at least once" means that.
    repeats: usize,
}

impl Sum {
    pub(crate) fn add(&mut self, other: &Self) {
        self.executions += other.executions;
        self.answers += other.answers;
        self.tokens += other.tokens;
        self.repeats += other.repeats;
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, answers, tokens, repeats } = self;
        write!(
            f,
            "{executions} executions, {tokens} tokens and {answers} acknowledged answers, nothing lost and nothing \
             doubled; {repeats} tasks were called again"
        )
    }
}

/// The file is whole, what was acknowledged is there, and histories are beginnings of the only one there is.
pub(crate) fn check_after_a_kill(folder: &Path, seed: u64) {
    let path = folder.join("executions.db");
    if !path.exists() {
        return;
    }
    // Opening does what recovery does: it reads the log.
    let store = FileStore::open(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    let whole: String = connection.query_row("PRAGMA quick_check", (), |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok", "seed {seed}: the file is damaged");
    block_on(async {
        let kept = by_name(&store).await;
        for entry in Journal::read(folder) {
            match entry {
                Entry::Started { name } => assert!(kept.contains_key(&name), "seed {seed}: {name} is lost"),
                Entry::Asked { name, token } => {
                    let token: TaskToken = token.parse().unwrap();
                    let known = store.find_task(&token.hash()).await.unwrap();
                    assert!(known.is_some(), "seed {seed}: the token of {name} is lost");
                }
                Entry::Answered { name, .. } => {
                    let history = types(&store, &kept[&name]).await;
                    assert!(history.len() >= 11, "seed {seed}: the answer to {name} is lost");
                }
                _ => {}
            }
        }
    });
}

/// Everything has ended, as it was told.
pub(crate) fn check_at_the_end(folder: &Path, seed: u64) -> Sum {
    let store = FileStore::open(folder.join("executions.db")).unwrap();
    let journal = Journal::read(folder);
    let mut sum = Sum::default();
    let (mut begun, mut answers, mut attempts) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    let (mut works, mut tokens) = (BTreeMap::<_, usize>::new(), BTreeSet::new());
    for entry in journal {
        match entry {
            Entry::Starts { name } => drop(begun.insert(name)),
            Entry::Answers { name, value } => {
                attempts.entry(name).or_insert_with(BTreeSet::new).extend([value])
            }
            Entry::Answered { name, value } => {
                let before = answers.insert(name.clone(), value);
                assert_eq!(before, None, "seed {seed}: two answers to {name} were acknowledged");
            }
            Entry::Asked { token, .. } => drop(tokens.insert(token)),
            Entry::Worked { key } => *works.entry(key).or_default() += 1,
            Entry::Ready { .. } | Entry::Started { .. } => {}
        }
    }
    block_on(async {
        for (name, kept) in by_name(&store).await {
            assert!(begun.contains(&name), "seed {seed}: nobody started {name}");
            let ExecutionStatus::Succeeded { output } = &kept.status else {
                panic!("seed {seed}: {name} ended as {:?}", kept.status)
            };
            let output = serde_json::Value::from(output);
            let value = output["value"].as_u64().unwrap();
            match answers.get(&name) {
                Some(answer) => assert_eq!(value, *answer, "seed {seed}: the answer to {name} was another"),
                None => {
                    assert!(attempts[&name].contains(&value), "seed {seed}: nobody gave {name} its answer")
                }
            }
            let history = types(&store, &kept).await;
            let expected: Vec<&str> =
                HISTORY.into_iter().chain(["TaskStateExited", "ExecutionSucceeded"]).collect();
            assert_eq!(history, expected, "seed {seed}: the history of {name}");
            sum.executions += 1;
        }
    });
    sum.answers = answers.len();
    sum.tokens = tokens.len();
    sum.repeats = works.values().filter(|times| **times > 1).count();
    sum
}

async fn by_name(store: &FileStore) -> BTreeMap<String, ExecutionSummary> {
    let all = store.list(ExecutionFilter::default(), PageRequest::first(usize::MAX)).await.unwrap();
    all.items.into_iter().map(|summary| (summary.name.to_string(), summary)).collect()
}

/// The types of an execution's events, whose numbers have no holes.
async fn types(store: &FileStore, summary: &ExecutionSummary) -> Vec<&'static str> {
    let history = store.history(&summary.id, PageRequest::first(usize::MAX)).await.unwrap().items;
    for (event, number) in history.iter().zip(1..) {
        assert_eq!(event.id, number, "the events of {} are not numbered in order", summary.name);
    }
    history.iter().map(|event| event.type_name()).collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
