//! Why a file cannot be opened, and what SQLite's errors come to.

use rusqlite::ErrorCode;

use crate::store::{StoreError, StoreErrorKind};

/// Why a [`FileStore`](super::FileStore) cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileStoreError {
    /// Somebody has it open: another process, or this one.
    #[error("the store is in use: `{path}` is locked")]
    InUse {
        /// The lock file.
        path: String,
    },
    /// A later version of this crate wrote it. Nothing was changed.
    #[error(
        "the store has version {found}, and this program knows versions up to {}",
        super::schema::VERSION
    )]
    TooNew {
        /// The file's version.
        found: i64,
    },
    /// It is a database of something else. Nothing was changed.
    #[error("the file is a database, but not a store of executions")]
    Foreign,
    /// It may be read and not written.
    #[error("the store's file is read-only")]
    ReadOnly,
    /// The lock file could not be made.
    #[error("the store's lock file could not be made")]
    Lock(#[source] std::io::Error),
    /// It is no database, or cannot be read.
    #[error("the store could not be opened")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for FileStoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What an error of SQLite comes to for the caller: where space, permission or a disk may come back, another try.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => {
            StoreErrorKind::Corrupt
        }
        Some(_) => StoreErrorKind::Unavailable,
        // What was read is of another type, or not there.
        None => StoreErrorKind::Corrupt,
    };
    StoreError::new(kind, error.to_string())
}

/// What was read does not decode.
pub(super) fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}
