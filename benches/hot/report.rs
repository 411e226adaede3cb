//! The table of all workloads, on the screen and in README.md.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::meter::{self, Measured};
use crate::workloads;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- performance:begin, written by cargo bench --bench hot -- --table -->\n";
const END: &str = "<!-- performance:end -->";

/// Says to a process that it is to measure one workload.
pub(crate) const ALONE: &str = "--alone";

/// Measures, and writes the table between its markers in README.md.
pub(crate) fn write() {
    let table = measure("");
    let readme = std::fs::read_to_string(README).expect("there is a README");
    let (before, rest) = readme.split_once(BEGIN).expect("the table has its place");
    let (_, after) = rest.split_once(END).expect("the place has an end");
    std::fs::write(README, format!("{before}{BEGIN}\n{table}\n{END}{after}")).expect("it can be written");
}

/// Measures the workloads that have `filter` in their names, and prints and gives the table.
pub(crate) fn measure(filter: &str) -> String {
    let allocations = allocations();
    let mut table = String::new();
    let mut line = |text: String| {
        println!("{text}");
        table.push_str(&text);
        table.push('\n');
    };
    line("| workload | per | by hand | stepwright | times | at most | allocations |".into());
    line("|---|---|--:|--:|--:|--:|--:|".into());
    for workload in workloads(filter) {
        let measured = apart(workload.name);
        let (twin, ours) = measured.split_first().expect("the twin is measured first");
        for (n, (way, ours)) in workload.ours.iter().zip(ours).enumerate() {
            let first = n == 0;
            let name = if first { workload.name } else { "" };
            let bound = way.bound.map_or(String::new(), |bound| format!("{bound:.1}"));
            line(format!(
                "| {name} | {} | {} | {} ({}) | **{:.2}** | {bound} | {} (by hand {}) |",
                if first { workload.unit.0 } else { "" },
                if first { time(twin.nanos) } else { String::new() },
                time(ours.nanos),
                way.how,
                ours.ratio,
                allocations.get(&format!("{}: {}", workload.name, way.how)).map_or("", String::as_str),
                allocations.get(&format!("{}: by hand", workload.name)).map_or("", String::as_str),
            ));
        }
    }
    table
}

/// Measures a workload, and says what was measured to the process that [asks](apart).
pub(crate) fn alone(name: &str) {
    let mut workload =
        workloads(name).find(|workload| workload.name == name).expect("there is such a workload");
    for Measured { nanos, ratio } in meter::measure(&mut workload) {
        println!("{nanos} {ratio}");
    }
}

/// What a workload takes in a process of its own: on a heap that others have used before, twin and interpreter are
/// slowed down unevenly.
fn apart(name: &str) -> Vec<Measured> {
    let this = std::env::current_exe().expect("the bench is a file");
    let output = Command::new(this).args([ALONE, name]).stderr(Stdio::inherit()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let numbers = said.lines().filter_map(|line| {
        let (nanos, ratio) = line.split_once(' ')?;
        Some(Measured { nanos: nanos.parse().ok()?, ratio: ratio.parse().ok()? })
    });
    numbers.collect()
}

fn time(nanos: f64) -> String {
    match nanos {
        ..10_000.0 => format!("{nanos:.0} ns"),
        ..10_000_000.0 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}

/// What the bench `allocations` says, by workload and contender.
fn allocations() -> BTreeMap<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["bench", "--quiet", "--bench", "allocations"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter_map(|line| line.split_once(' ')).map(|(n, name)| (name.into(), n.into())).collect()
}
