//! Every limit of `Limits`: what it allows just at it, what it forbids just beyond it, and that it can be lifted.
//!
//! What AWS says when its own limits are reached is in `asl-fixtures/cases/limits`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepwright::diagnostic::Source;
use stepwright::testing::{Mock, Run, Simulator};
use stepwright::{Code, Diagnostic, ExecutionKind, ExecutionStatus, Limits, StateMachine};

const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";
const QUEUE: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

/// A machine that begins with `state`, called `S`; where it leads to `E`, the machine ends there.
fn machine(state: &Value) -> Arc<StateMachine> {
    let mut states = json!({ "S": state });
    if states.to_string().contains(r#""Next":"E""#) {
        states["E"] = json!({ "Type": "Pass", "Result": "end", "End": true });
    }
    let definition = json!({ "StartAt": "S", "States": states }).to_string();
    Arc::new(StateMachine::parse(&definition).unwrap_or_else(|problems| panic!("{definition}\n{problems}")))
}

fn run(machine: &Arc<StateMachine>, input: &Value, mock: &Mock, limits: Limits) -> Run {
    Simulator::new(machine).mock("arn:*", mock.clone()).limits(limits).run(input)
}

fn error(run: &Run) -> Option<&str> {
    run.failure().map(|failure| failure.error.as_ref().unwrap().as_str())
}

/// The codes of what is wrong with a definition.
fn codes(definition: &Value, limits: Limits) -> Vec<Code> {
    let source = Source::new("definition", definition.to_string());
    match StateMachine::compile_within(&source, ExecutionKind::Standard, &limits) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.iter().map(Diagnostic::code).collect(),
    }
}

/// A text that takes so many bytes as JSON.
fn text(bytes: usize) -> String {
    "x".repeat(bytes - 2)
}

/// A state that makes a document too large, and the input and the mock for one of so many bytes.
type Place = (&'static str, Value, fn(usize) -> (Value, Mock));

#[test]
fn payloads_are_measured_wherever_there_are_new_ones() {
    const MOST: usize = 300;
    const TWICE: &str = "States.Format('{}{}', $.t, $.t)";
    // `{"t":"..."}` with a text that is twice as long.
    let half = |bytes: usize| (json!({ "t": text((bytes - 8) / 2 + 2) }), Mock::ok(1));
    let pass = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "Result": 1, "End": true } } });
    let message = json!({ "QueueUrl": "q", "MessageBody": "m" });
    let places: [Place; 10] = [
        ("a function's result", json!({ "Type": "Task", "Resource": WORK, "Next": "E" }), |bytes| {
            (json!({}), Mock::ok(text(bytes)))
        }),
        (
            "the response of a call",
            json!({ "Type": "Task", "Resource": QUEUE, "Parameters": message, "Next": "E" }),
            |bytes| (json!({}), Mock::submit(text(bytes)).callback_ok(Duration::from_secs(1), 1)),
        ),
        (
            "what the holder of a token reports",
            json!({ "Type": "Task", "Resource": QUEUE, "Parameters": message, "Next": "E" }),
            |bytes| (json!({}), Mock::submit(1).callback_ok(Duration::from_secs(1), text(bytes))),
        ),
        (
            "the parameters of a Task",
            json!({ "Type": "Task", "Resource": WORK, "Parameters": { "t.$": TWICE }, "Next": "E" }),
            half,
        ),
        (
            "the parameters of branches",
            json!({ "Type": "Parallel", "Parameters": { "t.$": TWICE }, "Branches": [pass], "Next": "E" }),
            half,
        ),
        (
            "the inputs of iterations",
            json!({ "Type": "Map", "ItemsPath": "$.l", "ItemSelector": { "t.$": TWICE },
                    "ItemProcessor": pass, "Next": "E" }),
            |bytes| (json!({ "l": [1], "t": text((bytes - 8) / 2 + 2) }), Mock::ok(1)),
        ),
        (
            "the result of a Map",
            json!({ "Type": "Map", "Next": "E", "ItemProcessor": { "StartAt": "W", "States": { "W": {
                    "Type": "Task", "Resource": WORK, "End": true } } } }),
            // `["","..."]`
            |bytes| (json!([1, 2]), Mock::ok("").times(1).then(Mock::ok(text(bytes - 5)))),
        ),
        (
            "the output of a state",
            json!({ "Type": "Pass", "Parameters": { "t.$": TWICE }, "Next": "E" }),
            half,
        ),
        (
            "what a catcher passes on",
            json!({ "Type": "Task", "Resource": WORK, "Next": "E",
                    "Catch": [{ "ErrorEquals": ["Bad"], "ResultPath": "$.e", "Next": "E" }] }),
            |bytes| {
                let rest = r#"{"t":"","e":{"Error":"Bad","Cause":""}}"#.len();
                (json!({ "t": "" }), Mock::fail("Bad", "x".repeat(bytes - rest)))
            },
        ),
        ("what is assigned", json!({ "Type": "Pass", "Assign": { "t.$": TWICE }, "Next": "E" }), half),
    ];
    for (place, state, made) in places {
        let machine = machine(&state);
        let error_of = |bytes, limits| {
            let (input, mock) = made(bytes);
            let run = run(&machine, &input, &mock, limits);
            (error(&run).map(str::to_owned), run.timeline().to_string())
        };
        let limits = Limits::AWS.payload_bytes(MOST);
        let (within, timeline) = error_of(MOST, limits);
        assert_eq!(within, None, "{place}\n{timeline}");
        let (beyond, timeline) = error_of(MOST + 2, limits);
        assert_eq!(beyond.as_deref(), Some("States.DataLimitExceeded"), "{place}\n{timeline}");
        let (lifted, timeline) = error_of(MOST + 2, limits.payload_bytes(MOST + 2));
        assert_eq!(lifted, None, "{place}\n{timeline}");
    }
}

#[test]
fn the_last_event_of_a_full_history_says_so() {
    let machine = machine(
        &json!({ "Type": "Task", "Resource": WORK, "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "E" }],
        "Retry": [{ "ErrorEquals": ["Busy"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 99_999_999 }], "Next": "E" }),
    );
    for most in [50_u64, 51, 52, 25_000] {
        let limits = Limits::AWS.history_events(most);
        let run = run(&machine, &json!({}), &Mock::fail("Busy", ""), limits);
        assert_eq!(run.history().len() as u64, most);
        let last = run.history().last().unwrap().to_wire();
        assert_eq!(last["type"], "ExecutionFailed");
        assert_eq!(last["previousEventId"], most - 1);
        let cause = format!("The execution reached the maximum number of history events ({most}).");
        let details = json!({ "error": "States.Runtime", "cause": cause });
        assert_eq!(last["executionFailedEventDetails"], details);
    }
}

#[test]
fn variables_have_a_limit_of_their_own() {
    let assign = |name: &str, next: Value| {
        let mut state = json!({ "Type": "Pass", "Assign": { name: text(100) } });
        state.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        state
    };
    // Two variables around a Map, and one in each iteration.
    let definition = json!({ "StartAt": "A", "States": {
        "A": assign("a", json!({ "Next": "B" })),
        "B": assign("b", json!({ "Next": "M" })),
        "M": { "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "C", "States": {
            "C": assign("c", json!({ "Next": "D" })),
            "D": assign("c", json!({ "End": true })) } } } } });
    let machine = Arc::new(StateMachine::parse(&definition.to_string()).unwrap());
    // Their texts, and names around them.
    let needed = 3 * (100 + r#"{"a":}"#.len());
    let with = |bytes| run(&machine, &json!([1, 2]), &Mock::never(), Limits::AWS.variables_bytes(bytes));
    assert_eq!(with(needed).status(), &ExecutionStatus::Succeeded { output: json!([1, 2]).into() });
    let less = with(300);
    assert_eq!(error(&less), Some("States.DataLimitExceeded"), "{}", less.timeline());
    assert!(less.timeline().to_string().contains("PassStateEntered C"), "{}", less.timeline());
}

#[test]
fn documents_nest_so_deep_and_no_deeper() {
    let machine = machine(&json!({ "Type": "Pass", "Parameters": { "a.$": "$" }, "Next": "E" }));
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let with = |depth, limit| run(&machine, &nested(depth), &Mock::never(), Limits::AWS.depth(limit));
    assert_eq!(error(&with(9, 10)), None);
    assert!(error(&with(10, 10)).is_some());
    assert_eq!(error(&with(10, 11)), None);
}

#[test]
fn definitions_are_so_long_and_so_deep() {
    let comment = |bytes: usize| json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } }, "Comment": text(bytes) });
    let whole = comment(2).to_string().len() - 2;
    let limits = Limits::AWS.definition_bytes(1_000);
    assert_eq!(codes(&comment(1_000 - whole), limits), []);
    assert_eq!(codes(&comment(1_001 - whole), limits), [Code::TooLong]);
    assert_eq!(codes(&comment(1_001 - whole), limits.definition_bytes(1_001)), []);
    assert_eq!(codes(&comment((1 << 20) - whole), Limits::AWS), []);
    assert_eq!(codes(&comment((1 << 20) + 1 - whole), Limits::AWS), [Code::TooLong]);

    let deep = |depth: usize| {
        let result = (3..depth).fold(json!(1), |inner, _| json!([inner]));
        json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Result": result, "End": true } } })
    };
    assert_eq!(codes(&deep(10), Limits::AWS.depth(10)), []);
    assert_eq!(codes(&deep(11), Limits::AWS.depth(10)), [Code::TooDeep]);
    assert_eq!(codes(&deep(11), Limits::AWS.depth(11)), []);
}

#[test]
fn names_are_so_long() {
    let state = |chars| {
        let name = "ä".repeat(chars);
        json!({ "StartAt": name, "States": { name: { "Type": "Succeed" } } })
    };
    let variable = |chars| json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Assign": { "ä".repeat(chars): 1 }, "End": true } } });
    let label = |chars| {
        let one = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } },
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" } });
        json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "Label": "x".repeat(chars), "ItemProcessor": one, "End": true } } })
    };
    let has = |definition: Value, limits, code| codes(&definition, limits).contains(&code);
    for (chars, limits) in
        [(80, Limits::AWS), (7, Limits::AWS.name_chars(7)), (200, Limits::AWS.name_chars(200))]
    {
        assert!(!has(state(chars), limits, Code::StateNameTooLong));
        assert!(has(state(chars + 1), limits, Code::StateNameTooLong));
        assert!(!has(variable(chars), limits, Code::InvalidVariableName));
        assert!(has(variable(chars + 1), limits, Code::InvalidVariableName));
    }
    for (chars, limits) in [(40, Limits::AWS), (100, Limits::AWS.label_chars(100))] {
        assert!(!has(label(chars), limits, Code::InvalidLabel));
        assert!(has(label(chars + 1), limits, Code::InvalidLabel));
    }
}

#[test]
fn a_map_runs_so_many_iterations_at_once() {
    let nap = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 1, "End": true } } });
    let machine =
        machine(&json!({ "Type": "Map", "ItemProcessor": nap, "MaxConcurrency": 100, "Next": "E" }));
    let items = json!(vec![0; 120]);
    let takes = |limits| run(&machine, &items, &Mock::never(), limits).elapsed().as_secs();
    assert_eq!(takes(Limits::AWS), 3);
    assert_eq!(takes(Limits::AWS.map_concurrency(1_000)), 2);
    assert_eq!(takes(Limits::AWS.map_concurrency(1)), 120);
}

#[test]
fn executions_and_tasks_take_so_long() {
    let hour = Duration::from_secs(60 * 60);
    let waits = machine(&json!({ "Type": "Wait", "Seconds": 7200, "Next": "E" }));
    let short = run(&waits, &json!({}), &Mock::never(), Limits::AWS.execution_time(hour));
    assert_eq!((short.status().as_str(), short.elapsed()), ("TIMED_OUT", hour));
    let works = machine(&json!({ "Type": "Task", "Resource": WORK, "Next": "E" }));
    let slow = run(&works, &json!({}), &Mock::never(), Limits::AWS.task_time(hour));
    assert_eq!((error(&slow), slow.elapsed()), (Some("States.Timeout"), hour));
    let year = run(&works, &json!({}), &Mock::never(), Limits::AWS);
    assert_eq!((year.status().as_str(), year.elapsed()), ("TIMED_OUT", 365 * 24 * hour));
}
