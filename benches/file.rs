//! What durability costs: a machine that waits for a callback on the file store, beside a bare loop that appends
//! and syncs, and a bare loop of SQLite that writes the same rows, all in one run.
//!
//! `cargo bench --bench file -- 5 100000` measures each for five seconds, and then lets a restart find 100,000 open
//! executions.

mod callback;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use stepwright::{
    Failure, FileStore, ResourceHandler, Runtime, StateMachine, TaskContext, TaskOutcome, TaskRequest,
    TaskToken,
};

/// Commits of one execution: it begins, the queue has its message, the answer ends it.
const STEPS: usize = 3;

/// Bytes of an input.
const PAYLOAD: usize = 200;

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let time = Duration::from_secs(numbers.first().copied().unwrap_or(3));
    let open = numbers.get(1).copied().unwrap_or(10_000);
    let rows = Rows::of_one_execution();
    println!(
        "at once     append+fdatasync/s     bare rows/s     steps/s   of append   of bare   p50 ms   p99 ms"
    );
    for at_once in [1, 64, 1024] {
        let appended = append(&rows, at_once, time);
        let bare = bare(&rows, at_once, time);
        let (steps, mut latencies) = steps(at_once, time);
        latencies.sort();
        let at = |part: usize| latencies[(latencies.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        println!(
            "{at_once:>7} {appended:>22.0} {bare:>15.0} {steps:>11.0} {:>10.0}% {:>8.0}% {:>8.2} {:>8.2}",
            100.0 * steps / appended,
            100.0 * steps / bare,
            at(50),
            at(99),
        );
    }
    restart(open);
}

/// What is written for an execution, step by step.
struct Rows {
    input: String,
    records: [Vec<Vec<u8>>; STEPS],
    history: [Vec<u8>; STEPS],
}

impl Rows {
    /// Reads them from a store in which one execution waits, and has ended.
    fn of_one_execution() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder");
        let path = folder.path().join("executions.db");
        block_on(async {
            let bench = Bench::open(&path);
            let token = bench.start("one").await;
            // It is written down that the queue has the message.
            while history(&path).len() < 2 {
                tokio::task::yield_now().await;
            }
            let connection = Connection::open(&path).expect("it can be read");
            let mut read =
                connection.prepare("SELECT bytes FROM record ORDER BY part").expect("it has records");
            let records = read.query_map((), |row| row.get(0)).expect("they are bytes");
            let records: Vec<Vec<u8>> = records.map(|row| row.expect("they are bytes")).collect();
            bench.answer(&token).await;
            let history = history(&path);
            let [first, second, third] = &history[..] else { panic!("there are {} steps", history.len()) };
            Self {
                input: callback::order(PAYLOAD).to_string(),
                records: [records.clone(), records, Vec::new()],
                history: [first.clone(), second.clone(), third.clone()],
            }
        })
    }

    fn bytes(&self, step: usize) -> usize {
        self.records[step].iter().map(Vec::len).sum::<usize>() + self.history[step].len()
    }
}

fn history(path: &Path) -> Vec<Vec<u8>> {
    let connection = Connection::open(path).expect("it can be read");
    let mut read =
        connection.prepare("SELECT events FROM history ORDER BY number").expect("it has histories");
    let rows = read.query_map((), |row| row.get(0)).expect("they are bytes");
    rows.map(|row| row.expect("they are bytes")).collect()
}

/// The runtime on a file, and the tokens it gave out.
struct Bench {
    runtime: Runtime,
    machine: Arc<StateMachine>,
    tokens: Arc<Mutex<std::collections::HashMap<String, TaskToken>>>,
}

struct Queue(Arc<Mutex<std::collections::HashMap<String, TaskToken>>>);

impl ResourceHandler for Queue {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        let name = request.execution.as_str().rsplit(':').next().unwrap_or_default().to_owned();
        self.0.lock().expect("nobody panics").extend(cx.token().map(|token| (name, token.clone())));
        Ok(TaskOutcome::Deferred)
    }
}

impl Bench {
    fn open(path: &Path) -> Self {
        let tokens = Arc::default();
        let store = Arc::new(FileStore::open(path).expect("it can be opened"));
        let queue = Queue(Arc::clone(&tokens));
        let runtime = Runtime::builder().store(store).handler(callback::QUEUE, queue).build();
        Self { runtime: runtime.expect("nothing is registered twice"), machine: callback::machine(), tokens }
    }

    async fn start(&self, name: &str) -> TaskToken {
        let order = callback::order(PAYLOAD);
        self.runtime.start_execution(&self.machine, name, order).await.expect("it starts");
        loop {
            let token = self.tokens.lock().expect("nobody panics").remove(name);
            match token {
                Some(token) => return token,
                None => tokio::task::yield_now().await,
            }
        }
    }

    async fn answer(&self, token: &TaskToken) {
        self.runtime.send_task_success(token, callback::answer()).await.expect("it is taken");
    }
}

/// Steps per second, and how long answers took.
fn steps(at_once: usize, time: Duration) -> (f64, Vec<Duration>) {
    let folder = tempfile::tempdir().expect("there is a folder");
    block_on(async {
        let bench = Arc::new(Bench::open(&folder.path().join("executions.db")));
        let began = Instant::now();
        let lines = (0..at_once).map(|line| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while began.elapsed() < time {
                    let token = bench.start(&format!("{line}-{}", latencies.len())).await;
                    let asked = Instant::now();
                    bench.answer(&token).await;
                    latencies.push(asked.elapsed());
                }
                latencies
            })
        });
        let mut latencies = Vec::new();
        for line in lines.collect::<Vec<_>>() {
            latencies.extend(line.await.expect("nobody panics"));
        }
        let rate = (latencies.len() * STEPS) as f64 / began.elapsed().as_secs_f64();
        bench.runtime.shutdown().await;
        (rate, latencies)
    })
}

/// Steps per second of a loop that appends their bytes and syncs, `at_once` steps at a time.
fn append(rows: &Rows, at_once: usize, time: Duration) -> f64 {
    let folder = tempfile::tempdir().expect("there is a folder");
    let mut file = File::create(folder.path().join("log")).expect("it can be made");
    let began = Instant::now();
    let mut steps = 0;
    while began.elapsed() < time {
        let bytes: usize = (0..at_once).map(|n| rows.bytes((steps + n) % STEPS)).sum();
        file.write_all(&vec![0x5a; bytes]).and_then(|()| file.sync_data()).expect("there is room");
        steps += at_once;
    }
    steps as f64 / began.elapsed().as_secs_f64()
}

/// Steps per second of a loop that writes the same rows to the same tables, `at_once` steps in a transaction.
fn bare(rows: &Rows, at_once: usize, time: Duration) -> f64 {
    let folder = tempfile::tempdir().expect("there is a folder");
    let path = folder.path().join("executions.db");
    drop(FileStore::open(&path).expect("it makes the tables"));
    let connection = Connection::open(&path).expect("it can be opened");
    for (name, value) in [("synchronous", 2), ("wal_autocheckpoint", 16_000), ("cache_size", -65_536)] {
        connection.pragma_update(None, name, value).expect("it can be set");
    }
    connection.set_prepared_statement_cache_capacity(64);
    let write = |step: usize| bare_step(&connection, rows, step as i64);
    let began = Instant::now();
    let mut steps = 0;
    // As many executions go on side by side as there are steps in a transaction.
    while began.elapsed() < time {
        connection.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
        for n in steps..steps + at_once {
            let (round, line) = (n / at_once, n % at_once);
            let execution = round / STEPS * at_once + line;
            write(execution * STEPS + round % STEPS).expect("it can be written");
        }
        connection.execute_batch("COMMIT").expect("it can be written");
        steps += at_once;
    }
    steps as f64 / began.elapsed().as_secs_f64()
}

fn bare_step(connection: &Connection, rows: &Rows, step: i64) -> rusqlite::Result<()> {
    let (number, part) = (step / STEPS as i64 + 1, step as usize % STEPS);
    let id = format!("arn:aws:states:us-east-1:123456789012:execution:Approvals:{number}");
    let run =
        |sql: &str, row: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(row).map(drop);
    if part == 0 {
        let sql = "INSERT INTO execution (number, id, name, machine, input, started_at, status)
            VALUES (?1, ?2, ?1, 1, ?3, 0, 'RUNNING')";
        run(sql, params![number, id, rows.input])?;
        run("INSERT INTO live (execution, revision, owner, wake) VALUES (?1, 1, 1, 0)", params![number])?;
    } else {
        let sql = "UPDATE live SET revision = revision + 1, wake = ?1
            WHERE execution = (SELECT number FROM execution WHERE id = ?2)";
        run(sql, params![number, id])?;
    }
    for (record, bytes) in rows.records[part].iter().enumerate() {
        let sql = "INSERT INTO record (execution, part, bytes) VALUES (?1, ?2, ?3)
            ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
        run(sql, params![number, record as i64, bytes])?;
    }
    let sql = "INSERT INTO history (execution, last, events) VALUES (?1, ?2, ?3)";
    run(sql, params![number, part as i64, rows.history[part]])?;
    // A hash looks random.
    let hash = (0..4).map(|n| (number as u64 * 4 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let hash: Vec<u8> = hash.flatten().collect();
    match part {
        0 => run(
            "INSERT INTO token (hash, execution, task, activity, open) VALUES (?1, ?2, 0, 0, 1)",
            params![hash, number],
        ),
        2 => {
            run("UPDATE token SET open = 0 WHERE hash = ?1", params![hash])?;
            let sql =
                "UPDATE execution SET status = 'SUCCEEDED', outcome = ?1, stopped_at = 1 WHERE number = ?2";
            run(sql, params![callback::answer().to_string(), number])?;
            run("DELETE FROM live WHERE execution = ?1", params![number])?;
            run("DELETE FROM record WHERE execution = ?1", params![number])
        }
        _ => Ok(()),
    }
}

/// How long it takes a restart to answer its first callback while many executions are open.
fn restart(open: u64) {
    let folder = tempfile::tempdir().expect("there is a folder");
    let path = folder.path().join("executions.db");
    let token = block_on(async {
        let bench = Arc::new(Bench::open(&path));
        let lines = (0..512).map(|line| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                let mut token = None;
                for n in (line..open).step_by(512) {
                    token = Some(bench.start(&n.to_string()).await);
                }
                token
            })
        });
        let mut token = None;
        for line in lines.collect::<Vec<_>>() {
            token = line.await.expect("nobody panics").or(token);
        }
        bench.runtime.shutdown().await;
        token.expect("one waits at least")
    });
    let before = resident_bytes();
    let began = Instant::now();
    block_on(async {
        let bench = Bench::open(&path);
        let due = bench.runtime.recover().await.expect("it can be read");
        let recovered = began.elapsed();
        bench.answer(&token).await;
        println!(
            "\na restart with {open} open executions: {due} to go on with at once, recovered in {recovered:.0?}, first \
             callback answered after {:.0?}, {} KiB more in memory",
            began.elapsed(),
            (resident_bytes() - before) / 1024
        );
    });
}

/// Bytes of the process that are in memory; 0 where nobody says so.
fn resident_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<i64>().ok()).unwrap_or_default() * 1024
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("there is a tokio runtime").block_on(future)
}
