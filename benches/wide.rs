//! Many iterations and branches: time and memory for each of them have to stay the same, however many there are.

use std::alloc::System;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use stepwright::{
    Command, Event, Execution, Json, Limits, Reporter, Snapshot, Start, StateMachine, Step, TaskId, Timestamp,
};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:Work";

fn main() {
    println!("{:<24} {:>8} {:>12} {:>12} {:>12}", "", "items", "history", "µs/item", "bytes/item");
    for items in [1_000, 10_000, 100_000] {
        let input = Json::from(json!((0..items).collect::<Vec<_>>()));
        measure("Map, 40 at once", &map(), &input, items, 40);
        measure("Map, all at once", &map(), &input, items, u32::MAX);
    }
    for branches in [100, 1_000] {
        measure("Parallel", &parallel(branches), &Json::from(json!({})), branches, 0);
    }
}

fn map() -> Value {
    json!({ "Type": "Map", "End": true, "ItemSelector": { "value.$": "$$.Map.Item.Value" },
        "ItemProcessor": {
            "StartAt": "Work", "States": { "Work": { "Type": "Task", "Resource": WORK, "End": true } } } })
}

fn parallel(branches: u32) -> Value {
    let branch = |n| {
        let name = format!("Work{n}");
        json!({ "StartAt": name, "States": { name: { "Type": "Task", "Resource": WORK, "End": true } } })
    };
    json!({ "Type": "Parallel", "Branches": (0..branches).map(branch).collect::<Vec<_>>(), "End": true })
}

/// The best of three runs, with a history and without.
fn measure(name: &str, state: &Value, input: &Json, items: u32, at_once: u32) {
    let definition = json!({ "StartAt": "Wide", "States": { "Wide": state } }).to_string();
    let machine = Arc::new(StateMachine::parse(&definition).expect("the definition is right"));
    let limits = Limits::AWS.history_events(u64::MAX).payload_bytes(1 << 30).map_concurrency(at_once);
    for history in [true, false] {
        let start = || Start::new("wide", input.clone()).limits(limits).history(history);
        let runs = (0..3).map(|_| {
            let began = Instant::now();
            let most = run(&machine, start());
            (began.elapsed(), most)
        });
        let (time, most) = runs.min().expect("there are runs");
        let each = time.as_secs_f64() * 1e6 / f64::from(items);
        let shown = if history { "with" } else { "without" };
        println!("{name:<24} {items:>8} {shown:>12} {each:>12.2} {:>12}", most / i64::from(items));
    }
}

/// Answers every task at once, and keeps what a store in memory would, but for the history; gives the most memory
/// that it took after a step.
fn run(machine: &Arc<StateMachine>, start: Start) -> i64 {
    let before = in_use();
    let (mut execution, mut step) = Execution::start(Arc::clone(machine), start, NOW);
    let (mut running, mut snapshot, mut most) = (VecDeque::new(), Snapshot::default(), 0);
    while !step.status.is_closed() {
        snapshot.apply(&execution.take_changes());
        running.extend(tasks(&step));
        let event = match running.pop_front() {
            Some(task) => Event::TaskSucceeded { task, output: Json::from(1), reporter: Reporter::Handler },
            None => Event::Tick,
        };
        step = execution.handle(event, NOW).expect("it goes on");
        most = most.max(in_use() - before);
    }
    most
}

fn in_use() -> i64 {
    let stats = HEAP.stats();
    stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
}

fn tasks(step: &Step) -> impl Iterator<Item = TaskId> {
    step.commands.iter().filter_map(|command| match command {
        Command::StartTask(start) => Some(start.task),
        _ => None,
    })
}
