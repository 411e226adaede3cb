//! What PostgreSQL and the pool fail with, as this crate says it.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::{StoreError, StoreErrorKind};

/// Why a [`PostgresStore`](super::PostgresStore) could not be opened.
///
/// ```
/// use stepwright::store::{PostgresError, PostgresStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = PostgresStore::connect("postgres://localhost/?tea=green").await.unwrap_err();
/// assert!(matches!(error, PostgresError::Url(_)));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The connection string is wrong.
    #[error("the connection string is wrong")]
    Url(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A root certificate is none.
    #[error("a root certificate cannot be used")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server cannot be reached, or does not let us do what is to be done.
    #[error("the database cannot be used")]
    Unavailable(#[source] StoreError),
    /// A later version of this crate wrote the schema.
    #[error(
        "the database has schema version {found}, and this version of the crate reads versions up to {known}"
    )]
    TooNew {
        /// The version of the schema.
        found: i32,
        /// The version that this crate writes.
        known: i32,
    },
}

impl From<StoreError> for PostgresError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Whatever the server does not do now, it may do when it is back, or when somebody has repaired it.
impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::new(StoreErrorKind::Unavailable, error)
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        Self::new(StoreErrorKind::Unavailable, error)
    }
}

/// What was read, and is not what was written.
pub(super) fn corrupt(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, source)
}

/// Whether a statement referred to a row that is not there.
pub(super) fn is_dangling(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION)
}
