//! Tasks of activities that wait for workers, and the activities that there are not.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::Client;

use super::commit::hash;
use super::error::corrupt;
use super::statement::Statement;
use crate::arn::Arn;
use crate::id::TaskId;
use crate::store::{StoreError, TaskAddress};

/// Tasks that wait for a worker, and are held for whoever asks. Who asks at the same time gets others.
pub(super) async fn offers(
    client: &Client,
    activity: &Arn,
    most: usize,
    held: Duration,
) -> Result<Vec<TaskAddress>, StoreError> {
    let mut statement = Statement::new(
        "WITH free AS (SELECT number, execution, task FROM offers
            WHERE hashtextextended(activity, 0) = hashtextextended(",
    );
    let text = activity.as_str().to_owned();
    statement
        .value(text.clone())
        .sql(", 0) AND activity = ")
        .value(text)
        .sql(" AND (held IS NULL OR held <= clock_timestamp()) ORDER BY number LIMIT ")
        .value(i64::try_from(most).unwrap_or(i64::MAX))
        .sql(
            " FOR UPDATE SKIP LOCKED),
            kept AS (UPDATE offers SET held = clock_timestamp() + make_interval(secs => ",
        )
        .value(held.as_secs_f64())
        // If the server forgets who holds it, two ask for it, and one of them is too late.
        .sql(
            ") FROM free WHERE offers.execution = free.execution AND offers.task = free.task)
            SELECT id, task, set_config('synchronous_commit', 'off', true)
            FROM free JOIN executions ON executions.number = execution ORDER BY free.number",
        );
    let rows = statement.query(client).await?;
    let address = |row: &tokio_postgres::Row| {
        let task = TaskId::from(row.get::<_, i64>("task") as u64);
        TaskAddress::new(row.get::<_, &str>("id").into(), task, true, true)
    };
    Ok(rows.iter().map(address).collect())
}

/// Tells those who have workers that there are tasks for them. What of it gets lost they look for.
pub(super) async fn tell(client: &Client) {
    let _ = Statement::new("SELECT pg_notify('stepwright', 'offer')::text").query(client).await;
}

pub(super) async fn set_activity(client: &Client, activity: &Arn, exists: bool) -> Result<(), StoreError> {
    let mut statement = match exists {
        true => Statement::new("WITH changed AS (DELETE FROM missing_activities WHERE hash = "),
        false => Statement::new("WITH changed AS (INSERT INTO missing_activities (hash, activity) VALUES ("),
    };
    statement.value(hash(activity.as_str()));
    if !exists {
        statement.sql(", ").value(activity.as_str().to_owned()).sql(") ON CONFLICT DO NOTHING");
    }
    statement.sql(" RETURNING hash) SELECT pg_notify('stepwright', 'activity')::text FROM changed");
    statement.query(client).await?;
    Ok(())
}

pub(super) async fn missing_activities(client: &Client) -> Result<BTreeSet<Arn>, StoreError> {
    let rows = Statement::new("SELECT activity FROM missing_activities").query(client).await?;
    rows.iter().map(|row| row.get::<_, &str>(0).parse().map_err(corrupt)).collect()
}
