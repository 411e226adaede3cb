//! Run Amazon States Language state machines inside your Rust program.

// floor 0: words
mod arn;
mod failure;
mod id;
mod json;
mod limits;
mod time;

// floor 4: from text to machine, and pictures of it
pub mod template;

pub use arn::{Arn, ArnError, IntegrationPattern, ResourceKind};
pub use failure::{ErrorName, Failure};
pub use id::{ExecutionId, FrameId, StateName, TaskId, TaskToken, TaskTokenError, TokenHash};
pub use json::{Array, Json, JsonError, Number, Object};
pub use limits::Limits;
pub use time::{Timestamp, TimestampError};
