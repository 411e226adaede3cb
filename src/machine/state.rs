//! What each type of state needs at run time, and nothing it does not.

use std::sync::Arc;

use crate::arn::{Arn, IntegrationPattern, ResourceKind};
use crate::failure::Failure;
use crate::history::{StateType, TaskResource};
use crate::id::StateName;
use crate::json::Json;
use crate::machine::choice::Rules;
use crate::machine::io::{DataFlow, Payload};
use crate::machine::retry::{Catcher, Retrier};
use crate::machine::{BlockId, StateId};
use crate::query::{Expression, JsonataTemplate, Path};
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
    Jsonata(JsonataTemplate),
}

/// A whole number, written or looked up.
#[derive(Debug)]
pub(crate) enum Amount {
    Fixed(u32),
    Path(Path),
    Jsonata(JsonataTemplate),
}

#[derive(Debug)]
pub(crate) struct Parallel {
    pub(crate) branches: Box<[BlockId]>,
}

#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) processor: BlockId,
    /// The effective input itself if absent.
    pub(crate) items: Option<Items>,
    /// `ItemSelector`, or `Parameters` as it was called before.
    pub(crate) selector: Option<Payload>,
    pub(crate) concurrency: Option<Amount>,
    /// What only a distributed Map has.
    #[cfg_attr(
        not(feature = "testing"),
        expect(dead_code, reason = "a distributed Map is not executed yet")
    )]
    pub(crate) distribution: Option<Box<Distribution>>,
}

/// What only a distributed Map has.
#[derive(Debug)]
#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "a distributed Map is not executed yet"))]
pub(crate) struct Distribution {
    /// It has an `ItemReader`.
    pub(crate) reads: bool,
    /// It has a `ResultWriter`.
    pub(crate) writes: bool,
    pub(crate) tolerated_count: Option<Amount>,
    pub(crate) tolerated_percentage: Option<Percentage>,
}

/// A part of a hundred, written or looked up.
#[derive(Debug)]
pub(crate) enum Percentage {
    Fixed(f64),
    Path(Path),
    Jsonata(JsonataTemplate),
}

/// Where a Map finds its items.
#[derive(Debug)]
pub(crate) enum Items {
    /// `ItemsPath`
    Path(Path),
    /// `Items`
    Jsonata(JsonataTemplate),
}

#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) rules: Rules,
    pub(crate) default: Option<StateId>,
}

/// The forms of Wait.
#[derive(Debug)]
pub(crate) enum Wait {
    Seconds(u32),
    Timestamp(Timestamp),
    SecondsPath(Path),
    TimestampPath(Path),
    /// `Seconds`, an expression.
    SecondsJsonata(JsonataTemplate),
    /// `Timestamp`, an expression.
    TimestampJsonata(JsonataTemplate),
}

#[derive(Debug)]
pub(crate) struct Fail {
    /// `Error` and `Cause` where they are literal.
    pub(crate) literal: Failure,
    pub(crate) error: Option<Lookup>,
    pub(crate) cause: Option<Lookup>,
}

/// A text that is looked up.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// `ErrorPath`, `CausePath`
    Expression(Expression),
    /// `Error`, `Cause`
    Jsonata(JsonataTemplate),
}
