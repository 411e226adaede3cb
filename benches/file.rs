//! What durability costs: a machine that waits for a callback on the file store, beside a bare loop that appends
//! and syncs, and a bare loop of SQLite that writes the same rows, all in one run.
//!
//! An answer comes as soon as it is written down that somebody has the message: an execution is three commits. What
//! comes earlier is written with that, and saves one.
//!
//! ```text
//! cargo bench --bench file -- 5 100000          each for five seconds; then a restart finds 100,000 open executions
//! cargo bench --bench file -- 5 10000 64        the same with 64 at once only
//! cargo bench --bench file -- early             the same with answers that come before the call has returned
//! cargo bench --bench file -- curves 5          the same at many sizes, drawn into docs/
//! cargo bench --bench file -- heartbeats 100000 what a heartbeat costs when so many tokens are open
//! cargo bench --bench file -- memory 1000000    a million executions run through and close: memory, drawn into docs/
//! ```

mod callback;
#[path = "hot/chart.rs"]
mod chart;
#[path = "file/heartbeats.rs"]
mod heartbeats;
#[path = "file/memory.rs"]
mod memory;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use stepwright::{
    ExecutionId, Failure, FileStore, HistoryEvent, HistoryEventKind, Observer, ResourceHandler, Runtime,
    RuntimeBuilder, StateMachine, TaskContext, TaskOutcome, TaskRequest, TaskToken,
};
use tokio::sync::oneshot;

/// Commits of one execution: it begins, the queue has its message, the answer ends it.
const STEPS: usize = 3;

/// What is measured side by side takes so many turns.
const TURNS: u32 = 6;

/// The name of the thread that writes, as far as it is shown.
const WRITER: &str = "stepwright-writ";

/// Bytes of an input.
const PAYLOAD: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let asks = |word: &str| arguments.iter().any(|argument| argument == word);
    let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let number = |at: usize| numbers.get(at).copied();
    let time = Duration::from_secs(number(0).unwrap_or(3));
    if asks("heartbeats") {
        heartbeats::measure(number(0).map_or(10_000, |most| most as usize));
    } else if asks("memory") {
        memory::measure(number(0).unwrap_or(100_000));
    } else if asks("curves") {
        curves(time);
    } else {
        table(&number(2).map_or(vec![1, 64, 1024], |at_once| vec![at_once as usize]), time, asks("early"));
        restart(number(1).unwrap_or(10_000));
    }
}

/// Draws what a table says.
fn curves(time: Duration) {
    let sizes = [1, 4, 16, 64, 256, 1024];
    let lines = table(&sizes, time, false);
    let curve = |name, value: fn(&Line) -> f64| -> chart::Curve {
        (name, sizes.into_iter().zip(lines.iter().map(value)).collect())
    };
    let steps = [curve("file store", |line| line.measured.steps), curve("bare rusqlite", |line| line.bare)];
    draw("file-steps", "Wait for a callback, on disk: steps a second", "executions at once", "/s", &steps);
    let answers = [curve("median", |line| line.measured.at(50)), curve("99 %", |line| line.measured.at(99))];
    draw("file-answers", "The same: until an answer is acknowledged", "executions at once", "ms", &answers);
}

fn draw(name: &str, title: &str, sizes: &str, unit: &str, curves: &[chart::Curve]) {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/{}.svg"), name);
    std::fs::write(path, chart::svg(title, sizes, unit, curves)).expect("it can be written");
}

/// What was measured with so many executions at once.
struct Line {
    bare: f64,
    measured: Measured,
}

fn table(sizes: &[usize], time: Duration, early: bool) -> Vec<Line> {
    let rows = Rows::of_one_execution();
    println!(
        "at once   append+fdatasync/s   bare rows/s   steps/s   of append   of bare   p50 ms   p99 ms   µs of CPU a step: \
         bare   writer   others"
    );
    let line = |at_once: &usize| {
        let (mut append, mut bare, mut store) = (Append::new(), Bare::new(), Loaded::new(early));
        // In turns: what else the machine does then, it does to all of them.
        for _ in 0..TURNS {
            append.turn(&rows, *at_once, time / TURNS);
            bare.turn(&rows, *at_once, time / TURNS);
            store.turn(*at_once, time / TURNS);
        }
        let (appended, bare, bare_cpu) = (append.rate.per_second(), bare.rate.per_second(), bare.rate.cpu());
        let measured = store.end();
        let Measured { steps, writer, others, .. } = measured;
        println!(
            "{at_once:>7} {appended:>20.0} {bare:>13.0} {steps:>9.0} {:>10.0}% {:>8.0}% {:>8.2} {:>8.2} \
             {bare_cpu:>23.1} {writer:>8.1} {others:>8.1}",
            100.0 * steps / appended,
            100.0 * steps / bare,
            measured.at(50),
            measured.at(99),
        );
        Line { bare, measured }
    };
    sizes.iter().map(line).collect()
}

/// Steps, and what they took.
#[derive(Default)]
struct Rate {
    steps: usize,
    time: Duration,
    /// Microseconds.
    cpu: f64,
}

impl Rate {
    /// Measures something that says how many steps it made.
    fn add(&mut self, work: impl FnOnce() -> usize) {
        let (began, before) = (Instant::now(), cpu_micros(None));
        self.steps += work();
        self.time += began.elapsed();
        self.cpu += cpu_micros(None) - before;
    }

    fn per_second(&self) -> f64 {
        self.steps as f64 / self.time.as_secs_f64()
    }

    /// Microseconds for a step.
    fn cpu(&self) -> f64 {
        self.cpu / self.steps as f64
    }
}

/// What is written for an execution, step by step.
struct Rows {
    input: String,
    start: Vec<u8>,
    head: Vec<u8>,
    frame: Vec<u8>,
    history: [Vec<u8>; STEPS],
    outcome: String,
}

impl Rows {
    /// Reads them from a store in which one execution waits, and has ended.
    fn of_one_execution() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder");
        let path = folder.path().join("executions.db");
        block_on(async {
            let bench = Bench::open(&path);
            let token = bench.start("one").await;
            let connection = Connection::open(&path).expect("it can be read");
            let bytes = |sql| connection.query_row(sql, (), |row| row.get(0)).expect("there is one");
            let (start, head) = (bytes("SELECT start FROM execution"), bytes("SELECT head FROM live"));
            let frame = bytes("SELECT bytes FROM record");
            bench.answer(&token).await;
            let history = history(&path).try_into().expect("there are as many steps");
            let outcome = connection.query_row("SELECT outcome FROM closed", (), |row| row.get(0));
            let (input, outcome) = (callback::order(PAYLOAD).to_string(), outcome.expect("it has ended"));
            Self { input, start, head, frame, history, outcome }
        })
    }

    /// Bytes of what a step writes, without what a database needs around it.
    fn bytes(&self, step: usize) -> usize {
        let state = match step {
            0 => self.input.len() + self.start.len() + self.head.len() + self.frame.len(),
            1 => self.head.len() + self.frame.len(),
            _ => self.outcome.len(),
        };
        state + self.history[step].len()
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
    waiting: Waiting,
}

/// Who waits for the token of which execution.
#[derive(Clone, Default)]
struct Waiting {
    whom: Arc<Mutex<HashMap<String, Waits>>>,
    /// Whether tokens are given out before it is written down that somebody has them.
    early: bool,
}

/// Who waits for a token, and the token.
type Waits = (oneshot::Sender<TaskToken>, Option<TaskToken>);

impl Waiting {
    fn whom(&self) -> MutexGuard<'_, HashMap<String, Waits>> {
        self.whom.lock().expect("nobody panics")
    }

    fn tell(&self, execution: &ExecutionId) {
        if let Some((whom, Some(token))) = self.whom().remove(name(execution)) {
            whom.send(token).expect("it is waited for");
        }
    }
}

fn name(execution: &ExecutionId) -> &str {
    execution.as_str().rsplit(':').next().unwrap_or_default()
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

impl Observer for Waiting {
    fn on_history(&self, execution: &ExecutionId, events: &[HistoryEvent]) {
        let is_sent = |event: &HistoryEvent| matches!(event.kind, HistoryEventKind::TaskSubmitted { .. });
        if events.iter().any(is_sent) {
            self.tell(execution);
        }
    }
}

struct Queue(Waiting);

impl ResourceHandler for Queue {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        if let Some((_, token)) = self.0.whom().get_mut(name(&request.execution)) {
            *token = cx.token().cloned();
        }
        if self.0.early {
            self.0.tell(&request.execution);
        }
        Ok(TaskOutcome::Deferred)
    }
}

impl Bench {
    fn open(path: &Path) -> Self {
        Self::of(path, Runtime::builder(), false)
    }

    /// One whose tokens are given out early, or when it is written down that somebody has them.
    fn of(path: &Path, builder: RuntimeBuilder, early: bool) -> Self {
        let store = Arc::new(FileStore::open(path).expect("it can be opened"));
        let waiting = Waiting { early, ..Waiting::default() };
        let queue = Queue(waiting.clone());
        let builder = if early { builder } else { builder.observer(Arc::new(waiting.clone())) };
        let runtime = builder.store(store).handler(callback::QUEUE, queue).build();
        Self { runtime: runtime.expect("nothing is registered twice"), machine: callback::machine(), waiting }
    }

    async fn start(&self, name: &str) -> TaskToken {
        let order = callback::order(PAYLOAD);
        let (send, token) = oneshot::channel();
        self.waiting.whom().insert(name.to_owned(), (send, None));
        self.runtime.start_execution(&self.machine, name, order).await.expect("it starts");
        token.await.expect("it is told")
    }

    async fn answer(&self, token: &TaskToken) {
        self.runtime.send_task_success(token, callback::answer()).await.expect("it is taken");
    }
}

/// What came of a store under load.
struct Measured {
    /// A second.
    steps: f64,
    /// How long answers took, in order.
    latencies: Vec<Duration>,
    /// Microseconds of the writer's thread, and of all others, for a step.
    writer: f64,
    others: f64,
}

impl Measured {
    /// Milliseconds in which so many of a hundred answers were acknowledged.
    fn at(&self, part: usize) -> f64 {
        self.latencies[(self.latencies.len() - 1) * part / 100].as_secs_f64() * 1000.0
    }
}

/// A store under load.
struct Loaded {
    runtime: tokio::runtime::Runtime,
    bench: Option<Arc<Bench>>,
    rate: Rate,
    writer: f64,
    latencies: Vec<Duration>,
    turns: usize,
    _folder: tempfile::TempDir,
}

impl Loaded {
    fn new(early: bool) -> Self {
        let folder = tempfile::tempdir().expect("there is a folder");
        let runtime = tokio_runtime();
        let path = folder.path().join("executions.db");
        let bench = runtime.block_on(async { Bench::of(&path, Runtime::builder(), early) });
        let (rate, latencies) = (Rate::default(), Vec::new());
        Self {
            runtime,
            bench: Some(Arc::new(bench)),
            rate,
            writer: 0.0,
            latencies,
            turns: 0,
            _folder: folder,
        }
    }

    /// Runs executions through, `at_once` side by side.
    fn turn(&mut self, at_once: usize, time: Duration) {
        let Self { runtime, bench, rate, latencies, turns, .. } = self;
        let bench = bench.as_ref().expect("it has not ended");
        let writer = cpu_micros(Some(WRITER));
        rate.add(|| {
            let (began, before, turn) = (Instant::now(), latencies.len(), *turns);
            let lines = (0..at_once).map(|line| {
                let bench = Arc::clone(bench);
                runtime.spawn(async move {
                    let mut latencies = Vec::new();
                    while began.elapsed() < time {
                        let token = bench.start(&format!("{line}-{turn}-{}", latencies.len())).await;
                        let asked = Instant::now();
                        bench.answer(&token).await;
                        latencies.push(asked.elapsed());
                    }
                    latencies
                })
            });
            for line in lines.collect::<Vec<_>>() {
                latencies.extend(runtime.block_on(line).expect("nobody panics"));
            }
            (latencies.len() - before) * STEPS
        });
        self.writer += cpu_micros(Some(WRITER)) - writer;
        self.turns += 1;
    }

    fn end(mut self) -> Measured {
        if let Some(bench) = self.bench.take() {
            self.runtime.block_on(bench.runtime.shutdown());
        }
        self.latencies.sort();
        let writer = self.writer / self.rate.steps as f64;
        let (steps, others) = (self.rate.per_second(), self.rate.cpu() - writer);
        Measured { steps, latencies: self.latencies, writer, others }
    }
}

/// A loop that appends bytes of steps and syncs.
struct Append {
    rate: Rate,
    file: File,
    _folder: tempfile::TempDir,
}

impl Append {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder");
        let file = File::create(folder.path().join("log")).expect("it can be made");
        Self { rate: Rate::default(), file, _folder: folder }
    }

    /// Appends, `at_once` steps at a time.
    fn turn(&mut self, rows: &Rows, at_once: usize, time: Duration) {
        let Self { rate, file, .. } = self;
        rate.add(|| {
            let (began, mut steps) = (Instant::now(), 0);
            while began.elapsed() < time {
                let bytes: usize = (0..at_once).map(|n| rows.bytes((steps + n) % STEPS)).sum();
                file.write_all(&vec![0x5a; bytes]).and_then(|()| file.sync_data()).expect("there is room");
                steps += at_once;
            }
            steps
        });
    }
}

/// A loop that writes the same rows to the same tables.
struct Bare {
    rate: Rate,
    connection: Connection,
    _folder: tempfile::TempDir,
}

impl Bare {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder");
        let path = folder.path().join("executions.db");
        drop(FileStore::open(&path).expect("it makes the tables"));
        let connection = Connection::open(&path).expect("it can be opened");
        for (name, value) in [("synchronous", 2), ("wal_autocheckpoint", 16_000), ("cache_size", -16_384)] {
            connection.pragma_update(None, name, value).expect("it can be set");
        }
        connection.set_prepared_statement_cache_capacity(64);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).expect("it can be set");
        Self { rate: Rate::default(), connection, _folder: folder }
    }

    /// Writes, `at_once` steps in a transaction: as many executions go on side by side.
    fn turn(&mut self, rows: &Rows, at_once: usize, time: Duration) {
        let Self { rate, connection, .. } = self;
        let first = rate.steps;
        rate.add(|| {
            let (began, mut steps) = (Instant::now(), first);
            while began.elapsed() < time {
                connection.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
                for n in steps..steps + at_once {
                    let (round, line) = (n / at_once, n % at_once);
                    let execution = round / STEPS * at_once + line;
                    bare_step(connection, rows, at_once, execution, round % STEPS)
                        .expect("it can be written");
                }
                connection.execute_batch("COMMIT").expect("it can be written");
                steps += at_once;
            }
            steps - first
        });
    }
}

fn bare_step(
    connection: &Connection,
    rows: &Rows,
    at_once: usize,
    execution: usize,
    step: usize,
) -> rusqlite::Result<()> {
    let number = execution as i64 + 1;
    let run =
        |sql: &str, row: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(row).map(drop);
    // A hash looks random.
    let hash = (0..4).map(|n| (number as u64 * 4 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let hash: Vec<u8> = hash.flatten().collect();
    match step {
        0 => {
            let name = format!("{}-{}", execution % at_once, execution / at_once);
            let id = format!("arn:aws:states:us-east-1:123456789012:execution:Approvals:{name}");
            let sql = "INSERT INTO execution (number, id, name, machine, input, started_at, start)
                VALUES (?1, ?2, ?3, 1, ?4, 0, ?5)";
            run(sql, params![number, id, name, rows.input, rows.start])?;
            let sql = "INSERT INTO live (execution, revision, owner, wake, head) VALUES (?1, 1, 1, 0, ?2)";
            run(sql, params![number, rows.head])?;
            let sql = "INSERT INTO record (execution, part, bytes) VALUES (?1, 8, ?2)";
            run(sql, params![number, rows.frame])?;
            let sql = "INSERT INTO token (hash, execution, task, activity, open) VALUES (?1, ?2, 0, 0, 1)";
            run(sql, params![hash, number])?;
        }
        1 => {
            let sql = "UPDATE live SET revision = 2, wake = ?1, head = ?2 WHERE execution = ?3";
            run(sql, params![number, rows.head, number])?;
            let sql = "UPDATE record SET bytes = ?1 WHERE execution = ?2 AND part = 8";
            run(sql, params![rows.frame, number])?;
        }
        _ => {
            let sql =
                "INSERT INTO closed (execution, status, stopped_at, outcome) VALUES (?1, 'SUCCEEDED', 1, ?2)";
            run(sql, params![number, rows.outcome])?;
            run("DELETE FROM live WHERE execution = ?1", params![number])?;
            run("DELETE FROM record WHERE execution = ?1", params![number])?;
        }
    }
    let sql = "INSERT INTO history (execution, last, events) VALUES (?1, ?2, ?3)";
    run(sql, params![number, step as i64, rows.history[step]])
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

/// Microseconds of CPU that this process has used, or its thread of this name; 0 where nobody says so.
fn cpu_micros(thread: Option<&str>) -> f64 {
    let mut stats = vec![std::path::PathBuf::from("/proc/self/stat")];
    if thread.is_some() {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        stats = tasks.map(|task| task.path().join("stat")).collect();
    }
    let used = |stat: std::path::PathBuf| {
        let stat = std::fs::read_to_string(stat).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        // In ticks of 10 ms: user and system, the 14th and 15th of all.
        let ticks: f64 = rest.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        thread.is_none_or(|thread| thread == name).then_some(ticks * 10_000.0)
    };
    stats.into_iter().filter_map(used).sum()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio_runtime().block_on(future)
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("there is a tokio runtime")
}
