//! Every case of `asl-fixtures/cases` under every driver, each as a test of its own.
//!
//! * `cargo test --test fixtures retry/` runs a subject.
//! * `cargo test --test fixtures retry/backoff-doubles` runs one case under all drivers.
//! * `cargo test --test fixtures ::crash` runs all cases under one driver.
//!
//! Cases that do not pass yet are listed in `asl-fixtures/gaps.toml` by their full names: a listed case that
//! passes fails the test, and so does one that fails and is not listed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod fixtures {
    pub(crate) mod case;
    pub(crate) mod driver;
    pub(crate) mod gaps;
    pub(crate) mod served;
    pub(crate) mod stored;
}

use std::process::ExitCode;
use std::sync::Arc;

use fixtures::case::Case;
use fixtures::driver::Driver;
use fixtures::gaps::Gaps;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let gaps = Arc::new(Gaps::read());
    let cases: Vec<Arc<Case>> = Case::all().into_iter().map(Arc::new).collect();
    let mut names = Vec::new();
    let mut trials = Vec::new();
    for case in &cases {
        for driver in Driver::ALL {
            let name = format!("{}::{driver}", case.name);
            names.push(name.clone());
            let (case, gaps) = (Arc::clone(case), Arc::clone(&gaps));
            trials.push(Trial::test(name.clone(), move || match (driver.run(&case), gaps.reason(&name)) {
                (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
                (Ok(()), Some(reason)) => Err(Failed::from(format!(
                    "passes, but is listed as a gap: take it off the list ({reason})"
                ))),
                (Err(difference), None) => Err(Failed::from(difference)),
            }));
        }
    }
    let listed = Arc::clone(&gaps);
    trials.push(Trial::test("gaps", move || listed.check(&names).map_err(Failed::from)));
    trials.push(Trial::test("style", move || {
        let mistakes: Vec<String> = cases.iter().filter_map(|case| case.mistake()).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(Failed::from(mistakes.join("\n"))) }
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
