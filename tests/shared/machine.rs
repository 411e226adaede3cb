//! Machines of tests.

use std::sync::Arc;

use serde_json::Value;
use stepwright::StateMachine;

/// The machine of a definition without mistakes.
pub(crate) fn machine(definition: &Value) -> Arc<StateMachine> {
    let machine = StateMachine::parse(&definition.to_string());
    Arc::new(machine.unwrap_or_else(|problems| panic!("{definition}\n{problems}")).named("Test"))
}
