//! Heartbeats for tokens that wait: what one costs, however many there are.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use stepwright::{StateMachine, TaskToken};

use crate::{Bench, block_on, callback, cpu_micros};

/// How many heartbeats are sent, one after the other.
const BEATS: usize = 2_000;

/// How many executions are started at once.
const LINES: usize = 512;

/// Sends heartbeats for some of few tokens, and for some of `most`, after a restart each.
pub(crate) fn measure(most: usize) {
    println!("open tokens   µs a heartbeat   of CPU   pages written");
    for open in [BEATS, most.max(BEATS)] {
        let folder = tempfile::tempdir().expect("there is a folder");
        let path = folder.path().join("executions.db");
        let tokens = block_on(start(&path, open));
        block_on(async {
            let bench = bench(&path);
            bench.runtime.recover().await.expect("it can be read");
            let (began, cpu, before) = (Instant::now(), cpu_micros(None), pages(&path));
            for n in 0..BEATS {
                // All over the file.
                let token = &tokens[n * (tokens.len() / BEATS)];
                bench.runtime.send_task_heartbeat(token).await.expect("it is waited for");
            }
            let each = |sum: f64| sum / BEATS as f64;
            println!(
                "{open:>11} {:>16.0} {:>8.0} {:>15.1}",
                each(began.elapsed().as_secs_f64() * 1e6),
                each(cpu_micros(None) - cpu),
                each((pages(&path) - before) as f64),
            );
        });
    }
}

/// The tokens of so many executions that wait.
async fn start(path: &Path, open: usize) -> Vec<TaskToken> {
    let bench = Arc::new(bench(path));
    let lines = (0..LINES).map(|line| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move {
            let mut tokens = Vec::new();
            for n in (line..open).step_by(LINES) {
                tokens.push(bench.start(&n.to_string()).await);
            }
            tokens
        })
    });
    let mut tokens = Vec::new();
    for line in lines.collect::<Vec<_>>() {
        tokens.extend(line.await.expect("nobody panics"));
    }
    bench.runtime.shutdown().await;
    tokens
}

fn bench(path: &Path) -> Bench {
    let definition =
        callback::DEFINITION.replace("\"Parameters\"", "\"HeartbeatSeconds\": 86400, \"Parameters\"");
    let machine = StateMachine::parse(&definition).expect("the definition is right").named("Approvals");
    Bench { machine: Arc::new(machine), ..Bench::open(path) }
}

/// How long the log is: it is not so long that it begins anew.
fn pages(path: &Path) -> i64 {
    let connection = Connection::open(path).expect("it can be opened");
    let pages = connection.query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| row.get(1));
    pages.expect("it has a log")
}
