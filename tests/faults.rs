//! Storage that fails: errors at every call, a full disk, a torn log, files that are not ours, a clock set back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use stepwright::store::{
    Claim, Decorator, ExecutionFilter, FileStoreError, OwnerId, PageRequest, StoreError, StoreErrorKind,
};
use stepwright::testing::VirtualClock;
use stepwright::{
    Clock, Event, ExecutionId, Failure, FileStore, HistoryEvent, MemoryStore, ReportError, Runtime,
    StartError, StateMachine, Store, TaskContext, TaskRequest, TaskToken, Timestamp, handler_fn,
};
use tokio::sync::mpsc;

const DEFINITION: &str = r#"{
  "StartAt": "Ask",
  "States": {
    "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "q", "MessageBody": { "Token.$": "$$.Task.Token" } }, "Next": "Rest" },
    "Rest": { "Type": "Wait", "Seconds": 60, "Next": "Work" },
    "Work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work", "End": true }
  }
}"#;

fn machine() -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(DEFINITION).unwrap().named("Asks"))
}

/// A runtime on `store` that passes its tokens on.
fn runtime_on(
    store: Arc<dyn Store>,
    clock: &VirtualClock,
    residents: usize,
) -> (Runtime, mpsc::UnboundedReceiver<TaskToken>) {
    let (send, receive) = mpsc::unbounded_channel();
    let queue = handler_fn(move |_: TaskRequest, cx: TaskContext| {
        let _ = send.send(cx.token().unwrap().clone());
        async { Ok::<_, Failure>(json!({})) }
    });
    let runtime = Runtime::builder()
        .store(store)
        .clock(Arc::new(clock.clone()))
        .residents(residents)
        .handler("arn:aws:states:::sqs:*", queue)
        .function("Work", handler_fn(async |_, _| Ok::<_, Failure>("worked")))
        .build();
    (runtime.unwrap(), receive)
}

/// Fails one call: before it is made, or after.
#[derive(Debug)]
struct Failing {
    store: MemoryStore,
    calls: AtomicU64,
    fails: u64,
    after: bool,
}

impl Decorator for Failing {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn call<T: Send>(
        &self,
        method: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if matches!(method, "changed" | "history") {
            return work.await;
        }
        let fails = self.calls.fetch_add(1, Ordering::Relaxed) == self.fails;
        if fails && !self.after {
            return Err(StoreErrorKind::Unavailable.into());
        }
        let result = work.await;
        if fails { Err(StoreErrorKind::Unavailable.into()) } else { result }
    }
}

#[tokio::test]
async fn a_failure_at_any_call_changes_nothing_that_is_seen() {
    for after in [false, true] {
        let mut fails = 0;
        loop {
            let store = Failing { store: MemoryStore::default(), calls: AtomicU64::new(0), fails, after };
            let store = Arc::new(store);
            let types = one_life(Arc::clone(&store) as _).await;
            assert_eq!(types.len(), 15, "call {fails} failed, {after}: {types:?}");
            if store.calls.load(Ordering::Relaxed) <= fails {
                assert!(fails > 8, "there are calls to fail");
                break;
            }
            fails += 1;
        }
    }
}

/// From start to end, by somebody who tries again what failed.
async fn one_life(store: Arc<dyn Store>) -> Vec<&'static str> {
    let clock = VirtualClock::new();
    let (runtime, mut tokens) = runtime_on(Arc::clone(&store), &clock, 0);
    let id = loop {
        match runtime.start_execution(&machine(), "one", json!({})).await {
            Ok(execution) => break execution.id().clone(),
            Err(StartError::Store(error)) => assert!(error.is_retryable()),
            Err(error) => panic!("{error}"),
        }
    };
    // Who created it without being told does not drive it: whoever starts anew does.
    let _ = runtime.recover().await;
    let token = tokens.recv().await.unwrap();
    loop {
        match runtime.send_task_success(&token, json!("yes")).await {
            Ok(()) | Err(ReportError::TaskTimedOut) => break,
            // It may count: report again.
            Err(ReportError::Store(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    while !store.describe(&id).await.is_ok_and(|summary| summary.unwrap().status.is_closed()) {
        clock.settle().await;
        tokio::task::yield_now().await;
    }
    let history = store.history(&id, PageRequest::first(100)).await.unwrap().items;
    history.iter().map(HistoryEvent::type_name).collect()
}

/// Refuses one method for good, for a while.
#[derive(Debug, Default)]
struct Refusing {
    store: MemoryStore,
    refused: Mutex<Option<&'static str>>,
}

impl Decorator for Refusing {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn call<T: Send>(
        &self,
        method: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if *self.refused.lock().unwrap() == Some(method) {
            return Err(StoreErrorKind::Corrupt.into());
        }
        work.await
    }
}

#[tokio::test]
async fn what_a_store_refuses_for_good_goes_on_when_it_is_taken_after_all() {
    for method in ["commit", "release", "claim", "load"] {
        let (clock, store) = (VirtualClock::manual(), Arc::new(Refusing::default()));
        let (runtime, mut tokens) = runtime_on(Arc::clone(&store) as _, &clock, 1);
        let mut asked = Vec::new();
        for name in ["one", "two"] {
            // The one that sleeps leaves memory when the other falls asleep.
            let id = runtime.start_execution(&machine(), name, json!({})).await.unwrap().id().clone();
            asked.push((id, tokens.recv().await.unwrap()));
            clock.settle().await;
            *store.refused.lock().unwrap() = Some(method);
        }
        for (_, token) in &asked {
            let reported = runtime.send_task_success(token, json!("yes"));
            match tokio::join!(reported, clock.advance(Duration::from_secs(10))).0 {
                Ok(()) => {}
                Err(ReportError::Store(error)) => {
                    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{method}");
                }
                Err(error) => panic!("{method}: {error:?}"),
            }
        }
        clock.advance(Duration::from_secs(600)).await;
        let stranded = !runtime.stranded().is_empty();
        assert_eq!(stranded, matches!(method, "commit" | "load"), "{method}");

        *store.refused.lock().unwrap() = None;
        for (_, token) in &asked {
            // Whether it was said that it counts, or not.
            let reported = runtime.send_task_success(token, json!("yes"));
            let _ = tokio::join!(reported, clock.advance(Duration::from_secs(10)));
        }
        clock.advance(Duration::from_secs(600)).await;
        for (id, _) in &asked {
            assert_eq!(status(&store.store, id).await, "SUCCEEDED", "{method} was refused");
        }
        assert!(runtime.stranded().is_empty());
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_and_work_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::open(folder.path().join("executions.db")).unwrap());
    let clock = VirtualClock::manual();
    let (runtime, mut tokens) = runtime_on(Arc::clone(&store) as _, &clock, 0);
    store.limit_bytes(400_000).await.unwrap();
    let padding = "x".repeat(20_000);
    let mut started = Vec::new();
    let error = loop {
        let name = started.len().to_string();
        match runtime.start_execution(&machine(), &*name, json!({ "padding": padding })).await {
            Ok(execution) => started.push(execution),
            Err(error) => break error,
        }
        assert!(started.len() < 100, "the disk is full at some time");
    };
    let StartError::Store(error) = error else { panic!("{error}") };
    assert!(error.is_retryable(), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("full"), "{source}");

    store.limit_bytes(100_000_000).await.unwrap();
    for _ in &started {
        // A step that found the disk full is tried again.
        let token = loop {
            match tokens.try_recv() {
                Ok(token) => break token,
                Err(_) => clock.advance(Duration::from_secs(5)).await,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let reported = runtime.send_task_success(&token, json!("yes"));
        tokio::pin!(reported);
        loop {
            tokio::select! {
                reported = &mut reported => break reported.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(1)) => clock.advance(Duration::from_secs(5)).await,
            }
        }
    }
}

#[tokio::test]
async fn what_was_claimed_and_released_stays_so_when_a_write_after_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::open(folder.path().join("executions.db")).unwrap());
    let (runtime, mut tokens) = runtime_on(Arc::clone(&store) as _, &VirtualClock::manual(), 0);
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(runtime.start_execution(&machine(), name, json!({})).await.unwrap().id().clone());
        tokens.recv().await.unwrap();
    }
    runtime.shutdown().await;
    let owners = [1, 2, 3].map(OwnerId::from);
    let [one, two, three] = owners;
    let claimed = async |owner, id: &ExecutionId| {
        let claim = Claim::new(owner, Timestamp::MAX, 1).lease(Duration::from_secs(3600)).only(id.clone());
        store.claim(claim).await.unwrap().executions.len()
    };
    for id in &ids[..2] {
        assert_eq!(claimed(one, id).await, 1);
    }
    assert_eq!(claimed(three, &ids[2]).await, 1);
    // So far it is on the disk.
    let cause = |length| Event::Stop { failure: Failure::new("Stopped", "x".repeat(length)) };
    store.post(&ids[0], cause(1)).await.unwrap();

    store.release(one, Some(&ids[..1])).await.unwrap();
    assert_eq!(claimed(two, &ids[0]).await, 1);
    store.release(one, Some(&ids[1..2])).await.unwrap();
    store.release(three, None).await.unwrap();
    store.limit_bytes(1).await.unwrap();
    let error = store.post(&ids[0], cause(100_000)).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    store.limit_bytes(100_000_000).await.unwrap();

    assert_eq!(store.owned(two).await.unwrap(), ids[..1], "what was given is the owner's");
    assert_eq!(claimed(one, &ids[0]).await, 0, "and is given to nobody else");
    for owner in [one, three] {
        assert_eq!(store.owned(owner).await.unwrap(), [], "what was released is not the owner's any longer");
    }
    for id in &ids[1..] {
        assert_eq!(claimed(two, id).await, 1, "and is given to who claims it");
    }
}

#[tokio::test]
async fn a_torn_log_loses_the_end_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    let store = Arc::new(FileStore::open(&path).unwrap());
    let (runtime, mut tokens) = runtime_on(Arc::clone(&store) as _, &VirtualClock::manual(), 0);
    for n in 0..12 {
        runtime.start_execution(&machine(), &*n.to_string(), json!({ "n": n })).await.unwrap();
        tokens.recv().await.unwrap();
    }
    let (file, log) = (std::fs::read(&path).unwrap(), std::fs::read(log_of(&path)).unwrap());
    let torn = folder.path().join("torn.db");
    let mut counts = Vec::new();
    // Cut off at many places, and with garbage instead of the rest.
    for part in (0..=40).map(|part| log.len() * part / 40) {
        for garbage in [false, true] {
            let mut log = log.clone();
            match garbage {
                true => log[part..].fill(0xa5),
                false => log.truncate(part),
            }
            std::fs::write(&torn, &file).unwrap();
            std::fs::write(log_of(&torn), log).unwrap();
            counts.push(kept(&torn).await);
        }
    }
    assert!(counts.is_sorted(), "the more there is of the log, the more is kept: {counts:?}");
    assert_eq!((counts[0], counts.last()), (0, Some(&12)), "of a whole log everything is kept");
    drop(store);
}

/// How many executions a store has; each of them is whole.
async fn kept(path: &Path) -> usize {
    let store = FileStore::open(path).unwrap();
    let whole: String =
        Connection::open(path).unwrap().query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok");
    let all = store.list(ExecutionFilter::default(), PageRequest::first(100)).await.unwrap().items;
    for (summary, n) in all.iter().zip(0..) {
        assert_eq!(&*summary.name, n.to_string(), "the first ones are kept");
        assert!(store.load(&summary.id).await.unwrap().is_some());
        let history = store.history(&summary.id, PageRequest::first(100)).await.unwrap().items;
        assert!(history.iter().zip(1..).all(|(event, number)| event.id == number));
    }
    all.len()
}

fn log_of(path: &Path) -> std::path::PathBuf {
    format!("{}-wal", path.display()).into()
}

#[test]
fn files_that_are_not_ours_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);

    drop(FileStore::open(path("newer.db")).unwrap());
    Connection::open(path("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = FileStore::open(path("newer.db")).unwrap_err();
    assert!(matches!(error, FileStoreError::TooNew { found: 99 }), "{error}");
    assert_eq!(error.to_string(), "the store has version 99, and this program knows versions up to 4");

    let foreign = Connection::open(path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE tea (leaf TEXT)").unwrap();
    let error = FileStore::open(path("foreign.db")).unwrap_err();
    assert!(matches!(error, FileStoreError::Foreign), "{error}");
    let tables: i64 = foreign.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);

    let text = "this is no database, but a text that is long enough to be looked at".repeat(50);
    std::fs::write(path("text.db"), &text).unwrap();
    let error = FileStore::open(path("text.db")).unwrap_err();
    assert!(matches!(error, FileStoreError::Database(_)), "{error}");
    assert_eq!(std::fs::read_to_string(path("text.db")).unwrap(), text);

    let store = FileStore::open(path("used.db")).unwrap();
    let error = FileStore::open(path("used.db")).unwrap_err();
    assert!(matches!(error, FileStoreError::InUse { .. }), "{error}");
    drop(store);
    FileStore::open(path("used.db")).unwrap();
    let error = FileStore::open(path("nowhere/file.db")).unwrap_err();
    assert!(matches!(error, FileStoreError::Lock(_)), "{error}");
}

/// Root may write anywhere, so the test runs again as somebody who may not.
#[cfg(unix)]
#[test]
fn a_file_and_a_folder_that_must_not_be_written_are_refused_until_they_may_be() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    if folder.path().metadata().unwrap().uid() == 0 {
        let name = "a_file_and_a_folder_that_must_not_be_written_are_refused_until_they_may_be";
        // Where the test itself lies, nobody else may have a way to it.
        let program = std::env::temp_dir().join(format!("stepwright-faults-{}", std::process::id()));
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let mut again = std::process::Command::new(&program);
        let ran = again.args(["--exact", name]).current_dir("/").uid(NOBODY).gid(NOBODY).output();
        std::fs::remove_file(&program).unwrap();
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(
            ran.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        return;
    }

    let allow = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let path = folder.path().join("executions.db");
    runtime.block_on(async {
        let (runtime, mut tokens) =
            runtime_on(Arc::new(FileStore::open(&path).unwrap()), &VirtualClock::manual(), 0);
        runtime.start_execution(&machine(), "0", json!({})).await.unwrap();
        tokens.recv().await.unwrap();
        runtime.shutdown().await;
    });
    let file = std::fs::read(&path).unwrap();

    allow(&path, 0o444);
    let error = FileStore::open(&path).unwrap_err();
    assert!(matches!(error, FileStoreError::ReadOnly), "{error:?}");
    allow(&path, 0o644);

    allow(folder.path(), 0o555);
    for path in [path.as_path(), &folder.path().join("new.db")] {
        let error = FileStore::open(path).unwrap_err();
        assert!(matches!(error, FileStoreError::Lock(_) | FileStoreError::Database(_)), "{error:?}");
    }
    allow(folder.path(), 0o755);

    assert_eq!(std::fs::read(&path).unwrap(), file, "nothing was written meanwhile");
    assert_eq!(runtime.block_on(kept(&path)), 1);
}

#[tokio::test]
async fn a_clock_that_was_set_back_delays_timers_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    let begin: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    let open = || Arc::new(FileStore::open(&path).unwrap());
    let store = open();
    let clock = VirtualClock::manual().at(begin);
    let (before, mut tokens) = runtime_on(Arc::clone(&store) as _, &clock, 0);
    let id = before.start_execution(&machine(), "one", json!({})).await.unwrap().id().clone();
    let token = tokens.recv().await.unwrap();
    before.send_task_success(&token, json!("yes")).await.unwrap();
    while status(&*store, &id).await != "RUNNING" || waits(&*store, &id).await != json!("Rest") {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    before.shutdown().await;
    drop((before, store));

    // The machine starts again, an hour before.
    let store = open();
    let hour = Duration::from_secs(3600);
    let clock = VirtualClock::manual().at(Timestamp::from_millis(begin.as_millis() - 3_600_000));
    let (after, _tokens) = runtime_on(Arc::clone(&store) as _, &clock, 0);
    after.recover().await.unwrap();
    clock.advance(hour).await;
    assert_eq!(status(&*store, &id).await, "RUNNING", "its time has not come");
    while status(&*store, &id).await == "RUNNING" {
        clock.advance(Duration::from_secs(61)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(status(&*store, &id).await, "SUCCEEDED");
    let history = store.history(&id, PageRequest::first(100)).await.unwrap().items;
    assert!(history.is_sorted_by_key(|event| event.timestamp), "history does not run backwards");
    assert!(clock.now() >= begin + Duration::from_secs(60), "and nothing happened too early");
}

async fn status(store: &dyn Store, id: &ExecutionId) -> &'static str {
    store.describe(id).await.unwrap().unwrap().status.as_str()
}

/// The state that was entered last.
async fn waits(store: &dyn Store, id: &ExecutionId) -> Value {
    let last = store.history(id, PageRequest::first(1).reverse()).await.unwrap().items.remove(0);
    last.to_wire()["stateEnteredEventDetails"]["name"].clone()
}
