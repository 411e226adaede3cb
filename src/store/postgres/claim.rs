//! Who drives what, by the server's clock, and what others leave for whoever does.

use deadpool_postgres::Client;
use uuid::Uuid;

use super::error::corrupt;
use super::statement::Statement;
use crate::execution::Event;
use crate::id::ExecutionId;
use crate::store::{Claim, Claimed, Claims, InboxId, OwnerId, Posted, StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// How many executions are taken from an owner that is gone at a time.
const BATCH: i64 = 1000;

/// What a free execution's row says of when it is to be claimed.
const FREE: &str = "owner = NULL, wake = CASE WHEN mail > 0 THEN 0 ELSE due END";

/// The posted events of an execution that wait, oldest first.
const INBOX: &str = "
    (SELECT array_agg(number ORDER BY number) FROM inbox WHERE inbox.execution = taken.execution
        AND accepted IS NULL) AS numbers,
    (SELECT array_agg(event ORDER BY number) FROM inbox WHERE inbox.execution = taken.execution
        AND accepted IS NULL) AS events";

/// Renews an owner's lease and frees what those have who are gone, some at a time; then claims.
///
/// Whoever let its lease run out is forgotten, and learns that from its next claim. What belongs to somebody who is
/// not known is nobody's: it may have begun something at the moment in which it was forgotten. Each owner that has
/// something is found by one look into the index.
///
/// Both are in flight at once.
pub(super) async fn claim(client: &Client, claim: Claim) -> Result<Claims, StoreError> {
    let renew = renew(&claim);
    let take = match &claim.only {
        Some(id) => take_one(&claim, id),
        None => take_due(&claim),
    };
    let (renewal, taking) = (renew.prepare(client).await?, take.prepare(client).await?);
    let (renewed, taken) = tokio::join!(biased; renew.run(client, &renewal), take.run(client, &taking));
    let fresh = renewed?.first().is_some_and(|row| row.get("fresh"));
    let mut claims = Claims { fresh, ..Claims::default() };
    for row in taken? {
        let next: Option<i64> = row.get("next");
        claims.next = next.map(Timestamp::from_millis);
        let Some(id) = row.get::<_, Option<&str>>("id") else { continue };
        let numbers: Option<Vec<i64>> = row.get("numbers");
        let events: Option<Vec<&str>> = row.get("events");
        let inbox = numbers.unwrap_or_default().into_iter().zip(events.unwrap_or_default());
        let inbox = inbox.map(|(number, event)| {
            let event: Event = serde_json::from_str(event).map_err(corrupt)?;
            Ok(Posted::new(InboxId::from(number as u64), event))
        });
        claims.executions.push(Claimed::new(id.into(), inbox.collect::<Result<_, StoreError>>()?));
    }
    Ok(claims)
}

fn renew(claim: &Claim) -> Statement {
    let owner = uuid(claim.owner);
    let mut statement = Statement::new("WITH RECURSIVE renewed AS (INSERT INTO owners (id, until) VALUES (");
    let seconds = claim.lease.map(|lease| lease.as_secs_f64());
    statement
        .value(owner)
        .sql(", clock_timestamp() + make_interval(secs => ")
        .value(seconds)
        .sql(
            ")) ON CONFLICT (id) DO UPDATE SET until = excluded.until RETURNING xmax = 0 AS fresh),
            forgotten AS (DELETE FROM owners WHERE id IN (SELECT id FROM owners WHERE id <> ",
        )
        .value(owner);
    if claim.lease.is_some() {
        statement.sql(" AND until <= clock_timestamp()");
    }
    statement
        // Who renews its lease at this moment keeps it.
        .sql(
            " FOR UPDATE SKIP LOCKED) RETURNING id),
            holders AS (
                (SELECT owner FROM states WHERE owner IS NOT NULL ORDER BY owner LIMIT 1)
                UNION ALL SELECT (SELECT owner FROM states WHERE owner > holders.owner ORDER BY owner LIMIT 1)
                    FROM holders WHERE holders.owner IS NOT NULL),
            gone AS (SELECT id FROM forgotten
                UNION ALL SELECT owner FROM holders WHERE NOT EXISTS (SELECT FROM owners WHERE id = owner)
                    AND owner <> ",
        )
        .value(owner)
        .sql(
            "), orphans AS (SELECT execution FROM states WHERE owner IN (SELECT id FROM gone)
                LIMIT ",
        )
        .value(BATCH)
        .sql(" FOR UPDATE SKIP LOCKED), freed AS (UPDATE states SET ")
        .sql(FREE)
        .sql(" FROM orphans WHERE states.execution = orphans.execution) SELECT fresh FROM renewed");
    statement
}

fn take_one(claim: &Claim, id: &ExecutionId) -> Statement {
    let owner = uuid(claim.owner);
    let mut statement = Statement::new("WITH taken AS (UPDATE states SET wake = NULL, owner = ");
    statement
        .value(owner)
        .sql(" FROM executions WHERE id = ")
        .value(id.to_string())
        .sql(" AND execution = number AND (owner IS NULL OR owner = ")
        .value(owner)
        .sql(") RETURNING execution, id) SELECT id, (SELECT min(wake) FROM states) AS next, ")
        .sql(INBOX)
        .sql(" FROM taken");
    statement
}

fn take_due(claim: &Claim) -> Statement {
    let owner = uuid(claim.owner);
    let most = i64::try_from(claim.most).unwrap_or(i64::MAX);
    let mut statement = Statement::new("WITH mailed AS (SELECT execution FROM states WHERE owner = ");
    statement
        .value(owner)
        .sql(" AND mail > 0 LIMIT ")
        .value(most)
        .sql("), due AS (SELECT execution, wake FROM states WHERE wake <= ")
        .value(claim.due.as_millis());
    without(&mut statement, claim);
    statement
        .sql(" ORDER BY wake, execution LIMIT ")
        .value(most)
        .sql(
            " - (SELECT count(*) FROM mailed) FOR UPDATE SKIP LOCKED),
            owned AS (UPDATE states SET wake = NULL, owner = ",
        )
        .value(owner)
        .sql(
            " FROM due WHERE states.execution = due.execution),
            taken AS (SELECT execution, NULL AS wake FROM mailed UNION ALL SELECT execution, wake FROM due),
            later AS (SELECT wake AS next FROM states WHERE wake IS NOT NULL
                AND execution NOT IN (SELECT execution FROM due)",
        );
    without(&mut statement, claim);
    statement
        .sql(" ORDER BY wake LIMIT 1) SELECT id, next, ")
        .sql(INBOX)
        // There is a row even where nothing is taken, for the next.
        .sql(
            " FROM (SELECT) AS one LEFT JOIN later ON true LEFT JOIN taken ON true
            LEFT JOIN executions ON executions.number = taken.execution
            ORDER BY wake NULLS FIRST, taken.execution",
        );
    statement
}

/// Leaves out what the owner does not want.
fn without(statement: &mut Statement, claim: &Claim) {
    if !claim.except.is_empty() {
        let ids: Vec<String> = claim.except.iter().map(ToString::to_string).collect();
        statement
            .sql(" AND execution NOT IN (SELECT number FROM executions WHERE id = ANY(")
            .value(ids)
            .sql("))");
    }
}

/// Everything that an owner has.
pub(super) async fn owned(client: &Client, owner: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
    let mut statement =
        Statement::new("SELECT id FROM executions JOIN states ON execution = number WHERE owner = ");
    statement.value(uuid(owner));
    let rows = statement.query(client).await?;
    Ok(rows.iter().map(|row| row.get::<_, &str>("id").into()).collect())
}

/// Takes executions back from an owner.
///
/// Rows are locked in the order in which steps that share a transaction lock them, or not waited for.
pub(super) async fn release(
    client: &Client,
    owner: OwnerId,
    executions: Option<&[ExecutionId]>,
) -> Result<(), StoreError> {
    let owner = uuid(owner);
    if let Some(executions) = executions {
        let ids: Vec<String> = executions.iter().map(ToString::to_string).collect();
        let mut statement = Statement::new(
            "WITH released AS (SELECT execution FROM states JOIN executions ON number = execution WHERE owner = ",
        );
        statement
            .value(owner)
            .sql(" AND id = ANY(")
            .value(ids)
            .sql(") ORDER BY id COLLATE \"C\" FOR UPDATE OF states), ");
        free_released(client, &mut statement).await?;
        return Ok(());
    }
    // From now on others take what it has, should this here come to nothing.
    let mut statement = Statement::new("DELETE FROM owners WHERE id = ");
    statement.value(owner);
    statement.query(client).await?;
    loop {
        let mut statement = Statement::new("WITH released AS (SELECT execution FROM states WHERE owner = ");
        statement.value(owner).sql(" LIMIT ").value(BATCH).sql(" FOR UPDATE SKIP LOCKED), ");
        if free_released(client, &mut statement).await? < BATCH {
            return Ok(());
        }
    }
}

async fn free_released(client: &Client, statement: &mut Statement) -> Result<i64, StoreError> {
    statement.sql("freed AS (UPDATE states SET ").sql(FREE).sql(
        " FROM released WHERE states.execution = released.execution RETURNING states.execution)
        SELECT count(*), pg_notify('stepwright', 'free')::text FROM freed",
    );
    let rows = statement.query(client).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Leaves an event. The execution's row is locked first: what comes later has a higher number.
pub(super) async fn post(client: &Client, id: &ExecutionId, event: &Event) -> Result<InboxId, StoreError> {
    let event = serde_json::to_string(event).expect("the keys of an event are strings");
    let mut statement = Statement::new(
        "WITH mailed AS (UPDATE states SET mail = mail + 1, wake = CASE WHEN owner IS NULL THEN 0 END
            FROM executions WHERE id = ",
    );
    statement
        .value(id.to_string())
        .sql(
            " AND execution = number RETURNING execution, owner),
            posted AS (INSERT INTO inbox (execution, event) SELECT execution, ",
        )
        .value(event)
        .sql(
            " FROM mailed RETURNING number)
            SELECT posted.number, pg_notify('stepwright', coalesce('mail ' || owner, 'free'))::text
            FROM posted, mailed",
        );
    if let Some(row) = statement.query(client).await?.first() {
        return Ok(InboxId::from(row.get::<_, i64>("number") as u64));
    }
    // It has ended, and refuses what comes: that needs a number, and no more.
    let mut statement = Statement::new(
        "SELECT nextval(pg_get_serial_sequence('inbox', 'number')) AS number FROM executions WHERE id = ",
    );
    statement.value(id.to_string());
    let rows = statement.query(client).await?;
    let row = rows.first().ok_or(StoreErrorKind::NotFound)?;
    Ok(InboxId::from(row.get::<_, i64>("number") as u64))
}

/// What became of a posted event, if that is known.
pub(super) async fn settled(
    client: &Client,
    id: &ExecutionId,
    posted: InboxId,
) -> Result<Option<bool>, StoreError> {
    let mut statement = Statement::new(
        "SELECT accepted, states.execution IS NOT NULL AS open, inbox.number IS NOT NULL AS posted
        FROM executions LEFT JOIN states ON states.execution = executions.number
        LEFT JOIN inbox ON inbox.execution = executions.number AND inbox.number = ",
    );
    statement.value(posted.as_u64() as i64).sql(" WHERE id = ").value(id.to_string());
    let rows = statement.query(client).await?;
    let row = rows.first().ok_or(StoreErrorKind::NotFound)?;
    match (row.get("accepted"), row.get("open"), row.get("posted")) {
        (Some(accepted), _, _) => Ok(Some(accepted)),
        (None, false, _) => Ok(Some(false)),
        (None, true, true) => Ok(None),
        (None, true, false) => Err(StoreErrorKind::NotFound.into()),
    }
}

/// Removes executions that ended long ago, and definitions that nothing refers to any longer.
pub(super) async fn forget(
    client: &Client,
    closed_before: Timestamp,
    most: usize,
) -> Result<usize, StoreError> {
    let mut statement =
        Statement::new("WITH old AS (SELECT number, definition FROM executions WHERE stopped_at < ");
    statement
        .value(closed_before.as_millis())
        .sql(" ORDER BY stopped_at, number LIMIT ")
        .value(i64::try_from(most).unwrap_or(i64::MAX))
        .sql(
            " FOR UPDATE SKIP LOCKED),
            events AS (DELETE FROM history USING old WHERE execution = number),
            keys AS (DELETE FROM tokens USING old WHERE execution = number),
            mail AS (DELETE FROM inbox USING old WHERE execution = old.number),
            state AS (DELETE FROM kept USING old WHERE execution = old.number),
            rest AS (DELETE FROM records USING old WHERE execution = old.number),
            gone AS (DELETE FROM executions USING old WHERE executions.number = old.number)
            SELECT definition, count(*) FROM old GROUP BY definition",
        );
    let rows = statement.query(client).await?;
    let unused: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    let forgotten: i64 = rows.iter().map(|row| row.get::<_, i64>(1)).sum();
    if !unused.is_empty() {
        let mut statement = Statement::new("DELETE FROM definitions WHERE hash = ANY(");
        statement
            .value(unused)
            .sql(") AND NOT EXISTS (SELECT FROM executions WHERE executions.definition = hash)");
        // One that somebody begins to use at this moment stays.
        let _ = statement.query(client).await;
    }
    Ok(usize::try_from(forgotten).unwrap_or_default())
}

/// Removes the state of executions that ended long ago.
pub(super) async fn expire(
    client: &Client,
    closed_before: Timestamp,
    most: usize,
) -> Result<usize, StoreError> {
    let mut statement = Statement::new(
        "WITH old AS (SELECT execution FROM kept JOIN executions ON number = execution WHERE kept.stopped_at < ",
    );
    statement
        .value(closed_before.as_millis())
        .sql(" ORDER BY kept.stopped_at, execution LIMIT ")
        .value(i64::try_from(most).unwrap_or(i64::MAX))
        // One that is redriven at this moment has its records still.
        .sql(
            " FOR UPDATE OF executions SKIP LOCKED),
            gone AS (DELETE FROM kept USING old WHERE kept.execution = old.execution RETURNING kept.execution),
            rest AS (DELETE FROM records USING gone WHERE records.execution = gone.execution)
            SELECT count(*) FROM gone",
        );
    let rows = statement.query(client).await?;
    let expired: i64 = rows.first().map_or(0, |row| row.get(0));
    Ok(usize::try_from(expired).unwrap_or_default())
}

fn uuid(owner: OwnerId) -> Uuid {
    Uuid::from_u128(owner.as_u128())
}
