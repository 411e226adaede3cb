//! The interpreter's hot path, without any runtime, beside what one would write by hand.
//!
//! Allocations are counted beside the time.

mod callback;

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use serde_json::{Value, json};
use stepwright::{Command, Event, Execution, Json, Reporter, Start, StateMachine, Step, Timestamp};

#[global_allocator]
static HEAP: AllocProfiler = AllocProfiler::system();

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// With a history and without.
const HISTORY: [&str; 2] = ["history", "no history"];

fn main() {
    divan::main();
}

fn machine(definition: &Value) -> Arc<StateMachine> {
    Arc::new(StateMachine::parse(&definition.to_string()).expect("the definition is right"))
}

/// What a runtime hands to its store.
fn commit(execution: &mut Execution, step: Step) {
    drop(divan::black_box((execution.take_changes(), step)));
}

/// A task handed on, and answered by whoever holds its token: three steps.
mod wait_for_callback {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[divan::bench(args = HISTORY)]
    fn interpreter(bencher: Bencher<'_, '_>, history: &str) {
        let machine = callback::machine();
        bencher.with_inputs(|| (callback::order(1024), callback::answer())).bench_values(
            |(order, answer)| {
                let start = Start::new("order-17", order).history(history == HISTORY[0]);
                let (mut execution, mut step) = Execution::start(Arc::clone(&machine), start, NOW);
                let Some(Command::StartTask(task)) = step.commands.pop() else {
                    unreachable!("the first state is a Task")
                };
                debug_assert_eq!(task.resource.as_str(), callback::QUEUE);
                commit(&mut execution, step);
                let sent = Event::TaskSubmitted {
                    task: task.task,
                    output: Json::from(json!({ "MessageId": "m-1" })),
                };
                let step = execution.handle(sent, NOW).expect("the task waits");
                commit(&mut execution, step);
                let output = Json::from(answer);
                let answered =
                    Event::TaskSucceeded { task: task.task, output, reporter: Reporter::TokenHolder };
                let step = execution.handle(answered, NOW).expect("the task waits");
                assert!(step.status.is_closed());
                commit(&mut execution, step);
                execution
            },
        );
    }

    /// What is left when nothing is recorded, checked or saved.
    #[divan::bench]
    fn by_hand(bencher: Bencher<'_, '_>) {
        enum Approval {
            Asked { order: Value },
            Asleep { order: Value },
            Done { output: Value },
        }
        bencher.with_inputs(|| (callback::order(1024), callback::answer())).bench_values(
            |(order, answer)| {
                let secret = Sha256::new().chain_update([7; 32]).chain_update(0_u64.to_be_bytes()).finalize();
                let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret);
                let hash = Sha256::digest(token.as_bytes());
                let message = json!({
                    "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/approvals",
                    "MessageBody": { "Order": order, "Token": token },
                });
                let mut approval = divan::black_box(Approval::Asked { order });
                divan::black_box((message, hash));
                if let Approval::Asked { order } = approval {
                    approval = divan::black_box(Approval::Asleep { order });
                }
                if let Approval::Asleep { order } = approval {
                    divan::black_box(order);
                    approval = Approval::Done { output: answer };
                }
                let Approval::Done { output } = approval else { unreachable!("it was answered") };
                output
            },
        );
    }
}

/// A hundred Pass states that each write a little into a document of 2 KB.
mod hundred_passes {
    use super::*;

    const STATES: usize = 100;

    fn document() -> Value {
        let items: Vec<Value> = (0..20)
            .map(|n| json!({ "sku": format!("article-{n:04}"), "count": n, "price": 9.95, "note": "as usual, please", "tags": ["a", "b"] }))
            .collect();
        json!({ "order": { "id": "order-17", "total": 199, "items": items }, "last": null })
    }

    fn definition() -> Value {
        let states: serde_json::Map<String, Value> = (0..STATES)
            .map(|n| {
                let mut state = json!({
                    "Type": "Pass",
                    "Parameters": { "id.$": "$.order.id", "total.$": "$.order.total", "step": n },
                    "ResultPath": "$.last",
                });
                match n + 1 == STATES {
                    true => state["End"] = true.into(),
                    false => state["Next"] = format!("S{}", n + 1).into(),
                }
                (format!("S{n}"), state)
            })
            .collect();
        json!({ "StartAt": "S0", "States": states })
    }

    #[divan::bench(args = HISTORY)]
    fn interpreter(bencher: Bencher<'_, '_>, history: &str) {
        let machine = machine(&definition());
        bencher.counter(ItemsCount::new(STATES)).with_inputs(|| Json::from(document())).bench_values(
            |input| {
                let start = Start::new("order-17", input).history(history == HISTORY[0]);
                let (mut execution, step) = Execution::start(Arc::clone(&machine), start, NOW);
                assert!(step.status.is_closed());
                commit(&mut execution, step);
                execution
            },
        );
    }

    /// Written in place: nobody else sees the document.
    #[divan::bench]
    fn by_hand(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(STATES)).with_inputs(document).bench_values(|mut document| {
            for n in 0..STATES {
                document["last"] = last(&document, n);
            }
            document
        });
    }

    /// Input and output of each step are kept, as in a history.
    #[divan::bench]
    fn by_hand_with_copies(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(STATES)).with_inputs(document).bench_values(|mut document| {
            let mut history = Vec::new();
            for n in 0..STATES {
                history.push(document.clone());
                document["last"] = last(&document, n);
                history.push(document.clone());
            }
            (document, history)
        });
    }

    fn last(document: &Value, n: usize) -> Value {
        json!({ "id": document["order"]["id"], "total": document["order"]["total"], "step": n })
    }
}

/// A Choice that loops a thousand times; `States.MathAdd` counts.
mod loop_to_a_thousand {
    use super::*;

    #[divan::bench(args = HISTORY)]
    fn interpreter(bencher: Bencher<'_, '_>, history: &str) {
        let machine = machine(&json!({ "StartAt": "More", "States": {
            "More": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.counter.value", "NumericLessThan": 1000, "Next": "Add" }],
                "Default": "Done"
            },
            "Add": {
                "Type": "Pass",
                "Parameters": { "value.$": "States.MathAdd($.counter.value, 1)" },
                "ResultPath": "$.counter",
                "Next": "More"
            },
            "Done": { "Type": "Succeed" }
        } }));
        // Transitions, of which a round has two.
        bencher
            .counter(ItemsCount::new(2_000_usize))
            .with_inputs(|| Json::from(json!({ "counter": { "value": 0 } })))
            .bench_values(|input| {
                let start = Start::new("loop", input).history(history == HISTORY[0]);
                let (mut execution, mut step) = Execution::start(Arc::clone(&machine), start, NOW);
                // A step makes so many transitions; then others have their turn.
                while !step.status.is_closed() {
                    commit(&mut execution, step);
                    step = execution.handle(Event::Tick, NOW).expect("it goes on");
                }
                commit(&mut execution, step);
                execution
            });
    }
}

/// From text to machine.
mod parse {
    use super::*;

    #[divan::bench]
    fn two_hundred_states(bencher: Bencher<'_, '_>) {
        let states: serde_json::Map<String, Value> = (0..50).flat_map(four_states).collect();
        let text = json!({ "StartAt": "Look0", "States": states }).to_string();
        bencher
            .counter(BytesCount::of_str(text.as_str()))
            .bench(|| StateMachine::parse(divan::black_box(&text)).expect("the definition is right"));
    }

    fn four_states(n: usize) -> [(String, Value); 4] {
        let next = if n + 1 == 50 { "Wait0".to_owned() } else { format!("Look{}", n + 1) };
        [
            (
                format!("Look{n}"),
                json!({
                    "Type": "Choice",
                    "Choices": [
                        { "And": [
                            { "Variable": "$.order.total", "NumericGreaterThan": n },
                            { "Variable": "$.order.kind", "StringMatches": "retail-*" }
                        ], "Next": format!("Work{n}") },
                        { "Variable": "$.order.rush", "BooleanEquals": true, "Next": format!("Write{n}") }
                    ],
                    "Default": format!("Wait{n}")
                }),
            ),
            (
                format!("Work{n}"),
                json!({
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Parameters": { "FunctionName": "work", "Payload": { "order.$": "$.order", "n": n } },
                    "ResultSelector": { "value.$": "$.Payload.value" },
                    "ResultPath": "$.worked",
                    "TimeoutSeconds": 30,
                    "Retry": [
                        { "ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 2, "MaxAttempts": 5 },
                        { "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }
                    ],
                    "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": format!("Write{n}") }],
                    "Next": format!("Write{n}")
                }),
            ),
            (
                format!("Write{n}"),
                json!({
                    "Type": "Pass",
                    "Parameters": { "text.$": "States.Format('{} of {}', $.order.id, $$.Execution.Name)" },
                    "ResultPath": "$.text",
                    "Next": format!("Wait{n}")
                }),
            ),
            (
                format!("Wait{n}"),
                match n + 1 == 50 {
                    true => json!({ "Type": "Wait", "Seconds": 1, "End": true }),
                    false => json!({ "Type": "Wait", "SecondsPath": "$.order.pause", "Next": next }),
                },
            ),
        ]
    }
}
