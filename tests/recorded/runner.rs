//! Runs cases, each for itself whatever the others do, and counts.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::case::{CORPORA, Found};
use super::fault::Fault;
use super::{choice, executions, express, teststate, validation};

/// Threads with room for definitions and documents that are nested as deep as they may be.
const STACK: usize = 16 << 20;

/// How long one case may take; the slowest takes well under a second.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// Where the last panic of this thread was.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics from being printed: that of a case is its failure.
pub(crate) fn catch_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|location| format!(" at {location}"));
        PANIC.with(|panic| *panic.borrow_mut() = place);
    }));
}

/// Runs one case; a panic is a failure like any other, and so is taking too long.
pub(crate) fn run(case: &Found) -> Result<(), Fault> {
    let (sender, receiver) = mpsc::channel();
    let case = case.clone();
    let started = thread::Builder::new().stack_size(STACK).spawn(move || {
        let outcome = panic::catch_unwind(|| dispatch(&case));
        // Nobody listens any longer if it took too long.
        let _ = sender.send(outcome.unwrap_or_else(|payload| Err(panicked(&*payload))));
    });
    if let Err(error) = started {
        return Err(Fault::Differs(format!("there is no thread to run it: {error}")));
    }
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        Err(Fault::Differs(format!("it has not ended after {} s, and is left alone", PATIENCE.as_secs())))
    })
}

fn panicked(payload: &(dyn Any + Send)) -> Fault {
    let text =
        payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    let place = PANIC.with(|panic| panic.borrow_mut().take()).unwrap_or_default();
    Fault::Differs(format!("panicked{place}: {}", text.unwrap_or("with something that is no text")))
}

fn dispatch(found: &Found) -> Result<(), Fault> {
    let case = found.read()?;
    match found.corpus {
        "executions" => executions::run(&case),
        "choice" => choice::run(&case),
        "validation" => validation::run(&case),
        "express" => express::run(&case),
        "teststate" => teststate::run(&case),
        "local_mocking" => Err(Fault::no_runner("no mock configuration files yet")),
        "logs" => Err(Fault::no_runner("no control plane yet: log levels")),
        "events" => Err(Fault::no_runner("no control plane yet: EventBridge events")),
        _ => Err(Fault::no_runner("no control plane yet")),
    }
}

/// How cases went.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// For each corpus and group: how many pass, of how many.
    counts: BTreeMap<(usize, String), (usize, usize)>,
    /// Those that fail, by name.
    pub(crate) faults: BTreeMap<String, Fault>,
}

impl Results {
    pub(crate) fn add(&mut self, case: &Found, outcome: &Result<(), Fault>) {
        let corpus = CORPORA.iter().position(|corpus| *corpus == case.corpus).unwrap_or(CORPORA.len());
        let (passed, all) = self.counts.entry((corpus, case.group.clone())).or_default();
        *all += 1;
        match outcome {
            Ok(()) => *passed += 1,
            Err(fault) => {
                self.faults.insert(case.name.clone(), fault.clone());
            }
        }
    }

    /// One line for each group.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for ((corpus, group), (passed, all)) in &self.counts {
            let corpus = CORPORA.get(*corpus).unwrap_or(&"");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "recorded: {corpus}/{group} {passed} of {all} pass");
        }
        text
    }
}

/// Runs all of `cases`, side by side.
pub(crate) fn run_all(cases: &[Found]) -> Results {
    let results = Mutex::new(Results::default());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run(case);
            results.lock().unwrap_or_else(PoisonError::into_inner).add(case, &outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
