//! How cost grows with size: executions in flight, items of a Map, cores. It draws its curves into `docs/`.
//!
//! `cargo bench --bench scale`, or `cargo bench --bench scale -- cores` for one of them

mod by_hand;
#[path = "../callback/mod.rs"]
mod callback;
mod chart;
mod interpreter;
mod kept_by_hand;
#[expect(dead_code, reason = "contenders are run one at a time here")]
mod meter;
mod processing;
#[expect(dead_code, reason = "two of the workloads are enough here")]
mod workload;

use std::sync::Arc;
use std::time::Instant;

use cpu_time::ThreadTime;
use stepwright::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::by_hand::ByHand;
use crate::chart::{Curve, svg};
use crate::meter::{Contender, Meter};
use crate::processing::SHARED;
use crate::workload::{callback as waiting, map};

/// What is measured, and nanoseconds by size.
type Measure = (&'static str, fn(usize) -> f64);

/// At least so many executions, or items, for each point.
const ENOUGH: usize = 20_000;

fn main() {
    // `cargo bench` says so; `cargo test --benches` does not.
    let full = std::env::args().any(|argument| argument == "--bench");
    let most = if full { 100_000 } else { 10 };
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let sizes: Vec<usize> = (0..).map(|n| 10_usize.pow(n)).take_while(|size| *size <= most).collect();

    let in_flight: [Measure; 3] = [
        ("history off", |size| executions(size, false)),
        ("full history", |size| executions(size, true)),
        ("by hand", executions_by_hand),
    ];
    let execution = "Wait for a callback: time of an execution";
    let draw = |name: &str, title: &str, what: &str, sizes: &[usize], measures: &[Measure]| {
        if name.contains(&wanted) {
            draw(full, name, title, what, sizes, measures);
        }
    };
    draw("in-flight", execution, "executions in flight", &sizes, &in_flight);
    let items: [Measure; 3] = [
        ("history off", |size| each(&mut map::interpreter(size, false), size)),
        ("full history", |size| each(&mut map::interpreter(size, true), size)),
        ("by hand", |size| each(&mut map::twin(size), size)),
    ];
    draw("map-items", "Inline Map: time of an item", "items", &sizes[1..], &items);
    let cores: [Measure; 3] =
        [("full history", cores), ("a runtime for each core", cores_apart), ("by hand", cores_by_hand)];
    draw("cores", execution, "cores", &[1, 2], &cores);
}

/// How often each point is measured: all of them in turn, and the best of each counts. What is beside them on the
/// machine changes by the second, and with it what everything takes.
const ROUNDS: usize = 7;

/// Microseconds by size, in a picture and on the screen.
fn draw(keep: bool, name: &str, title: &str, what: &str, sizes: &[usize], measures: &[Measure]) {
    let mut best = vec![vec![f64::INFINITY; measures.len()]; sizes.len()];
    for _ in 0..if keep { ROUNDS } else { 1 } {
        for (size, best) in sizes.iter().zip(&mut best) {
            for ((_, measure), best) in measures.iter().zip(best) {
                *best = best.min(measure(*size));
            }
        }
    }
    let mut curves: Vec<Curve> = measures.iter().map(|(name, _)| (*name, Vec::new())).collect();
    println!("{title}");
    for (size, best) in sizes.iter().zip(best) {
        print!("{size:>8} {what}");
        for (((name, _), curve), nanos) in measures.iter().zip(&mut curves).zip(best) {
            let micros = nanos / 1e3;
            print!("{micros:>10.2} µs {name}");
            curve.1.push((*size, micros));
        }
        println!();
    }
    if keep {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        let picture = svg(title, what, "µs", &curves);
        std::fs::write(format!("{folder}/{name}.svg"), picture).expect("it can be written");
    }
}

fn each(contender: &mut Contender, items: usize) -> f64 {
    let count = (ENOUGH / items).clamp(1, 100);
    contender(count, Meter::Time) as f64 / (items * count) as f64
}

fn executions(size: usize, history: bool) -> f64 {
    let tokio = by_hand::current_thread();
    let machine = callback::machine();
    let rounds = (ENOUGH / size).max(1);
    let (runtime, mut tokens) = waiting::build(SHARED, history);
    let orders: Vec<Vec<_>> = (0..rounds).map(|_| orders(size)).collect();
    let begun = ThreadTime::now();
    tokio.block_on(async {
        for (round, orders) in orders.into_iter().enumerate() {
            waiting::run(&runtime, &mut tokens, &machine, round * size, orders).await;
        }
    });
    begun.elapsed().as_nanos() as f64 / (size * rounds) as f64
}

fn executions_by_hand(size: usize) -> f64 {
    let tokio = by_hand::current_thread();
    let rounds = (ENOUGH / size).max(1);
    let (twin, mut tokens) = ByHand::new();
    let orders: Vec<Vec<_>> = (0..rounds).map(|_| orders(size)).collect();
    let begun = ThreadTime::now();
    tokio.block_on(async {
        for orders in orders {
            Arc::clone(&twin).run(&mut tokens, orders, ByHand::approve).await;
        }
    });
    begun.elapsed().as_nanos() as f64 / (size * rounds) as f64
}

/// How many customers there are: each starts an execution, answers it, waits for its end, and starts the next.
const CUSTOMERS: usize = 64;

/// How many executions each starts.
const EACH: usize = ENOUGH / CUSTOMERS;

/// So many workers, for all customers; the runtime and its store are everybody's.
fn cores(count: usize) -> f64 {
    nanos_of(&workers(count), all_served()) as f64 / (CUSTOMERS * EACH) as f64
}

/// The same customers for each of so many cores, and the work of all of them: each core has a runtime and a store of
/// its own.
fn cores_apart(count: usize) -> f64 {
    let nanos = std::thread::scope(|scope| {
        let apart = || nanos_of(&by_hand::current_thread(), all_served());
        let cores: Vec<_> = (0..count).map(|_| scope.spawn(apart)).collect();
        cores.into_iter().map(|core| core.join().expect("nobody panics")).max().unwrap_or_default()
    });
    nanos as f64 / (CUSTOMERS * EACH * count) as f64
}

/// How long something takes. What it gives is dropped after.
fn nanos_of<T>(tokio: &tokio::runtime::Runtime, work: impl Future<Output = T>) -> u128 {
    let begun = Instant::now();
    let (took, _gives) = tokio.block_on(async {
        let gives = work.await;
        (begun.elapsed(), gives)
    });
    took.as_nanos()
}

/// All customers of a runtime, each on a task of its own.
async fn all_served() -> Runtime {
    let (senders, tokens) = channels();
    let (runtime, machine) = (waiting::handing(senders, SHARED, true), callback::machine());
    served(tokens, |customer, mut tokens| {
        let (runtime, machine) = (runtime.clone(), Arc::clone(&machine));
        async move {
            for n in 0..EACH {
                let name = format!("order-{customer}-{n}");
                let started = runtime.start_execution(&machine, name.as_str(), order_of(customer)).await;
                let token = tokens.recv().await.expect("every execution asks");
                runtime.send_task_success(&token, callback::answer()).await.expect("it waits");
                started.expect("it starts").wait().await.expect("it was answered");
            }
        }
    })
    .await;
    runtime
}

fn cores_by_hand(count: usize) -> f64 {
    let work = async {
        let (senders, tokens) = channels();
        let twin = ByHand::handing(senders);
        served(tokens, |customer, mut tokens| {
            let twin = Arc::clone(&twin);
            async move {
                for _ in 0..EACH {
                    let approved = tokio::spawn(Arc::clone(&twin).approve(order_of(customer)));
                    let token = tokens.recv().await.expect("every order asks");
                    twin.answer(&token, callback::answer());
                    approved.await.expect("it was answered");
                }
            }
        })
        .await;
        twin
    };
    nanos_of(&workers(count), work) as f64 / (CUSTOMERS * EACH) as f64
}

/// Serves all customers, each on a task of its own.
async fn served<T, F: Future<Output = ()> + Send + 'static>(
    tokens: Vec<UnboundedReceiver<T>>,
    serve: impl Fn(usize, UnboundedReceiver<T>) -> F,
) {
    let customers = tokens.into_iter().enumerate();
    let customers: Vec<_> =
        customers.map(|(customer, tokens)| tokio::spawn(serve(customer, tokens))).collect();
    for customer in customers {
        customer.await.expect("nobody panics");
    }
}

/// One for each customer.
fn channels<T>() -> (Arc<[UnboundedSender<T>]>, Vec<UnboundedReceiver<T>>) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..CUSTOMERS).map(|_| unbounded_channel()).unzip();
    (senders.into(), receivers)
}

fn order_of(customer: usize) -> serde_json::Value {
    let mut order = callback::order(1024);
    order["id"] = customer.into();
    order
}

fn orders(count: usize) -> Vec<serde_json::Value> {
    (0..count).map(|_| callback::order(1024)).collect()
}

fn workers(count: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(count).enable_all().build().expect("tokio starts")
}
