//! What sharing costs: a machine that waits for a callback on PostgreSQL, beside a bare loop that updates a row and
//! adds one in a statement for each step, on a server of our own, in one run.
//!
//! `cargo bench --bench postgres -- 5` measures each for five seconds.

mod callback;
#[expect(dead_code, clippy::unwrap_used, reason = "tests use more of it, and may panic")]
#[path = "../tests/postgres/cluster.rs"]
mod cluster;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stepwright::store::PostgresStore;
use stepwright::{ResourceHandler, Runtime, StateMachine, TaskContext, TaskOutcome, TaskRequest, TaskToken};
use tokio_postgres::NoTls;

/// Commits of one execution: it begins, the queue has its message, the answer ends it.
const STEPS: usize = 3;

/// Bytes of an input.
const PAYLOAD: usize = 200;

/// Connections of the bare loop, and of the store.
const CONNECTIONS: usize = 8;

/// A step of the bare loop.
const BARE: &str = "WITH step AS
        (UPDATE bare SET revision = revision + 1, head = $2 WHERE number = $1 RETURNING number)
    INSERT INTO bare_history SELECT number, $3, $2 FROM step";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(3));
    let Some(cluster) = cluster::Cluster::start() else { return };
    println!("at once     bare steps/s     steps/s   of bare   p50 ms   p99 ms");
    for at_once in [1, 64, 1024] {
        let bare = bare(&cluster.database(), at_once, time).await;
        let (steps, mut latencies) = steps(&cluster.database(), at_once, time).await;
        latencies.sort();
        let at = |part: usize| latencies[(latencies.len() - 1) * part / 100].as_secs_f64() * 1000.0;
        let share = 100.0 * steps / bare;
        println!("{at_once:>7} {bare:>16.0} {steps:>11.0} {share:>8.0}% {:>8.2} {:>8.2}", at(50), at(99));
    }
}

/// Steps per second of a loop that does what `pgbench` would: a statement for each step.
async fn bare(database: &str, at_once: usize, time: Duration) -> f64 {
    let connect = async || {
        let connected = tokio_postgres::connect(database, NoTls).await;
        let (client, connection) = connected.expect("it can be reached");
        tokio::spawn(connection);
        client
    };
    let tables =
        "CREATE TABLE bare (number bigint PRIMARY KEY, revision bigint, head bytea) WITH (fillfactor = 70);
        CREATE TABLE bare_history (number bigint, first bigint, events bytea, PRIMARY KEY (number, first));
        INSERT INTO bare SELECT n, 1, '' FROM generate_series(0, 8) AS n";
    connect().await.batch_execute(tables).await.expect("tables can be made");
    let (began, payload) = (Instant::now(), vec![0x5a_u8; 2 * PAYLOAD]);
    let mut lines = Vec::new();
    for line in 0..at_once.min(CONNECTIONS) as i64 {
        let (client, payload) = (connect().await, payload.clone());
        lines.push(tokio::spawn(async move {
            let statement = client.prepare(BARE).await.expect("it is right");
            let mut steps: i64 = 0;
            while began.elapsed() < time {
                client.execute(&statement, &[&line, &payload, &steps]).await.expect("it can be written");
                steps += 1;
            }
            steps
        }));
    }
    let mut steps = 0;
    for line in lines {
        steps += line.await.expect("nobody panics");
    }
    steps as f64 / began.elapsed().as_secs_f64()
}

/// Steps per second, and how long answers took.
async fn steps(database: &str, at_once: usize, time: Duration) -> (f64, Vec<Duration>) {
    let store = PostgresStore::options(database).connections(CONNECTIONS).connect().await.expect("it opens");
    let tokens = Arc::default();
    let queue = Queue(Arc::clone(&tokens));
    let runtime = Runtime::builder().store(Arc::new(store)).handler(callback::QUEUE, queue).build();
    let runtime = runtime.expect("nothing is registered twice");
    let machine = callback::machine();
    let began = Instant::now();
    let lines = (0..at_once).map(|line| {
        let (runtime, machine, tokens) = (runtime.clone(), Arc::clone(&machine), Arc::clone(&tokens));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < time {
                let token = start(&runtime, &machine, &tokens, &format!("{line}-{}", latencies.len())).await;
                let asked = Instant::now();
                runtime.send_task_success(&token, callback::answer()).await.expect("it is taken");
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
    runtime.shutdown().await;
    (rate, latencies)
}

type Tokens = Arc<Mutex<HashMap<String, TaskToken>>>;

struct Queue(Tokens);

impl ResourceHandler for Queue {
    async fn call(&self, request: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, stepwright::Failure> {
        let name = request.execution.as_str().rsplit(':').next().unwrap_or_default().to_owned();
        self.0.lock().expect("nobody panics").extend(cx.token().map(|token| (name, token.clone())));
        Ok(TaskOutcome::Deferred)
    }
}

async fn start(runtime: &Runtime, machine: &Arc<StateMachine>, tokens: &Tokens, name: &str) -> TaskToken {
    runtime.start_execution(machine, name, callback::order(PAYLOAD)).await.expect("it starts");
    loop {
        let token = tokens.lock().expect("nobody panics").remove(name);
        match token {
            Some(token) => return token,
            None => tokio::task::yield_now().await,
        }
    }
}
