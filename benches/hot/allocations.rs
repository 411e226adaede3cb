//! How often each workload asks the allocator, per unit of it. The bench `hot` shows the numbers beside its own.

mod by_hand;
#[path = "../callback/mod.rs"]
mod callback;
mod interpreter;
mod kept_by_hand;
#[expect(dead_code, reason = "what measures time is not needed here")]
mod meter;
mod processing;
#[expect(dead_code, reason = "the bench `scale` asks for parts")]
mod workload;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::meter::{Contender, Meter};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    for mut workload in workload::all() {
        let units = workload.unit.1 as f64;
        let each = |contender: &mut Contender| {
            // What is made once is made now.
            contender(1, Meter::Count(calls));
            contender(1, Meter::Count(calls)) as f64 / units
        };
        println!("{:.1} {}: by hand", each(&mut workload.twin), workload.name);
        for ours in &mut workload.ours {
            println!("{:.1} {}: {}", each(&mut ours.contender), workload.name, ours.how);
        }
    }
}

fn calls() -> usize {
    let stats = HEAP.stats();
    stats.allocations + stats.reallocations
}
