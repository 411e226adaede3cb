//! Why a case does not pass.

use std::fmt;

use serde_json::Value;
use stepwright::{HistoryEvent, Timeline};

use super::compare::Difference;

/// How many lines of what happened are shown.
const LINES: usize = 60;

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

    /// The same, and what happened instead.
    pub(crate) fn with_history(self, history: &[Value]) -> Self {
        match self {
            Self::Differs(text) => {
                let events: Result<Vec<_>, _> = history.iter().map(HistoryEvent::from_wire).collect();
                let happened = match &events {
                    Ok(events) => Timeline::of(events).to_string(),
                    Err(error) => error.to_string(),
                };
                let happened: Vec<&str> = happened.lines().take(LINES).collect();
                Self::Differs(format!("{text}\n\n{}", happened.join("\n")))
            }
            Self::NoRunner(_) => self,
        }
    }

    /// What is wrong, in one line, without what happened.
    pub(crate) fn brief(&self) -> String {
        let text = self.to_string();
        let brief = text.split("\n\n").next().unwrap_or("");
        brief.split_whitespace().collect::<Vec<_>>().join(" ")
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
