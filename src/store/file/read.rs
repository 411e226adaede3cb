//! Reading, on connections that do not disturb the writer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, ToSql, params};

use super::error::{corrupt, store_error};
use super::write::sql_number;
use crate::execution::{ExecutionStatus, Record, RecordKey, Snapshot};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::json::Json;
use crate::store::events::{self, Decoded};
use crate::store::{
    ExecutionFilter, ExecutionSummary, InboxId, NewExecution, Page, PageRequest, Revision, StoreError,
    StoreErrorKind, StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// Connections that only read.
#[derive(Debug)]
pub(super) struct Readers {
    free: Mutex<Vec<Connection>>,
    path: std::path::PathBuf,
}

/// How many connections are kept for the next who reads.
const KEPT: usize = 8;

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { free: Mutex::default(), path: path.to_owned() }
    }

    /// Closes those that nobody uses.
    pub(super) fn close(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads with one statement.
    pub(super) fn read_one<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.with(|connection| read(connection)).map_err(|error| store_error(&error))
    }

    /// Reads, all of it from one state of the database.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.with(|connection| read(&*connection.transaction()?)).map_err(|error| store_error(&error))
    }

    fn with<T>(&self, read: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => {
                let connection = Connection::open_with_flags(
                    &self.path,
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
                )?;
                connection.set_prepared_statement_cache_capacity(32);
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
                connection
            }
        };
        let result = read(&mut connection)?;
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(connection);
        }
        Ok(result)
    }
}

/// The columns that make a summary, in the order in which [`summary`] reads them.
const SUMMARY: &str =
    "e.id, e.name, m.arn, e.input, e.started_at, c.stopped_at, c.outcome, e.number, m.definition, e.start,
    r.redrives
    FROM execution e JOIN machine m ON m.number = e.machine LEFT JOIN closed c ON c.execution = e.number
    LEFT JOIN redriven r ON r.execution = e.number";

pub(super) fn number(connection: &Connection, id: &ExecutionId) -> rusqlite::Result<Option<i64>> {
    let mut find = connection.prepare_cached("SELECT number FROM execution WHERE id = ?1")?;
    find.query_row((id.as_str(),), |row| row.get(0)).optional()
}

/// The activities that were deleted.
pub(super) fn missing_activities(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut find = connection.prepare_cached("SELECT arn FROM missing_activity")?;
    find.query_map((), |row| row.get(0))?.collect()
}

type Described = Result<ExecutionSummary, StoreErrorKind>;

/// What is known about an execution.
pub(super) fn describe(connection: &Connection, id: &ExecutionId) -> rusqlite::Result<Option<Described>> {
    let mut find = connection.prepare_cached(&format!("SELECT {SUMMARY} WHERE e.id = ?1"))?;
    find.query_row((id.as_str(),), summary).optional()
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Described> {
    let text = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    let input: Option<Json> = text(3)?.parse().ok();
    let status: Option<ExecutionStatus> = match row.get_ref(6)?.as_str_or_null()? {
        None => Some(ExecutionStatus::Running),
        Some(outcome) => serde_json::from_str(outcome).ok(),
    };
    let redrives = row.get_ref(10)?.as_str_or_null()?.map(serde_json::from_str).transpose().ok();
    let (Some(input), Some(status), Some(redrives)) = (input, status, redrives) else {
        return Ok(Err(StoreErrorKind::Corrupt));
    };
    let new = NewExecution::new(
        text(0)?.into(),
        text(1)?.into(),
        text(2)?.into(),
        "".into(),
        input,
        Timestamp::from_millis(row.get(4)?),
    );
    let mut summary = ExecutionSummary::new(&new, status);
    summary.stopped_at = row.get::<_, Option<i64>>(5)?.map(Timestamp::from_millis);
    summary.redrives = redrives.map(Arc::new);
    Ok(Ok(summary))
}

/// Everything that is needed to go on with an execution, as it was read.
pub(super) struct Loaded {
    summary: Described,
    definition: Arc<str>,
    revision: u64,
    records: Vec<Record>,
}

pub(super) fn load(connection: &Connection, id: &ExecutionId) -> rusqlite::Result<Option<Loaded>> {
    let mut find = connection.prepare_cached(&format!("SELECT {SUMMARY} WHERE e.id = ?1"))?;
    let found = find.query_row((id.as_str(),), |row| {
        let definition = Arc::from(row.get_ref(8)?.as_str()?);
        let input = row.get_ref(3)?.as_str()?.as_bytes().to_vec();
        let start: Option<Vec<u8>> = row.get(9)?;
        Ok((row.get::<_, i64>(7)?, summary(row)?, definition, start.map(|start| (start, input))))
    });
    let Some((number, summary, definition, start)) = found.optional()? else { return Ok(None) };
    let sql = "SELECT revision, head FROM live WHERE execution = ?1
        UNION ALL SELECT revision, head FROM kept WHERE execution = ?1";
    let mut find = connection.prepare_cached(sql)?;
    let live = find.query_row((number,), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
    let Some((revision, head)) = live.optional()? else { return Ok(None) };
    let mut records = vec![Record::new(RecordKey::Head, head)];
    if let Some((start, input)) = start {
        records.extend([Record::new(RecordKey::Start, start), Record::new(RecordKey::Input, input)]);
    }
    let mut find = connection.prepare_cached("SELECT part, bytes FROM record WHERE execution = ?1")?;
    let parts = find.query_map((number,), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    for part in parts {
        let (part, bytes) = part?;
        let key = RecordKey::from_number(part.cast_unsigned());
        records.push(Record::new(key.ok_or(rusqlite::Error::IntegralValueOutOfRange(0, part))?, bytes));
    }
    Ok(Some(Loaded { summary, definition, revision: revision.cast_unsigned(), records }))
}

impl Loaded {
    pub(super) fn decode(self) -> Result<StoredExecution, StoreError> {
        let snapshot = Snapshot::from_records(self.records).map_err(corrupt)?;
        Ok(StoredExecution::new(Revision::new(self.revision), snapshot, self.definition, self.summary?))
    }
}

pub(super) fn find_task(connection: &Connection, token: &TokenHash) -> rusqlite::Result<Option<TaskAddress>> {
    let sql =
        "SELECT id, task, activity, open AND EXISTS (SELECT 1 FROM live WHERE live.execution = token.execution)
        FROM token JOIN execution ON number = token.execution WHERE hash = ?1";
    let mut find = connection.prepare_cached(sql)?;
    let address = |row: &Row<'_>| {
        let task = TaskId::from(row.get::<_, i64>(1)?.cast_unsigned());
        Ok(TaskAddress::new(row.get_ref(0)?.as_str()?.into(), task, row.get(2)?, row.get(3)?))
    };
    find.query_row((token.as_bytes(),), address).optional()
}

/// Whether a posted event was accepted, once that is known; nothing for one that never was.
pub(super) fn settled(
    connection: &Connection,
    id: &ExecutionId,
    posted: InboxId,
) -> rusqlite::Result<Option<Option<bool>>> {
    let sql = "SELECT accepted FROM inbox WHERE number = ?1
        AND execution = (SELECT number FROM execution WHERE id = ?2)";
    let mut find = connection.prepare_cached(sql)?;
    find.query_row(params![sql_number(posted.as_u64()), id.as_str()], |row| row.get(0)).optional()
}

/// A page of a history, as records that hold it; nothing for an execution that never was.
pub(super) fn history(
    connection: &Connection,
    id: &ExecutionId,
    page: &PageRequest,
) -> rusqlite::Result<Option<Vec<Vec<u8>>>> {
    let Some(execution) = number(connection, id)? else { return Ok(None) };
    let sql = match page.reverse {
        false => "SELECT last, events FROM history WHERE execution = ?1 AND last >= ?2 ORDER BY last",
        true => {
            "SELECT last, events FROM history WHERE execution = ?1 AND last <= ifnull(
                (SELECT min(last) FROM history WHERE execution = ?1 AND last >= ?2), ?2) ORDER BY last DESC"
        }
    };
    let start = page.after.unwrap_or(if page.reverse { i64::MAX.cast_unsigned() } else { 0 });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![execution, sql_number(start)])?;
    let (mut records, mut found, mut first) = (Vec::new(), 0, None::<u64>);
    while let Some(row) = rows.next()? {
        let last = row.get::<_, i64>(0)?.cast_unsigned();
        records.push(row.get(1)?);
        // The first record may hold events of the page before; each of the others holds one at least.
        found += first.map_or(0, |first| first.abs_diff(last).max(1));
        first = Some(last);
        if found > u64::try_from(page.limit).unwrap_or(u64::MAX) {
            break;
        }
    }
    Ok(Some(records))
}

pub(super) fn decode(records: &[Vec<u8>]) -> Result<Vec<Decoded>, StoreError> {
    records.iter().map(|record| events::decode(record)).collect()
}

/// The events of a page from the records that hold it.
pub(super) fn page_of(
    records: Vec<Decoded>,
    summary: Option<&ExecutionSummary>,
    page: &PageRequest,
) -> Result<Page<HistoryEvent>, StoreError> {
    let mut events = Vec::new();
    for record in records {
        let mut decoded = record.events(summary)?;
        if page.reverse {
            decoded.reverse();
        }
        let wanted = |event: &HistoryEvent| match (page.after, page.reverse) {
            (None, _) => true,
            (Some(start), false) => event.id >= start,
            (Some(start), true) => event.id <= start,
        };
        events.extend(decoded.into_iter().filter(wanted));
    }
    let next = events.get(page.limit).map(|event| event.id);
    events.truncate(page.limit);
    Ok(Page::new(events, next))
}

/// A page of executions, and where the next one begins.
pub(super) fn list(
    connection: &Connection,
    filter: &ExecutionFilter,
    page: &PageRequest,
) -> rusqlite::Result<(Vec<Described>, Option<u64>)> {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut only = |condition: &'static str, value: Option<Box<dyn ToSql>>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    let boxed = |text: &str| -> Box<dyn ToSql> { Box::new(text.to_owned()) };
    only("m.arn = ?", filter.machine_arn.as_deref().map(boxed));
    only("e.started_at >= ?", filter.started_from.map(|from| Box::new(from.as_millis()) as _));
    only("e.started_at < ?", filter.started_before.map(|before| Box::new(before.as_millis()) as _));
    only("substr(e.name, 1, length(?)) = ?", filter.name_prefix.as_deref().map(boxed));
    let prefix = filter.name_prefix.as_deref().map(boxed);
    values.extend(prefix);
    match filter.status {
        None => {}
        Some("RUNNING") => conditions.push("e.number IN (SELECT execution FROM live)"),
        Some(status) => {
            conditions.push("c.status = ?");
            values.push(boxed(status));
        }
    }
    if let Some(after) = page.after {
        conditions.push(if page.reverse { "e.number <= ?" } else { "e.number >= ?" });
        values.push(Box::new(sql_number(after)));
    }
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1);
    values.push(Box::new(limit));
    let conditions = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    let order = if page.reverse { "DESC" } else { "ASC" };
    let sql = format!("SELECT {SUMMARY} WHERE {conditions} ORDER BY e.number {order} LIMIT ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        Ok((row.get::<_, i64>(7)?.cast_unsigned(), summary(row)?))
    })?;
    let mut listed: Vec<(u64, Described)> = rows.collect::<Result<_, _>>()?;
    let next = listed.get(page.limit).map(|(number, _)| *number);
    listed.truncate(page.limit);
    Ok((listed.into_iter().map(|(_, summary)| summary).collect(), next))
}
