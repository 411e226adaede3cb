//! Tables of version 1, filled with what a file of version 1 has.

use rusqlite::Connection;
use tokio_postgres::NoTls;

/// What PostgreSQL had in each table, from what SQLite had.
const ROWS: [&str; 6] = [
    "SELECT 'INSERT INTO definitions SELECT sha256(convert_to(d, ''UTF8'')), d FROM (SELECT '
        || quote(definition) || ' AS d) AS it;' FROM machine",
    "SELECT 'INSERT INTO executions (number, id, name, machine, definition, input, status, outcome, started_at,
        stopped_at) OVERRIDING SYSTEM VALUE VALUES (' || e.number || ',' || quote(id) || ',' || quote(name) || ','
        || quote(arn) || ', sha256(convert_to(' || quote(definition) || ', ''UTF8'')),' || quote(input) || ','
        || quote(status) || ',' || quote(outcome) || ',' || started_at || ',' || quote(stopped_at) || ');'
        FROM execution e JOIN machine m ON m.number = machine ORDER BY e.number",
    "SELECT 'INSERT INTO states (execution, revision, head, due, wake) VALUES (' || execution || ',' || revision
        || ', ''\\x' || hex(bytes) || ''',' || quote(wake) || ',' || quote(wake) || ');'
        FROM live JOIN record USING (execution) WHERE part = 0",
    "SELECT 'INSERT INTO frames VALUES (' || execution || ',' || (part - 1) || ', ''\\x' || hex(bytes) || ''');'
        FROM record WHERE part > 0",
    "SELECT 'INSERT INTO history VALUES (' || execution || ','
        || (1 + lag(last, 1, 0) OVER (PARTITION BY execution ORDER BY last)) || ',' || last || ', ''\\x'
        || hex(events) || ''');' FROM history",
    "SELECT 'INSERT INTO tokens VALUES (''\\x' || hex(hash) || ''',' || execution || ',' || task || ','
        || iif(activity, 'true', 'false') || ',' || iif(open, 'true', 'false') || ');' FROM token",
];

/// Makes the tables, and fills them.
pub(crate) async fn fill(database: &str) {
    let file = Connection::open_in_memory().unwrap();
    file.execute_batch(include_str!("../upgrade/v1.sql")).unwrap();
    let mut sql = "CREATE SCHEMA stepwright; SET search_path = stepwright;
        CREATE TABLE schema_version (version integer PRIMARY KEY, since timestamptz NOT NULL DEFAULT now());
        INSERT INTO schema_version (version) VALUES (1);"
        .to_owned();
    sql.push_str(include_str!("../../src/store/postgres/migrations/1.sql"));
    for rows in ROWS {
        let mut read = file.prepare(rows).unwrap();
        let rows = read.query_map((), |row| row.get::<_, String>(0)).unwrap();
        rows.for_each(|row| sql.push_str(&row.unwrap()));
    }
    let (client, connection) = tokio_postgres::connect(database, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(&sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}
