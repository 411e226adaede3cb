//! A machine, and after a line's end its input: run with a crash after every step, it comes to an end or waits.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stepwright::{
    Command, Event, Execution, Json, Limits, Reporter, Snapshot, Start, StateMachine, Timestamp,
};

fuzz_target!(|text: &str| {
    let (definition, input) = text.rsplit_once('\n').unwrap_or((text, "{}"));
    let Ok(machine) = StateMachine::parse(definition) else { return };
    let (machine, input) = (Arc::new(machine), input.parse::<Json>().unwrap_or_default());
    let limits = Limits::AWS.history_events(200).fuel(7);
    let start = Start::new("x", input).limits(limits);
    let (mut execution, mut step) = Execution::start(machine.clone(), start, Timestamp::EPOCH);
    let mut now = Timestamp::EPOCH;
    let mut snapshot = Snapshot::default();
    for _ in 0..300 {
        snapshot.apply(&execution.take_changes());
        if step.status.is_closed() {
            assert!(step.deadline.is_none());
            return;
        }
        execution =
            Execution::restore(machine.clone(), &snapshot, limits, now).expect("what was saved is restored");
        now = now.max(step.deadline.expect("every execution ends some day"));
        let started = step.commands.iter().find_map(|command| match command {
            Command::StartTask(start) => Some(start.task),
            _ => None,
        });
        let event = match started {
            Some(task) => Event::TaskSucceeded { task, output: Json::from(1), reporter: Reporter::Handler },
            None => Event::Tick,
        };
        step = match execution.handle(event, now) {
            Ok(step) => step,
            Err(_) => execution.handle(Event::Tick, now).expect("a tick always applies"),
        };
    }
});
