//! Every public trait implemented as a stranger would, with nothing but the public API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::json;
use stepwright::store::{
    Commit, Created, ExecutionFilter, ExecutionSummary, NewExecution, Page, PageRequest, Revision,
    StoreError, StoreErrorKind, StoredExecution, TaskAddress, async_trait,
};
use stepwright::{
    Clock, ExecutionId, ExecutionStatus, Failure, HistoryEvent, Json, Observer, Record, RecordKey,
    ReportError, ResourceHandler, Runtime, Sleep, Snapshot, StateMachine, Store, TaskContext, TaskId,
    TaskOutcome, TaskRequest, TaskToken, Timestamp, TokenHash, testing,
};

/// A store as a database would be one: rows of bytes and columns, nothing of the crate's types in them.
#[derive(Debug, Default)]
struct ByteStore {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    executions: Vec<ExecutionRow>,
    /// By execution and part: 0 is the head, the others are frames.
    records: BTreeMap<(String, u64), Vec<u8>>,
    /// By execution and number.
    history: BTreeMap<(String, u64), Vec<u8>>,
    tokens: BTreeMap<[u8; 32], TokenRow>,
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
        if commit.status.is_closed() {
            row.stopped_at = Some(commit.at.as_millis());
        }
        row.status = serde_json::to_vec(&commit.status).map_err(corrupt)?;
        let revision = Revision::new(row.revision);
        for record in commit.changes.records() {
            let key = (id.to_string(), part(record.key));
            match record.bytes {
                Some(bytes) => self.records.insert(key, bytes),
                None => self.records.remove(&key),
            };
        }
        for event in commit.history {
            let bytes = serde_json::to_vec(&event).map_err(corrupt)?;
            self.history.insert((id.to_string(), event.id), bytes);
        }
        for issued in commit.tokens.issued {
            let row = TokenRow {
                execution: id.to_string(),
                task: issued.task.as_u64(),
                activity: issued.activity,
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

impl ExecutionRow {
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
        Ok(summary)
    }
}

fn part(key: RecordKey) -> u64 {
    match key {
        RecordKey::Head => 0,
        RecordKey::Frame(frame) => frame.as_u64() + 1,
        _ => unreachable!("there are two kinds of records"),
    }
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

#[async_trait]
impl Store for ByteStore {
    async fn create(&self, new: NewExecution, first: Commit) -> Result<Created, StoreError> {
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
        });
        tables.write(&new.id, first).map(Created::New)
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let mut tables = self.tables();
        let row = tables.row(id).ok_or(StoreErrorKind::NotFound)?;
        if row.revision != expected.as_u64() {
            return Err(StoreErrorKind::Conflict.into());
        }
        tables.write(id, commit)
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        let tables = self.tables();
        let Some(row) = tables.row(id) else { return Ok(None) };
        let rows = tables.records.range((id.to_string(), 0)..=(id.to_string(), u64::MAX));
        let records = rows.map(|((_, part), bytes)| {
            let key = match part {
                0 => RecordKey::Head,
                frame => RecordKey::Frame((frame - 1).into()),
            };
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
        let row = self.tables().tokens.get(token.as_bytes()).cloned();
        Ok(row.map(|row| {
            TaskAddress::new(row.execution.as_str().into(), TaskId::from(row.task), row.activity, row.open)
        }))
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
    let store = Arc::new(ByteStore::default());
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
    assert_eq!(second.recover().await.unwrap(), 1);
    let token = queue.messages.lock().unwrap().remove(0);
    second.send_task_success(&token, json!("yes")).await.unwrap();
    let late = second.send_task_success(&token, json!("no")).await;
    assert!(matches!(late, Err(ReportError::TaskTimedOut)), "{late:?}");
    second.shutdown().await;
    drop(second);

    let third = build();
    assert_eq!(third.recover().await.unwrap(), 1);
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
