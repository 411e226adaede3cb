//! Why a case does not pass.

use std::fmt;

use super::compare::Difference;

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// What would run it does not exist yet.
    NoRunner(String),
    /// What happened is not what was recorded.
    Differs(String),
}

impl Fault {
    pub(crate) fn no_runner(reason: &str) -> Self {
        Self::NoRunner(reason.into())
    }

    /// Whether `reason` is one that a missing runner gives, and nobody wrote.
    pub(crate) fn is_of_no_runner(reason: &str) -> bool {
        reason.starts_with("no ") || reason.ends_with("not executed yet")
    }
}

impl From<Difference> for Fault {
    fn from(difference: Difference) -> Self {
        Self::Differs(difference.to_string())
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Differs(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRunner(reason) => f.write_str(reason),
            Self::Differs(text) => f.write_str(text),
        }
    }
}
