//! Why a case does not pass.

use std::fmt;

use super::compare::Difference;

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// What would run it does not exist yet.
    NoRunner(&'static str),
    /// What happened is not what was recorded.
    Differs(String),
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
