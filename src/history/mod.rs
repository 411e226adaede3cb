//! The public record of an execution: what `GetExecutionHistory` answers.
//!
//! The kinds of events are in `kind.rs`, their JSON in `wire.rs`
//! and `details.rs`, that of stores in `stored.rs`, a rendering for people in `timeline.rs`.

mod details;
mod kind;
#[cfg(any(feature = "file-store", feature = "postgres"))]
mod stored;
mod timeline;
mod wire;

use std::fmt;

pub use kind::{
    EvaluationFailure, HistoryEventKind, MachineQualifier, StateType, StateTypeError, TaskResource, TaskTerms,
};
#[cfg(any(feature = "file-store", feature = "postgres"))]
pub(crate) use stored::Numbered;
pub use timeline::Timeline;
#[cfg(any(feature = "file-store", feature = "postgres"))]
pub(crate) use wire::Unfilled;
pub use wire::{HistoryEventError, WithoutData};

use crate::time::Timestamp;

/// One entry of an execution's history.
///
/// Its JSON form, through `serde` or [`to_wire`](Self::to_wire), is that of AWS's `GetExecutionHistory`, and
/// loses nothing.
///
/// ```
/// use serde_json::json;
/// use stepwright::{HistoryEvent, HistoryEventKind, Json, StateType, Timestamp};
///
/// let entered = HistoryEventKind::StateEntered {
///     state_type: StateType::Pass,
///     name: "Greet".into(),
///     input: Json::from(json!({ "who": "you" })),
/// };
/// let event = HistoryEvent::new(2, 0, Timestamp::from_millis(1_700_000_000_123), entered);
/// assert_eq!(
///     event.to_wire(),
///     json!({
///         "timestamp": 1_700_000_000.123,
///         "type": "PassStateEntered",
///         "id": 2,
///         "previousEventId": 0,
///         "stateEnteredEventDetails": {
///             "name": "Greet",
///             "input": r#"{"who":"you"}"#,
///             "inputDetails": { "truncated": false },
///         },
///     })
/// );
/// assert_eq!(HistoryEvent::from_wire(&event.to_wire()).unwrap(), event);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HistoryEvent {
    /// Its number: 1, 2, 3 and so on within an execution.
    pub id: u64,
    /// The event that led to it, in the same branch or iteration; 0 for the first ones and the sudden ends.
    pub previous: u64,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub kind: HistoryEventKind,
}

impl HistoryEvent {
    /// An event.
    pub fn new(id: u64, previous: u64, timestamp: Timestamp, kind: HistoryEventKind) -> Self {
        Self { id, previous, timestamp, kind }
    }

    /// AWS's `type`: `TaskStateEntered`, `MapIterationStarted` and so on.
    pub fn type_name(&self) -> &'static str {
        self.kind.type_name()
    }
}

/// One line for people: number, time, type, and whom it is about or what went wrong.
///
/// ```
/// use stepwright::{Failure, HistoryEvent, HistoryEventKind, Timestamp};
///
/// let kind = HistoryEventKind::ExecutionFailed { failure: Failure::new("OutOfTea", "the tin is empty") };
/// let event = HistoryEvent::new(7, 6, "2026-11-23T12:00:00Z".parse().unwrap(), kind);
/// assert_eq!(
///     event.to_string(),
///     "#7 2026-11-23T12:00:00.000Z ExecutionFailed OutOfTea: the tin is empty"
/// );
/// ```
impl fmt::Display for HistoryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} {}", self.id, self.timestamp, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_small() {
        // Ten thousand sleeping executions keep theirs in memory.
        assert!(size_of::<HistoryEvent>() <= 96, "{} bytes", size_of::<HistoryEvent>());
    }
}
