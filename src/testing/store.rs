//! Does a store keep its promises? The conformance suite for implementations of [`Store`].
//!
//! Each function checks one promise with real executions and panics, saying what was promised, when it is
//! broken. They need a tokio runtime; on one with several threads the races are real. Other executions in the
//! store do not disturb them, and what they add to it stays there.
//!
//! ```
//! use std::sync::Arc;
//! use stepwright::{MemoryStore, Store, testing};
//!
//! # #[tokio::main]
//! # async fn main() {
//! let yours: Arc<dyn Store> = Arc::new(MemoryStore::default());
//! testing::store::all(&yours).await;
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};

use crate::execution::{Command, Event, Execution, Reporter, Seed, Start, Step, TaskStart};
use crate::failure::Failure;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TaskToken, TokenHash};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::store::{
    Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, Page, PageRequest, Revision, Store,
    StoreError, StoreErrorKind, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// Asks with a token, again and again if it is told to, waits, and has some work done.
const DEFINITION: &str = r#"{
  "StartAt": "Ask",
  "States": {
    "Ask": {
      "Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "q", "MessageBody": { "Order.$": "$", "Token.$": "$$.Task.Token" } },
      "ResultPath": "$.answer",
      "TimeoutSeconds": 3600,
      "Retry": [{ "ErrorEquals": ["Again"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 1000 }],
      "Next": "Rest"
    },
    "Rest": { "Type": "Wait", "Seconds": 60, "Next": "Work" },
    "Work": {
      "Type": "Task",
      "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work",
      "End": true
    }
  }
}"#;

/// When the first execution of a check is started: 2026-01-01T00:00:00Z.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// How many do the same at once, where a check is a race.
const RACERS: usize = 16;

/// How many pages a list may have before it counts as endless.
const MOST_PAGES: usize = 1_000;

/// Checks everything, one promise after another.
///
/// # Panics
///
/// When the store breaks a promise; so do all the others here.
pub async fn all(store: &Arc<dyn Store>) {
    what_is_unknown_is_said_to_be(store).await;
    an_id_is_taken_once(store).await;
    commits_are_whole(store).await;
    stale_commits_change_nothing(store).await;
    one_of_many_owners_wins(store).await;
    snapshots_can_be_gone_on_with(store).await;
    histories_have_no_holes(store).await;
    tokens_are_remembered(store).await;
    lists_are_stable(store).await;
    what_has_ended_stays(store).await;
}

/// Executions and tokens that never were: absent where that is an answer, `NotFound` where it is none.
pub async fn what_is_unknown_is_said_to_be(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let (subject, _, commit) = suite.subject(0);
    let id = subject.execution.id().clone();
    assert!(must(store.load(&id).await).is_none(), "an execution that never was has no state");
    assert!(must(store.describe(&id).await).is_none(), "an execution that never was is not described");
    let token = subject.tokens[0].0;
    assert_eq!(must(store.find_task(&token).await), None, "a token that nobody issued leads nowhere");
    let history = store.history(&id, PageRequest::default()).await;
    let kind = history.expect_err("an execution that never was has no history").kind();
    assert_eq!(kind, StoreErrorKind::NotFound, "the history of an execution that never was");
    let written = store.commit(&id, Revision::new(1), commit).await;
    let kind = written.expect_err("an execution that never was takes no commit").kind();
    assert_eq!(kind, StoreErrorKind::NotFound, "a commit to an execution that never was");
    assert_eq!(must(store.find_task(&token).await), None, "a commit that failed issues no token");
}

/// Of those who create an execution under one id one succeeds, and the others hear of the execution it made.
pub async fn an_id_is_taken_once(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut first = suite.create(0).await;
    let (other, new, commit) = suite.subject_with(0, "another input", 1);
    let Created::Existing(summary) = must(store.create(new, commit).await) else {
        panic!("an id that is taken was taken again")
    };
    same_summary(&summary, &first.summary(), "who finds an id taken hears of the execution that has it");
    first.check("creating an execution whose id is taken changes nothing").await;
    let token = other.tokens[0].0;
    assert_eq!(
        must(store.find_task(&token).await),
        None,
        "an execution that was not created issues no token"
    );
    first.live_to_the_end().await;
    let (_, new, commit) = suite.subject(0);
    let Created::Existing(summary) = must(store.create(new, commit).await) else {
        panic!("the id of an execution that has ended was taken again")
    };
    same_summary(&summary, &first.summary(), "who finds an id taken hears how that execution stands");

    // All at once.
    let mut racers = JoinSet::new();
    for n in 0..RACERS {
        let (subject, new, commit) = suite.subject_with(1, &format!("input {n}"), n);
        let (store, token, input) = (Arc::clone(store), subject.tokens[0].0, new.input.clone());
        racers.spawn(async move { (must(store.create(new, commit).await), token, input) });
    }
    let came = racers.join_all().await;
    let mut winners = came.iter().filter(|(created, ..)| matches!(created, Created::New(_)));
    let (_, winner_token, winner_input) =
        winners.next().expect("of many who create an execution one succeeds");
    assert!(winners.next().is_none(), "of many who create one execution at once only one succeeds");
    for (created, token, _) in &came {
        if let Created::Existing(summary) = created {
            assert_eq!(&summary.input, winner_input, "the losers hear of the winner's execution");
        }
        let found = must(store.find_task(token).await);
        assert_eq!(found.is_some(), token == winner_token, "only the winner's token leads somewhere");
    }
}

/// A commit is visible whole when it returns, and never in part: state, status and revision belong together.
pub async fn commits_are_whole(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    // With pauses of several lengths, writer and reader meet at each point.
    for pauses in 0..6 {
        let mut subject = suite.create(pauses).await;
        let mut stood = BTreeMap::from([(subject.revision, subject.stands())]);
        let over = Arc::new(AtomicBool::new(false));
        let (store, id) = (Arc::clone(store), subject.execution.id().clone());
        let reading = read_until(Arc::clone(&over), store, id);
        let reader = tokio::spawn(async move {
            for _ in 0..pauses % 2 {
                yield_now().await;
            }
            reading.await
        });
        for moment in LIFE {
            for _ in 0..pauses {
                yield_now().await;
            }
            subject.live(*moment).await;
            stood.insert(subject.revision, subject.stands());
            subject.check("a commit that has returned is visible").await;
        }
        over.store(true, Ordering::Relaxed);
        for stored in reader.await.expect("the reader does not panic") {
            let stands = stands(&suite.restore(&stored));
            let expected = stood.get(&stored.revision);
            assert_eq!(Some(&stands), expected, "the state belongs to the revision that it was read with");
            let status = stored.summary.status.as_str();
            assert_eq!(status, stands.status, "the summary belongs to the state that it was read with");
        }
    }
}

/// Everything different that somebody sees who reads all the time.
async fn read_until(over: Arc<AtomicBool>, store: Arc<dyn Store>, id: ExecutionId) -> Vec<StoredExecution> {
    let mut read: Vec<StoredExecution> = Vec::new();
    loop {
        let last_round = over.load(Ordering::Relaxed);
        let stored = must(store.load(&id).await).expect("what was created is there");
        if read.last().is_none_or(|last| last.revision != stored.revision) {
            read.push(stored);
        }
        if last_round {
            return read;
        }
        yield_now().await;
    }
}

/// A commit that does not follow the current revision fails with `Conflict`, and nothing has changed.
pub async fn stale_commits_change_nothing(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    let stale = subject.revision;
    subject.live(Moment::Submitted).await;
    for expected in [stale, subject.revision.next(), Revision::new(0)] {
        // Somebody else, who has not heard of the last commit, goes on: a token is retired, then one is issued.
        let mut other = suite.other(&subject).await;
        for moment in [Moment::Again, Moment::Tick] {
            let mut step = other.step(other.event(moment));
            let commit = Commit::new(&mut step, other.execution.take_changes(), other.now);
            let refused = store.commit(other.execution.id(), expected, commit).await;
            let kind = refused.expect_err("a commit at a revision that is not current is refused").kind();
            assert_eq!(kind, StoreErrorKind::Conflict, "a commit at a revision that is not current");
            subject.check("a commit that was refused changes nothing").await;
        }
        let token = other.tokens.last().expect("the second attempt has a token").0;
        assert_eq!(must(store.find_task(&token).await), None, "a commit that was refused issues no token");
    }
    subject.live_to_the_end().await;
    subject.check("whoever has the current revision goes on").await;
}

/// Of owners who commit at the same revision at once one succeeds, and the others' steps never were.
pub async fn one_of_many_owners_wins(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    for moment in LIFE {
        let mut owners = Vec::new();
        for n in 0..RACERS {
            let mut owner = suite.other(&subject).await;
            // Each at another time, so that its history tells who it was.
            owner.now = owner.now + Duration::from_millis(n as u64);
            owners.push(owner);
        }
        let mut racers = JoinSet::new();
        for mut owner in owners {
            racers.spawn(async move {
                let mut step = owner.step(owner.event(*moment));
                let commit = Commit::new(&mut step, owner.execution.take_changes(), owner.now);
                let written = owner.store.commit(owner.execution.id(), owner.revision, commit).await;
                (written.map_err(|error| error.kind()), owner)
            });
        }
        let mut winners = Vec::new();
        for (written, owner) in racers.join_all().await {
            match written {
                Ok(revision) => winners.push(Subject { revision, ..owner }),
                Err(kind) => {
                    assert_eq!(kind, StoreErrorKind::Conflict, "who loses a race hears of a conflict")
                }
            }
        }
        assert_eq!(winners.len(), 1, "of {RACERS} who commit at one revision at once one succeeds");
        let winner = winners.remove(0);
        assert!(winner.revision > subject.revision, "a commit moves the revision on");
        subject = winner;
        subject.check("only the winner's step was made").await;
    }
}

/// After every commit the state can be loaded, and goes on exactly as the execution would that it came from.
pub async fn snapshots_can_be_gone_on_with(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    for moment in LIFE {
        let stored = must(store.load(subject.execution.id()).await).expect("what was created is there");
        assert_eq!(&*stored.definition, DEFINITION, "the definition is kept");
        let mut again = suite.restore(&stored);
        assert_eq!(stands(&again), subject.stands(), "what was loaded waits for the same");
        let event = subject.event(*moment);
        let expected = subject.step(event.clone());
        let step = again.handle(event, subject.now).expect("what was loaded takes the same events");
        assert_eq!(step, expected, "what was loaded goes on the same");
        subject.commit(expected).await;
    }
    assert!(subject.execution.status().is_closed(), "it has ended");
}

/// A history is given by number, without holes: forwards, backwards, in pages of any size, also while it grows.
pub async fn histories_have_no_holes(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    for _ in 0..12 {
        subject.again().await;
    }
    let events = subject.history.len();
    for limit in [1, 7, events, events + 1] {
        for reverse in [false, true] {
            let mut read = subject.read_history(limit, reverse).await;
            if reverse {
                read.reverse();
            }
            same_history(&read, &subject.history, "the pages of a history give each event once, in order");
        }
    }

    // What is added between two pages is at the end.
    let id = subject.execution.id().clone();
    let known = subject.history.clone();
    let (half, rest) = (events / 2, events - events / 2);
    let forwards = must(store.history(&id, PageRequest::first(half)).await);
    let backwards = must(store.history(&id, PageRequest::first(half).reverse()).await);
    subject.again().await;
    let next = PageRequest::first(rest).after(forwards.next.expect("there is more"));
    same_history(
        &must(store.history(&id, next).await).items,
        &known[half..],
        "the pages of a history that grows give each event once",
    );
    let next = PageRequest::first(rest).reverse().after(backwards.next.expect("there is more"));
    let mut read = must(store.history(&id, next).await).items;
    read.reverse();
    same_history(
        &read,
        &known[..rest],
        "backwards too, the pages of a history that grows give each event once",
    );
}

/// A token leads to its task as long as that waits, and is known afterwards as one that did.
pub async fn tokens_are_remembered(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    let other = suite.create(1).await;
    for _ in 0..3 {
        subject.again().await;
        subject.check_tokens().await;
    }
    assert!(subject.tokens.len() > 3, "each attempt has a token of its own");
    subject.live_to_the_end().await;
    subject.check_tokens().await;
    other.check_tokens().await;
    let made_up: TaskToken = "bm9ib2R5IGV2ZXIgaXNzdWVkIHRoaXM".parse().expect("it could be one");
    assert_eq!(
        must(store.find_task(&made_up.hash()).await),
        None,
        "a token that nobody issued leads nowhere"
    );
}

/// Executions are listed in the order they were started, each once, whatever starts and ends between the pages.
pub async fn lists_are_stable(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let open = |n: usize| !n.is_multiple_of(3);
    let mut subjects = Vec::new();
    for n in 0..9 {
        let mut subject = suite.create(n).await;
        if !open(n) {
            subject.live_to_the_end().await;
        }
        subjects.push(subject);
    }
    let all: Vec<ExecutionId> = subjects.iter().map(|subject| subject.execution.id().clone()).collect();
    let ours = || ExecutionFilter::default().machine(suite.machine_arn.clone());
    let numbers = |chosen: &dyn Fn(usize) -> bool| -> Vec<ExecutionId> {
        (0..9).filter(|n| chosen(*n)).map(|n| all[n].clone()).collect()
    };
    let lists = [
        (ours(), numbers(&|_| true)),
        (ours().status("RUNNING"), numbers(&open)),
        (ours().status("SUCCEEDED"), numbers(&|n| !open(n))),
        (ours().status("ABORTED"), Vec::new()),
        (ExecutionFilter::default().machine(format!("{}-not", suite.machine_arn)), Vec::new()),
    ];
    for (filter, expected) in &lists {
        for limit in [1, 2, 100] {
            for reverse in [false, true] {
                let mut listed = suite.list(filter, limit, reverse).await;
                if reverse {
                    listed.reverse();
                }
                assert_eq!(&listed, expected, "the pages of {filter:?} give each execution once, in order");
            }
        }
    }
    let everything = suite.list(&ExecutionFilter::default(), 100, false).await;
    assert!(all.iter().all(|id| everything.contains(id)), "without a filter everything is listed");

    // One that was seen ends, and one is started, before the second page is asked for.
    let filter = ours().status("RUNNING");
    let first = must(store.list(filter.clone(), PageRequest::first(2)).await);
    assert_eq!(ids(&first), numbers(&|n| n == 1 || n == 2), "the first page");
    subjects[1].live_to_the_end().await;
    suite.create(9).await;
    let rest = PageRequest::first(100).after(first.next.expect("there is more"));
    let mut rest = ids(&must(store.list(filter, rest).await));
    // The one that was started meanwhile may be there or not.
    rest.retain(|id| all.contains(id));
    let expected = numbers(&|n| open(n) && n > 2);
    assert_eq!(
        rest, expected,
        "what passes a filter all the time is listed, whatever ends and starts meanwhile"
    );
}

/// An execution that has ended is described as before, with its history, and says when it ended.
pub async fn what_has_ended_stays(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    for (n, end) in [Moment::Worked, Moment::Stopped].into_iter().enumerate() {
        let mut subject = suite.create(n).await;
        for moment in LIFE.iter().take(LIFE.len() - 1) {
            subject.live(*moment).await;
        }
        subject.live(end).await;
        subject.check("an execution that has ended is kept").await;
        let stored = must(store.load(subject.execution.id()).await).expect("what has ended is there");
        let restored = suite.restore(&stored);
        assert!(restored.outstanding().is_empty(), "an execution that has ended waits for no task");
        assert_eq!(restored.deadline(), None, "an execution that has ended has no deadline");
    }
}

/// What happens to an execution.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The call that asks was made.
    Submitted,
    /// The answer is: ask again.
    Again,
    /// The answer is: yes.
    Answered,
    /// The deadline has come.
    Tick,
    /// The work is done.
    Worked,
    /// Somebody stops it.
    Stopped,
}

/// A life in which everything happens once.
const LIFE: &[Moment] = &[
    Moment::Submitted,
    Moment::Again,
    Moment::Tick,
    Moment::Submitted,
    Moment::Answered,
    Moment::Tick,
    Moment::Worked,
];

/// One check: its executions belong to a machine of its own.
struct Suite {
    store: Arc<dyn Store>,
    machine: Arc<StateMachine>,
    machine_arn: Arc<str>,
    /// Nobody else's tokens are like those that come from it.
    secret: [u8; 32],
}

/// An execution, and what the store should know about it.
struct Subject {
    store: Arc<dyn Store>,
    execution: Execution,
    revision: Revision,
    new: NewExecution,
    now: Timestamp,
    history: Vec<HistoryEvent>,
    /// The tokens that were issued, and their tasks.
    tokens: Vec<(TokenHash, TaskId)>,
    /// The task that waits.
    task: Option<TaskId>,
}

/// What an execution waits for.
#[derive(Debug, PartialEq)]
struct Stands {
    status: &'static str,
    deadline: Option<Timestamp>,
    outstanding: Vec<TaskStart>,
}

impl Suite {
    fn new(store: &Arc<dyn Store>) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        let name = uuid::Builder::from_random_bytes(std::array::from_fn(|n| secret[n])).into_uuid();
        let machine = StateMachine::parse(DEFINITION).expect("the definition is right");
        let machine = machine.named(format!("Suite-{name}"));
        let machine_arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{}", machine.name());
        Self { store: Arc::clone(store), machine: Arc::new(machine), machine_arn: machine_arn.into(), secret }
    }

    /// The `n`-th execution, and what creates it.
    fn subject(&self, n: usize) -> (Subject, NewExecution, Commit) {
        self.subject_with(n, "the input", 0)
    }

    /// The same of somebody else who uses the same name.
    fn subject_with(&self, n: usize, input: &str, variant: usize) -> (Subject, NewExecution, Commit) {
        let now = BEGIN + Duration::from_millis(n as u64);
        let id = format!("arn:aws:states:us-east-1:123456789012:execution:{}:{n}", self.machine.name());
        let mut seed = self.secret;
        seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
        seed[8..16].copy_from_slice(&(variant as u64).to_be_bytes());
        let input = Json::object([("input".into(), Json::string(input)), ("n".into(), Json::from(n as u64))]);
        let start = Start::new(&n.to_string(), input)
            .arns(&id, self.machine_arn.clone(), "arn:aws:iam::123456789012:role/Suite")
            .seed(Seed::from(seed));
        let new = NewExecution::new(
            start.id.clone(),
            start.name.clone(),
            start.machine_arn.clone(),
            self.machine.definition.clone(),
            start.input.clone(),
            now,
        );
        let (mut execution, mut step) = Execution::start(Arc::clone(&self.machine), start, now);
        let changes = execution.take_changes();
        let mut subject = Subject {
            store: Arc::clone(&self.store),
            execution,
            revision: Revision::default(),
            new: new.clone(),
            now,
            history: Vec::new(),
            tokens: Vec::new(),
            task: None,
        };
        subject.note(&step);
        (subject, new, Commit::new(&mut step, changes, now))
    }

    async fn create(&self, n: usize) -> Subject {
        let (subject, new, commit) = self.subject(n);
        match must(self.store.create(new, commit).await) {
            Created::New(revision) => Subject { revision, ..subject },
            Created::Existing(_) => panic!("an execution that never was exists"),
        }
    }

    /// Another owner of an execution, who loaded it.
    async fn other(&self, subject: &Subject) -> Subject {
        let stored = must(self.store.load(subject.execution.id()).await).expect("what was created is there");
        Subject {
            store: Arc::clone(&self.store),
            execution: self.restore(&stored),
            revision: stored.revision,
            new: subject.new.clone(),
            now: subject.now,
            history: subject.history.clone(),
            tokens: subject.tokens.clone(),
            task: subject.task,
        }
    }

    fn restore(&self, stored: &StoredExecution) -> Execution {
        let restored = Execution::restore(Arc::clone(&self.machine), &stored.snapshot, Limits::AWS, BEGIN);
        restored.unwrap_or_else(|error| panic!("the state that was loaded can be gone on with: {error}"))
    }

    async fn list(&self, filter: &ExecutionFilter, limit: usize, reverse: bool) -> Vec<ExecutionId> {
        let mut page = PageRequest { reverse, ..PageRequest::first(limit) };
        let mut listed = Vec::new();
        for _ in 0..MOST_PAGES {
            let got = must(self.store.list(filter.clone(), page.clone()).await);
            assert!(got.items.len() <= limit, "a page has no more entries than were asked for");
            listed.extend(ids(&got));
            match got.next {
                Some(next) => page = page.after(next),
                None => return listed,
            }
        }
        panic!("a list comes to an end")
    }
}

impl Subject {
    /// What tells the execution of a moment.
    fn event(&self, moment: Moment) -> Event {
        let task = || self.task.expect("a task waits");
        let output = Json::object([("ok".into(), Json::from(true))]);
        match moment {
            Moment::Submitted => Event::TaskSubmitted { task: task(), output },
            Moment::Again => Event::TaskFailed {
                task: task(),
                failure: Failure::new("Again", "ask again"),
                reporter: Reporter::TokenHolder,
            },
            Moment::Answered => {
                Event::TaskSucceeded { task: task(), output, reporter: Reporter::TokenHolder }
            }
            Moment::Tick => Event::Tick,
            Moment::Worked => Event::TaskSucceeded { task: task(), output, reporter: Reporter::Handler },
            Moment::Stopped => Event::Stop { failure: Failure::new("Stopped", "changed my mind") },
        }
    }

    /// Tells the execution of an event, a little later.
    fn step(&mut self, event: Event) -> Step {
        let later = self.now + Duration::from_millis(100);
        self.now = match (&event, self.execution.deadline()) {
            (Event::Tick, Some(deadline)) => deadline.max(later),
            _ => later,
        };
        let step = self.execution.handle(event, self.now).expect("the event applies");
        self.note(&step);
        step
    }

    fn note(&mut self, step: &Step) {
        self.history.extend(step.history.iter().cloned());
        self.tokens.extend(step.tokens.issued.iter().map(|issued| (issued.hash, issued.task)));
        if !step.tokens.retired.is_empty() || step.status.is_closed() {
            self.task = None;
        }
        for command in &step.commands {
            if let Command::StartTask(start) = command {
                self.task = Some(start.task);
            }
        }
    }

    async fn commit(&mut self, mut step: Step) {
        let commit = Commit::new(&mut step, self.execution.take_changes(), self.now);
        let revision = must(self.store.commit(self.execution.id(), self.revision, commit).await);
        assert!(revision > self.revision, "a commit moves the revision on");
        self.revision = revision;
    }

    async fn live(&mut self, moment: Moment) {
        let step = self.step(self.event(moment));
        self.commit(step).await;
    }

    /// Asks, hears that it is to ask again, and does.
    async fn again(&mut self) {
        for moment in [Moment::Submitted, Moment::Again, Moment::Tick] {
            self.live(moment).await;
        }
    }

    /// From where it asks to its end.
    async fn live_to_the_end(&mut self) {
        if !self.execution.outstanding().is_empty() {
            self.live(Moment::Submitted).await;
        }
        for moment in [Moment::Answered, Moment::Tick, Moment::Worked] {
            self.live(moment).await;
        }
    }

    fn stands(&self) -> Stands {
        stands(&self.execution)
    }

    fn summary(&self) -> ExecutionSummary {
        let mut summary = ExecutionSummary::new(&self.new, self.execution.status().clone());
        summary.stopped_at = summary.status.is_closed().then_some(self.now);
        summary
    }

    /// Checks that the store knows what it should.
    async fn check(&self, promise: &str) {
        let id = self.execution.id();
        let stored = must(self.store.load(id).await).expect(promise);
        assert_eq!(stored.revision, self.revision, "{promise}: the revision");
        same_summary(&stored.summary, &self.summary(), promise);
        let restored =
            Execution::restore(Arc::clone(self.execution.machine()), &stored.snapshot, Limits::AWS, BEGIN);
        let restored = restored.unwrap_or_else(|error| panic!("{promise}: the state: {error}"));
        assert_eq!(stands(&restored), self.stands(), "{promise}: the state");
        same_summary(&must(self.store.describe(id).await).expect(promise), &self.summary(), promise);
        same_history(&self.read_history(1_000, false).await, &self.history, promise);
        self.check_tokens().await;
    }

    async fn check_tokens(&self) {
        for (token, task) in &self.tokens {
            let found = must(self.store.find_task(token).await);
            let open = self.task == Some(*task);
            let expected = TaskAddress::new(self.execution.id().clone(), *task, false, open);
            let promise = if open {
                "a token that was issued leads to its task"
            } else {
                "a token that was retired is known as one that was"
            };
            assert_eq!(found, Some(expected), "{promise}");
        }
    }

    async fn read_history(&self, limit: usize, reverse: bool) -> Vec<HistoryEvent> {
        let mut page = PageRequest { reverse, ..PageRequest::first(limit) };
        let mut events = Vec::new();
        for _ in 0..MOST_PAGES {
            let got = must(self.store.history(self.execution.id(), page.clone()).await);
            assert!(got.items.len() <= limit, "a page has no more entries than were asked for");
            events.extend(got.items);
            match got.next {
                Some(next) => page = page.after(next),
                None => return events,
            }
        }
        panic!("a history comes to an end")
    }
}

fn must<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error:?}"))
}

fn ids(page: &Page<ExecutionSummary>) -> Vec<ExecutionId> {
    page.items.iter().map(|summary| summary.id.clone()).collect()
}

fn stands(execution: &Execution) -> Stands {
    Stands {
        status: execution.status().as_str(),
        deadline: execution.deadline(),
        outstanding: execution.outstanding(),
    }
}

fn same_summary(found: &ExecutionSummary, expected: &ExecutionSummary, promise: &str) {
    assert_eq!(found.id, expected.id, "{promise}: the id");
    assert_eq!(found.name, expected.name, "{promise}: the name");
    assert_eq!(found.machine_arn, expected.machine_arn, "{promise}: the machine");
    assert_eq!(found.input, expected.input, "{promise}: the input");
    assert_eq!(found.status, expected.status, "{promise}: the status");
    assert_eq!(found.started_at, expected.started_at, "{promise}: when it was started");
    assert_eq!(found.stopped_at, expected.stopped_at, "{promise}: when it ended");
}

fn same_history(found: &[HistoryEvent], expected: &[HistoryEvent], promise: &str) {
    let numbers = |events: &[HistoryEvent]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(numbers(found), numbers(expected), "{promise}: the numbers of the history's events");
    assert_eq!(found, expected, "{promise}: the history");
}
