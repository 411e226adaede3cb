//! The tables, and bringing those of an older version up to date.

use tokio_postgres::Client;

use super::error::PostgresError;

/// What each version of the schema adds to the one before; the first is version 1.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
];

/// The version that this crate reads and writes.
const KNOWN: i32 = MIGRATIONS.len() as i32;

/// Brings the tables up to date. Others who do the same wait.
pub(super) async fn migrate(client: &mut Client, schema: &str) -> Result<(), PostgresError> {
    // It ends with the transaction, and so with the connection.
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtext('stepwright'), hashtext($1))", &[&schema])
        .await?;
    let quoted = quote(schema);
    // Who may use the schema need not be one who may create it.
    let exists = transaction.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&quoted]).await?;
    if !exists.get::<_, bool>(0) {
        transaction.batch_execute(&format!("CREATE SCHEMA {quoted}")).await?;
    }
    let has_version = "SELECT to_regclass($1) IS NOT NULL";
    let has_version = transaction.query_one(has_version, &[&format!("{quoted}.schema_version")]).await?;
    let mut found: i32 = 0;
    if has_version.get(0) {
        found = transaction.query_one("SELECT max(version) FROM schema_version", &[]).await?.get(0);
    } else {
        let create = "CREATE TABLE schema_version (
            version integer PRIMARY KEY, since timestamptz NOT NULL DEFAULT now())";
        transaction.batch_execute(create).await?;
    }
    if found > KNOWN {
        return Err(PostgresError::TooNew { found, known: KNOWN });
    }
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(found.unsigned_abs() as usize) {
        transaction.batch_execute(migration).await?;
        transaction.execute("INSERT INTO schema_version (version) VALUES ($1)", &[&version]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// A name as SQL writes it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
