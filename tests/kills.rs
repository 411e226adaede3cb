//! A process under load is killed at random moments, again and again: what it acknowledged is there afterwards, and
//! nothing happened twice.
//!
//! ```text
//! cargo test --test kills                     a few kills, as part of all tests
//! cargo test --release --test kills -- 2000   as many as that
//! cargo test --test kills -- 1 17             one, with this seed
//! ```
//!
//! The child is this program again. It starts executions, and answers their tokens, also those that an earlier
//! life left behind; what it was told is in a journal, each line written at once. A store lives through
//! [`LIVES`] kills, then a child finishes everything that is open, and the books are compared.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "kills/books.rs"]
mod books;
#[path = "kills/child.rs"]
mod child;
#[path = "kills/journal.rs"]
mod journal;

use std::env;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use journal::{Entry, Journal};

/// Says to a process that it is the child, and where its folder is.
const CHILD: &str = "STEPWRIGHT_KILLS_CHILD";

/// How many kills one store lives through.
const LIVES: u64 = 25;

/// How many kills there are, unless told otherwise.
const KILLS: u64 = 12;

/// How long a child is given before it is killed, at most.
const LONGEST: Duration = Duration::from_millis(150);

/// How long the last child of a store may take to finish what is open.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    if let Ok(folder) = env::var(CHILD) {
        let argument = |name| env::var(name).unwrap();
        child::live(Path::new(&folder), argument("SEED").parse().unwrap(), argument("FINISHES") == "true");
        return;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    // Somebody asks for other tests.
    let other = |argument: &&String| argument.parse::<u64>().is_err() && !"kills".contains(argument.as_str());
    if arguments.iter().filter(|argument| !argument.starts_with("--")).any(|argument| other(&argument))
        || arguments.iter().any(|argument| argument == "--list")
    {
        return;
    }
    let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let kills = numbers.first().copied().unwrap_or(KILLS);
    let first = numbers.get(1).copied().unwrap_or(1);
    let began = Instant::now();
    let mut sum = books::Sum::default();
    let mut killed = 0;
    while killed < kills {
        let lives = LIVES.min(kills - killed);
        sum.add(&one_store(first + killed, lives));
        killed += lives;
    }
    println!("{killed} kills in {:.1?}: {sum}", began.elapsed());
}

/// Kills `lives` children of one store, lets the last one finish, and checks what is left.
fn one_store(seed: u64, lives: u64) -> books::Sum {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for seed in seed..seed + lives {
        let mut random = Random::new(seed);
        let mut child = start(folder, seed, false);
        // Some are killed while they begin, others once they work.
        if random.below(4) > 0 {
            wait_until_ready(folder, seed, &mut child);
        }
        std::thread::sleep(LONGEST.mul_f64(random.below(1000) as f64 / 1000.0));
        child.kill().unwrap();
        child.wait().unwrap();
        books::check_after_a_kill(folder, seed);
    }
    let mut last = start(folder, seed + lives, true);
    let began = Instant::now();
    while last.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            last.kill().unwrap();
            panic!("seeds from {seed} on: what was open did not come to its end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(last.wait().unwrap().success(), "seeds from {seed} on: the last child failed");
    books::check_at_the_end(folder, seed)
}

fn start(folder: &Path, seed: u64, finishes: bool) -> Child {
    Command::new(env::current_exe().unwrap())
        .env(CHILD, folder)
        .env("SEED", seed.to_string())
        .env("FINISHES", finishes.to_string())
        .spawn()
        .unwrap()
}

fn wait_until_ready(folder: &Path, seed: u64, child: &mut Child) {
    let ready = Entry::Ready { seed };
    while !Journal::read(folder).contains(&ready) {
        assert!(child.try_wait().unwrap().is_none(), "seed {seed}: the child could not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
