//! The tables, their version, and how older ones become the newest.
//!
//! | table       | one row is                | written                                                  |
//! |-------------|---------------------------|----------------------------------------------------------|
//! | `machine`   | a definition and its ARN  | when the first execution of it starts                    |
//! | `execution` | what `describe` says      | when it starts, when it ends, and when it is redriven    |
//! | `live`      | an open execution         | at each step; gone when it has ended                     |
//! | `kept`      | one that may be redriven  | when it ends; gone when it is redriven, or too old       |
//! | `record`    | a part of its state       | when a step touched it; gone when neither has it         |
//! | `history`   | a step's events           | at the step, at the end of the table                     |
//! | `token`     | a token's hash            | when it is issued, and when it is retired                |
//! | `inbox`     | an event that was posted  | when it is posted, and when it is settled                |
//!
//! Times are milliseconds since 1970. `live.owner` is a number of the process that has the file open, and means
//! nothing to the next one.

use rusqlite::Connection;

use super::error::FileStoreError;

/// "step": says whose file it is.
const APPLICATION: i32 = 0x7374_6570;

/// How each version becomes the next one. What was released stays as it is.
const MIGRATIONS: &[&str] = &[
    // 1
    "CREATE TABLE machine (
        number INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        arn TEXT NOT NULL,
        definition TEXT NOT NULL
    ) STRICT;
    CREATE INDEX machine_arn ON machine (arn);
    CREATE TABLE execution (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        machine INTEGER NOT NULL,
        input TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        status TEXT NOT NULL,
        stopped_at INTEGER,
        outcome TEXT
    ) STRICT;
    CREATE INDEX execution_machine ON execution (machine);
    CREATE INDEX execution_status ON execution (status) WHERE stopped_at IS NOT NULL;
    CREATE INDEX execution_stopped ON execution (stopped_at) WHERE stopped_at IS NOT NULL;
    CREATE TABLE live (
        execution INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        owner INTEGER,
        wake INTEGER
    ) STRICT;
    CREATE INDEX live_wake ON live (wake) WHERE owner IS NULL;
    CREATE TABLE record (
        execution INTEGER NOT NULL,
        part INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (execution, part)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE history (
        number INTEGER PRIMARY KEY,
        execution INTEGER NOT NULL,
        last INTEGER NOT NULL,
        events BLOB NOT NULL
    ) STRICT;
    CREATE INDEX history_execution ON history (execution, last);
    CREATE TABLE token (
        hash BLOB PRIMARY KEY,
        execution INTEGER NOT NULL,
        task INTEGER NOT NULL,
        activity INTEGER NOT NULL,
        open INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX token_execution ON token (execution);
    CREATE TABLE inbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        execution INTEGER NOT NULL,
        event TEXT,
        accepted INTEGER
    ) STRICT;
    CREATE INDEX inbox_execution ON inbox (execution);",
    // 2
    "ALTER TABLE execution ADD COLUMN redrives TEXT;
    CREATE TABLE kept (
        execution INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        stopped_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX kept_stopped ON kept (stopped_at);",
];

/// The version that this crate writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Whether the file is one of ours, and not from the future; with its version. Nothing is changed.
pub(super) fn check(connection: &Connection) -> Result<usize, FileStoreError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables > 0 && application != i64::from(APPLICATION) {
        return Err(FileStoreError::Foreign);
    }
    let found = usize::try_from(version).unwrap_or(usize::MAX);
    if found > VERSION {
        return Err(FileStoreError::TooNew { found: version });
    }
    Ok(found)
}

/// Brings the file up to date, in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), FileStoreError> {
    let found = check(connection)?;
    let transaction = connection.transaction()?;
    for migration in &MIGRATIONS[found..] {
        transaction.execute_batch(migration)?;
    }
    if found < VERSION {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION as i64)?;
    }
    // Whoever drove executions did it in a process that is gone.
    transaction.execute("UPDATE live SET owner = NULL WHERE owner IS NOT NULL", ())?;
    transaction.commit()?;
    Ok(())
}
