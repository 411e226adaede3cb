//! Every recorded case as a test: what AWS did, and whether this crate does the same.
//!
//! The recordings are not part of the project. They are looked for in `../shared/recorded`, and when they are
//! not there, this says so and passes. Cases that do not pass yet are listed in `tests/recorded/gaps.toml`: a
//! listed case that passes fails the test, and so does one that fails and is not listed.
//!
//! * `cargo test --test recorded callback/` runs the cases whose names contain `callback/`.
//! * `cargo test --test recorded -- --summary` prints how many pass, group by group, and nothing else.
//! * `STEPWRIGHT_RECORDED=<folder>` reads other recordings, and prints only that.
//! * `STEPWRIGHT_BLESS=1` writes the list of gaps anew.
//! * `STEPWRIGHT_STRICT=1` compares the order of keys, too.

mod recorded {
    pub(crate) mod case;
    pub(crate) mod choice;
    pub(crate) mod compare;
    pub(crate) mod engine;
    pub(crate) mod executions;
    pub(crate) mod express;
    pub(crate) mod fault;
    pub(crate) mod gaps;
    pub(crate) mod histories;
    pub(crate) mod mutations;
    pub(crate) mod outcomes;
    pub(crate) mod replay;
    pub(crate) mod runner;
    pub(crate) mod selftest;
    pub(crate) mod teststate;
    pub(crate) mod threads;
    pub(crate) mod validation;
    pub(crate) mod wildcards;
}

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed, Trial};
use recorded::case::Folder;
use recorded::gaps::Gaps;
use recorded::runner::{self, Results, run};
use recorded::selftest;

fn main() -> ExitCode {
    let mut summary = false;
    let arguments = std::env::args().filter(|argument| {
        summary |= argument == "--summary";
        argument != "--summary"
    });
    let arguments = Arguments::from_iter(arguments.collect::<Vec<_>>());
    let folder = Folder::choose();
    runner::catch_panics();
    let cases = folder.cases();
    if cases.is_empty() && !summary {
        println!("recorded: there are no recordings in {}, so none are compared", folder.path.display());
    }
    if summary || folder.named {
        print!("{}", runner::run_all(&cases).summary());
        return ExitCode::SUCCESS;
    }
    if std::env::var_os("STEPWRIGHT_BLESS").is_some() && !cases.is_empty() {
        return bless(&runner::run_all(&cases));
    }
    judge(&arguments, &folder)
}

/// Runs cases as tests, and holds the outcomes against the list of gaps.
fn judge(arguments: &Arguments, folder: &Folder) -> ExitCode {
    let gaps = match Gaps::read() {
        Ok(gaps) => Arc::new(gaps),
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::FAILURE;
        }
    };
    let cases = Arc::new(folder.cases());
    let results = Arc::new(Mutex::new(Results::default()));
    let mut trials = selftest::trials(&cases);
    for case in cases.iter().cloned() {
        let (gaps, results) = (gaps.clone(), results.clone());
        let kind = if gaps.reason(&case.name).is_some() { "gap" } else { "" };
        let name = case.name.clone();
        let trial = Trial::test(name, move || {
            let outcome = run(&case);
            results.lock().unwrap_or_else(PoisonError::into_inner).add(&case, &outcome);
            match (outcome, gaps.reason(&case.name)) {
                (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
                (Ok(()), Some(reason)) => Err(Failed::from(format!(
                    "passes, but is listed as a gap: take it off the list ({reason})"
                ))),
                (Err(fault), None) => Err(Failed::from(fault.to_string())),
            }
        });
        trials.push(trial.with_kind(kind));
    }
    if !cases.is_empty() {
        trials.push(Trial::test("gaps", move || {
            let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            let mistakes = gaps.mistakes(&names);
            if mistakes.is_empty() { Ok(()) } else { Err(Failed::from(mistakes.join("\n"))) }
        }));
    }
    let conclusion = libtest_mimic::run(arguments, trials);
    if !arguments.list {
        print!("{}", results.lock().unwrap_or_else(PoisonError::into_inner).summary());
    }
    conclusion.exit_code()
}

/// Writes the list of gaps anew.
fn bless(results: &Results) -> ExitCode {
    print!("{}", results.summary());
    match Gaps::read().and_then(|gaps| gaps.bless(&results.faults)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(unexplained) => {
            eprintln!(
                "{unexplained} of the gaps in tests/recorded/gaps.toml are listed under \"?\": say why"
            );
            ExitCode::FAILURE
        }
        Err(mistake) => {
            eprintln!("{mistake}");
            ExitCode::FAILURE
        }
    }
}
