//! Executions without any runtime, from their start to their end.

use std::sync::Arc;

use serde_json::Value;
use stepwright::{Event, Execution, Json, Limits, Start, StateMachine, Step, Timestamp};

use crate::meter::{Contender, Ours, contender};

/// AWS would let nobody map 100,000 items.
const ROOMY: Limits = Limits::AWS.payload_bytes(1 << 30).history_events(u64::MAX);

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// With history off and with full history; `bounds` in the same order.
pub(crate) fn executions(definition: &Value, input: &Value, bounds: [Option<f64>; 2]) -> Vec<Ours> {
    let [off, full] = bounds;
    vec![
        Ours { how: "history off", contender: execution(definition, input, false), bound: off },
        Ours { how: "full history", contender: execution(definition, input, true), bound: full },
    ]
}

pub(crate) fn execution(definition: &Value, input: &Value, history: bool) -> Contender {
    let machine = Arc::new(StateMachine::parse(&definition.to_string()).expect("the definition is right"));
    let input = input.clone();
    contender(
        move || Json::from(&input),
        move |input| {
            let start = Start::new("hot", input).history(history).limits(ROOMY);
            run(Execution::start(Arc::clone(&machine), start, NOW))
        },
    )
}

/// The steps to the end, with what a runtime hands to its store.
pub(crate) fn run((mut execution, mut step): (Execution, Step)) -> Vec<Step> {
    let mut steps = Vec::new();
    // A step makes so many transitions; then others have their turn.
    while !step.status.is_closed() {
        drop(execution.take_changes());
        steps.push(step);
        step = execution.handle(Event::Tick, NOW).expect("it goes on");
    }
    drop(execution.take_changes());
    let succeeded = matches!(step.status, stepwright::ExecutionStatus::Succeeded { .. });
    assert!(succeeded, "{:?}", step.status);
    steps.push(step);
    steps
}
