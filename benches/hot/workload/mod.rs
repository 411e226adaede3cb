//! What is measured: one workload a file, each beside its hand-written twin.

pub(crate) mod callback;
mod choice;
mod compile;
mod expressions;
mod filters;
mod intrinsics;
mod jsonata;
pub(crate) mod map;
mod parallel;
mod passes;
mod payload;
mod sleepers;

use crate::meter::Workload;

/// All workloads, made when they are asked for.
pub(crate) fn all() -> impl Iterator<Item = Workload> {
    ALL.iter().map(|make| make()).chain(expressions::workloads())
}

const ALL: &[fn() -> Workload] = &[
    passes::workload,
    choice::workload,
    map::workload,
    map::with_selector,
    parallel::workload,
    payload::workload,
    callback::workload,
    callback::kept,
    callback::whole,
    callback::whole_on_values,
    callback::whole_kept,
    sleepers::workload,
    filters::workload,
    intrinsics::workload,
    jsonata::workload,
    compile::workload,
];
