//! Watching executions.

use std::fmt;

use crate::execution::ExecutionStatus;
use crate::history::HistoryEvent;
use crate::id::ExecutionId;

/// Watches executions. It is called after the commit, in order, on the driver's task: be quick.
///
/// Every method has an empty default, so that new ones break nobody.
///
/// ```
/// use stepwright::{ExecutionId, HistoryEvent, Observer};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl Observer for Print {
///     fn on_history(&self, _execution: &ExecutionId, events: &[HistoryEvent]) {
///         events.iter().for_each(|event| println!("{event}"));
///     }
/// }
/// ```
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A step added these events.
    fn on_history(&self, execution: &ExecutionId, events: &[HistoryEvent]) {
        let _ = (execution, events);
    }

    /// The execution has ended; it may be redriven, and go on.
    fn on_closed(&self, execution: &ExecutionId, status: &ExecutionStatus) {
        let _ = (execution, status);
    }
}
