//! Instructions instead of time: the same on a busy machine, so that a change in review shows what it costs.
//!
//! Each contender runs under callgrind twice, with more and with less to do; the difference is what its work
//! takes. Making its inputs does not count, as it does not in time.

use std::collections::BTreeMap;
use std::process::Command;

use crate::meter::Meter;
use crate::workloads;

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/hot/baseline.txt");

/// Says to a process that it is to do a contender's work so many times.
pub(crate) const REPEAT: &str = "--repeat";

/// How much more than in the baseline is no red line: another version of the compiler may be worth as much.
const TOLERANCE: f64 = 0.03;

/// The beginnings of what is compared. The others are slow under valgrind, or mostly somebody else's code.
const CORE: [&str; 8] =
    ["100 Pass", "Choice", "inline Map", "Parallel", "200 KB", "wait", "draft", "compile"];

/// Compares with the baseline; what takes more than it may ends the process with an error.
pub(crate) fn check() {
    let baseline = std::fs::read_to_string(BASELINE).expect("there is a baseline: make one with --baseline");
    let baseline: BTreeMap<&str, f64> = baseline
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(count, name)| Some((name, count.parse().ok()?)))
        .collect();
    let mut worse = 0;
    for (name, count) in counts() {
        // What has no baseline is worse than that.
        let before = baseline.get(name.as_str()).copied().unwrap_or_default();
        let change = count / before - 1.0;
        let verdict = if change > TOLERANCE { "WORSE" } else { "" };
        worse += usize::from(change > TOLERANCE);
        println!("{count:>12.0} {:>+7.1} %  {name} {verdict}", change * 100.0);
    }
    if worse > 0 {
        println!("{worse} take over {} % more instructions than the baseline says", TOLERANCE * 100.0);
        std::process::exit(1);
    }
}

/// Writes the baseline.
pub(crate) fn write() {
    let lines: String = counts().map(|(name, count)| format!("{count:.0} {name}\n")).collect();
    std::fs::write(BASELINE, lines).expect("it can be written");
}

/// Instructions of each contender of ours, for each piece of work.
fn counts() -> impl Iterator<Item = (String, f64)> {
    let is_core = |name: &str| CORE.iter().any(|core| name.starts_with(core));
    workloads("").filter(move |workload| is_core(workload.name)).flat_map(|workload| {
        let ours = workload.ours.iter().map(move |ours| {
            let run = |count| instructions(workload.name, ours.how, count);
            (format!("{}: {}", workload.name, ours.how), (run(5) - run(1)) / 4.0)
        });
        ours.collect::<Vec<_>>()
    })
}

/// Instructions of each execution that waits for a callback, and how many cache lines it reads or writes that the
/// caches of a core do not hold, by the number of executions in flight.
pub(crate) fn caches() {
    // Of many a server's cores: 48 KB, and 2 MB behind them.
    const CORE: [&str; 3] = ["--cache-sim=yes", "--D1=49152,12,64", "--LL=2097152,16,64"];
    const WORKLOAD: &str = "wait for a callback, through the runtime";
    for contender in ["by hand", "history off", "full history"] {
        for count in [10, 1_000, 10_000] {
            let counts = callgrind(&CORE, WORKLOAD, contender, count);
            let each = |n: usize| counts[n] / count as f64;
            let (instructions, lines) = (each(0), each(7) + each(8));
            println!(
                "{contender}, {count} in flight: {instructions:.0} instructions, {lines:.0} cache lines"
            );
        }
    }
}

fn instructions(workload: &str, contender: &str, count: usize) -> f64 {
    callgrind(&[], workload, contender, count)[0]
}

/// What callgrind collects: instructions first, and if it simulates caches then reads, writes, and of both what the
/// first and the last cache did not hold.
fn callgrind(options: &[&str], workload: &str, contender: &str, count: usize) -> Vec<f64> {
    let this = std::env::current_exe().expect("the bench is a file");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*Meter::of*"])
        .args(options)
        .arg(this)
        .args([REPEAT, workload, contender, &count.to_string()])
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected =
        said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
    let counts = collected.into_iter().flat_map(str::split_whitespace);
    let counts: Vec<f64> = counts.map_while(|count| count.parse().ok()).collect();
    assert!(counts.first().is_some_and(|count| *count > 0.0), "valgrind said: {said}");
    counts
}

/// Does the work of a contender `count` times; that of the twin if it has no such name.
pub(crate) fn repeat(workload: &str, contender: &str, count: &str) {
    let count = count.parse().expect("the number of times");
    let mut workload = workloads(workload).next().expect("there is such a workload");
    let ours = workload.ours.iter_mut().find(|ours| ours.how == contender);
    ours.map_or(&mut workload.twin, |ours| &mut ours.contender)(count, Meter::Time);
}
