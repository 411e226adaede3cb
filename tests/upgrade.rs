//! A file that an earlier version wrote is brought up to date, and what was open in it goes on.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "upgrade/life.rs"]
mod life;
#[path = "upgrade/redrive.rs"]
mod redrive;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use stepwright::FileStore;
use tempfile::TempDir;

const VERSIONS: [&str; 2] = [include_str!("upgrade/v1.sql"), include_str!("upgrade/v2.sql")];

fn version(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// A file of an earlier version, in a folder that is gone with it.
fn file(sql: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("executions.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

/// Opens it as it is, and looks for what is left of the state of executions.
fn left(path: &Path) -> i64 {
    drop(FileStore::open(path).unwrap());
    let left =
        "SELECT (SELECT count(*) FROM live) + (SELECT count(*) FROM kept) + (SELECT count(*) FROM record)";
    Connection::open(path).unwrap().query_row(left, (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_version_1_wrote_is_read_and_goes_on() {
    let (_folder, path) = file(VERSIONS[0]);
    let store = Arc::new(FileStore::open(&path).unwrap());
    assert_eq!(version(&path), 4);
    life::goes_on(Arc::clone(&store) as _).await;
    drop(store);
    assert_eq!(left(&path), 0);
}

#[tokio::test]
async fn what_version_2_wrote_is_read_and_redriven() {
    let (_folder, path) = file(VERSIONS[1]);
    let store = Arc::new(FileStore::open(&path).unwrap());
    assert_eq!(version(&path), 4);
    redrive::goes_on(Arc::clone(&store) as _).await;
    drop(store);
    assert_eq!(left(&path), 0);
}

#[test]
fn a_file_that_was_brought_up_to_date_has_the_tables_of_a_new_one() {
    let tables = |path: &Path| -> Vec<String> {
        drop(FileStore::open(path).unwrap());
        let connection = Connection::open(path).unwrap();
        let sql =
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut read = connection.prepare(sql).unwrap();
        let rows = read.query_map((), |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| row.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let (_folder, new) = file("");
    for version in VERSIONS {
        let (_folder, old) = file(version);
        assert_eq!(tables(&old), tables(&new));
    }
}
