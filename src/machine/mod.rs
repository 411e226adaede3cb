//! The compiled state machine: an arena of states, indices instead of names, nothing left to parse.
//!
//! What makes one is in `compile`; what runs one in `execution`.

pub(crate) mod choice;
pub(crate) mod io;
pub(crate) mod retry;
pub(crate) mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::diagnostic::Diagnostics;
use crate::machine::state::{State, StateKind};

/// A state machine ready to run: every path, template and target in it is valid.
///
/// Make one with [`StateMachine::parse`], share it with `Arc`, run it as often as you like.
///
/// ```
/// use stepwright::StateMachine;
///
/// let machine = StateMachine::parse(r#"{ "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } }"#)?;
/// assert_eq!(machine.state_names().collect::<Vec<_>>(), ["Done"]);
/// # Ok::<(), stepwright::Diagnostics>(())
/// ```
pub struct StateMachine {
    pub(crate) name: Arc<str>,
    pub(crate) definition: Arc<str>,
    pub(crate) states: Vec<State>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) warnings: Diagnostics,
}

/// AWS's two kinds of execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExecutionKind {
    /// Up to a year, every step kept.
    #[default]
    Standard,
    /// Up to five minutes, kept nowhere.
    Express,
}

/// One `States` block: the machine's own, a branch's or an item processor's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) start: StateId,
}

/// Where a state is in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StateId(pub(crate) u32);

/// Where a `States` block is in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

impl BlockId {
    /// The machine's own block.
    pub(crate) const ROOT: Self = Self(0);
}

impl StateMachine {
    /// The name it has in ARNs: `StateMachine`, unless [`named`](Self::named) otherwise.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same machine under another name. Executions are unique within a name.
    ///
    /// ```
    /// # use stepwright::StateMachine;
    /// # let text = r#"{ "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } }"#;
    /// let machine = StateMachine::parse(text)?.named("Orders");
    /// assert_eq!(machine.name(), "Orders");
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The text of its definition, as it was given.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// `TimeoutSeconds` of the whole machine.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The names of all states, those of inner blocks too, in the order of the definition.
    pub fn state_names(&self) -> impl Iterator<Item = &str> {
        self.states.iter().map(|state| state.name.as_str())
    }

    /// What is odd about its definition, though not wrong: advice, in the order of the text.
    ///
    /// ```
    /// use stepwright::{Code, StateMachine};
    ///
    /// let machine = StateMachine::parse(r#"{ "StartAt": "Ask", "States": { "Ask": { "Type": "Task", "End": true,
    ///     "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    ///     "Parameters": { "QueueUrl": "q", "MessageBody": { "token.$": "$$.Task.Token" } } } } }"#)?;
    /// let warnings: Vec<Code> = machine.warnings().iter().map(|warning| warning.code()).collect();
    /// assert_eq!(warnings, [Code::CallbackWithoutTimeout]);
    /// # Ok::<(), stepwright::Diagnostics>(())
    /// ```
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The resources of its Tasks, in the order of the definition.
    pub fn resources(&self) -> impl Iterator<Item = &Arn> {
        self.states.iter().filter_map(|state| match &state.kind {
            StateKind::Task(task) => Some(&task.resource),
            _ => None,
        })
    }

    pub(crate) fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    pub(crate) fn block(&self, id: BlockId) -> Block {
        self.blocks[id.0 as usize]
    }

    /// The state called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<StateId> {
        let at = self.states.iter().position(|state| state.name.as_str() == name)?;
        Some(StateId(at as u32))
    }
}

impl fmt::Debug for StateMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateMachine")
            .field("name", &self.name)
            .field("states", &self.states.iter().map(|state| &state.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
