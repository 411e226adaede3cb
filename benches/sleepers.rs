//! What it costs to be asleep on a task token: memory, threads, tasks, and the time to wake one of many.
//!
//! `cargo bench --bench sleepers -- 100000` puts as many to sleep. Memory is what was asked of the allocator and
//! not given back; the process's own growth is beside it.

mod callback;

use std::alloc::System;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use stepwright::store::{
    Changed, Claim, Claims, Commit, Created, ExecutionFilter, ExecutionSummary, InboxId, NewExecution,
    OwnerId, Page, PageRequest, Revision, Store, StoreError, StoreErrorKind, StoredExecution, TaskAddress,
    async_trait,
};
use stepwright::{
    Arn, Command, Event, Execution, ExecutionId, Failure, HistoryEvent, Json, MemoryStore, ResourceHandler,
    Runtime, Start, StateMachine, TaskContext, TaskOutcome, TaskRequest, TaskToken, Timestamp, TokenHash,
};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The requirement.
const MOST_BYTES: i64 = 4096;

/// Says to a process that it is to measure its own growth.
const GROWTH: &str = "STEPWRIGHT_SLEEPERS_GROWTH";

/// Each sleeper's input.
const PAYLOAD: usize = 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let (Ok(history), Some(count)) = (std::env::var(GROWTH), arguments.next()) {
        let count = count.parse().expect("the number of executions");
        let store = Arc::new(MemoryStore::default());
        println!("{}", asleep_in_runtime(count, history == "true", store).resident);
        return;
    }
    let mut arguments = std::env::args().skip(1);
    // `cargo bench` says so; `cargo test --benches` does not.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let count = arguments.find_map(|argument| argument.parse().ok());
    let count = count.unwrap_or(if bench { 10_000 } else { 100 });

    println!("{count} executions asleep on a token at once, each with a payload of {PAYLOAD} bytes\n");
    let (with, without) = (memory(count, true), memory(count, false));
    println!("{:<44}{:>14}{:>14}", "bytes per execution", "history", "no history");
    let row = |name: &str, of: fn(&Memory) -> i64| {
        println!("{name:<44}{:>14}{:>14}", of(&with), of(&without));
    };
    row("  the payload itself", |memory| memory.payload);
    row("  the interpreter", |memory| memory.core - memory.payload);
    row("  the runtime around it", |memory| memory.runtime - memory.core);
    row("  the memory store", |memory| memory.whole - memory.runtime);
    row("all beyond the payload", Memory::beyond);
    row("the same as growth of a process", |memory| memory.resident - memory.payload);
    println!();
    println!("{:<44}{:>14}{:>14}", "in the process while they sleep", "history", "no history");
    row("  threads (2 workers and the main one)", |memory| memory.threads);
    row("  tokio tasks (one keeps time for all)", |memory| memory.tasks);
    println!();

    let sizes: &[usize] = if bench { &[100, 1_000, 10_000, 100_000] } else { &[10, 100] };
    println!("{:<44}{:>14}{:>14}", "time to wake one of them", "median", "95 of 100");
    let times: Vec<Duration> = sizes.iter().map(|size| wake(*size)).collect();
    println!();
    let verdict = |kept: bool| if kept { "kept" } else { "BROKEN" };
    println!(
        "{:<44}{:>14}",
        format!("less than {MOST_BYTES} bytes beyond the payload"),
        verdict(with.beyond() < MOST_BYTES)
    );
    // A scan would make it a thousand times as long; caches make it a few times.
    println!("{:<44}{:>14}", "waking one scans no others", verdict(times[times.len() - 1] < times[0] * 20));
}

/// Bytes per execution, and what the process has while they sleep.
struct Memory {
    payload: i64,
    /// The payload and the interpreter's state.
    core: i64,
    /// That and what the runtime keeps for it.
    runtime: i64,
    /// That and what the store keeps.
    whole: i64,
    /// How much larger the process became.
    resident: i64,
    threads: i64,
    tasks: i64,
}

impl Memory {
    fn beyond(&self) -> i64 {
        self.whole - self.payload
    }
}

fn memory(count: usize, history: bool) -> Memory {
    let machine = callback::machine();
    let (payload, _) = heap(count, |_| Json::from(callback::order(PAYLOAD)));
    let (core, _) = heap(count, |n| asleep_alone(&machine, n, history));
    let runtime = asleep_in_runtime(count, history, Arc::new(Forgetful)).heap;
    let Asleep { heap: whole, threads, tasks, .. } =
        asleep_in_runtime(count, history, Arc::new(MemoryStore::default()));
    let resident = growth(count, history);
    Memory { payload, core, runtime, whole, resident, threads, tasks }
}

/// Bytes on the heap for each of `count` things.
fn heap<T>(count: usize, make: impl FnMut(usize) -> T) -> (i64, Vec<T>) {
    let before = in_use();
    let mut things = Vec::with_capacity(count);
    things.extend((0..count).map(make));
    ((in_use() - before) / count as i64, things)
}

fn in_use() -> i64 {
    let stats = HEAP.stats();
    stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
}

/// An execution without any runtime, asleep.
fn asleep_alone(machine: &Arc<StateMachine>, n: usize, history: bool) -> Execution {
    let start = Start::new(&format!("order-{n}"), callback::order(PAYLOAD)).history(history);
    let now = Timestamp::from_millis(1_767_225_600_000);
    let (mut execution, step) = Execution::start(Arc::clone(machine), start, now);
    let Command::StartTask(task) = &step.commands[0] else { unreachable!("the first state is a Task") };
    let sent = Event::TaskSubmitted { task: task.task, output: Json::empty_object() };
    let step = execution.handle(sent, now).expect("the task is there");
    drop((step, execution.take_changes()));
    execution
}

/// How much a process that does nothing else grows for each execution.
fn growth(count: usize, history: bool) -> i64 {
    let this = std::env::current_exe().expect("the bench is a file");
    let output = std::process::Command::new(this)
        .arg(count.to_string())
        .env(GROWTH, history.to_string())
        .output()
        .expect("the bench runs itself");
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_default()
}

/// Per execution: bytes of heap and of the process. In all: threads and tasks.
struct Asleep {
    heap: i64,
    resident: i64,
    threads: i64,
    tasks: i64,
}

fn asleep_in_runtime(count: usize, history: bool, store: Arc<dyn Store>) -> Asleep {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("tokio starts");
    tokio.block_on(async {
        let sleepers = Sleepers::new(count, history, store);
        // What is made once is made now.
        sleepers.add("first").await;
        sleepers.all_asleep().await;
        let (heap, process) = (in_use(), resident());
        for n in 0..count {
            sleepers.add(&format!("order-{n}")).await;
        }
        sleepers.all_asleep().await;
        let each = |before: i64, after: i64| (after - before) / count as i64;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        Asleep {
            heap: each(heap, in_use()),
            resident: each(process, resident()),
            threads: threads(),
            tasks: tasks as i64,
        }
    })
}

/// Wakes one sleeper of `count` again and again; another takes its place each time.
fn wake(count: usize) -> Duration {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio starts");
    let mut times: Vec<Duration> = tokio.block_on(async {
        let sleepers = Sleepers::new(count, true, Arc::new(MemoryStore::default()));
        for n in 0..count {
            sleepers.add(&format!("order-{n}")).await;
        }
        sleepers.all_asleep().await;
        let mut times = Vec::new();
        for n in 0..1_000.min(count * 10) {
            // Anywhere among them, never the newest.
            let token = sleepers.take_token(n * 7_919 % count);
            let begin = Instant::now();
            sleepers.runtime.send_task_success(&token, callback::answer()).await.expect("it waits");
            times.push(begin.elapsed());
            sleepers.add(&format!("again-{n}")).await;
            sleepers.all_asleep().await;
        }
        times
    });
    times.sort();
    let (median, slow) = (times[times.len() / 2], times[times.len() * 95 / 100]);
    println!("  {:<42}{:>14}{:>14}", format!("of {count}"), format!("{median:.1?}"), format!("{slow:.1?}"));
    median
}

/// A runtime full of executions that sleep.
struct Sleepers {
    runtime: Runtime,
    machine: Arc<StateMachine>,
    tokens: Arc<Mutex<Vec<Token>>>,
}

/// A task token's text, in place: the bench's own memory does not count.
type Token = [u8; 43];

impl Sleepers {
    fn new(count: usize, history: bool, store: Arc<dyn Store>) -> Self {
        let tokens = Arc::new(Mutex::new(Vec::with_capacity(count + 1)));
        let queue = Queue { tokens: Arc::clone(&tokens) };
        let runtime = Runtime::builder()
            .store(store)
            .history(history)
            .residents(usize::MAX)
            .handler(callback::QUEUE, queue)
            .build();
        Self { runtime: runtime.expect("nothing is registered twice"), machine: callback::machine(), tokens }
    }

    async fn add(&self, name: &str) {
        let order = callback::order(PAYLOAD);
        self.runtime.start_execution(&self.machine, name, order).await.expect("it starts");
    }

    /// Waits until every handler has returned, and every driver with it.
    async fn all_asleep(&self) {
        let metrics = tokio::runtime::Handle::current().metrics();
        while metrics.num_alive_tasks() > 1 {
            tokio::task::yield_now().await;
        }
    }

    fn take_token(&self, at: usize) -> TaskToken {
        let token = self.tokens.lock().expect("nobody panics").swap_remove(at);
        std::str::from_utf8(&token).expect("tokens are text").parse().expect("it is a token")
    }
}

/// Hands tasks on: keeps their tokens.
struct Queue {
    tokens: Arc<Mutex<Vec<Token>>>,
}

impl ResourceHandler for Queue {
    async fn call(&self, _: TaskRequest, cx: TaskContext) -> Result<TaskOutcome, Failure> {
        let token = cx.token().expect("the task waits for one").reveal().as_bytes();
        let token = token.try_into().expect("tokens are 32 bytes in Base64");
        self.tokens.lock().expect("nobody panics").push(token);
        Ok(TaskOutcome::Deferred)
    }
}

/// A store that keeps nothing, to see what the runtime takes without one.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl Store for Forgetful {
    async fn create(&self, _: NewExecution, _: Commit) -> Result<Created, StoreError> {
        Ok(Created::New(Revision::new(1)))
    }

    async fn commit(&self, _: &ExecutionId, expected: Revision, _: Commit) -> Result<Revision, StoreError> {
        Ok(expected.next())
    }

    async fn reopen(&self, _: &ExecutionId, expected: Revision, _: Commit) -> Result<Revision, StoreError> {
        Ok(expected.next())
    }

    async fn load(&self, _: &ExecutionId) -> Result<Option<StoredExecution>, StoreError> {
        Ok(None)
    }

    async fn describe(&self, _: &ExecutionId) -> Result<Option<ExecutionSummary>, StoreError> {
        Ok(None)
    }

    async fn find_task(&self, _: &TokenHash) -> Result<Option<TaskAddress>, StoreError> {
        Ok(None)
    }

    async fn history(&self, _: &ExecutionId, _: PageRequest) -> Result<Page<HistoryEvent>, StoreError> {
        Ok(Page::new(Vec::new(), None))
    }

    async fn list(&self, _: ExecutionFilter, _: PageRequest) -> Result<Page<ExecutionSummary>, StoreError> {
        Ok(Page::new(Vec::new(), None))
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn claim(&self, _: Claim) -> Result<Claims, StoreError> {
        Ok(Claims::default())
    }

    async fn release(&self, _: OwnerId, _: Option<&[ExecutionId]>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn owned(&self, _: OwnerId) -> Result<Vec<ExecutionId>, StoreError> {
        Ok(Vec::new())
    }

    async fn changed(&self, _: OwnerId) -> Result<Changed, StoreError> {
        std::future::pending().await
    }

    async fn offers(&self, _: &Arn, _: usize, _: Duration) -> Result<Vec<TaskAddress>, StoreError> {
        Ok(Vec::new())
    }

    async fn set_activity(&self, _: &Arn, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    async fn missing_activities(&self) -> Result<BTreeSet<Arn>, StoreError> {
        Ok(BTreeSet::new())
    }

    async fn post(&self, _: &ExecutionId, _: Event) -> Result<InboxId, StoreError> {
        Err(StoreErrorKind::NotFound.into())
    }

    async fn settled(&self, _: &ExecutionId, _: InboxId) -> Result<bool, StoreError> {
        Err(StoreErrorKind::NotFound.into())
    }

    async fn forget(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn expire(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// Bytes of the process that are in memory; 0 where nobody says so.
fn resident() -> i64 {
    status("VmRSS:") * 1024
}

/// Threads of the process; 0 where nobody says so.
fn threads() -> i64 {
    status("Threads:")
}

fn status(field: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
