//! A statement that is put together from parts: only what a step touched costs anything.

use std::fmt::Write as _;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

/// SQL and its parameters.
pub(super) struct Statement {
    sql: String,
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Statement {
    /// One that begins with `sql`.
    pub(super) fn new(sql: &str) -> Self {
        Self { sql: sql.into(), parameters: Vec::new() }
    }

    /// Adds SQL.
    pub(super) fn sql(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds a parameter.
    pub(super) fn value(&mut self, value: impl ToSql + Sync + Send + 'static) -> &mut Self {
        self.parameters.push(Box::new(value));
        // Writing to a string does not fail.
        let _ = write!(self.sql, "${}", self.parameters.len());
        self
    }

    /// Prepares it, unless that was done before on this connection.
    pub(super) async fn prepare(&self, client: &ClientWrapper) -> Result<tokio_postgres::Statement, Error> {
        client.prepare_cached(&self.sql).await
    }

    /// Runs what was prepared.
    pub(super) async fn run(
        &self,
        client: &ClientWrapper,
        prepared: &tokio_postgres::Statement,
    ) -> Result<Vec<Row>, Error> {
        let parameters: Vec<&(dyn ToSql + Sync)> =
            self.parameters.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect();
        client.query(prepared, &parameters).await
    }

    /// Prepares it and runs it.
    pub(super) async fn query(&self, client: &ClientWrapper) -> Result<Vec<Row>, Error> {
        let prepared = self.prepare(client).await?;
        self.run(client, &prepared).await
    }
}
