//! What stands for the engine where the feature `jsonata` is off: no expression compiles.

use super::{JsonataError, Outcome, Trouble};
use crate::query::scope::Scope;

/// There is none.
#[derive(Clone)]
pub(super) enum Program {}

impl Program {
    pub(super) fn of_state(_text: &str, _fields: &[&str]) -> Result<Self, JsonataError> {
        Err(JsonataError::Absent)
    }

    pub(super) fn standalone(_text: &str) -> Result<Self, JsonataError> {
        Err(JsonataError::Absent)
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        match *self {}
        #[expect(unreachable_code, reason = "the type of an iterator has to come from somewhere")]
        std::iter::empty()
    }

    pub(super) fn may_read_context(&self) -> bool {
        match *self {}
    }

    pub(super) fn evaluate(&self, _scope: &Scope<'_>) -> Result<Outcome, Trouble> {
        match *self {}
    }
}
