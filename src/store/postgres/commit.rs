//! One step as one statement: the revision decides, and everything else follows from its row.

use sha2::{Digest as _, Sha256};

use super::statement::Statement;
use crate::execution::{ExecutionStatus, Record, RecordKey};
use crate::id::ExecutionId;
use crate::store::{Commit, NewExecution, Revision, events};
use crate::time::Timestamp;

/// The statement that creates an execution; it returns a row unless the id is taken.
///
/// Without `definition` it relies on the server having it, and refers to nothing if it does not.
pub(super) fn create(new: &NewExecution, first: &Commit, with_definition: bool) -> Statement {
    let parts = Parts::of(first);
    let mut statement = Statement::new("WITH ");
    let hash = hash(&new.definition);
    if with_definition {
        statement
            .sql("definition AS (INSERT INTO definitions (hash, definition) VALUES (")
            .value(hash.clone());
        statement.sql(", ").value(new.definition.to_string()).sql(") ON CONFLICT DO NOTHING), ");
    }
    statement
        .sql(
            "step AS (INSERT INTO executions
            (id, name, machine, definition, input, start, status, outcome, started_at, stopped_at, redrives) VALUES (",
        )
        .value(new.id.to_string())
        .sql(", ")
        .value(new.name.to_string())
        .sql(", ")
        .value(new.machine_arn.to_string())
        .sql(", ")
        .value(hash)
        .sql(", ")
        .value(new.input.to_string())
        .sql(", ")
        .value(parts.start)
        .sql(", ")
        .value(first.status.as_str())
        .sql(", ")
        .value(outcome(&first.status))
        .sql(", ")
        .value(new.started_at.as_millis())
        .sql(", ")
        .value(first.status.is_closed().then_some(new.started_at.as_millis()))
        .sql(", ")
        .value(redrives(first))
        .sql(") ON CONFLICT (id) DO NOTHING RETURNING number AS execution)");
    if !first.status.is_closed() {
        let due = first.wake().map(Timestamp::as_millis);
        statement
            .sql(
                ", state AS (INSERT INTO states (execution, revision, head, due, wake, owner)
                SELECT execution, 1, ",
            )
            .value(parts.head)
            .sql(", ")
            .value(due)
            .sql(", CASE WHEN owners.id IS NULL THEN ")
            .value(due)
            .sql("::bigint END, owners.id FROM step LEFT JOIN owners ON owners.id = ")
            .value(new.owner.map(|owner| uuid::Uuid::from_u128(owner.as_u128())))
            .sql(")");
    } else if first.keeps_state() {
        keep(&mut statement, "1", first, parts.head);
    }
    rest(&mut statement, first, parts.records);
    statement.sql(" SELECT execution FROM step");
    statement
}

/// The statement that adds a step; it returns a row unless the revision is another.
pub(super) fn commit(id: &ExecutionId, expected: Revision, commit: &Commit) -> Statement {
    let Parts { head, start, records } = Parts::of(commit);
    let mut statement = Statement::new("WITH ");
    let revision = i64::try_from(expected.as_u64()).unwrap_or(-1);
    match commit.status.is_closed() {
        true => statement
            .sql("step AS (DELETE FROM states USING executions WHERE id = ")
            .value(id.to_string())
            .sql(" AND execution = number AND revision = ")
            .value(revision)
            .sql(
                " RETURNING execution, revision, mail),
                refused AS (UPDATE inbox SET event = NULL FROM step
                    WHERE inbox.execution = step.execution AND accepted IS NULL AND number IS DISTINCT FROM ",
            )
            // A statement changes a row once.
            .value(commit.handled.map(|handled| handled.posted.as_u64() as i64))
            .sql("), closed AS (UPDATE executions SET status = ")
            .value(commit.status.as_str())
            .sql(", outcome = ")
            .value(outcome(&commit.status))
            .sql(", stopped_at = ")
            .value(commit.at.as_millis())
            .sql(", redrives = coalesce(")
            .value(redrives(commit))
            .sql(", redrives), start = coalesce(")
            // An earlier version had it in the head.
            .value(start)
            .sql(", start) FROM step WHERE number = execution)"),
        false => going_on(&mut statement, id, revision, commit, &head, start),
    };
    match (commit.status.is_closed(), commit.keeps_state()) {
        (true, true) => keep(&mut statement, "revision + 1", commit, head),
        (true, false) => {
            statement
                .sql(", rest AS (DELETE FROM records USING step WHERE records.execution = step.execution)");
        }
        (false, _) => {}
    }
    rest(&mut statement, commit, records);
    if let Some(handled) = commit.handled {
        // Closing one takes what it did not handle for refused.
        statement
            .sql(", handled AS (UPDATE inbox SET event = NULL, accepted = ")
            .value(handled.accepted)
            .sql(" FROM step WHERE inbox.execution = step.execution AND accepted IS NULL AND number = ")
            .value(handled.posted.as_u64() as i64)
            .sql(" RETURNING number)");
    }
    statement.sql(" SELECT execution");
    match (commit.handled, commit.status.is_closed()) {
        (_, true) => statement.sql(", CASE WHEN mail > 0 THEN pg_notify('stepwright', 'settled')::text END"),
        (Some(_), false) => {
            statement.sql(", (SELECT pg_notify('stepwright', 'settled ' || number)::text FROM handled)")
        }
        (None, false) => &mut statement,
    };
    statement.sql(" FROM step");
    statement
}

/// The statement that opens an execution again; it returns a row unless the revision is another.
///
/// The execution's row is locked first, as by all who change what has ended.
pub(super) fn reopen(id: &ExecutionId, expected: Revision, commit: &Commit) -> Statement {
    let Parts { head, start, records } = Parts::of(commit);
    let mut statement = Statement::new("WITH ended AS (SELECT number FROM executions WHERE id = ");
    let due = commit.wake().map(Timestamp::as_millis);
    statement
        .value(id.to_string())
        .sql(" FOR UPDATE), step AS (DELETE FROM kept USING ended WHERE execution = number AND revision = ")
        .value(i64::try_from(expected.as_u64()).unwrap_or(-1))
        .sql(
            " RETURNING execution, revision),
            state AS (INSERT INTO states (execution, revision, head, due, wake)
                SELECT execution, revision + 1, ",
        )
        .value(head)
        .sql(", ")
        .value(due)
        .sql(", ")
        .value(due)
        .sql(
            " FROM step),
            opened AS (UPDATE executions SET status = 'RUNNING', outcome = NULL, stopped_at = NULL, redrives = ",
        )
        .value(redrives(commit))
        .sql(", start = coalesce(")
        .value(start)
        .sql(
            ", start) FROM step WHERE number = execution),
            refused AS (UPDATE inbox SET accepted = false FROM step
                WHERE inbox.execution = step.execution AND accepted IS NULL)",
        );
    rest(&mut statement, commit, records);
    statement.sql(" SELECT execution, pg_notify('stepwright', 'free')::text FROM step");
    statement
}

/// Keeps the head of an execution that has ended, for its redrive.
fn keep(statement: &mut Statement, revision: &str, commit: &Commit, head: Vec<u8>) {
    statement
        .sql(", keeping AS (INSERT INTO kept (execution, revision, head, stopped_at) SELECT execution, ")
        .sql(revision)
        .sql(", ")
        .value(head)
        .sql(", ")
        .value(commit.at.as_millis())
        .sql(" FROM step)");
}

fn going_on<'a>(
    statement: &'a mut Statement,
    id: &ExecutionId,
    revision: i64,
    commit: &Commit,
    head: &[u8],
    start: Option<Vec<u8>>,
) -> &'a mut Statement {
    let due = commit.wake().map(Timestamp::as_millis);
    statement.sql("step AS (UPDATE states SET revision = revision + 1, head = ").value(head.to_vec());
    statement.sql(", due = ").value(due).sql(", wake = CASE WHEN owner IS NULL THEN CASE WHEN ");
    // What else waits for it is counted by who posts.
    if let Some(handled) = commit.handled {
        statement
            .sql("mail > unhandled.count THEN 0 ELSE ")
            .value(due)
            .sql(
                "::bigint END END, mail = mail - unhandled.count::integer
                FROM executions, LATERAL (SELECT count(*) FROM inbox WHERE execution = executions.number
                    AND accepted IS NULL AND inbox.number = ",
            )
            .value(handled.posted.as_u64() as i64)
            .sql(") AS unhandled");
    } else {
        statement.sql("mail > 0 THEN 0 ELSE ").value(due).sql("::bigint END END FROM executions");
    }
    statement
        .sql(" WHERE id = ")
        .value(id.to_string())
        .sql(" AND execution = executions.number AND revision = ")
        .value(revision)
        .sql(" RETURNING execution)");
    if let Some(start) = start {
        statement
            .sql(", started AS (UPDATE executions SET start = ")
            .value(start)
            .sql(" FROM step WHERE number = execution)");
    }
    statement
}

/// The state of an execution after a step, as far as it changed.
struct Parts {
    head: Vec<u8>,
    start: Option<Vec<u8>>,
    records: Vec<Record>,
}

impl Parts {
    fn of(commit: &Commit) -> Self {
        let mut parts = Self { head: Vec::new(), start: None, records: Vec::new() };
        for record in commit.changes.records() {
            match record.key {
                RecordKey::Head => parts.head = record.bytes.unwrap_or_default(),
                RecordKey::Start => parts.start = record.bytes,
                // It has a column of its own.
                RecordKey::Input => {}
                // The state of what has ended for good is not needed any longer.
                _ if !commit.keeps_state() => {}
                _ => parts.records.push(record),
            }
        }
        parts
    }
}

/// The records, events and tokens of a step.
fn rest(statement: &mut Statement, commit: &Commit, records: Vec<Record>) {
    let (mut parts, mut written, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for Record { key, bytes, .. } in records {
        let part = key.number() as i64;
        match bytes {
            Some(bytes) => {
                parts.push(part);
                written.push(bytes);
            }
            None => gone.push(part),
        }
    }
    if !parts.is_empty() {
        statement
            .sql(", touched AS (INSERT INTO records (execution, part, record) SELECT execution, part, record FROM step, unnest(")
            .value(parts)
            .sql("::bigint[], ")
            .value(written)
            .sql("::bytea[]) AS t (part, record) ON CONFLICT (execution, part) DO UPDATE SET record = excluded.record)");
    }
    if !gone.is_empty() {
        statement
            .sql(", gone AS (DELETE FROM records USING step WHERE records.execution = step.execution AND part = ANY(")
            .value(gone)
            .sql("))");
    }
    if let (Some(first), Some(last)) = (commit.history.first(), commit.history.last()) {
        statement
            .sql(", events AS (INSERT INTO history (execution, first, last, events) SELECT execution, ")
            .value(first.id as i64)
            .sql(", ")
            .value(last.id as i64)
            .sql(", ")
            .value(events::encode(&commit.history, commit.changes.input(), &commit.status))
            .sql(" FROM step)");
    }
    let issued = &commit.tokens.issued;
    if !issued.is_empty() {
        let hashes: Vec<Vec<u8>> = issued.iter().map(|token| token.hash.as_bytes().to_vec()).collect();
        let tasks: Vec<i64> = issued.iter().map(|token| token.task.as_u64() as i64).collect();
        let activities: Vec<bool> = issued.iter().map(|token| token.activity.is_some()).collect();
        statement
            .sql(", issued AS (INSERT INTO tokens (hash, execution, task, activity) SELECT hash, execution, task, activity FROM step, unnest(")
            .value(hashes)
            .sql("::bytea[], ")
            .value(tasks)
            .sql("::bigint[], ")
            .value(activities)
            .sql("::boolean[]) AS t (hash, task, activity))");
    }
    let (activities, tasks): (Vec<String>, Vec<i64>) = commit
        .tokens
        .offered()
        .map(|(activity, task)| (activity.as_str().to_owned(), task.as_u64() as i64))
        .unzip();
    if !tasks.is_empty() {
        statement
            .sql(", offered AS (INSERT INTO offers (activity, execution, task) SELECT activity, execution, task FROM step, unnest(")
            .value(activities)
            .sql("::text[], ")
            .value(tasks)
            .sql("::bigint[]) AS t (activity, task))");
    }
    let taken: Vec<i64> = commit.tokens.taken.iter().map(|task| task.as_u64() as i64).collect();
    if !taken.is_empty() {
        statement
            .sql(", taken AS (DELETE FROM offers USING step WHERE offers.execution = step.execution AND task = ANY(")
            .value(taken)
            .sql("))");
    }
    // One that a step issued and retired was never anybody's: it is known as one that was.
    let retired: Vec<Vec<u8>> = commit.tokens.retired.iter().map(|hash| hash.as_bytes().to_vec()).collect();
    if !retired.is_empty() {
        statement
            .sql(", retired AS (UPDATE tokens SET open = false FROM step WHERE tokens.execution = step.execution AND hash = ANY(")
            .value(retired)
            .sql("))");
    }
}

fn outcome(status: &ExecutionStatus) -> Option<String> {
    status.is_closed().then(|| serde_json::to_string(status).expect("the keys of a status are strings"))
}

fn redrives(commit: &Commit) -> Option<String> {
    let redrives = commit.changes.redrives()?;
    Some(serde_json::to_string(&**redrives).expect("the keys of redrives are strings"))
}

/// What a long text is known by.
pub(super) fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
