//! Every public trait implemented as a stranger would, with nothing but the public API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::json;
use stepwright::store::{
    Changed, Claim, Claimed, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId,
    NewExecution, OwnerId, Page, PageRequest, Posted, PromptStore, Revision, StoreError, StoreErrorKind,
    StoredExecution, TaskAddress, async_trait,
};
use stepwright::{
    Arn, Clock, Event, ExecutionId, ExecutionStatus, Failure, HistoryEvent, Json, Observer, Record,
    RecordKey, ReportError, ResourceHandler, Runtime, Sleep, Snapshot, StateMachine, Store, TaskContext,
    TaskId, TaskOutcome, TaskRequest, TaskToken, Timestamp, TokenHash, testing,
};

/// A store as a database would be one: rows of bytes and columns, nothing of the crate's types in them.
#[derive(Debug, Default)]
struct ByteStore {
    tables: Mutex<Tables>,
    /// Whether it says that it answers at once.
    prompt: bool,
}

#[derive(Debug, Default)]
struct Tables {
    executions: Vec<ExecutionRow>,
    /// By execution and part: 0 is the head, the others are frames.
    records: BTreeMap<(String, u64), Vec<u8>>,
    /// By execution and number.
    history: BTreeMap<(String, u64), Vec<u8>>,
    tokens: BTreeMap<[u8; 32], TokenRow>,
    /// By execution and number: events as bytes.
    inbox: BTreeMap<(String, u64), Vec<u8>>,
    /// By execution and number.
    settled: BTreeMap<(String, u64), bool>,
    posted: u64,
    /// When the leases of owners end.
    leases: BTreeMap<u128, Option<Instant>>,
    changes: u64,
    /// What owners have seen of the changes.
    seen: BTreeMap<u128, u64>,
    /// In the order in which they came.
    offers: Vec<OfferRow>,
    missing_activities: BTreeSet<String>,
}

#[derive(Debug)]
struct OfferRow {
    activity: String,
    execution: String,
    task: u64,
    held: Option<Instant>,
}

#[derive(Debug)]
struct ExecutionRow {
    id: String,
    name: String,
    machine_arn: String,
    definition: String,
    input: String,
    revision: u64,
    status: Vec<u8>,
    started_at: i64,
    stopped_at: Option<i64>,
    redrives: Option<Vec<u8>>,
    kept: bool,
    owner: Option<u128>,
    wake: Option<i64>,
}

#[derive(Clone, Debug)]
struct TokenRow {
    execution: String,
    task: u64,
    activity: bool,
    open: bool,
}

impl ByteStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }
}

impl Tables {
    fn row(&self, id: &ExecutionId) -> Option<&ExecutionRow> {
        self.executions.iter().find(|row| row.id == id.as_str())
    }

    fn write(&mut self, id: &ExecutionId, commit: Commit) -> Result<Revision, StoreError> {
        let row = self.executions.iter_mut().find(|row| row.id == id.as_str());
        let row = row.ok_or(StoreErrorKind::NotFound)?;
        row.revision += 1;
        row.stopped_at = commit.status.is_closed().then_some(commit.at.as_millis());
        row.kept = commit.keeps_state();
        row.redrives = commit.changes.redrives().map(serde_json::to_vec).transpose().map_err(corrupt)?;
        if commit.status.is_closed() {
            row.owner = None;
        }
        row.wake = commit.wake().map(Timestamp::as_millis);
        let handled = commit.handled.map(|handled| (handled.posted.as_u64(), handled.accepted));
        let refused = match commit.status.is_closed() {
            true => self.inbox_of(id).map(|(number, _)| (number, false)).collect(),
            false => Vec::new(),
        };
        for (number, accepted) in handled.into_iter().chain(refused) {
            let key = (id.to_string(), number);
            if self.inbox.remove(&key).is_some() {
                self.settled.insert(key, accepted);
            }
        }
        let row = self.executions.iter_mut().find(|row| row.id == id.as_str());
        let row = row.ok_or(StoreErrorKind::NotFound)?;
        row.status = serde_json::to_vec(&commit.status).map_err(corrupt)?;
        let revision = Revision::new(row.revision);
        for record in commit.changes.records() {
            let key = (id.to_string(), record.key.number());
            match record.bytes {
                Some(bytes) => self.records.insert(key, bytes),
                None => self.records.remove(&key),
            };
        }
        for event in commit.history {
            let bytes = serde_json::to_vec(&event).map_err(corrupt)?;
            self.history.insert((id.to_string(), event.id), bytes);
        }
        let taken: Vec<u64> = commit.tokens.taken.iter().map(|task| task.as_u64()).collect();
        self.offers.retain(|row| row.execution != id.as_str() || !taken.contains(&row.task));
        for (activity, task) in commit.tokens.offered() {
            let (activity, execution) = (activity.to_string(), id.to_string());
            self.offers.push(OfferRow { activity, execution, task: task.as_u64(), held: None });
            self.changes += 1;
        }
        for issued in commit.tokens.issued {
            let row = TokenRow {
                execution: id.to_string(),
                task: issued.task.as_u64(),
                activity: issued.activity.is_some(),
                open: true,
            };
            self.tokens.insert(*issued.hash.as_bytes(), row);
        }
        for hash in commit.tokens.retired {
            if let Some(row) = self.tokens.get_mut(hash.as_bytes()) {
                row.open = false;
            }
        }
        Ok(revision)
    }
}

impl Tables {
    fn inbox_of(&self, id: &ExecutionId) -> impl Iterator<Item = (u64, &Vec<u8>)> {
        let rows = self.inbox.range((id.to_string(), 0)..=(id.to_string(), u64::MAX));
        rows.map(|((_, number), event)| (*number, event))
    }

    fn free(&mut self, gone: impl Fn(u128) -> bool) {
        for row in &mut self.executions {
            row.owner = row.owner.filter(|owner| !gone(*owner));
        }
        self.changes += 1;
    }
}

impl ExecutionRow {
    fn is_open(&self) -> bool {
        self.stopped_at.is_none()
    }

    fn summary(&self) -> Result<ExecutionSummary, StoreError> {
        let new = NewExecution::new(
            self.id.as_str().into(),
            self.name.as_str().into(),
            self.machine_arn.as_str().into(),
            self.definition.as_str().into(),
            self.input.parse().map_err(corrupt)?,
            Timestamp::from_millis(self.started_at),
        );
        let status = serde_json::from_slice(&self.status).map_err(corrupt)?;
        let mut summary = ExecutionSummary::new(&new, status);
        summary.stopped_at = self.stopped_at.map(Timestamp::from_millis);
        let redrives = self.redrives.as_deref().map(serde_json::from_slice).transpose().map_err(corrupt)?;
        summary.redrives = redrives.map(Arc::new);
        Ok(summary)
    }
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

impl PromptStore for ByteStore {
    fn create_now(&self, new: NewExecution, first: Commit) -> Result<Created, StoreError> {
        let mut tables = self.tables();
        if let Some(row) = tables.row(&new.id) {
            return Ok(Created::Existing(row.summary()?));
        }
        tables.executions.push(ExecutionRow {
            id: new.id.to_string(),
            name: new.name.to_string(),
            machine_arn: new.machine_arn.to_string(),
            definition: new.definition.to_string(),
            input: new.input.to_string(),
            revision: 0,
            status: Vec::new(),
            started_at: new.started_at.as_millis(),
            stopped_at: None,
            redrives: None,
            kept: true,
            owner: new.owner.map(OwnerId::as_u128),
            wake: None,
        });
        if let Some(owner) = new.owner {
            tables.leases.entry(owner.as_u128()).or_insert(None);
        }
        tables.write(&new.id, first).map(Created::New)
    }

    fn commit_now(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut tables = self.tables();
        let row = tables.row(id).ok_or(StoreErrorKind::NotFound)?;
        if row.revision != expected.as_u64() || !row.is_open() {
            return Err(StoreErrorKind::Conflict.into());
        }
        tables.write(id, commit)
    }

    fn find_task_now(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        let row = self.tables().tokens.get(token.as_bytes()).cloned();
        Ok(row.map(|row| {
            TaskAddress::new(row.execution.as_str().into(), TaskId::from(row.task), row.activity, row.open)
        }))
    }
}

#[async_trait]
impl Store for ByteStore {
    fn prompt(&self) -> Option<&dyn PromptStore> {
        self.prompt.then_some(self)
    }

    async fn create(&self, new: NewExecution, first: Commit) -> Result<Created, StoreError> {
        self.create_now(new, first)
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        self.commit_now(id, expected, commit)
    }

    async fn reopen(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut tables = self.tables();
        let row = tables.row(id).ok_or(StoreErrorKind::NotFound)?;
        if row.revision != expected.as_u64() || row.is_open() || !row.kept {
            return Err(StoreErrorKind::Conflict.into());
        }
        tables.changes += 1;
        tables.write(id, commit)
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let tables = self.tables();
        let Some(row) = tables.row(id).filter(|row| row.kept) else { return Ok(None) };
        let rows = tables.records.range((id.to_string(), 0)..=(id.to_string(), u64::MAX));
        let records = rows.map(|((_, part), bytes)| {
            let key = RecordKey::from_number(*part).expect("it was a record's");
            Record::new(key, bytes.clone())
        });
        let snapshot = Snapshot::from_records(records).map_err(corrupt)?;
        let revision = Revision::new(row.revision);
        Ok(Some(StoredExecution::new(revision, snapshot, row.definition.as_str().into(), row.summary()?)))
    }

    async fn describe(&self, id: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        self.tables().row(id).map(ExecutionRow::summary).transpose()
    }

    async fn find_task(&self, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        self.find_task_now(token)
    }

    async fn history(&self, id: &ExecutionId, page: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        let tables = self.tables();
        tables.row(id).ok_or(StoreErrorKind::NotFound)?;
        // The page begins after the event, or before it, that the one before ended with.
        let after = page.after.unwrap_or(if page.reverse { u64::MAX } else { 0 });
        let numbers = if page.reverse { 0..after } else { after.saturating_add(1)..u64::MAX };
        let rows = tables.history.range((id.to_string(), numbers.start)..(id.to_string(), numbers.end));
        let rows: Vec<_> = match page.reverse {
            true => rows.rev().take(page.limit).collect(),
            false => rows.take(page.limit).collect(),
        };
        let next = rows.last().map(|((_, number), _)| *number).filter(|_| rows.len() == page.limit);
        let events = rows.iter().map(|(_, bytes)| serde_json::from_slice(bytes).map_err(corrupt));
        Ok(Page::new(events.collect::<Result<_, _>>()?, next))
    }

    async fn list(
        &self,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>, StoreError> {
        let tables = self.tables();
        let summaries: Vec<ExecutionSummary> =
            tables.executions.iter().map(ExecutionRow::summary).collect::<Result<_, _>>()?;
        Ok(page.of_passing(summaries.into_iter(), |summary| filter.passes(summary)))
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        let mut tables = self.tables();
        let (me, now) = (claim.owner.as_u128(), Instant::now());
        let before = tables.leases.insert(me, claim.lease.map(|lease| now + lease));
        let fresh = before.is_none_or(|until| until.is_some_and(|until| until <= now));
        let over: Vec<u128> = tables
            .leases
            .iter()
            .filter(|(owner, until)| {
                **owner != me && (claim.lease.is_none() || until.is_some_and(|it| it <= now))
            })
            .map(|(owner, _)| *owner)
            .collect();
        tables.free(|owner| over.contains(&owner));
        let mut due = Vec::new();
        for row in tables.executions.iter().filter(|row| row.is_open()) {
            let id = ExecutionId::from(row.id.as_str());
            let mail = tables.inbox_of(&id).next().is_some();
            let wake = if mail { Some(0) } else { row.wake };
            let due_at = match (&claim.only, row.owner) {
                (Some(only), owner) => (*only == id && owner.is_none_or(|owner| owner == me)).then_some(0),
                (None, Some(owner)) => (owner == me && mail).then_some(0),
                (None, None) => wake.filter(|_| !claim.except.contains(&id)),
            };
            due.extend(due_at.map(|due_at| (due_at, id)));
        }
        due.sort();
        let later = due.iter().position(|(wake, _)| *wake > claim.due.as_millis()).unwrap_or(due.len());
        let rest = due.split_off(later.min(claim.most));
        let mut claimed = Vec::new();
        for (_, id) in due {
            let inbox = tables.inbox_of(&id).map(|(number, event)| {
                let event = serde_json::from_slice(event).map_err(corrupt)?;
                Ok(Posted::new(InboxId::from(number), event))
            });
            let inbox = inbox.collect::<Result<_, StoreError>>()?;
            for row in tables.executions.iter_mut().filter(|row| row.id == id.as_str()) {
                row.owner = Some(me);
            }
            claimed.push(Claimed::new(id, inbox));
        }
        let next = rest.first().map(|(wake, _)| Timestamp::from_millis(*wake));
        Ok(Claims::new(claimed, next).fresh(fresh))
    }

    async fn release(&self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let owner = owner.as_u128();
        match executions {
            None => tables.free(|other| other == owner),
            Some(ids) => {
                let named = |row: &ExecutionRow| ids.iter().any(|id| id.as_str() == row.id);
                let mine = |row: &&mut ExecutionRow| row.owner == Some(owner) && named(row);
                tables.executions.iter_mut().filter(mine).for_each(|row| row.owner = None);
                tables.changes += 1;
            }
        }
        Ok(())
    }

    async fn owned(&self, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        let tables = self.tables();
        let owned = tables.executions.iter().filter(|row| row.owner == Some(owner.as_u128()));
        Ok(owned.map(|row| row.id.as_str().into()).collect())
    }

    async fn changed(&self, owner: OwnerId) -> Result<Changed, StoreError> {
        loop {
            {
                let mut tables = self.tables();
                let changes = tables.changes;
                if tables.seen.insert(owner.as_u128(), changes) != Some(changes) {
                    return Ok(Changed::anything());
                }
            }
            tokio::task::yield_now().await;
        }
    }

    async fn post(&self, id: &ExecutionId, event: Event) -> Result<InboxId, StoreError> {
        let mut tables = self.tables();
        let open = tables.row(id).ok_or(StoreErrorKind::NotFound)?.is_open();
        tables.posted += 1;
        tables.changes += 1;
        let key = (id.to_string(), tables.posted);
        match open {
            true => drop(tables.inbox.insert(key, serde_json::to_vec(&event).map_err(corrupt)?)),
            false => drop(tables.settled.insert(key, false)),
        }
        Ok(InboxId::from(tables.posted))
    }

    async fn settled(&self, id: &ExecutionId, posted: InboxId) -> Result<bool, StoreError> {
        let key = (id.to_string(), posted.as_u64());
        loop {
            {
                let tables = self.tables();
                if let Some(accepted) = tables.settled.get(&key) {
                    return Ok(*accepted);
                }
                tables.inbox.get(&key).ok_or(StoreErrorKind::NotFound)?;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn offers(
        &self,
        activity: &Arn,
        most: usize,
        held: Duration,
    ) -> Result<Vec<TaskAddress>, StoreError> {
        let (mut tables, now) = (self.tables(), Instant::now());
        let free = |row: &&mut OfferRow| {
            row.activity == activity.as_str() && row.held.is_none_or(|until| until <= now)
        };
        let offers = tables.offers.iter_mut().filter(free).take(most).map(|row| {
            row.held = Some(now + held);
            TaskAddress::new(row.execution.as_str().into(), TaskId::from(row.task), true, true)
        });
        Ok(offers.collect())
    }

    async fn set_activity(&self, activity: &Arn, exists: bool) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.changes += 1;
        let missing = &mut tables.missing_activities;
        let _ = if exists { missing.remove(activity.as_str()) } else { missing.insert(activity.to_string()) };
        Ok(())
    }

    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError> {
        self.tables().missing_activities.iter().map(|arn| arn.parse().map_err(corrupt)).collect()
    }

    async fn forget(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let old = |row: &&ExecutionRow| row.stopped_at.is_some_and(|at| at < closed_before.as_millis());
        let mut old: Vec<_> = tables.executions.iter().filter(old).collect();
        old.sort_by_key(|row| row.stopped_at);
        let old: Vec<String> = old.into_iter().take(most).map(|row| row.id.clone()).collect();
        tables.executions.retain(|row| !old.contains(&row.id));
        tables.records.retain(|(id, _), _| !old.contains(id));
        tables.history.retain(|(id, _), _| !old.contains(id));
        tables.tokens.retain(|_, row| !old.contains(&row.execution));
        tables.settled.retain(|(id, _), _| !old.contains(id));
        Ok(old.len())
    }

    async fn expire(&self, closed_before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let old = |row: &&mut ExecutionRow| {
            row.kept && row.stopped_at.is_some_and(|at| at < closed_before.as_millis())
        };
        let mut old: Vec<_> = tables.executions.iter_mut().filter(old).collect();
        old.sort_by_key(|row| row.stopped_at);
        old.truncate(most);
        old.iter_mut().for_each(|row| row.kept = false);
        Ok(old.len())
    }
}

/// A clock that somebody turns by hand.
#[derive(Clone, Debug)]
struct HandClock {
    millis: Arc<AtomicI64>,
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        let clock = self.clone();
        Box::pin(async move {
            while clock.now() < deadline {
                tokio::task::yield_now().await;
            }
        })
    }
}

/// Keeps what it sees.
#[derive(Debug, Default)]
struct Diary {
    lines: Mutex<Vec<String>>,
}

impl Observer for Diary {
    fn on_history(&self, execution: &ExecutionId, events: &[HistoryEvent]) {
        let name = execution.as_str().rsplit(':').next().unwrap_or_default();
        let lines = events.iter().map(|event| format!("{name} {} {}", event.id, event.type_name()));
        self.lines.lock().unwrap().extend(lines);
    }

    fn on_closed(&self, _: &ExecutionId, status: &ExecutionStatus) {
        self.lines.lock().unwrap().push(status.as_str().into());
    }
}

/// Hands tasks on.
#[derive(Clone, Debug, Default)]
struct Queue {
    messages: Arc<Mutex<Vec<TaskToken>>>,
}

impl ResourceHandler for Queue {
    async fn call(&self, _: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        let token = cx.token().ok_or_else(|| Failure::new("NoToken", "the queue needs one"))?;
        self.messages.lock().unwrap().push(token.clone());
        Ok(json!({ "MessageId": "m-1" }).into())
    }
}

const ASK: &str = r#"{
  "StartAt": "Ask",
  "States": {
    "Ask": {
      "Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "https://queue", "MessageBody": { "Token.$": "$$.Task.Token" } },
      "ResultPath": "$.answer",
      "Next": "Rest"
    },
    "Rest": { "Type": "Wait", "Seconds": 3600, "End": true }
  }
}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_s_store_keeps_every_promise() {
    let store: Arc<dyn Store> = Arc::new(ByteStore::default());
    testing::store::all(&store).await;
}

#[tokio::test]
async fn a_stranger_s_parts_make_a_runtime_that_another_takes_over() {
    take_over(ByteStore::default()).await;
}

#[tokio::test]
async fn the_same_with_a_store_that_answers_at_once() {
    take_over(ByteStore { prompt: true, ..ByteStore::default() }).await;
}

async fn take_over(store: ByteStore) {
    let store = Arc::new(store);
    let clock = HandClock { millis: Arc::new(AtomicI64::new(1_800_000_000_000)) };
    let (queue, diary) = (Queue::default(), Arc::new(Diary::default()));
    let build = || {
        Runtime::builder()
            .store(Arc::clone(&store) as _)
            .clock(Arc::new(clock.clone()))
            .observer(Arc::clone(&diary) as _)
            .handler("arn:aws:states:::sqs:*", queue.clone())
            .build()
            .unwrap()
    };
    let machine = Arc::new(StateMachine::parse(ASK).unwrap().named("Asking"));

    let first = build();
    first.require(&machine).unwrap();
    let execution = first.start_execution(&machine, "one", json!({ "order": 7 })).await.unwrap();
    let id = execution.id().clone();
    while !diary.lines.lock().unwrap().contains(&"one 5 TaskSubmitted".to_owned()) {
        tokio::task::yield_now().await;
    }
    first.shutdown().await;
    drop((first, execution));

    // Only bytes are left. The second runtime answers with the token, the third lets the time pass.
    let second = build();
    assert_eq!(second.recover().await.unwrap(), 0, "nothing is due");
    let token = queue.messages.lock().unwrap().remove(0);
    second.send_task_success(&token, json!("yes")).await.unwrap();
    let late = second.send_task_success(&token, json!("no")).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    second.shutdown().await;
    drop(second);

    let third = build();
    assert_eq!(third.recover().await.unwrap(), 0, "nothing is due");
    clock.millis.fetch_add(Duration::from_secs(3600).as_millis() as i64, Ordering::Relaxed);
    while !third.describe_execution(&id).await.unwrap().status.is_closed() {
        tokio::task::yield_now().await;
    }
    let output = Json::from(json!({ "order": 7, "answer": "yes" }));
    let status = third.describe_execution(&id).await.unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output });
    assert!(queue.messages.lock().unwrap().is_empty(), "what was handed on is not handed on again");

    let lines = diary.lines.lock().unwrap().clone();
    let expected = [
        "one 1 ExecutionStarted",
        "one 2 TaskStateEntered",
        "one 3 TaskScheduled",
        "one 4 TaskStarted",
        "one 5 TaskSubmitted",
        "one 6 TaskSucceeded",
        "one 7 TaskStateExited",
        "one 8 WaitStateEntered",
        "one 9 WaitStateExited",
        "one 10 ExecutionSucceeded",
        "SUCCEEDED",
    ];
    assert_eq!(lines, expected);
    let history = third.get_execution_history(&id, PageRequest::default()).await.unwrap();
    assert_eq!(history.items.len(), 10);
    third.shutdown().await;
}
