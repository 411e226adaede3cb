//! Random machines under random handlers: what holds for all of them, whatever they come to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};
use stepwright::testing::{Mock, Run, Simulator, SimulatorError};
use stepwright::{
    Command, Event, Execution, ExecutionStatus, Failure, HistoryEvent, Json, Limits, Record, RecordKey,
    Reporter, Snapshot, Start, StateMachine, Step, TaskId, Timestamp,
};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";
const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:Paint";

/// Few events are enough: machines that loop end soon. So do those whose documents grow.
const LIMITS: Limits = Limits::AWS.history_events(400).payload_bytes(4096).fuel(20);

/// A step ends with a deadline, so that a run of so few events makes no more steps than this.
const STEPS: u64 = 4_000;

/// A state as it is drawn: its transitions are filled in when it is known how many states there are, and the names
/// of what is in its branches when it is known where it stands.
#[derive(Clone, Debug)]
struct Drawn {
    fields: Value,
    targets: Vec<prop::sample::Index>,
    branches: Vec<Vec<Self>>,
}

fn path() -> impl Strategy<Value = &'static str> {
    let paths =
        ["$", "$.a", "$.b", "$.a.c", "$.n", "$.l[0]", "$.l[*]", "$$.State.Name", "$items[0]", "$items[*].n"];
    prop::sample::select(paths.to_vec())
}

fn reference() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![json!("$"), json!("$.a"), json!("$.b.c"), json!("$.l[0]"), Value::Null])
}

fn template() -> impl Strategy<Value = Value> {
    let intrinsics = prop::sample::select(vec![
        "States.Format('{}-{}', $$.State.Name, $.n)",
        "States.UUID()",
        "States.MathRandom(1, 100)",
        "States.MathAdd($.n, 1)",
        "States.Array($.a, $.b)",
        "States.JsonToString($)",
    ]);
    prop_oneof![
        path().prop_map(|path| json!({ "n": 1, "a.$": path, "l": [1, { "x.$": "$" }] })),
        intrinsics.prop_map(|call| json!({ "a": { "c": 2 }, "n.$": call, "b.$": "$" })),
        Just(json!({ "a.$": "$.a", "b": [], "n": 5, "l.$": "$.l" })),
    ]
}

/// Fields that all states but Fail have, each of them or not.
fn flow() -> impl Strategy<Value = Map<String, Value>> {
    let input = prop::option::weighted(0.2, path().prop_map(|path| json!(path)));
    let output =
        prop::option::weighted(0.2, prop_oneof![path().prop_map(|path| json!(path)), Just(Value::Null)]);
    (input, output).prop_map(|(input, output)| {
        let fields = [("InputPath", input), ("OutputPath", output)];
        fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    })
}

fn errors() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(["States.ALL"]),
        json!(["Busy"]),
        json!(["States.Timeout"]),
        json!(["States.TaskFailed"]),
        json!(["Broken", "States.HeartbeatTimeout"]),
    ])
}

fn retry() -> impl Strategy<Value = Value> {
    let jitter = prop::sample::select(vec!["NONE", "FULL"]);
    (errors(), 1..20_u32, 0..4_u32, 1..3_u32, jitter).prop_map(
        |(errors, interval, attempts, rate, jitter)| {
            json!([{ "ErrorEquals": errors, "IntervalSeconds": interval, "MaxAttempts": attempts,
            "BackoffRate": rate, "JitterStrategy": jitter }])
        },
    )
}

fn task() -> impl Strategy<Value = Value> {
    let resource = prop::sample::select(vec![FUNCTION, QUEUE, ACTIVITY]);
    let catch = prop::option::of((errors(), reference()));
    let seconds = prop::option::of(10..100_u32);
    let beats = prop::option::of(1..10_u32);
    (resource, prop::option::of(template()), prop::option::of(retry()), catch, seconds, beats, reference())
        .prop_map(|(resource, parameters, retry, catch, seconds, beats, result)| {
            let mut state = json!({ "Type": "Task", "Resource": resource, "ResultPath": result });
            let mut parameters = parameters;
            if resource == QUEUE {
                let mut message = parameters.take().unwrap_or_else(|| json!({}));
                message["t.$"] = json!("$$.Task.Token");
                parameters = Some(json!({ "MessageBody": message, "QueueUrl": "q" }));
            }
            let fields = [
                ("Parameters", parameters),
                ("Retry", retry),
                ("Catch", catch.map(|(errors, path)| json!([{ "ErrorEquals": errors, "ResultPath": path }]))),
                ("TimeoutSeconds", seconds.map(Value::from)),
                ("HeartbeatSeconds", beats.filter(|_| seconds.is_some()).map(Value::from)),
            ];
            for (key, value) in fields {
                if let Some(value) = value {
                    state[key] = value;
                }
            }
            state
        })
}

fn choice() -> impl Strategy<Value = Value> {
    let tests = prop::sample::select(vec![
        json!({ "IsPresent": true }),
        json!({ "NumericGreaterThan": 3 }),
        json!({ "StringMatches": "*a*" }),
        json!({ "IsNull": false }),
        json!({ "NumericLessThanPath": "$.n" }),
    ]);
    (path(), tests, any::<bool>()).prop_map(|(path, mut test, guarded)| {
        let path = if path == "$.l[*]" { "$.l" } else { path };
        test["Variable"] = json!(path);
        let rule = match guarded {
            true => json!({ "And": [{ "Variable": path, "IsPresent": true }, test] }),
            false => test,
        };
        json!({ "Type": "Choice", "Choices": [rule] })
    })
}

fn wait() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..1000_u32).prop_map(|seconds| json!({ "Type": "Wait", "Seconds": seconds })),
        Just(json!({ "Type": "Wait", "SecondsPath": "$.n" })),
        Just(json!({ "Type": "Wait", "Timestamp": "2026-01-01T00:01:00Z" })),
        Just(json!({ "Type": "Wait", "TimestampPath": "$$.State.EnteredTime" })),
    ]
}

fn pass() -> impl Strategy<Value = Value> {
    (prop::option::of(template()), prop::option::weighted(0.2, Just(json!({ "a.$": "$" }))), reference())
        .prop_map(|(parameters, result, path)| {
            let mut state = json!({ "Type": "Pass", "ResultPath": path });
            for (key, value) in [("Parameters", parameters), ("Result", result)] {
                if let Some(value) = value {
                    state[key] = value;
                }
            }
            state
        })
}

/// Retry, Catch and ResultPath of a state that runs others.
fn around() -> impl Strategy<Value = Value> {
    (prop::option::of(retry()), prop::option::of((errors(), reference())), reference()).prop_map(
        |(retry, catch, result)| {
            let catch = catch.map(|(errors, path)| json!([{ "ErrorEquals": errors, "ResultPath": path }]));
            let mut state = json!({ "ResultPath": result });
            for (key, value) in [("Retry", retry), ("Catch", catch)] {
                if let Some(value) = value {
                    state[key] = value;
                }
            }
            state
        },
    )
}

fn map() -> impl Strategy<Value = Value> {
    let items = prop::sample::select(vec!["$items", "$items", "$items", "$.l", "$", "$items[1].l"]);
    let selector = prop_oneof![
        template().boxed(),
        Just(json!({ "n.$": "$$.Map.Item.Index", "a.$": "$$.Map.Item.Value", "b.$": "$items[0]" })).boxed(),
    ];
    (around(), items, prop::option::of(selector), prop::option::of(0..4_u32)).prop_map(
        |(mut state, items, selector, most)| {
            state["Type"] = json!("Map");
            state["ItemsPath"] = json!(items);
            for (key, value) in [("ItemSelector", selector), ("MaxConcurrency", most.map(Value::from))] {
                if let Some(value) = value {
                    state[key] = value;
                }
            }
            state
        },
    )
}

/// A state in a block that has so many levels below it.
fn state(depth: u32) -> BoxedStrategy<Drawn> {
    let kinds = prop_oneof![
        4 => task(),
        3 => pass(),
        2 => choice(),
        2 => wait(),
        1 => Just(json!({ "Type": "Succeed" })),
        1 => Just(json!({ "Type": "Fail", "Error": "Stop", "CausePath": "$$.State.Name" })),
    ];
    let alone = (kinds, Just(Vec::new()));
    let kinds = match depth {
        0 => alone.boxed(),
        _ => {
            let parallel = around().prop_map(|mut state| {
                state["Type"] = json!("Parallel");
                state
            });
            prop_oneof![
                5 => alone,
                2 => (map(), prop::collection::vec(block(depth - 1), 1)),
                2 => (parallel, prop::collection::vec(block(depth - 1), 1..4)),
            ]
            .boxed()
        }
    };
    let targets = prop::collection::vec(any::<prop::sample::Index>(), 3);
    let assigns = prop::bool::weighted(0.3);
    let drawn = (kinds, flow(), targets, assigns).prop_map(
        move |((mut fields, branches), flow, targets, assigns)| {
            let kind = fields["Type"].as_str().unwrap().to_owned();
            if kind != "Fail" {
                fields.as_object_mut().unwrap().extend(flow);
            }
            if assigns && !matches!(kind.as_str(), "Fail" | "Succeed") {
                // Every level has a name of its own: none may take one of those around it.
                let name = format!("v{depth}.$");
                fields["Assign"] = json!({ name: "$" });
            }
            Drawn { fields, targets, branches }
        },
    );
    drawn.boxed()
}

fn block(depth: u32) -> BoxedStrategy<Vec<Drawn>> {
    prop::collection::vec(state(depth), 1..if depth == 2 { 6 } else { 4 }).boxed()
}

/// A block in which every state may lead to every other, and all can be reached; `place` begins every name.
fn assemble(drawn: Vec<Drawn>, place: &str) -> Value {
    let count = drawn.len();
    let mut states = Map::new();
    for (number, Drawn { fields, targets, branches }) in drawn.into_iter().enumerate() {
        let mut fields = fields;
        let name = format!("{place}S{number}");
        // The first way out leads to the next state, so that nothing is out of reach.
        let next = match number + 1 == count {
            true => format!("{place}End"),
            false => format!("{place}S{}", number + 1),
        };
        let other = |n: usize| format!("{place}S{}", targets[n].index(count));
        let mut branches = branches.into_iter().enumerate();
        let mut inner = branches.by_ref().map(|(n, branch)| assemble(branch, &format!("{name}.{n}.")));
        match fields["Type"].as_str().unwrap() {
            "Map" => fields["ItemProcessor"] = inner.next().unwrap(),
            "Parallel" => fields["Branches"] = inner.collect(),
            _ => {}
        }
        match fields["Type"].as_str().unwrap() {
            "Choice" => {
                fields["Choices"][0]["Next"] = json!(other(0));
                fields["Default"] = json!(next);
            }
            "Succeed" | "Fail" => {
                // An end in the middle would cut off what follows: a Choice leads around it.
                let end = format!("{place}E{number}");
                let way = json!({ "Type": "Choice", "Default": next,
                    "Choices": [{ "Variable": "$.n", "IsNumeric": true, "Next": end },
                                { "Variable": "$.a", "IsPresent": true, "Next": other(0) }] });
                states.insert(end, fields);
                fields = way;
            }
            _ => {
                fields["Next"] = json!(next);
                if let Some(catch) = fields.get_mut("Catch") {
                    catch[0]["Next"] = json!(other(1));
                }
            }
        }
        states.insert(name, fields);
    }
    states.insert(format!("{place}End"), json!({ "Type": "Succeed" }));
    json!({ "StartAt": format!("{place}S0"), "States": states })
}

/// A machine with Maps and Parallels in one another, and a variable that holds items for them.
fn machine() -> impl Strategy<Value = Arc<StateMachine>> {
    let timeout = prop::option::weighted(0.2, 1..500_u32);
    (block(2), timeout).prop_map(|(drawn, timeout)| {
        let mut definition = assemble(drawn, "");
        definition["States"]["Items"] = json!({ "Type": "Pass", "Next": "S0",
            "Assign": { "items": [{ "n": 4, "a": {} }, { "l": [1, {}] }, 7] } });
        definition["StartAt"] = json!("Items");
        if let Some(timeout) = timeout {
            definition["TimeoutSeconds"] = json!(timeout);
        }
        let text = definition.to_string();
        let machine = StateMachine::parse(&text);
        Arc::new(machine.unwrap_or_else(|problems| panic!("{text}\n{problems}")))
    })
}

fn input() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({ "a": { "c": 1 }, "b": "abc", "n": 4, "l": [{ "x": 1 }, 2] }),
        json!({ "n": 1.5, "a": null, "l": [] }),
        json!({ "n": 7, "a": [1, 2], "b": { "c": 3 } }),
        json!("text"),
        // Documents of some length are saved apart from the rest.
        json!({ "n": 4, "a": { "c": "c".repeat(1_200) }, "l": [{ "x": "long" }, 2] }),
    ])
}

/// What a handler does.
fn mock() -> impl Strategy<Value = Mock> {
    let answer = prop_oneof![
        4 => input().prop_map(|output| (Mock::ok(output), true)),
        2 => Just((Mock::fail("Busy", "later"), true)),
        1 => Just((Mock::failure(Failure::default()), true)),
        1 => Just((Mock::fail("Broken", "for good"), true)),
        // One that never answers and sends heartbeats for a week makes a step of each.
        1 => Just((Mock::never(), false)),
        1 => Just((Mock::echo(), true)),
    ];
    let seconds = || (0..30_u64).prop_map(Duration::from_secs);
    let callback = prop::option::of((seconds(), prop::option::of(input())));
    let one = (answer, seconds(), prop::option::of(seconds()), callback).prop_map(
        |((mock, answers), after, heartbeats, callback)| {
            let heartbeats = heartbeats.filter(|_| answers).unwrap_or_default();
            let mock = mock.after(after).heartbeats(heartbeats);
            match callback {
                Some((after, Some(output))) => mock.callback_ok(after, output),
                Some((after, None)) => mock.callback_fail(after, Failure::named("Refused")),
                None => mock,
            }
        },
    );
    prop::collection::vec((one, 1..4_u32), 1..4).prop_map(|turns| {
        let last = Mock::ok(json!({ "n": 9 })).callback_ok(Duration::from_secs(1), json!({ "n": 8 }));
        turns.into_iter().rev().fold(last, |next, (mock, times)| mock.times(times).then(next))
    })
}

fn simulator(machine: &Arc<StateMachine>, mock: &Mock, seed: u8) -> Simulator {
    Simulator::new(machine).mock("arn:*", mock.clone()).limits(LIMITS).seed([seed; 32]).max_steps(STEPS)
}

/// What an event of a type may follow, by AWS's rules of `previousEventId`.
fn may_follow(kind: &str, previous: Option<&str>) -> bool {
    let Some(previous) = previous else {
        let first = ["ExecutionStarted", "ExecutionAborted", "ExecutionTimedOut"];
        return first.contains(&kind) || kind.ends_with("StateEntered");
    };
    let ended = |suffix: &str| {
        ["Task", "LambdaFunction", "Activity"].iter().any(|family| previous == format!("{family}{suffix}"))
    };
    // A Task fails when its parameters are too large, before anything of it is scheduled.
    let task = ended("Succeeded") || ended("Failed") || ended("TimedOut") || previous == "TaskStateEntered";
    let failing = task
        || ["FailStateEntered", "MapStateFailed", "ParallelStateFailed"].contains(&previous)
        // What they leave behind is too large.
        || ["StateEntered", "StateSucceeded"].iter().any(|suffix| previous.ends_with(suffix));
    match kind {
        "ExecutionSucceeded" | "MapIterationSucceeded" => previous.ends_with("StateExited"),
        "ExecutionFailed" => true,
        "TaskScheduled" | "LambdaFunctionScheduled" | "ActivityScheduled" | "TaskStateExited" => task,
        "TaskStarted" => previous == "TaskScheduled",
        "LambdaFunctionStarted" => previous == "LambdaFunctionScheduled",
        "ActivityStarted" => previous == "ActivityScheduled",
        "TaskSubmitted" => previous == "TaskStarted",
        "TaskSucceeded" | "TaskFailed" | "TaskTimedOut" => {
            ["TaskStarted", "TaskSubmitted"].contains(&previous)
        }
        "LambdaFunctionSucceeded" | "LambdaFunctionFailed" | "LambdaFunctionTimedOut" => {
            previous == "LambdaFunctionStarted"
        }
        "ActivitySucceeded" | "ActivityFailed" | "ActivityTimedOut" => {
            ["ActivityScheduled", "ActivityStarted"].contains(&previous)
        }
        "MapStateStarted" | "ParallelStateStarted" => failing,
        "MapIterationStarted" => previous == "MapStateStarted" || previous.ends_with("StateExited"),
        "MapStateSucceeded" => ["MapIterationSucceeded", "MapStateStarted"].contains(&previous),
        "MapStateExited" => {
            ["MapIterationSucceeded", "MapStateStarted", "MapStateFailed"].contains(&previous)
        }
        "ParallelStateSucceeded" => previous.ends_with("StateExited"),
        "ParallelStateExited" => previous.ends_with("StateExited") || previous == "ParallelStateFailed",
        // Its items are too large, before anything of an iteration is told.
        "MapStateFailed" => failing || previous == "MapStateStarted",
        "MapIterationFailed"
        | "MapIterationAborted"
        | "TaskStateAborted"
        | "WaitStateAborted"
        | "ParallelStateFailed" => failing,
        _ if kind.ends_with("StateEntered") => {
            previous.ends_with("StateExited")
                || ["MapIterationStarted", "ParallelStateStarted"].contains(&previous)
        }
        _ if kind.ends_with("StateExited") => previous == kind.replace("Exited", "Entered"),
        _ => false,
    }
}

/// What holds for every history.
fn check_history(history: &[HistoryEvent], closed: bool) -> Result<(), TestCaseError> {
    for (event, id) in history.iter().zip(1..) {
        prop_assert_eq!(event.id, id, "ids have no holes");
        prop_assert!(event.previous < event.id, "{} follows a later event", event);
        let previous = event.previous.checked_sub(1).map(|at| &history[at as usize]);
        let kind = previous.map(HistoryEvent::type_name);
        prop_assert!(may_follow(event.type_name(), kind), "{} follows {:?}", event, previous);
    }
    let of = |kind| history.iter().filter(|event| event.type_name() == kind).count();
    let ended = of("MapIterationSucceeded") + of("MapIterationFailed") + of("MapIterationAborted");
    prop_assert!(ended <= of("MapIterationStarted"), "an iteration ends once");
    if of("ExecutionSucceeded") == 1 {
        prop_assert_eq!(ended, of("MapIterationStarted"), "every iteration ends");
        let starts = of("MapStateStarted");
        // A Map that is retried says nothing of its failure.
        prop_assert!(of("MapStateSucceeded") + of("MapStateFailed") <= starts + of("MapStateEntered"));
    }
    let times: Vec<Timestamp> = history.iter().map(|event| event.timestamp).collect();
    prop_assert!(times.is_sorted(), "time does not run backwards");
    let ends = history.iter().filter(|event| event.kind.is_end()).count();
    prop_assert_eq!(ends, usize::from(closed), "one end, and only of what has ended");
    if closed {
        prop_assert!(history.last().is_some_and(|last| last.kind.is_end()), "nothing comes after the end");
    }
    for event in history {
        prop_assert_eq!(&HistoryEvent::from_wire(&event.to_wire()).unwrap(), event);
    }
    Ok(())
}

fn finished(run: &Run) -> Result<(), TestCaseError> {
    if let Some(error) = run.error() {
        let bounded = matches!(error, SimulatorError::TooManySteps(_));
        prop_assert!(!bounded, "the run has made {} steps, for {} events", run.steps(), run.history().len());
        return Err(TestCaseError::fail(error.to_string()));
    }
    prop_assert!(run.status().is_closed());
    check_history(run.history(), true)
}

/// An execution that is told things in a random order, and what it has asked for.
struct Driven {
    execution: Execution,
    now: Timestamp,
    history: Vec<HistoryEvent>,
    live: BTreeSet<TaskId>,
    store: std::collections::BTreeMap<RecordKey, Vec<u8>>,
}

impl Driven {
    fn start(machine: &Arc<StateMachine>, input: &Value) -> Result<Self, TestCaseError> {
        let start = Start::new("random", input).limits(LIMITS);
        let now = Timestamp::from_millis(1_767_225_600_000);
        let (execution, step) = Execution::start(Arc::clone(machine), start, now);
        let (live, store) = Default::default();
        let mut driven = Self { execution, now, history: Vec::new(), live, store };
        driven.take(step)?;
        Ok(driven)
    }

    /// Tells it one thing: a number says which.
    fn tell(&mut self, choice: u16) -> Result<(), TestCaseError> {
        let Some(deadline) = self.execution.deadline() else { return Ok(()) };
        let nth = usize::from(choice / 16);
        // Tasks that are over are told things, too.
        let task = match self.live.len() {
            0 => None,
            count => self.live.iter().nth(nth % count).copied(),
        };
        let output = Json::from(json!({ "n": choice, "l": [{ "x": choice }] }));
        let failure = || Failure::named(if choice.is_multiple_of(3) { "Busy" } else { "Broken" });
        let reporter = if choice & 32 == 0 { Reporter::Handler } else { Reporter::TokenHolder };
        let event = match (choice % 16, task) {
            (0..=3, _) | (_, None) => {
                self.now = self.now.max(deadline);
                Event::Tick
            }
            (4, _) => Event::Tick,
            (5, _) if choice > 60_000 => Event::Stop { failure: failure() },
            (5 | 6, Some(task)) => Event::TaskStarted { task, worker: None },
            (7 | 8, Some(task)) => Event::TaskSubmitted { task, output },
            (9, Some(task)) => Event::TaskHeartbeat { task },
            (10..=12, Some(task)) => Event::TaskFailed { task, failure: failure(), reporter },
            (_, Some(task)) => Event::TaskSucceeded { task, output, reporter },
        };
        self.now = self.now + Duration::from_millis(u64::from(choice % 7) * 100);
        match self.execution.handle(event, self.now) {
            Ok(step) => self.take(step),
            Err(_) => Ok(()),
        }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        for command in &step.commands {
            match command {
                Command::StartTask(start) => {
                    prop_assert!(self.live.insert(start.task), "task {} is started twice", start.task);
                }
                Command::CancelTask { task, .. } => {
                    prop_assert!(self.live.contains(task), "task {} was never started", task);
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
        let closed = self.execution.status().is_closed();
        prop_assert_eq!(self.execution.deadline(), step.deadline);
        prop_assert_eq!(self.execution.status(), &step.status);
        prop_assert_eq!(closed, step.deadline.is_none(), "what goes on has a deadline");
        for start in self.execution.outstanding() {
            prop_assert!(self.live.contains(&start.task), "an outstanding task was started");
            prop_assert!(!closed);
        }
        if !step.is_empty() {
            for Record { key, bytes, .. } in self.execution.take_changes().records() {
                match bytes {
                    Some(bytes) => drop(self.store.insert(key, bytes)),
                    None => drop(self.store.remove(&key)),
                }
            }
        }
        self.history.extend(step.history);
        check_history(&self.history, closed)
    }

    fn restored(&self, machine: &Arc<StateMachine>) -> Execution {
        let records = self.store.iter().map(|(key, bytes)| Record::new(*key, bytes.clone()));
        let snapshot = Snapshot::from_records(records).unwrap();
        Execution::restore(Arc::clone(machine), &snapshot, LIMITS, self.now).unwrap()
    }
}

/// The same machines every time, unless `PROPTEST_RNG_SEED` says otherwise; `PROPTEST_CASES` says how many.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let set = |name: &str| std::env::var_os(name).is_some();
    ProptestConfig {
        cases: if set("PROPTEST_CASES") { default.cases } else { 128 },
        rng_seed: if set("PROPTEST_RNG_SEED") { default.rng_seed } else { RngSeed::Fixed(20_261) },
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_run_ends_with_a_whole_history(machine in machine(), input in input(), mock in mock(), seed: u8) {
        finished(&simulator(&machine, &mock, seed).run(&input))?;
    }

    #[test]
    fn equal_seeds_give_equal_bytes(machine in machine(), input in input(), mock in mock(), seed: u8) {
        let run = || simulator(&machine, &mock, seed).digest().run(&input);
        let (first, second) = (run(), run());
        prop_assert_eq!(first.history(), second.history());
        prop_assert_eq!(first.digest(), second.digest());
    }

    #[test]
    fn a_crash_after_every_step_changes_nothing(machine in machine(), input in input(), mock in mock(), seed: u8) {
        let plain = simulator(&machine, &mock, seed).run(&input);
        let crashed = simulator(&machine, &mock, seed).crash_after_every_step().run(&input);
        finished(&crashed)?;
        let definition = machine.definition();
        prop_assert_eq!(types(&plain), types(&crashed), "{}", definition);
        prop_assert_eq!(plain.history(), crashed.history(), "{}", definition);
        prop_assert_eq!(plain.status(), crashed.status(), "{}", definition);
    }

    #[test]
    fn whatever_it_is_told_commands_and_history_make_sense(
        machine in machine(),
        input in input(),
        told in prop::collection::vec(any::<u16>(), 0..60),
    ) {
        let mut driven = Driven::start(&machine, &input)?;
        for choice in told {
            driven.tell(choice)?;
        }
    }

    #[test]
    fn restoring_what_was_saved_gives_the_same(
        machine in machine(),
        input in input(),
        before in prop::collection::vec(any::<u16>(), 0..30),
        after in prop::collection::vec(any::<u16>(), 0..30),
    ) {
        let mut driven = Driven::start(&machine, &input)?;
        for choice in before {
            driven.tell(choice)?;
        }
        let mut other = driven.restored(&machine);
        prop_assert_eq!(other.status(), driven.execution.status());
        prop_assert_eq!(other.outstanding(), driven.execution.outstanding());
        std::mem::swap(&mut other, &mut driven.execution);
        let (saved, live) = (driven.history.clone(), driven.live.clone());
        let now = driven.now;
        for choice in &after {
            driven.tell(*choice)?;
        }
        let restored = std::mem::replace(&mut driven.history, saved);
        (driven.execution, driven.live, driven.now) = (other, live, now);
        for choice in &after {
            driven.tell(*choice)?;
        }
        prop_assert_eq!(restored, driven.history, "{}", machine.definition());
    }
}

/// The types alone: the difference is read more easily.
fn types(run: &Run) -> Vec<&'static str> {
    run.history().iter().map(HistoryEvent::type_name).collect()
}

#[test]
fn the_machines_are_not_all_alike() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut ends = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for _ in 0..400 {
        let machine = machine().new_tree(&mut runner).unwrap().current();
        let input = input().new_tree(&mut runner).unwrap().current();
        let mock = mock().new_tree(&mut runner).unwrap().current();
        let run = simulator(&machine, &mock, 0).run(&input);
        ends.insert(run.status().as_str());
        seen.extend(types(&run));
        assert_ne!(run.status(), &ExecutionStatus::Running, "{:?}", run.error());
    }
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["FAILED", "SUCCEEDED", "TIMED_OUT"]);
    for needed in [
        "MapIterationAborted",
        "ParallelStateSucceeded",
        "ParallelStateFailed",
        "MapStateSucceeded",
        "WaitStateAborted",
        "TaskSubmitted",
        "ActivityTimedOut",
        "LambdaFunctionFailed",
        "WaitStateExited",
        "ChoiceStateExited",
    ] {
        assert!(seen.contains(needed), "{needed} does not occur: {seen:?}");
    }
}
