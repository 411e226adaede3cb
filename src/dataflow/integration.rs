//! What AWS's own integrations make of their parameters before anything is called.

use crate::arn::ResourceKind;
use crate::dataflow::Mishap;
use crate::json::Json;

/// The parameters as the integration is called with them.
///
/// # Errors
///
/// When the integration refuses them; then nothing was scheduled (recorded: invoke_with_headers).
pub(crate) fn accept(resource: &ResourceKind, parameters: Json) -> Result<Json, Mishap> {
    let ResourceKind::Integration { service, action } = resource else { return Ok(parameters) };
    match (&**service, action.split('.').next().unwrap_or_default()) {
        ("apigateway", "invoke") => {
            for field in ["Headers", "QueryParameters"] {
                if parameters.get(field).is_some_and(|value| !is_lists(value)) {
                    let shown = parameters.compact();
                    return Err(Mishap::runtime(format!(
                        "The Parameters '{shown}' could not be used to start the Task: [The value of the field \
                         '{field}' has an invalid format]"
                    )));
                }
            }
            Ok(parameters)
        }
        // A job that is waited for says who started it (recorded: run_task_sync).
        ("ecs", "runTask") if action.ends_with(".sync") => {
            let mut parameters = parameters;
            if let Some(fields) = parameters.object_mut()
                && !fields.contains_key("StartedBy")
            {
                fields.insert("StartedBy".into(), Json::from("AWS Step Functions"));
            }
            Ok(parameters)
        }
        _ => Ok(parameters),
    }
}

/// `{ "name": ["value", ...], ... }`
fn is_lists(value: &Json) -> bool {
    value.as_object().is_some_and(|fields| fields.values().all(|value| value.as_array().is_some()))
}
