//! Task states.

use serde_json::{Map as JsonMap, Value};

use super::scalar::{Amount, Setting};

/// What only a Task state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// `Resource`: what to call.
    pub resource: Option<String>,
    /// `Credentials`: the role to call it with.
    pub credentials: Option<Credentials>,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout: Option<Setting<Amount>>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat: Option<Setting<Amount>>,
}

/// The role that a Task assumes: an object with `RoleArn`, or `RoleArn.$` for a path.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Credentials {
    /// The object: a payload template.
    pub template: JsonMap<String, Value>,
}
