//! A file that an earlier version wrote is brought up to date, and what was open in it goes on.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "upgrade/life.rs"]
mod life;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use stepwright::FileStore;

fn version(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_version_1_wrote_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    Connection::open(&path).unwrap().execute_batch(include_str!("upgrade/v1.sql")).unwrap();
    let store = Arc::new(FileStore::open(&path).unwrap());
    assert_eq!(version(&path), 3);

    life::goes_on(Arc::clone(&store) as _).await;

    // Nothing of their state is left, and the file is opened again as it is.
    drop(store);
    drop(FileStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    let left = "SELECT (SELECT count(*) FROM live) + (SELECT count(*) FROM record)";
    assert_eq!(connection.query_row(left, (), |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_file_that_was_brought_up_to_date_has_the_tables_of_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    Connection::open(&old).unwrap().execute_batch(include_str!("upgrade/v1.sql")).unwrap();
    let tables = |path: &Path| -> Vec<String> {
        drop(FileStore::open(path).unwrap());
        let connection = Connection::open(path).unwrap();
        let sql =
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut read = connection.prepare(sql).unwrap();
        let rows = read.query_map((), |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| row.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(tables(&old), tables(&new));
}
