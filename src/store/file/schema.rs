//! The tables, their version, and how older ones become the newest.
//!
//! | table       | one row is                | written                                                  |
//! |-------------|---------------------------|----------------------------------------------------------|
//! | `machine`   | a definition and its ARN  | when the first execution of it starts                    |
//! | `execution` | what it was started from  | when it starts                                           |
//! | `closed`    | how an execution ended    | when it ends; gone when it is redriven                   |
//! | `redriven`  | how often it was redriven | when it ends without success, and when it is redriven    |
//! | `live`      | an open execution's head  | at each step; gone when it has ended                     |
//! | `kept`      | one that may be redriven  | when it ends; gone when it is redriven, or too old       |
//! | `record`    | a part of its state       | when a step touched it; gone when neither has it         |
//! | `history`   | a step's events           | at the step, at the end of the table                     |
//! | `token`     | a token's hash            | when it is issued, and when it is retired before the end |
//! | `inbox`     | an event that was posted  | when it is posted, and when it is settled                |
//! | `offer`     | an activity's task        | when it is scheduled; gone when a worker has it          |
//! | `missing_activity` | a deleted activity | when it is deleted; gone when it is there again          |
//!
//! Times are milliseconds since 1970. `live.owner` is a number of the process that has the file open, and means
//! nothing to the next one. A token is open if its row says so and its execution is open. What `record.part` stands
//! for says `RecordKey::number`. A number in the place of a document of `history.events` is explained in `events.rs`.

use rusqlite::Connection;

use super::error::FileStoreError;

/// "step": says whose file it is.
const APPLICATION: i32 = 0x7374_6570;

/// How each version becomes the next one. What was released stays as it is.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
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
    for migration in MIGRATIONS.iter().skip(found) {
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
