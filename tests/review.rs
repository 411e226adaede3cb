//! What a review found: each test is a mistake that was made once.
#![expect(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "tests say what they need, shortly")]

#[path = "shared/machine.rs"]
mod machine;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::store::{
    Claim, Claims, Commit, Created, Decorator, ExecutionFilter, NewExecution, OwnerId, PageRequest, Revision,
    StoreError, StoreErrorKind, StoredExecution,
};
use stepwright::testing::VirtualClock;
use stepwright::{
    Clock, Command, ErrorName, Event, Execution, ExecutionError, ExecutionId, ExecutionStatus, Failure,
    HistoryEvent, Json, Limits, MemoryStore, Observer, Record, ReportError, Reporter, Runtime, Snapshot,
    Start, StartError, StateMachine, Step, Store, TaskStart, TaskToken, Timestamp, handler_fn,
};
use tokio::sync::{Notify, mpsc};

use machine::machine;

const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";
const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn states(states: Value) -> Arc<StateMachine> {
    let first = states.as_object().unwrap().keys().next().unwrap().clone();
    machine(&json!({ "StartAt": first, "States": states }))
}

fn tasks(step: &Step) -> Vec<TaskStart> {
    let start = |command: &Command| match command {
        Command::StartTask(start) => Some(start.clone()),
        _ => None,
    };
    step.commands.iter().filter_map(start).collect()
}

fn done(task: &TaskStart, output: impl Into<Json>) -> Event {
    Event::TaskSucceeded { task: task.task, output: output.into(), reporter: Reporter::Handler }
}

fn failed(task: &TaskStart, error: &str) -> Event {
    Event::TaskFailed { task: task.task, failure: Failure::named(error), reporter: Reporter::Handler }
}

fn types(step: &Step) -> Vec<&'static str> {
    step.history.iter().map(HistoryEvent::type_name).collect()
}

fn saved(execution: &mut Execution) -> Snapshot {
    Snapshot::from_records(execution.take_changes().records()).unwrap()
}

fn error(step: &Step) -> (String, String) {
    let ExecutionStatus::Failed { failure } = &step.status else { panic!("{:?}", step.status) };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(failure.error.as_ref().map(ErrorName::as_str)), text(failure.cause.as_deref()))
}

fn picky_map(concurrency: u32) -> Arc<StateMachine> {
    states(json!({
        "Each": {
            "Type": "Map", "MaxConcurrency": concurrency, "End": true,
            "ItemSelector": { "first.$": "States.ArrayGetItem($$.Map.Item.Value, 0)" },
            "ItemProcessor": { "StartAt": "Work", "States": { "Work": { "Type": "Task", "Resource": WORK, "End": true } } },
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]
        },
        "Caught": { "Type": "Pass", "End": true }
    }))
}

#[test]
fn an_item_that_cannot_be_selected_cuts_short_those_that_run() {
    // At once: two iterations have begun when the third cannot.
    let (execution, step) = Execution::start(picky_map(0), Start::new("x", json!([[1], [2], []])), NOW);
    assert!(matches!(step.status, ExecutionStatus::Succeeded { .. }), "{:?}", step.status);
    assert!(tasks(&step).is_empty() && execution.outstanding().is_empty());

    // Later: one runs when the place of another is to be taken.
    let (mut execution, step) = Execution::start(picky_map(2), Start::new("x", json!([[1], [2], []])), NOW);
    let running = tasks(&step);
    let step = execution.handle(done(&running[0], 1), NOW).unwrap();
    assert!(matches!(step.status, ExecutionStatus::Succeeded { .. }), "{:?}", step.status);
    assert!(
        step.commands
            .iter()
            .any(|command| matches!(command, Command::CancelTask { task, .. } if *task == running[1].task))
    );
    assert!(execution.handle(done(&running[1], 1), NOW).is_err());
}

#[test]
fn a_heartbeat_that_lets_others_go_on_is_written() {
    let machine = states(json!({ "Both": { "Type": "Parallel", "End": true, "Branches": [
        { "StartAt": "Work", "States": { "Work": { "Type": "Task", "Resource": WORK, "End": true } } },
        { "StartAt": "A", "States": { "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "End": true } } }
    ] } }));
    let start = Start::new("x", json!({})).limits(Limits::AWS.fuel(2)).history(false);
    let (mut execution, step) = Execution::start(machine, start, NOW);
    assert_eq!(step.deadline, Some(NOW), "the second branch has not begun");
    let step = execution.handle(Event::TaskHeartbeat { task: tasks(&step)[0].task }, NOW).unwrap();
    assert!(!step.is_empty());
}

#[test]
fn a_tick_that_is_early_writes_nothing() {
    let machine = states(json!({ "Nap": { "Type": "Wait", "Seconds": 60, "End": true } }));
    let (mut execution, _) = Execution::start(machine, Start::new("x", json!({})), NOW);
    assert!(execution.handle(Event::Tick, NOW).unwrap().is_empty());
    assert!(!execution.handle(Event::Tick, NOW + Duration::from_secs(60)).unwrap().is_empty());
}

#[test]
fn a_full_history_ends_at_once_and_leaves_no_task_behind() {
    let machine = states(json!({ "Work": { "Type": "Task", "Resource": QUEUE, "End": true,
        "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" },
        "Retry": [{ "ErrorEquals": ["States.ALL"] }] } }));
    for limit in 2..12 {
        let start = Start::new("x", json!({})).limits(Limits::AWS.history_events(limit));
        let (mut execution, mut step) = Execution::start(machine.clone(), start, NOW);
        let (mut now, mut issued, mut retired, mut history) = (NOW, 0, 0, Vec::new());
        loop {
            history.extend(types(&step));
            issued += step.tokens.issued.len();
            retired += step.tokens.retired.len();
            let started = tasks(&step);
            if step.status.is_closed() {
                for task in started {
                    let cancelled = Command::CancelTask {
                        task: task.task,
                        reason: stepwright::CancelReason::ExecutionClosed,
                    };
                    assert!(step.commands.contains(&cancelled), "limit {limit}: {:?}", step.commands);
                }
                break;
            }
            assert!((history.len() as u64) < limit, "limit {limit} reached, and it goes on: {history:?}");
            step = match started.first() {
                Some(task) => execution.handle(failed(task, "Busy"), now).unwrap(),
                None => {
                    now = step.deadline.unwrap();
                    execution.handle(Event::Tick, now).unwrap()
                }
            };
        }
        assert_eq!(
            error(&step).1,
            format!("The execution reached the maximum number of history events ({limit}).")
        );
        assert_eq!((issued, history.len() as u64), (retired, limit), "{history:?}");
        assert_eq!(history.iter().filter(|kind| **kind == "ExecutionFailed").count(), 1);
    }
}

#[test]
fn a_full_history_ends_maps_wherever_it_is_reached() {
    let machine = states(json!({ "Each": { "Type": "Map", "MaxConcurrency": 2, "End": true,
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": { "Type": "Task", "Resource": WORK, "Next": "P" }, "P": { "Type": "Pass", "End": true } } },
        "Retry": [{ "ErrorEquals": ["Busy"] }] } }));
    for fails in [false, true] {
        for limit in 2..40 {
            let start = Start::new("x", json!([1, 2, 3])).limits(Limits::AWS.history_events(limit));
            let (mut execution, mut step) = Execution::start(machine.clone(), start, NOW);
            let (mut now, mut events, mut running, mut snapshot) = (NOW, 0, Vec::new(), Snapshot::default());
            loop {
                snapshot.apply(&execution.take_changes());
                events += step.history.len() as u64;
                running.extend(tasks(&step));
                if step.status.is_closed() {
                    break;
                }
                assert!(events < limit, "limit {limit} reached, and it goes on");
                running.retain(|task| execution.outstanding().iter().any(|other| other.task == task.task));
                step = match running.first() {
                    Some(task) if fails => execution.handle(failed(task, "Busy"), now).unwrap(),
                    Some(task) => execution.handle(done(task, 1), now).unwrap(),
                    None => {
                        now = step.deadline.unwrap();
                        execution.handle(Event::Tick, now).unwrap()
                    }
                };
            }
            assert!(events <= limit);
            assert!(format!("{snapshot:?}").contains("frames: 0"), "{snapshot:?}");
        }
    }
}

#[test]
fn an_early_answer_counts_however_large_the_response_is() {
    let machine = states(
        json!({ "Work": { "Type": "Task", "Resource": QUEUE, "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "End": true } }),
    );
    let (mut execution, step) = Execution::start(machine, Start::new("x", json!({})), NOW);
    let task = &tasks(&step)[0];
    let early =
        Event::TaskSucceeded { task: task.task, output: Json::from(7), reporter: Reporter::TokenHolder };
    let _ = execution.handle(early, NOW).unwrap();
    let step = execution.handle(done(task, "x".repeat(300_000)), NOW).unwrap();
    assert_eq!(step.status, ExecutionStatus::Succeeded { output: Json::from(7) });
}

#[test]
fn a_missed_heartbeat_is_one_however_late_it_is_noticed() {
    let machine = states(json!({
        "Work": { "Type": "Task", "Resource": QUEUE, "End": true, "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "TimeoutSeconds": 60, "HeartbeatSeconds": 10,
            "Catch": [{ "ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Silent" }] },
        "Silent": { "Type": "Pass", "Result": "silent", "End": true }
    }));
    let (mut execution, _) = Execution::start(machine, Start::new("x", json!({})), NOW);
    let step = execution.handle(Event::Tick, NOW + Duration::from_secs(3600)).unwrap();
    assert_eq!(step.status, ExecutionStatus::Succeeded { output: Json::from("silent") });
}

#[test]
fn a_crash_without_fuel_changes_nothing() {
    let inner = json!({ "StartAt": "In", "States": { "In": { "Type": "Map", "Next": "After",
        "ItemProcessor": { "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } } },
        "After": { "Type": "Pass", "End": true } } });
    let machine = states(json!({ "Out": { "Type": "Map", "ItemProcessor": inner, "End": true } }));
    for fuel in 1..30 {
        let start = Start::new("x", json!([[1, 2], [3], [4, 5, 6]])).limits(Limits::AWS.fuel(fuel));
        let limits = start.limits.clone();
        let run = |crash: bool| {
            let (mut execution, mut step) = Execution::start(machine.clone(), start.clone(), NOW);
            let (mut history, mut snapshot) = (Vec::new(), Snapshot::default());
            loop {
                snapshot.apply(&execution.take_changes());
                history.append(&mut step.history);
                if step.status.is_closed() {
                    return history;
                }
                if crash {
                    execution = Execution::restore(machine.clone(), &snapshot, limits.clone(), NOW).unwrap();
                }
                step = execution.handle(Event::Tick, NOW).unwrap();
            }
        };
        assert_eq!(run(false), run(true), "fuel {fuel}");
    }
}

#[test]
fn variables_have_limits() {
    let big = json!("x".repeat(200_000));
    let assign = |value: Value, next: String| json!({ "Type": "Pass", "Assign": value, "Next": next });
    // One Assign.
    let machine = states(
        json!({ "A": assign(json!({ "a.$": "$", "b.$": "$" }), "B".into()), "B": { "Type": "Succeed" } }),
    );
    let (_, step) = Execution::start(machine, Start::new("x", big.clone()), NOW);
    assert_eq!(error(&step).0, "States.DataLimitExceeded");
    // All of them: what replaces an older value does not add to it.
    for (count, fits) in [(60, true), (61, false)] {
        let mut all = serde_json::Map::new();
        for n in 0..count {
            let name = if n < 9 { "same.$".to_owned() } else { format!("v{n}.$") };
            all.insert(format!("S{n:02}"), assign(json!({ name: "$" }), format!("S{:02}", n + 1)));
        }
        all.insert(format!("S{count}"), json!({ "Type": "Succeed" }));
        let (_, step) = Execution::start(states(Value::Object(all)), Start::new("x", big.clone()), NOW);
        assert_eq!(matches!(step.status, ExecutionStatus::Succeeded { .. }), fits, "{count}");
    }
}

#[test]
fn a_loop_that_nests_its_output_ends_and_can_be_saved() {
    for nest in [
        json!({ "Type": "Pass", "Parameters": { "a.$": "$" }, "Next": "Nap" }),
        json!({ "Type": "Pass", "ResultPath": "$.a", "Next": "Nap" }),
        json!({ "Type": "Pass", "Assign": { "v": { "a.$": "$" } }, "Parameters": { "a.$": "$" }, "Next": "Nap" }),
        json!({ "Type": "Parallel", "Next": "Nap", "Branches": [{ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } }] }),
    ] {
        let machine = states(json!({ "Nest": nest, "Nap": { "Type": "Wait", "Seconds": 1, "Next": "Again" },
            "Again": { "Type": "Choice", "Default": "Nest", "Choices": [{ "Variable": "$.never", "IsPresent": true, "Next": "End" }] },
            "End": { "Type": "Succeed" } }));
        let (mut execution, mut step) = Execution::start(machine.clone(), Start::new("x", json!({})), NOW);
        let (mut snapshot, mut rounds) = (Snapshot::default(), 0);
        while !step.status.is_closed() {
            snapshot.apply(&execution.take_changes());
            let limits = Limits::AWS;
            let again = Snapshot::from_records(
                Execution::restore(machine.clone(), &snapshot, limits, NOW).unwrap().take_changes().records(),
            );
            again.unwrap();
            rounds += 1;
            assert!(rounds < 200);
            step = execution.handle(Event::Tick, step.deadline.unwrap()).unwrap();
        }
        assert_eq!(error(&step).0, "States.DataLimitExceeded");
    }
}

#[test]
fn an_answer_too_deep_to_save_fails_its_task() {
    let mut deep = json!(1);
    (0..200).for_each(|_| deep = json!([deep]));
    let machine = states(
        json!({ "Work": { "Type": "Task", "Resource": QUEUE, "Parameters": { "QueueUrl": "q", "MessageBody": "m" }, "End": true } }),
    );
    for early in [false, true] {
        let (mut execution, step) = Execution::start(machine.clone(), Start::new("x", json!({})), NOW);
        let task = &tasks(&step)[0];
        let answer = Event::TaskSucceeded {
            task: task.task,
            output: deep.clone().into(),
            reporter: Reporter::TokenHolder,
        };
        if early {
            let _ = execution.handle(answer, NOW).unwrap();
            saved(&mut execution);
            let step = execution.handle(done(task, 1), NOW).unwrap();
            assert_eq!(error(&step).0, "States.DataLimitExceeded");
        } else {
            let _ = execution.handle(done(task, 1), NOW).unwrap();
            let step = execution.handle(answer, NOW).unwrap();
            assert_eq!(error(&step).0, "States.DataLimitExceeded");
        }
    }
}

#[test]
fn tokens_are_in_no_debug_output_of_what_is_kept() {
    let machine = states(json!({ "Work": { "Type": "Task", "Resource": QUEUE, "End": true,
        "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" } } }));
    let (mut execution, step) = Execution::start(machine, Start::new("x", json!({})), NOW);
    let token = tasks(&step)[0].token.clone().unwrap();
    let changes = execution.take_changes();
    let mut snapshot = Snapshot::default();
    snapshot.apply(&changes);
    let shown = format!("{execution:?} {changes:?} {snapshot:?} {:?}", changes.records());
    assert!(!shown.contains(token.reveal()), "{shown}");
}

#[test]
fn large_integers_compare_exactly() {
    let rule = json!({ "Variable": "$", "NumericLessThan": u64::MAX, "Next": "Less" });
    let machine = states(json!({ "C": { "Type": "Choice", "Choices": [rule], "Default": "Not" },
        "Less": { "Type": "Pass", "Result": "less", "End": true }, "Not": { "Type": "Pass", "Result": "not", "End": true } }));
    let (_, step) = Execution::start(machine, Start::new("x", json!(u64::MAX - 1)), NOW);
    assert_eq!(step.status, ExecutionStatus::Succeeded { output: Json::from("less") });
}

/// Whatever a store gives back: an error, or an execution that goes on without a panic.
#[test]
fn damaged_records_are_refused_or_harmless() {
    let machine = states(json!({ "Out": { "Type": "Map", "MaxConcurrency": 2, "End": true,
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": { "Type": "Task", "Resource": WORK, "Next": "Nap" },
            "Nap": { "Type": "Wait", "Seconds": 5, "End": true } } } } }));
    let (mut execution, mut step) = Execution::start(machine.clone(), Start::new("x", json!([1, 2, 3])), NOW);
    let mut snapshots = vec![execution.take_changes().records()];
    let mut all: std::collections::BTreeMap<_, Record> =
        snapshots[0].iter().map(|r| (r.key, r.clone())).collect();
    for _ in 0..2 {
        step = execution.handle(done(&execution.outstanding()[0], 1), NOW).unwrap();
        for record in execution.take_changes().records() {
            all.insert(record.key, record);
        }
        snapshots.push(all.values().cloned().collect());
    }
    assert!(!step.status.is_closed());
    let mut tried = 0;
    for records in snapshots {
        for (at, record) in records.iter().enumerate() {
            let Some(bytes) = &record.bytes else { continue };
            let mut variants: Vec<Option<Vec<u8>>> = vec![None];
            for n in 0..bytes.len() {
                if bytes[n].is_ascii_digit() {
                    for digit in [b'0', b'1', b'2', b'3', b'9'] {
                        let mut changed = bytes.clone();
                        changed[n] = digit;
                        variants.push(Some(changed));
                    }
                }
            }
            for (from, to) in [
                ("Children", "Waiting"),
                ("\"Work\"", "\"Out\""),
                ("\"Work\"", "\"Nap\""),
                ("\"Out\"", "\"Work\""),
                ("\"total\":3", "\"total\":4294967295"),
            ] {
                let text = String::from_utf8(bytes.clone()).unwrap();
                variants.push(Some(text.replace(from, to).into_bytes()));
            }
            for variant in variants {
                let mut records = records.clone();
                records[at].bytes = variant;
                let Ok(snapshot) = Snapshot::from_records(records) else { continue };
                let Ok(mut execution) = Execution::restore(machine.clone(), &snapshot, Limits::AWS, NOW)
                else {
                    continue;
                };
                tried += 1;
                for _ in 0..40 {
                    if execution.status().is_closed() {
                        break;
                    }
                    let event = match execution.outstanding().first() {
                        Some(task) => done(task, 1),
                        None => Event::Tick,
                    };
                    let Some(now) = execution.deadline() else { break };
                    let _ = execution.handle(event, now);
                    execution.take_changes().records();
                }
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn results_that_a_state_cannot_use_are_forgotten_with_it() {
    let machine = states(json!({ "Fork": { "Type": "Parallel", "End": true,
        "ResultSelector": { "x.$": "$[0].no" },
        "Branches": (0..3).map(|n| json!({ "StartAt": format!("P{n}"), "States": {
            format!("P{n}"): { "Type": "Pass", "End": true } } })).collect::<Vec<_>>() } }));
    // One branch ends in each step. Nothing may be redriven, so that nothing is kept.
    let limits = Limits::AWS.fuel(1).redrive_time(Duration::ZERO);
    let (mut execution, mut step) = Execution::start(machine, Start::new("x", json!({})).limits(limits), NOW);
    let mut snapshot = saved(&mut execution);
    while !step.status.is_closed() {
        step = execution.handle(Event::Tick, NOW).unwrap();
        snapshot.apply(&execution.take_changes());
    }
    assert!(format!("{snapshot:?}").contains("frames: 0"), "{snapshot:?}");
}

#[test]
fn what_is_due_stays_due_when_the_clock_is_set_back() {
    let machine =
        states(json!({ "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Pass", "End": true } }));
    let start = Start::new("x", json!({})).limits(Limits::AWS.fuel(1));
    let (execution, _) = Execution::start(machine, start, NOW);
    assert!(execution.is_due(NOW) && execution.is_due(Timestamp::EPOCH));
}

/// A store that is slow, or fails, when it is told to.
#[derive(Debug, Default)]
struct Moody {
    store: MemoryStore,
    mood: Mutex<Mood>,
    go: Notify,
    /// Who claimed, in the order in which they came.
    owners: Mutex<Vec<OwnerId>>,
    /// When.
    claims: Mutex<Vec<Timestamp>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mood {
    #[default]
    Good,
    /// The next `load` waits for `go`.
    SlowLoad,
    /// The next `create` waits for `go`.
    SlowCreate,
    /// The next commit is written, and said not to be.
    Liar,
    /// What is loaded has another definition.
    Garbles(&'static str),
}

impl Moody {
    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Whether it is in this mood: it is over then.
    fn is(&self, mood: Mood) -> bool {
        let mut now = self.mood.lock().unwrap();
        let is = *now == mood;
        if is {
            *now = Mood::Good;
        }
        is
    }
}

impl Decorator for Moody {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn create(&self, execution: NewExecution, first: Commit) -> Result<Created, StoreError> {
        if self.is(Mood::SlowCreate) {
            self.go.notified().await;
        }
        self.store.create(execution, first).await
    }

    async fn commit(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: Commit,
    ) -> Result<Revision, StoreError> {
        let written = self.store.commit(id, expected, commit).await?;
        match self.is(Mood::Liar) {
            true => Err(StoreErrorKind::Unavailable.into()),
            false => Ok(written),
        }
    }

    async fn load(&self, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        if self.is(Mood::SlowLoad) {
            self.go.notified().await;
        }
        let loaded = self.store.load(id).await?;
        let mood = *self.mood.lock().unwrap();
        Ok(loaded.map(|stored| match mood {
            Mood::Garbles(name) if id.as_str().ends_with(name) => {
                StoredExecution::new(stored.revision, stored.snapshot, "{}".into(), stored.summary)
            }
            _ => stored,
        }))
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, StoreError> {
        {
            let mut owners = self.owners.lock().unwrap();
            if !owners.contains(&claim.owner) {
                owners.push(claim.owner);
            }
            self.claims.lock().unwrap().push(claim.due);
        }
        self.store.claim(claim).await
    }
}

fn waits_for_token() -> Arc<StateMachine> {
    states(json!({ "Work": { "Type": "Task", "Resource": QUEUE, "End": true,
        "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" } } }))
}

/// A runtime on `store` whose queue passes the tokens on.
fn with_queue(store: &Arc<Moody>, clock: VirtualClock) -> (Runtime, mpsc::UnboundedReceiver<TaskToken>) {
    let (send, receive) = mpsc::unbounded_channel();
    let queue = handler_fn(move |request: stepwright::TaskRequest, _| {
        let _ = send.send(request.input["MessageBody"].as_str().unwrap().parse().unwrap());
        async { Ok::<_, Failure>(json!({ "MessageId": "m-1" })) }
    });
    let runtime = Runtime::builder()
        .clock(Arc::new(clock))
        .store(Arc::clone(store) as Arc<dyn Store>)
        .handler(QUEUE, queue)
        .build();
    (runtime.unwrap(), receive)
}

async fn a_while() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_impatient_caller_does_not_leave_a_half_loaded_execution_behind() {
    let store = Arc::new(Moody::default());
    let (runtime, mut tokens) = with_queue(&store, VirtualClock::manual());
    let id = runtime.start_execution(&waits_for_token(), "x", json!({})).await.unwrap().id().clone();
    let token = tokens.recv().await.unwrap();
    a_while().await;
    runtime.shutdown().await;

    let (runtime, _tokens) = with_queue(&store, VirtualClock::manual());
    store.set(Mood::SlowLoad);
    tokio::select! {
        biased;
        _ = runtime.send_task_success(&token, 1) => panic!("the store does not answer"),
        () = a_while() => {}
    }
    store.go.notify_one();
    // It may be that the first report counted: it is not known to whoever gave it up.
    let _ = runtime.send_task_success(&token, 2).await;
    let status = runtime.describe_execution(&id).await.unwrap().status;
    assert!(matches!(status, ExecutionStatus::Succeeded { .. }), "{status:?}");
}

#[tokio::test]
async fn an_execution_that_was_created_goes_on_whoever_waits() {
    let store = Arc::new(Moody::default());
    let (runtime, mut tokens) = with_queue(&store, VirtualClock::manual());
    store.set(Mood::SlowCreate);
    let machine = waits_for_token();
    tokio::select! {
        biased;
        _ = runtime.start_execution(&machine, "x", json!({})) => panic!("the store does not answer"),
        () = a_while() => {}
    }
    store.go.notify_one();
    assert!(tokens.recv().await.is_some());
}

#[tokio::test]
async fn an_execution_that_is_claimed_while_somebody_wants_to_create_it_goes_on() {
    let (store, clock) = (Arc::new(Moody::default()), VirtualClock::manual());
    let machine = states(json!({ "Nap": { "Type": "Wait", "Seconds": 9, "End": true } }));
    let (before, _tokens) = with_queue(&store, clock.clone());
    let id = before.start_execution(&machine, "x", json!({})).await.unwrap().id().clone();
    before.shutdown().await;
    let (runtime, _tokens) = with_queue(&store, clock.clone());
    store.set(Mood::SlowCreate);
    let creating = runtime.start_execution(&machine, "x", json!("another"));
    let while_it_does = async {
        clock.settle().await;
        clock.advance(Duration::from_secs(60)).await;
        runtime.recover().await.unwrap();
        store.go.notify_one();
    };
    let (created, ()) = tokio::join!(creating, while_it_does);
    assert!(matches!(created, Err(StartError::ExecutionAlreadyExists { .. })));
    clock.settle().await;
    assert!(store.store.describe(&id).await.unwrap().unwrap().status.is_closed());
}

#[tokio::test]
async fn a_commit_that_was_written_though_it_failed_stops_nothing() {
    let store = Arc::new(Moody::default());
    let (runtime, mut tokens) = with_queue(&store, VirtualClock::new());
    let machine = states(json!({
        "Nap": { "Type": "Wait", "Seconds": 1, "Next": "Work" },
        "Work": { "Type": "Task", "Resource": QUEUE, "End": true, "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" } }
    }));
    let execution = runtime.start_execution(&machine, "x", json!({})).await.unwrap();
    store.set(Mood::Liar);
    let token = tokens.recv().await.unwrap();
    runtime.send_task_success(&token, 7).await.unwrap();
    let status = execution.closed().await.unwrap();
    assert_eq!(status, ExecutionStatus::Succeeded { output: Json::from(7) });
}

#[tokio::test]
async fn one_execution_that_cannot_go_on_does_not_keep_the_others() {
    let store = Arc::new(Moody::default());
    let machine = states(json!({ "Nap": { "Type": "Wait", "Seconds": 9, "End": true } }));
    let (runtime, _tokens) = with_queue(&store, VirtualClock::new());
    for name in ["a", "b", "c"] {
        runtime.start_execution(&machine, name, json!({})).await.unwrap();
    }
    runtime.shutdown().await;
    let (runtime, _tokens) = with_queue(&store, VirtualClock::new());
    store.set(Mood::Garbles(":a"));
    runtime.recover().await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ended =
        runtime.list_executions(ExecutionFilter::default().status("SUCCEEDED"), PageRequest::first(9)).await;
    assert_eq!(ended.unwrap().items.len(), 2);
    let stranded = runtime.stranded();
    assert!(stranded.len() == 1 && stranded[0].0.as_str().ends_with(":a"), "{stranded:?}");
}

/// What one runtime cannot read is another's: the next one may be newer.
#[tokio::test]
async fn what_one_runtime_cannot_read_another_goes_on_with() {
    let garbled = Arc::new(Moody::default());
    let machine = states(json!({ "Nap": { "Type": "Wait", "Seconds": 9, "End": true } }));
    let begin = VirtualClock::new();
    let (runtime, _tokens) = with_queue(&garbled, begin);
    let id = runtime.start_execution(&machine, "a", json!({})).await.unwrap().id().clone();
    runtime.shutdown().await;
    garbled.set(Mood::Garbles(":a"));
    let sharing = || {
        let clock = VirtualClock::manual().at(NOW + Duration::from_secs(60));
        let builder = Runtime::builder().clock(Arc::new(clock)).store(Arc::clone(&garbled) as Arc<dyn Store>);
        builder.lease(Duration::from_secs(3600)).build().unwrap()
    };
    let (old, new) = (sharing(), sharing());
    assert_eq!(old.recover().await.unwrap(), 0);
    assert_eq!(old.stranded().len(), 1);
    garbled.set(Mood::Good);
    assert_eq!(new.recover().await.unwrap(), 1, "it is not kept by whoever cannot read it");
    a_while().await;
    assert!(new.describe_execution(&id).await.unwrap().status.is_closed());
    assert_eq!(old.recover().await.unwrap(), 0);
}

/// A runtime that shares `store`, and keeps so many sleepers in memory.
fn sharing(
    store: &Arc<Moody>,
    clock: &VirtualClock,
    residents: usize,
) -> (Runtime, mpsc::UnboundedReceiver<TaskToken>) {
    let (send, receive) = mpsc::unbounded_channel();
    let queue = handler_fn(move |request: stepwright::TaskRequest, _| {
        let _ = send.send(request.input["MessageBody"].as_str().unwrap().parse().unwrap());
        async { Ok::<_, Failure>(json!({ "MessageId": "m-1" })) }
    });
    let runtime = Runtime::builder()
        .clock(Arc::new(clock.clone()))
        .store(Arc::clone(store) as Arc<dyn Store>)
        .lease(Duration::from_secs(3600))
        .residents(residents)
        .handler(QUEUE, queue)
        .build();
    (runtime.unwrap(), receive)
}

/// Asks for an answer, anew after a minute, and rests for a second or five.
fn asks_twice() -> Arc<StateMachine> {
    states(json!({
        "Work": { "Type": "Task", "Resource": QUEUE, "TimeoutSeconds": 60, "Next": "Nap",
            "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" },
            "Retry": [{ "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1 }] },
        "Nap": { "Type": "Wait", "Seconds": 5, "End": true }
    }))
}

/// What a runtime has in memory may not be true any longer: it refuses nothing because of that.
#[tokio::test]
async fn who_was_overtaken_leaves_it_to_others_what_is_refused() {
    let (store, clocks) = (Arc::new(Moody::default()), [VirtualClock::manual(), VirtualClock::manual()]);
    let (one, mut tokens) = sharing(&store, &clocks[0], 10);
    let id = one.start_execution(&asks_twice(), "x", json!({})).await.unwrap().id().clone();
    tokens.recv().await.unwrap();
    clocks[0].settle().await;
    // As if it had been silent for longer than its lease.
    let first = store.owners.lock().unwrap()[0];
    store.store.release(first, Some(std::slice::from_ref(&id))).await.unwrap();
    let (other, mut tokens) = sharing(&store, &clocks[1], 10);
    other.recover().await.unwrap();
    clocks[1].advance(Duration::from_secs(62)).await;
    let again = tokens.recv().await.unwrap();
    clocks[1].settle().await;

    one.send_task_heartbeat(&again).await.unwrap();
    one.send_task_success(&again, json!(7)).await.unwrap();
    clocks[1].advance(Duration::from_secs(6)).await;
    let status = one.describe_execution(&id).await.unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output: Json::from(7) });
}

/// Nor does what it has in memory stand in the way of what it is given.
#[tokio::test]
async fn who_was_overtaken_goes_on_with_what_comes_back() {
    let (store, clocks) = (Arc::new(Moody::default()), [VirtualClock::manual(), VirtualClock::manual()]);
    let (one, mut tokens) = sharing(&store, &clocks[0], 10);
    let id = one.start_execution(&asks_twice(), "x", json!({})).await.unwrap().id().clone();
    let token = tokens.recv().await.unwrap();
    clocks[0].settle().await;
    let first = store.owners.lock().unwrap()[0];
    store.store.release(first, Some(std::slice::from_ref(&id))).await.unwrap();
    // The other goes on with it, and gives it back.
    let (other, _tokens) = sharing(&store, &clocks[1], 10);
    other.send_task_success(&token, json!(7)).await.unwrap();
    other.shutdown().await;

    for _ in 0..10 {
        clocks[0].advance(Duration::from_secs(1)).await;
    }
    let status = one.describe_execution(&id).await.unwrap().status;
    assert_eq!(status, ExecutionStatus::Succeeded { output: Json::from(7) });
}

/// A clock on which leases pass in virtual time, too.
#[derive(Debug)]
struct Whole(VirtualClock);

impl Clock for Whole {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep_until(deadline)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep_until(self.0.now() + duration)
    }
}

/// Who is busy with timers says that it lives, too.
#[tokio::test]
async fn a_lease_is_renewed_however_much_is_due() {
    let store = Arc::new(Moody::default());
    let clock = VirtualClock::manual();
    let runtime = Runtime::builder()
        .clock(Arc::new(Whole(clock.clone())))
        .store(Arc::clone(&store) as Arc<dyn Store>)
        .lease(Duration::from_secs(30))
        .build()
        .unwrap();
    let machine = states(json!({ "Nap": { "Type": "Wait", "Seconds": 1, "Next": "Again" },
        "Again": { "Type": "Choice", "Default": "Nap", "Choices": [{ "Variable": "$", "IsString": true, "Next": "End" }] },
        "End": { "Type": "Succeed" } }));
    runtime.start_execution(&machine, "x", json!(1)).await.unwrap();
    for _ in 0..120 {
        clock.advance(Duration::from_secs(1)).await;
    }
    let claims = store.claims.lock().unwrap();
    let longest = claims.windows(2).map(|pair| pair[1].since(pair[0])).max();
    assert!(longest.is_some_and(|longest| longest < Duration::from_secs(30)), "{longest:?} of silence");
    assert!(claims.last().unwrap().since(NOW) > Duration::from_secs(90), "{claims:?}");
}

#[derive(Debug)]
struct Clumsy;

impl Observer for Clumsy {
    fn on_history(&self, _: &ExecutionId, _: &[HistoryEvent]) {
        panic!("a clumsy observer");
    }
}

#[tokio::test]
async fn an_observer_that_panics_stops_nothing() {
    let runtime =
        Runtime::builder().clock(Arc::new(VirtualClock::new())).observer(Arc::new(Clumsy)).build().unwrap();
    let machine = states(
        json!({ "Nap": { "Type": "Wait", "Seconds": 9, "Next": "End" }, "End": { "Type": "Succeed" } }),
    );
    let execution = runtime.start_execution(&machine, None, json!(1)).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!(1));
}

#[tokio::test]
async fn after_the_shutdown_nothing_is_taken() {
    let store = Arc::new(Moody::default());
    let (runtime, mut tokens) = with_queue(&store, VirtualClock::manual());
    let execution = runtime.start_execution(&waits_for_token(), "x", json!({})).await.unwrap();
    let token = tokens.recv().await.unwrap();
    a_while().await;
    runtime.shutdown().await;
    assert!(matches!(runtime.send_task_success(&token, 1).await, Err(ReportError::ShuttingDown)));
    let stopped = runtime.stop_execution(execution.id(), Failure::default()).await;
    assert!(matches!(stopped, Err(ExecutionError::ShuttingDown)));
}

#[tokio::test]
async fn a_machine_that_never_waits_does_not_hold_up_the_shutdown() {
    let limits = Limits::AWS.history_events(u64::MAX).fuel(10);
    let runtime = Runtime::builder().limits(limits).history(false).build().unwrap();
    let machine = states(json!({ "Spin": { "Type": "Pass", "Next": "Again" },
        "Again": { "Type": "Choice", "Default": "Spin", "Choices": [{ "Variable": "$", "IsString": true, "Next": "End" }] },
        "End": { "Type": "Succeed" } }));
    runtime.start_execution(&machine, None, json!(1)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), runtime.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_input_too_deep_to_save_is_refused() {
    let mut deep = json!(1);
    (0..200).for_each(|_| deep = json!([deep]));
    let runtime = Runtime::builder().build().unwrap();
    let machine = states(json!({ "End": { "Type": "Succeed" } }));
    let refused = runtime.start_execution(&machine, None, deep).await;
    assert!(matches!(refused, Err(StartError::InputTooDeep { limit: 127 })));
}
