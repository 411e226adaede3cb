//! Machines of one state.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwright::StateMachine;

use crate::machine::machine;

/// One Task, with more fields.
pub(crate) fn one_task(resource: &str, more: &Value) -> Arc<StateMachine> {
    let mut state = json!({ "Type": "Task", "Resource": resource, "End": true });
    for (key, value) in more.as_object().expect("fields have names") {
        state[key] = value.clone();
    }
    machine(&json!({ "StartAt": "Work", "States": { "Work": state } }))
}
