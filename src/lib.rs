#![doc = include_str!("../README.md")]
//!
//! # The modules, by floors
//!
//! | floor | modules | what they know |
//! |---|---|---|
//! | 7, 8 | the runtime, `testing` | the world: time, handlers, tokens; and the same in tests |
//! | 6 | `store` | where executions live between steps |
//! | 5 | the core: [`Execution`]; [`lint`] | what happens next, and nothing of the world; advice |
//! | 3, 4 | [`StateMachine`], [`template`] | a definition, compiled; a machine out of a template |
//! | 0 to 2 | [`diagnostic`], [`definition`], [`query`] | texts, what is wrong with them, and paths into data |
//!
//! # Where to look
//!
//! | I want to | look at |
//! |---|---|
//! | run a machine | `Runtime`, `handler_fn`, `ResourceHandler` |
//! | answer a task that waits | `TaskContext::token`, `Runtime::send_task_success` |
//! | let workers poll for tasks | `Runtime::get_activity_task` |
//! | start executions from executions | `RuntimeBuilder::machine` |
//! | take a machine from where it is deployed | [`template::Template`] |
//! | test a machine | `testing::Simulator`, `testing::Mock` |
//! | test one state of it, stage by stage | `testing::TestState` |
//! | test handlers and machine together | `testing::VirtualClock` |
//! | keep executions somewhere else | `Store` |
//! | watch | `Observer`, [`HistoryEvent`], [`Timeline`] |
//! | check a definition, and say what is wrong | [`StateMachine::parse`], [`StateMachine::warnings`], [`Diagnostics`], [`Code::explain`] |
//! | drive executions without tokio | [`Execution`] |

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

// floor 5: the interpreter, and advice
mod execution;
pub mod lint;

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
    NotRedrivable, Record, RecordKey, Redrives, Reporter, RestoreError, Seed, Snapshot, Start, Step,
    TaskStart, TokenChanges,
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
    Limit, MissingHandlers, Observer, RedriveError, Redriven, ReportError, ResourceHandler,
    ResourceHandlerExt, Runtime, RuntimeBuilder, SharedHandler, Sleep, StartError, SystemClock, TaskContext,
    TaskGone, TaskOutcome, TaskRequest, WaitError, handler_fn,
};
#[cfg(feature = "file-store")]
pub use store::FileStore;
#[cfg(feature = "runtime")]
pub use store::{MemoryStore, Store};
pub use time::{Timestamp, TimestampError};
