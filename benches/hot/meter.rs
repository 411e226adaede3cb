//! Measuring contenders: side by side in time, and each alone in allocations.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// What is measured: so many times the same work, on inputs that are made before and with outputs that are
/// dropped after. It answers what the meter says.
pub(crate) type Contender = Box<dyn FnMut(usize, Meter) -> u128>;

/// What to measure.
#[derive(Clone, Copy)]
pub(crate) enum Meter {
    /// Nanoseconds of this thread: what others do to the machine does not count.
    Time,
    /// How far a counter goes.
    Count(fn() -> usize),
}

impl Meter {
    /// What `work` takes. The guard counts what happens in here, so it stays a function of its own.
    #[inline(never)]
    pub(crate) fn of(self, work: impl FnOnce()) -> u128 {
        match self {
            Self::Time => {
                let begun = ThreadTime::now();
                work();
                begun.elapsed().as_nanos()
            }
            Self::Count(counter) => {
                let before = counter();
                work();
                (counter() - before) as u128
            }
        }
    }
}

/// A contender that does `work` on what `prepare` makes.
pub(crate) fn contender<I, O>(
    mut prepare: impl FnMut() -> I + 'static,
    mut work: impl FnMut(I) -> O + 'static,
) -> Contender {
    Box::new(move |count, meter| {
        let inputs: Vec<I> = (0..count).map(|_| prepare()).collect();
        let mut outputs = Vec::with_capacity(count);
        meter.of(|| outputs.extend(inputs.into_iter().map(|input| black_box(work(input)))))
    })
}

/// A workload, what one would write by hand for it, and what this crate makes of it.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// What is counted, and how much of it one piece of work has.
    pub(crate) unit: (&'static str, usize),
    pub(crate) twin: Contender,
    pub(crate) ours: Vec<Ours>,
}

/// One of the ways in which this crate does a workload.
pub(crate) struct Ours {
    pub(crate) how: &'static str,
    pub(crate) contender: Contender,
    /// How many times the twin's time it may take.
    pub(crate) bound: Option<f64>,
}

/// What was measured, for each unit.
pub(crate) struct Measured {
    pub(crate) nanos: f64,
    /// To the twin's time.
    pub(crate) ratio: f64,
}

/// Contenders take turns: what is beside them on the machine changes by the minute.
const ROUNDS: usize = 25;
const ROUND: Duration = Duration::from_millis(4);
/// More outputs at once would measure the memory's speed.
const MOST: usize = 256;

/// The twin, then ours: medians over rounds in which each has its turn.
pub(crate) fn measure(workload: &mut Workload) -> Vec<Measured> {
    let units = workload.unit.1 as f64;
    let ours = workload.ours.iter_mut().map(|ours| &mut ours.contender);
    let mut contenders: Vec<_> = [&mut workload.twin].into_iter().chain(ours).collect();
    let counts: Vec<usize> = contenders.iter_mut().map(|contender| count(contender)).collect();
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for (n, contender) in contenders.iter_mut().enumerate() {
            rounds[n].push(contender(counts[n], Meter::Time) as f64 / counts[n] as f64);
        }
    }
    let mut measured = Vec::new();
    for n in 0..contenders.len() {
        let ratios = rounds[n].iter().zip(&rounds[0]).map(|(ours, twin)| ours / twin).collect();
        measured.push(Measured { nanos: median(rounds[n].clone()) / units, ratio: median(ratios) });
    }
    measured
}

/// How often a contender does its work in one round.
fn count(contender: &mut Contender) -> usize {
    let mut count = 1;
    while count < MOST && contender(count, Meter::Time) < ROUND.as_nanos() {
        count *= 2;
    }
    count
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
