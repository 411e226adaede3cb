//! What a transition costs, beside what one would write by hand: every workload next to its twin, in one run.
//!
//! ```text
//! cargo bench --bench hot                     measures everything
//! cargo bench --bench hot -- map              only what has `map` in its name
//! cargo bench --bench hot -- --table          and writes the table in README.md
//! cargo bench --bench hot -- --guard          compares instruction counts with the baseline (needs valgrind)
//! cargo bench --bench hot -- --baseline       writes the baseline
//! cargo bench --bench hot -- --caches         instructions and cache lines by the executions in flight
//! ```
//!
//! Neither divan nor criterion takes turns between two contenders, and without that ratios mean little on a
//! machine that others use.

mod by_hand;
#[path = "../callback/mod.rs"]
mod callback;
mod guard;
mod interpreter;
mod kept_by_hand;
#[expect(dead_code, reason = "the bench `allocations` counts")]
mod meter;
mod processing;
mod report;
#[expect(dead_code, reason = "the bench `scale` asks for parts")]
mod workload;

use crate::meter::Workload;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--table"] => report::write(),
        ["--guard"] => guard::check(),
        ["--caches"] => guard::caches(),
        ["--baseline"] => guard::write(),
        [report::ALONE, workload] => report::alone(workload),
        [guard::REPEAT, workload, contender, count] => guard::repeat(workload, contender, count),
        _ => drop(report::measure(words.first().copied().unwrap_or_default())),
    }
}

/// The workloads that have `filter` in their names.
fn workloads(filter: &str) -> impl Iterator<Item = Workload> {
    workload::all().filter(move |workload| workload.name.contains(filter))
}
