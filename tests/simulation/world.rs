//! What all parts of a simulation share: time, chance, faults, what was noted down, and what is known.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use stepwright::store::{StoreError, StoreErrorKind};

use crate::model::Model;
use crate::random::Random;
use crate::time::{NodeClock, Time};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) time: Arc<Time>,
    random: Mutex<Random>,
    faults: Mutex<Faults>,
    outage: Mutex<Option<Outage>>,
    model: Mutex<Model>,
    trace: Mutex<Vec<String>>,
    violation: Mutex<Option<String>>,
    writes: AtomicU64,
    polls: AtomicU64,
}

/// How often what goes wrong: in a thousand calls of the store, or of a handler.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) slow: u64,
    pub(crate) error_before: u64,
    pub(crate) error_after: u64,
    pub(crate) crash_before: u64,
    pub(crate) crash_after: u64,
    /// The process dies while the disk writes: only some of it is there.
    pub(crate) torn: u64,
    pub(crate) fails: u64,
    pub(crate) late: u64,
    pub(crate) never: u64,
    pub(crate) panics: u64,
}

/// The store takes nothing in.
#[derive(Clone, Copy, Debug)]
struct Outage {
    until: u64,
    why: StoreErrorKind,
}

impl Faults {
    /// Some of them, each as often as chance has it.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut rate = |most| if random.happens(500) { random.below(most) } else { 0 };
        Self {
            slow: rate(200),
            error_before: rate(60),
            error_after: rate(60),
            crash_before: rate(20),
            crash_after: rate(20),
            torn: rate(20),
            fails: rate(250),
            late: rate(300),
            never: rate(60),
            panics: rate(60),
        }
    }
}

impl World {
    pub(crate) fn new(random: Random, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            time: Arc::default(),
            random: random.into(),
            faults: faults.into(),
            outage: Mutex::default(),
            model: Mutex::default(),
            trace: Mutex::default(),
            violation: Mutex::default(),
            writes: AtomicU64::new(0),
            polls: AtomicU64::new(0),
        })
    }

    pub(crate) fn random(&self) -> MutexGuard<'_, Random> {
        self.random.lock().unwrap()
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    pub(crate) fn faults(&self) -> Faults {
        *self.faults.lock().unwrap()
    }

    /// For so long the store takes nothing in, and says why.
    pub(crate) fn refuse(&self, milliseconds: u64, why: StoreErrorKind) {
        self.note(format!("for {milliseconds} nothing can be written: {why}"));
        *self.outage.lock().unwrap() = Some(Outage { until: self.time.now() + milliseconds, why });
    }

    /// Why nothing can be written now, if nothing can.
    pub(crate) fn refuses(&self) -> Option<StoreErrorKind> {
        self.outage.lock().unwrap().filter(|outage| self.time.now() < outage.until).map(|outage| outage.why)
    }

    /// Whether somebody may be told that the store failed so.
    pub(crate) fn explains(&self, error: &StoreError) -> bool {
        let refused = self.outage.lock().unwrap().is_some_and(|outage| outage.why == error.kind());
        error.is_retryable() || refused
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm(&self) {
        *self.faults.lock().unwrap() = Faults::default();
        if let Some(outage) = &mut *self.outage.lock().unwrap() {
            outage.until = 0;
        }
        self.note("calm");
    }

    /// How often a step was written.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    pub(crate) fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a worker asks for tasks.
    pub(crate) fn is_polled(&self) -> bool {
        self.polls.load(Ordering::Relaxed) > 0
    }

    /// A worker asks for tasks, until what is returned is dropped.
    pub(crate) fn polls(self: &Arc<Self>) -> Polling {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Polling(Arc::clone(self))
    }

    /// Notes down what happened.
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.time.touch();
        self.trace.lock().unwrap().push(format!("{:>9} {}", self.time.now(), what.into()));
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }

    /// Something was not as it has to be. The first of such things is kept.
    pub(crate) fn violated(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(format!("VIOLATED: {what}"));
        self.violation.lock().unwrap().get_or_insert(what);
    }

    /// The same, if the model says so.
    pub(crate) fn expect(&self, judged: Result<(), String>) {
        if let Err(what) = judged {
            self.violated(what);
        }
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.lock().unwrap().clone()
    }
}

/// A worker that asks for tasks.
pub(crate) struct Polling(Arc<World>);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.polls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An execution is being redriven, until this is dropped: who says meanwhile how it stands may be right or not.
pub(crate) struct Redriving {
    world: Arc<World>,
    name: String,
}

impl Redriving {
    pub(crate) fn of(world: &Arc<World>, name: &str) -> Self {
        world.model().redrives(name);
        Self { world: Arc::clone(world), name: name.into() }
    }
}

impl Drop for Redriving {
    fn drop(&mut self) {
        self.world.model().redrove(&self.name);
    }
}

/// A node's life, which ends with a crash; its clock goes on into the next one.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) name: String,
    pub(crate) clock: NodeClock,
    dead: AtomicBool,
}

impl Life {
    pub(crate) fn new(name: String, clock: NodeClock) -> Arc<Self> {
        Arc::new(Self { name, clock, dead: AtomicBool::new(false) })
    }

    /// It dies here and now. What it was doing is swept away with it.
    pub(crate) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Whoever is dead does nothing any more.
    pub(crate) async fn alive(&self) {
        if self.is_dead() {
            std::future::pending().await
        }
    }
}
