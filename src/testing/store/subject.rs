//! Real executions, and what a store should know about them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;

use crate::arn::Arn;
use crate::execution::{Command, Event, Execution, Reporter, Seed, Start, Step, TaskStart};
use crate::failure::Failure;
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::store::{
    Claim, Claimed, Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, OwnerId, Page,
    PageRequest, Revision, Store, StoreError, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// Asks with a token, again and again if it is told to, waits, and has some work done.
pub(super) const DEFINITION: &str = r#"{
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
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// When those executions began that are to be forgotten.
pub(super) const LONG_AGO: Timestamp = Timestamp::from_millis(0);

/// How long a token of the machine is good, and a lease that does not end.
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// How long to wait for what has happened already before it counts as never heard of.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How many pages a list may have before it counts as endless.
pub(super) const MOST_PAGES: usize = 1_000;

/// What happens to an execution.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
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
pub(super) const LIFE: &[Moment] = &[
    Moment::Submitted,
    Moment::Again,
    Moment::Tick,
    Moment::Submitted,
    Moment::Answered,
    Moment::Tick,
    Moment::Worked,
];

/// One check: its executions belong to a machine of its own.
pub(super) struct Suite {
    pub(super) store: Arc<dyn Store>,
    pub(super) machine: Arc<StateMachine>,
    pub(super) machine_arn: Arc<str>,
    /// Nobody else's tokens are like those that come from it.
    pub(super) secret: [u8; 32],
}

/// An execution, and what the store should know about it.
pub(super) struct Subject {
    pub(super) store: Arc<dyn Store>,
    pub(super) execution: Execution,
    pub(super) revision: Revision,
    pub(super) new: NewExecution,
    pub(super) now: Timestamp,
    pub(super) history: Vec<HistoryEvent>,
    /// The tokens that were issued, and their tasks.
    pub(super) tokens: Vec<(TokenHash, TaskId)>,
    /// The task that waits.
    pub(super) task: Option<TaskId>,
}

/// What an execution waits for.
#[derive(Debug, PartialEq)]
pub(super) struct Stands {
    pub(super) status: &'static str,
    pub(super) deadline: Option<Timestamp>,
    pub(super) outstanding: Vec<TaskStart>,
}

impl Suite {
    pub(super) fn new(store: &Arc<dyn Store>) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes");
        let name = uuid::Builder::from_random_bytes(std::array::from_fn(|n| secret[n])).into_uuid();
        let machine = StateMachine::parse(DEFINITION).expect("the definition is right");
        let machine = machine.named(format!("Suite-{name}"));
        let machine_arn = format!("arn:aws:states:us-east-1:123456789012:stateMachine:{}", machine.name());
        Self { store: Arc::clone(store), machine: Arc::new(machine), machine_arn: machine_arn.into(), secret }
    }

    /// The `n`-th execution, and what creates it.
    pub(super) fn subject(&self, n: usize) -> (Subject, NewExecution, Commit) {
        self.subject_with(n, "the input", 0)
    }

    /// The same of somebody else who uses the same name.
    pub(super) fn subject_with(
        &self,
        n: usize,
        input: &str,
        variant: usize,
    ) -> (Subject, NewExecution, Commit) {
        self.subject_at(n, input, variant, BEGIN + Duration::from_millis(n as u64))
    }

    pub(super) fn subject_at(
        &self,
        n: usize,
        input: &str,
        variant: usize,
        now: Timestamp,
    ) -> (Subject, NewExecution, Commit) {
        let id = self.id(n);
        let mut seed = self.secret;
        seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
        seed[8..16].copy_from_slice(&(variant as u64).to_be_bytes());
        let input = Json::object([("input".into(), Json::string(input)), ("n".into(), Json::from(n as u64))]);
        let start = Start::new(&n.to_string(), input)
            .arns(id.as_str(), self.machine_arn.clone(), "arn:aws:iam::123456789012:role/Suite")
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

    pub(super) fn id(&self, n: usize) -> ExecutionId {
        format!("arn:aws:states:us-east-1:123456789012:execution:{}:{n}", self.machine.name()).into()
    }

    /// An activity that nobody else has.
    pub(super) fn activity(&self, name: &str) -> Arn {
        let arn = format!("arn:aws:states:us-east-1:123456789012:activity:{}-{name}", self.machine.name());
        arn.parse().expect("it is an ARN")
    }

    /// An owner that nobody else is.
    pub(super) fn owner(&self, n: u8) -> OwnerId {
        let mut number: [u8; 16] = std::array::from_fn(|at| self.secret[at]);
        number[15] = n;
        OwnerId::from(u128::from_be_bytes(number))
    }

    /// Claims, and says which of this check's executions came.
    pub(super) async fn claim(&self, owner: OwnerId, due: Timestamp) -> Vec<ExecutionId> {
        let (mut claimed, mut others) = (Vec::new(), Vec::new());
        loop {
            let claims = must(self.store.claim(Claim::new(owner, due, 10).lease(HOUR)).await);
            let got = claims.executions.len();
            for Claimed { id, .. } in claims.executions {
                let ours = id.as_str().contains(self.machine.name());
                if ours { claimed.push(id) } else { others.push(id) }
            }
            if got < 10 {
                // Others may need theirs.
                must(self.store.release(owner, Some(&others)).await);
                return claimed;
            }
        }
    }

    /// Checks that `owner` hears of what `happens`.
    pub(super) async fn notices(&self, owner: OwnerId, happens: impl AsyncFnOnce()) {
        let store = Arc::clone(&self.store);
        let waiting = tokio::spawn(async move { must(store.changed(owner).await) });
        yield_now().await;
        happens().await;
        let noticed = tokio::time::timeout(PATIENCE, waiting).await;
        noticed.expect("an owner hears of changes").expect("who waits does not panic");
    }

    pub(super) async fn create(&self, n: usize) -> Subject {
        self.create_at(n, BEGIN + Duration::from_millis(n as u64)).await
    }

    pub(super) async fn create_at(&self, n: usize, now: Timestamp) -> Subject {
        let (subject, new, commit) = self.subject_at(n, "the input", 0, now);
        match must(self.store.create(new, commit).await) {
            Created::New(revision) => Subject { revision, ..subject },
            Created::Existing(_) => panic!("an execution that never was exists"),
        }
    }

    /// Another owner of an execution, who loaded it.
    pub(super) async fn other(&self, subject: &Subject) -> Subject {
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

    /// The same execution in another world, where it was stopped at once.
    pub(super) fn stopped(&self, subject: &Subject) -> Subject {
        let n = subject.new.name.parse().expect("names are numbers");
        let (mut twin, ..) = self.subject(n);
        let step = twin.step(twin.event(Moment::Stopped));
        assert!(step.status.is_closed(), "it is stopped");
        twin
    }

    pub(super) fn restore(&self, stored: &StoredExecution) -> Execution {
        let restored = Execution::restore(Arc::clone(&self.machine), &stored.snapshot, Limits::AWS, BEGIN);
        restored.unwrap_or_else(|error| panic!("the state that was loaded can be gone on with: {error}"))
    }

    pub(super) async fn list(
        &self,
        filter: &ExecutionFilter,
        limit: usize,
        reverse: bool,
    ) -> Vec<ExecutionId> {
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
    pub(super) fn event(&self, moment: Moment) -> Event {
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
    pub(super) fn step(&mut self, event: Event) -> Step {
        let later = self.now + Duration::from_millis(100);
        self.now = match (&event, self.execution.deadline()) {
            (Event::Tick, Some(deadline)) => deadline.max(later),
            _ => later,
        };
        let step = self.execution.handle(event, self.now).expect("the event applies");
        self.note(&step);
        step
    }

    pub(super) fn note(&mut self, step: &Step) {
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

    pub(super) async fn commit(&mut self, step: Step) {
        self.commit_as(step, |commit| commit).await;
    }

    pub(super) async fn commit_as(&mut self, mut step: Step, change: impl FnOnce(Commit) -> Commit) {
        let commit = change(Commit::new(&mut step, self.execution.take_changes(), self.now));
        let revision = must(self.store.commit(self.execution.id(), self.revision, commit).await);
        assert!(revision > self.revision, "a commit moves the revision on");
        self.revision = revision;
    }

    pub(super) async fn live(&mut self, moment: Moment) {
        let step = self.step(self.event(moment));
        self.commit(step).await;
    }

    /// Asks, hears that it is to ask again, and does.
    pub(super) async fn again(&mut self) {
        for moment in [Moment::Submitted, Moment::Again, Moment::Tick] {
            self.live(moment).await;
        }
    }

    /// From where it asks to its end.
    pub(super) async fn live_to_the_end(&mut self) {
        if !self.execution.outstanding().is_empty() {
            self.live(Moment::Submitted).await;
        }
        for moment in [Moment::Answered, Moment::Tick, Moment::Worked] {
            self.live(moment).await;
        }
    }

    pub(super) fn stands(&self) -> Stands {
        stands(&self.execution)
    }

    pub(super) fn summary(&self) -> ExecutionSummary {
        let mut summary = ExecutionSummary::new(&self.new, self.execution.status().clone());
        summary.stopped_at = summary.status.is_closed().then_some(self.now);
        summary.redrives = Some(Arc::new(self.execution.redrives().clone()));
        summary
    }

    /// Checks that the store knows what it should.
    pub(super) async fn check(&self, promise: &str) {
        let id = self.execution.id();
        if !self.execution.status().is_closed() {
            self.check_state(promise).await;
        }
        same_summary(&must(self.store.describe(id).await).expect(promise), &self.summary(), promise);
        same_history(&self.read_history(1_000, false).await, &self.history, promise);
        self.check_tokens().await;
    }

    pub(super) async fn check_state(&self, promise: &str) {
        let stored = must(self.store.load(self.execution.id()).await).expect(promise);
        assert_eq!(stored.revision, self.revision, "{promise}: the revision");
        same_summary(&stored.summary, &self.summary(), promise);
        let restored =
            Execution::restore(Arc::clone(self.execution.machine()), &stored.snapshot, Limits::AWS, BEGIN);
        let restored = restored.unwrap_or_else(|error| panic!("{promise}: the state: {error}"));
        assert_eq!(stands(&restored), self.stands(), "{promise}: the state");
    }

    pub(super) async fn check_tokens(&self) {
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

    pub(super) async fn read_history(&self, limit: usize, reverse: bool) -> Vec<HistoryEvent> {
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

pub(super) fn must<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("the store failed: {error:?}"))
}

pub(super) fn ids(page: &Page<ExecutionSummary>) -> Vec<ExecutionId> {
    page.items.iter().map(|summary| summary.id.clone()).collect()
}

pub(super) fn stands(execution: &Execution) -> Stands {
    Stands {
        status: execution.status().as_str(),
        deadline: execution.deadline(),
        outstanding: execution.outstanding(),
    }
}

pub(super) fn same_summary(found: &ExecutionSummary, expected: &ExecutionSummary, promise: &str) {
    assert_eq!(found.id, expected.id, "{promise}: the id");
    assert_eq!(found.name, expected.name, "{promise}: the name");
    assert_eq!(found.machine_arn, expected.machine_arn, "{promise}: the machine");
    assert_eq!(found.input, expected.input, "{promise}: the input");
    assert_eq!(found.status, expected.status, "{promise}: the status");
    assert_eq!(found.started_at, expected.started_at, "{promise}: when it was started");
    assert_eq!(found.stopped_at, expected.stopped_at, "{promise}: when it ended");
    let redrives = |summary: &ExecutionSummary| summary.redrives.as_deref().cloned().unwrap_or_default();
    assert_eq!(redrives(found), redrives(expected), "{promise}: how often it was redriven");
}

pub(super) fn same_history(found: &[HistoryEvent], expected: &[HistoryEvent], promise: &str) {
    let numbers = |events: &[HistoryEvent]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(numbers(found), numbers(expected), "{promise}: the numbers of the history's events");
    assert_eq!(found, expected, "{promise}: the history");
}
