//! Run Amazon States Language state machines inside your Rust program.

// floor 0: words
mod arn;
mod failure;
mod id;
mod json;
mod limits;
mod pattern;
mod span;
mod time;

// floor 1: saying what is wrong
pub mod diagnostic;
#[cfg(any(feature = "runtime", feature = "testing"))]
mod function;
#[cfg(any(feature = "runtime", feature = "testing"))]
mod registry;
#[cfg(feature = "yaml")]
mod yaml;

// floor 2: three independent languages of data
pub mod definition;
mod history;
pub mod query;

// floor 3: the compiled machine
mod machine;

// floor 4: from text to machine, and from input to output
mod compile;
mod dataflow;
pub mod template;

// floor 5: the interpreter
mod execution;

// floor 6: memory
#[cfg(feature = "runtime")]
pub mod store;

// floor 7: the world
#[cfg(feature = "runtime")]
mod runtime;

// floor 8: for others
#[cfg(feature = "testing")]
pub mod testing;

pub use arn::{Arn, ArnError, IntegrationPattern, ResourceKind};
pub use definition::Definition;
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use execution::{
    CancelReason, Changes, Command, Event, EventRejected, Execution, ExecutionStatus, IssuedToken, Iteration,
    Record, RecordKey, Reporter, RestoreError, Seed, Snapshot, Start, Step, TaskStart, TokenChanges,
};
pub use failure::{ErrorName, Failure};
pub use history::{
    EvaluationFailure, HistoryEvent, HistoryEventError, HistoryEventKind, MachineQualifier, StateType,
    StateTypeError, TaskResource, TaskTerms, Timeline, WithoutData,
};
pub use id::{ExecutionId, FrameId, StateName, TaskId, TaskToken, TaskTokenError, TokenHash};
pub use json::{Array, Json, JsonError, Number, Object};
pub use limits::Limits;
pub use machine::{ExecutionKind, StateMachine};
#[cfg(feature = "runtime")]
pub use runtime::{
    Account, ActivityError, ActivityTask, BuildError, Clock, ExecutionError, ExecutionHandle, HandlerFn,
    Limit, MissingHandlers, Observer, ReportError, ResourceHandler, ResourceHandlerExt, Runtime,
    RuntimeBuilder, SharedHandler, Sleep, StartError, SystemClock, TaskContext, TaskGone, TaskOutcome,
    TaskRequest, WaitError, handler_fn,
};
#[cfg(feature = "runtime")]
pub use store::{MemoryStore, Store};
pub use time::{Timestamp, TimestampError};
