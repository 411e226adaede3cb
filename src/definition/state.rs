//! States, the fields that they share, and the types that have few of their own.

use serde_json::{Map as JsonMap, Value};

use super::choice::Choice;
use super::keyword::keyword;
use super::map::{Map, Parallel};
use super::retry::{Catcher, Retrier};
use super::scalar::{Amount, PathOrNull, Setting};
use super::task::Task;

/// A `States` object and where it begins: the definition's own, a branch's, or that of a Map.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Block {
    /// `StartAt`: the name of the first state.
    pub start_at: Option<String>,
    /// `States`, in the order in which they were written.
    pub states: Vec<State>,
}

/// One state as it was written.
///
/// The fields of the data flow, of errors and of transitions are the same wherever they are allowed, so
/// they stand here; what only one type has is in [`kind`](Self::kind). A field that a type does not have is
/// `None`, and so is one that is absent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// Its name: the key in `States`.
    pub name: String,
    /// `Comment`.
    pub comment: Option<String>,
    /// `QueryLanguage`, if the state declares its own.
    pub query_language: Option<QueryLanguage>,
    /// `InputPath` (JSONPath).
    pub input_path: Option<PathOrNull>,
    /// `Parameters` (JSONPath).
    pub parameters: Option<Value>,
    /// `Arguments` (JSONata).
    pub arguments: Option<Value>,
    /// `ResultSelector` (JSONPath).
    pub result_selector: Option<Value>,
    /// `ResultPath` (JSONPath).
    pub result_path: Option<PathOrNull>,
    /// `OutputPath` (JSONPath).
    pub output_path: Option<PathOrNull>,
    /// `Output` (JSONata).
    pub output: Option<Value>,
    /// `Assign`.
    pub assign: Option<JsonMap<String, Value>>,
    /// `Retry`.
    pub retry: Option<Vec<Retrier>>,
    /// `Catch`.
    pub catch: Option<Vec<Catcher>>,
    /// `Next`.
    pub next: Option<String>,
    /// `End`.
    pub end: Option<bool>,
    /// Its type, and what only that type has.
    pub kind: StateKind,
}

/// The type of a state, with the fields of that type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StateKind {
    /// Calls a resource.
    Task(Task),
    /// Runs branches at the same time.
    Parallel(Parallel),
    /// Runs states for each item.
    Map(Box<Map>),
    /// Passes its input on, or a result of its own.
    Pass(Pass),
    /// Waits.
    Wait(Wait),
    /// Chooses where to go on.
    Choice(Choice),
    /// Ends in success.
    Succeed,
    /// Ends in failure.
    Fail(Fail),
    /// Could not be read: the diagnostics say why, or it is a placeholder. What was written.
    Unknown(Value),
}

keyword! {
    /// The type of a state.
    StateType {
        /// Calls a resource.
        Task = "Task",
        /// Waits.
        Wait = "Wait",
        /// Passes its input on, or a result of its own.
        Pass = "Pass",
        /// Ends in success.
        Succeed = "Succeed",
        /// Ends in failure.
        Fail = "Fail",
        /// Chooses where to go on.
        Choice = "Choice",
        /// Runs branches at the same time.
        Parallel = "Parallel",
        /// Runs states for each item.
        Map = "Map",
    }
}

keyword! {
    /// How a state looks into documents.
    QueryLanguage {
        /// Paths, payload templates and intrinsic functions.
        JsonPath = "JSONPath",
        /// Expressions between `{%` and `%}`.
        Jsonata = "JSONata",
    }
}

/// What only a Pass state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Pass {
    /// `Result` (JSONPath); `null` is a result too.
    pub result: Option<Value>,
}

/// What only a Wait state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Wait {
    /// How long, or until when.
    pub timing: Option<Timing>,
}

/// How a Wait state says how long it waits.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Timing {
    /// `Seconds`.
    Seconds(Amount),
    /// `SecondsPath` (JSONPath).
    SecondsPath(String),
    /// `Timestamp`: one, or a JSONata expression.
    Timestamp(String),
    /// `TimestampPath` (JSONPath).
    TimestampPath(String),
}

/// What only a Fail state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Fail {
    /// `Error` or `ErrorPath`.
    pub error: Option<Setting<String>>,
    /// `Cause` or `CausePath`.
    pub cause: Option<Setting<String>>,
}

impl State {
    /// The names of the states it leads to, as they are written: one may stand twice.
    ///
    /// ```
    /// use stepwright::Definition;
    ///
    /// let definition = Definition::parse(
    ///     r#"{ "StartAt": "A", "States": { "A": { "Type": "Pass", "Next": "B" }, "B": { "Type": "Succeed" } } }"#,
    /// )?;
    /// assert!(definition.block.states[0].successors().eq(["B"]));
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn successors(&self) -> impl Iterator<Item = &str> {
        let (rules, default) = match &self.kind {
            StateKind::Choice(choice) => (&*choice.choices, choice.default.as_deref()),
            _ => (&[][..], None),
        };
        let rules = rules.iter().filter_map(|rule| rule.next.as_deref());
        let catchers = self.catch.iter().flatten().filter_map(|catcher| catcher.next.as_deref());
        rules.chain(default).chain(catchers).chain(self.next.as_deref())
    }

    /// The type, unless the state could not be read.
    pub fn state_type(&self) -> Option<StateType> {
        Some(match &self.kind {
            StateKind::Task(_) => StateType::Task,
            StateKind::Parallel(_) => StateType::Parallel,
            StateKind::Map(_) => StateType::Map,
            StateKind::Pass(_) => StateType::Pass,
            StateKind::Wait(_) => StateType::Wait,
            StateKind::Choice(_) => StateType::Choice,
            StateKind::Succeed => StateType::Succeed,
            StateKind::Fail(_) => StateType::Fail,
            StateKind::Unknown(_) => return None,
        })
    }

    /// Whether an execution of its block can end here.
    pub fn is_terminal(&self) -> bool {
        matches!(self.kind, StateKind::Succeed | StateKind::Fail(_)) || self.end == Some(true)
    }
}

impl Block {
    /// The state called `name`.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|state| state.name == name)
    }
}
