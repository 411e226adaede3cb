//! Retriers and catchers as they were written.

use serde_json::{Map as JsonMap, Value};

use super::keyword::keyword;
use super::scalar::{Amount, PathOrNull};

/// One entry of `Retry`. What it does not say has a default, which the compiler knows.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Retrier {
    /// `Comment`.
    pub comment: Option<String>,
    /// `ErrorEquals`: the errors it applies to.
    pub error_equals: Vec<String>,
    /// `IntervalSeconds`.
    pub interval_seconds: Option<Amount>,
    /// `MaxAttempts`.
    pub max_attempts: Option<Amount>,
    /// `BackoffRate`.
    pub backoff_rate: Option<Amount>,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<Amount>,
    /// `JitterStrategy`.
    pub jitter_strategy: Option<JitterStrategy>,
}

keyword! {
    /// Whether a retrier varies its delay.
    JitterStrategy {
        /// It does not.
        None = "NONE",
        /// Anything between no delay and the whole delay.
        Full = "FULL",
    }
}

/// One entry of `Catch`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Catcher {
    /// `Comment`.
    pub comment: Option<String>,
    /// `ErrorEquals`: the errors it applies to.
    pub error_equals: Vec<String>,
    /// `Next`.
    pub next: Option<String>,
    /// `ResultPath` (JSONPath).
    pub result_path: Option<PathOrNull>,
    /// `Output` (JSONata).
    pub output: Option<Value>,
    /// `Assign`.
    pub assign: Option<JsonMap<String, Value>>,
}
