//! From input to effective input, from result to output: the stages in the specification's order.
//!
//! The Context Object they may read is in `context.rs`, Choice rules in `choose.rs`.

pub(crate) mod choose;
pub(crate) mod context;
pub(crate) mod integration;
mod jsonpath;

pub(crate) use jsonpath::{assign, caught, effective_input, error_output, output, parameters, result};

use crate::failure::{ErrorName, Failure};
use crate::query::QueryError;

/// What went wrong in a stage: an error name and AWS's words, without the state's name before them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mishap {
    pub(crate) error: ErrorName,
    pub(crate) message: String,
}

impl Mishap {
    pub(crate) fn runtime(message: impl Into<String>) -> Self {
        Self { error: ErrorName::RUNTIME, message: message.into() }
    }

    /// The failure of `state`, which was entered at the history event `entered`.
    pub(crate) fn in_state(self, state: &str, entered: u64) -> Failure {
        let Self { error, message } = self;
        let cause = format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered}). {message}"
        );
        Failure::new(error, cause)
    }
}

impl From<QueryError> for Mishap {
    fn from(error: QueryError) -> Self {
        Self { error: error.name().clone(), message: error.message().into() }
    }
}
