//! What is read without changing anything.

use deadpool_postgres::Client;
use tokio_postgres::Row;

use super::error::corrupt;
use super::statement::Statement;
use crate::execution::{ExecutionStatus, Record, RecordKey, Snapshot};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::store::events::{self, Decoded};
use crate::store::{
    ExecutionFilter, ExecutionSummary, Page, PageRequest, Revision, StoreError, StoreErrorKind,
    StoredExecution, TaskAddress,
};
use crate::time::Timestamp;

/// The columns of a summary.
const SUMMARY: &str = "id, name, machine, input, outcome, started_at, executions.stopped_at, redrives";

pub(super) async fn load(client: &Client, id: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
    let mut statement = Statement::new("SELECT ");
    statement
        .sql(SUMMARY)
        .sql(
            ", definitions.definition, start, coalesce(states.revision, kept.revision) AS revision,
            coalesce(states.head, kept.head) AS head,
            (SELECT array_agg(part ORDER BY part) FROM records WHERE execution = number) AS parts,
            (SELECT array_agg(record ORDER BY part) FROM records WHERE execution = number) AS records
            FROM executions JOIN definitions ON hash = executions.definition
            LEFT JOIN states ON states.execution = number LEFT JOIN kept ON kept.execution = number
            WHERE coalesce(states.execution, kept.execution) IS NOT NULL AND id = ",
        )
        .value(id.to_string());
    let rows = statement.query(client).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut records = vec![Record::new(RecordKey::Head, row.get("head"))];
    if let Some(start) = row.get("start") {
        let input = row.get::<_, &str>("input").as_bytes().to_vec();
        records.extend([Record::new(RecordKey::Start, start), Record::new(RecordKey::Input, input)]);
    }
    let parts: Option<Vec<i64>> = row.get("parts");
    let bytes: Option<Vec<Vec<u8>>> = row.get("records");
    for (part, bytes) in parts.unwrap_or_default().into_iter().zip(bytes.unwrap_or_default()) {
        let key = RecordKey::from_number(part as u64).ok_or(StoreErrorKind::Corrupt)?;
        records.push(Record::new(key, bytes));
    }
    let snapshot = Snapshot::from_records(records).map_err(corrupt)?;
    let revision = Revision::new(row.get::<_, i64>("revision") as u64);
    let definition: &str = row.get("definition");
    Ok(Some(StoredExecution::new(revision, snapshot, definition.into(), summary(row)?)))
}

pub(super) async fn describe(
    client: &Client,
    id: &ExecutionId,
) -> Result<Option<ExecutionSummary>, StoreError> {
    let mut statement = Statement::new("SELECT ");
    statement.sql(SUMMARY).sql(" FROM executions WHERE id = ").value(id.to_string());
    statement.query(client).await?.first().map(summary).transpose()
}

/// Whether there is an execution.
pub(super) async fn exists(client: &Client, id: &ExecutionId) -> Result<bool, StoreError> {
    let mut statement = Statement::new("SELECT FROM executions WHERE id = ");
    statement.value(id.to_string());
    Ok(!statement.query(client).await?.is_empty())
}

pub(super) async fn find_task(client: &Client, token: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
    let mut statement = Statement::new(
        "SELECT id, task, activity, open FROM tokens JOIN executions ON number = execution WHERE hash = ",
    );
    statement.value(token.as_bytes().to_vec());
    let rows = statement.query(client).await?;
    Ok(rows.first().map(|row| {
        let task = TaskId::from(row.get::<_, i64>("task") as u64);
        TaskAddress::new(row.get::<_, &str>("id").into(), task, row.get("activity"), row.get("open"))
    }))
}

/// A cursor is the number of events before the place: their numbers begin at 1 and have no holes.
pub(super) async fn history(
    client: &Client,
    id: &ExecutionId,
    page: PageRequest,
) -> Result<Page<HistoryEvent>, StoreError> {
    let place = bound(page.after.unwrap_or(if page.reverse { u64::MAX } else { 0 }));
    let mut statement = Statement::new(
        "SELECT events FROM executions LEFT JOIN LATERAL
        (SELECT first, events FROM history WHERE execution = number AND ",
    );
    statement.sql(if page.reverse { "first <= " } else { "last > " }).value(place);
    statement.sql(if page.reverse { " ORDER BY first DESC" } else { " ORDER BY first" });
    // A step has one event at least.
    statement
        .sql(" LIMIT ")
        .value(one_more(page.limit))
        .sql(") AS steps ON true WHERE id = ")
        .value(id.to_string());
    statement.sql(if page.reverse { " ORDER BY first DESC" } else { " ORDER BY first" });
    let rows = statement.query(client).await?;
    if rows.is_empty() {
        return Err(StoreErrorKind::NotFound.into());
    }
    let steps = rows.iter().filter_map(|row| row.get::<_, Option<&[u8]>>("events"));
    let mut steps = steps.map(events::decode).collect::<Result<Vec<_>, _>>()?;
    let summary = match steps.iter_mut().any(Decoded::shows_summary) {
        true => describe(client, id).await?,
        false => None,
    };
    let mut items = Vec::new();
    for step in steps {
        let mut step = step.events(summary.as_ref())?;
        if page.reverse {
            step.reverse();
        }
        let beyond = |event: &HistoryEvent| {
            if page.reverse { bound(event.id) <= place } else { bound(event.id) > place }
        };
        items.extend(step.into_iter().filter(beyond).take(page.limit.saturating_add(1) - items.len()));
        if items.len() > page.limit {
            break;
        }
    }
    let next = match items.len() > page.limit {
        true => items.pop().map(|event| if page.reverse { event.id } else { event.id - 1 }),
        false => None,
    };
    Ok(Page::new(items, next))
}

/// A cursor is the number of the execution there.
pub(super) async fn list(
    client: &Client,
    filter: ExecutionFilter,
    page: PageRequest,
) -> Result<Page<ExecutionSummary>, StoreError> {
    let mut statement = Statement::new("SELECT number, ");
    statement.sql(SUMMARY).sql(" FROM executions WHERE number ");
    statement.sql(if page.reverse { "<= " } else { ">= " });
    statement.value(bound(page.after.unwrap_or(if page.reverse { u64::MAX } else { 0 })));
    if let Some(machine) = filter.machine_arn {
        statement.sql(" AND machine = ").value(machine.to_string());
    }
    if let Some(status) = filter.status {
        statement.sql(" AND status = ").value(status);
    }
    if let Some(prefix) = filter.name_prefix {
        statement.sql(" AND starts_with(name, ").value(prefix.to_string()).sql(")");
    }
    if let Some(from) = filter.started_from {
        statement.sql(" AND started_at >= ").value(from.as_millis());
    }
    if let Some(before) = filter.started_before {
        statement.sql(" AND started_at < ").value(before.as_millis());
    }
    statement.sql(if page.reverse { " ORDER BY number DESC" } else { " ORDER BY number" });
    statement.sql(" LIMIT ").value(one_more(page.limit));
    let rows = statement.query(client).await?;
    let items = rows.iter().take(page.limit).map(summary).collect::<Result<Vec<_>, _>>()?;
    let next = rows.get(page.limit).map(|row| row.get::<_, i64>("number") as u64);
    Ok(Page::new(items, next))
}

fn summary(row: &Row) -> Result<ExecutionSummary, StoreError> {
    let outcome: Option<&str> = row.get("outcome");
    let text = |column: &str| -> &str { row.get(column) };
    let stopped_at: Option<i64> = row.get("stopped_at");
    Ok(ExecutionSummary {
        id: text("id").into(),
        name: text("name").into(),
        machine_arn: text("machine").into(),
        input: text("input").parse().map_err(corrupt)?,
        status: match outcome {
            Some(outcome) => serde_json::from_str(outcome).map_err(corrupt)?,
            None => ExecutionStatus::Running,
        },
        started_at: Timestamp::from_millis(row.get("started_at")),
        stopped_at: stopped_at.map(Timestamp::from_millis),
        redrives: match row.get::<_, Option<&str>>("redrives") {
            Some(redrives) => Some(serde_json::from_str(redrives).map_err(corrupt)?),
            None => None,
        },
    })
}

fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As many entries as a page has, and one that says that there are more.
fn one_more(limit: usize) -> i64 {
    bound(limit as u64).saturating_add(1)
}
