//! Run Amazon States Language state machines inside your Rust program.

// floor 0: words
mod arn;
mod failure;
mod id;
mod json;
mod limits;
mod span;
mod time;

// floor 1: saying what is wrong
pub mod diagnostic;
#[cfg(feature = "yaml")]
mod yaml;

// floor 2: languages of data
pub mod definition;

// floor 4: from text to machine, and pictures of it
pub mod template;

pub use definition::Definition;
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};

pub use arn::{Arn, ArnError, IntegrationPattern, ResourceKind};
pub use failure::{ErrorName, Failure};
pub use id::{ExecutionId, FrameId, StateName, TaskId, TaskToken, TaskTokenError, TokenHash};
pub use json::{Array, Json, JsonError, Number, Object};
pub use limits::Limits;
pub use time::{Timestamp, TimestampError};
