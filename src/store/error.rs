//! What a store may fail with, and whether to try again.

use std::error::Error;
use std::fmt;

/// Why a store could not do what it was asked.
///
/// ```
/// use stepwright::store::{StoreError, StoreErrorKind};
///
/// let error = StoreError::from(StoreErrorKind::Conflict);
/// assert!(!error.is_retryable());
/// assert_eq!(error.to_string(), "another owner committed first");
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Why, in one word; each says whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Another owner committed first. Let go of the execution; trying again is useless.
    #[error("another owner committed first")]
    Conflict,
    /// No such execution. Trying again is useless.
    #[error("there is no such execution")]
    NotFound,
    /// The stored data does not decode. Trying again is useless.
    #[error("the stored data does not decode")]
    Corrupt,
    /// The store cannot be reached. Worth another try.
    #[error("the store cannot be reached")]
    Unavailable,
}

impl StoreError {
    /// An error of `kind`, caused by `source`.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Why, in one word.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }
}

impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
