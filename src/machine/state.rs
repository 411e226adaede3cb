//! What each type of state needs at run time, and nothing it does not.

use std::sync::Arc;

use crate::arn::{Arn, IntegrationPattern, ResourceKind};
use crate::failure::Failure;
use crate::history::{StateType, TaskResource};
use crate::id::StateName;
use crate::json::Json;
use crate::machine::choice::Rule;
use crate::machine::io::DataFlow;
use crate::machine::retry::{Catcher, Retrier};
use crate::machine::{BlockId, StateId};
use crate::query::{Expression, Path, Template};
use crate::time::Timestamp;

/// One entry of `States`, compiled.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: StateName,
    pub(crate) kind: StateKind,
    pub(crate) flow: DataFlow,
    pub(crate) next: Next,
    pub(crate) retry: Box<[Retrier]>,
    pub(crate) catch: Box<[Catcher]>,
}

/// Where a state leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    State(StateId),
    /// `End`, or a state that ends by its type.
    End,
}

/// The types of state, with what is their own.
#[derive(Debug)]
pub(crate) enum StateKind {
    Pass(Pass),
    Task(Box<Task>),
    Choice(Choice),
    Wait(Wait),
    Succeed,
    Fail(Fail),
    Parallel(Parallel),
    Map(Box<Map>),
}

impl StateKind {
    pub(crate) fn state_type(&self) -> StateType {
        match self {
            Self::Pass(_) => StateType::Pass,
            Self::Task(_) => StateType::Task,
            Self::Choice(_) => StateType::Choice,
            Self::Wait(_) => StateType::Wait,
            Self::Succeed => StateType::Succeed,
            Self::Fail(_) => StateType::Fail,
            Self::Parallel(_) => StateType::Parallel,
            Self::Map(_) => StateType::Map,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Pass {
    /// `Result`: a literal, whatever its keys look like.
    pub(crate) result: Option<Json>,
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) resource: Arn,
    pub(crate) kind: ResourceKind,
    pub(crate) pattern: IntegrationPattern,
    /// `resourceType` and `resource` of the history events.
    pub(crate) wire: Arc<TaskResource>,
    pub(crate) timeout: Option<Amount>,
    pub(crate) heartbeat: Option<Amount>,
    /// `RoleArn` of `Credentials`.
    pub(crate) credentials: Option<Role>,
}

/// The role of `Credentials`, written or looked up.
#[derive(Debug)]
pub(crate) enum Role {
    Fixed(Arc<str>),
    Expression(Expression),
}

/// A whole number, written or looked up.
#[derive(Debug)]
pub(crate) enum Amount {
    Fixed(u32),
    Path(Path),
}

#[derive(Debug)]
pub(crate) struct Parallel {
    pub(crate) branches: Box<[BlockId]>,
}

#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) processor: BlockId,
    /// `ItemsPath`; the effective input itself if absent.
    pub(crate) items: Option<Path>,
    /// `ItemSelector`, or `Parameters` as it was called before.
    pub(crate) selector: Option<Template>,
    pub(crate) concurrency: Option<Amount>,
}

#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) rules: Box<[Rule]>,
    pub(crate) default: Option<StateId>,
}

/// The four forms of Wait in JSONPath.
#[derive(Debug)]
pub(crate) enum Wait {
    Seconds(u32),
    Timestamp(Timestamp),
    SecondsPath(Path),
    TimestampPath(Path),
}

#[derive(Debug)]
pub(crate) struct Fail {
    /// `Error` and `Cause` where they are literal.
    pub(crate) literal: Failure,
    pub(crate) error_path: Option<Expression>,
    pub(crate) cause_path: Option<Expression>,
}
