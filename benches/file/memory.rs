//! Memory while many executions run through and close, on a store that forgets them soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwright::{Clock, Runtime, Sleep, SystemClock, Timestamp};

use crate::{Bench, block_on, chart, draw, resident_bytes};

/// How many executions are open at a time.
const LINES: u64 = 64;

/// How much faster than the world's the runtime's clock goes: it looks once a minute for what to forget.
const FASTER: u32 = 60;

/// Runs `count` executions, and draws what the process and the file took meanwhile.
pub(crate) fn measure(count: u64) {
    let folder = tempfile::tempdir().expect("there is a folder");
    let path = folder.path().join("executions.db");
    let kept = Duration::from_secs(60);
    let builder = Runtime::builder().clock(Arc::new(Fast::new())).retention(kept);
    let (mut memory, mut file) = (Vec::new(), Vec::new());
    block_on(async {
        let bench = Arc::new(Bench::of(&path, builder, false));
        let (begun, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let lines = (0..LINES).map(|_| {
            let (bench, begun, ended) = (Arc::clone(&bench), Arc::clone(&begun), Arc::clone(&ended));
            tokio::spawn(async move {
                loop {
                    let n = begun.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    let token = bench.start(&n.to_string()).await;
                    bench.answer(&token).await;
                    ended.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let lines: Vec<_> = lines.collect();
        println!("executions   process MiB   file MiB");
        for size in sizes(count) {
            while ended.load(Ordering::Relaxed) < size {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let on_disk = std::fs::metadata(&path).map_or(0, |file| file.len());
            let [in_memory, on_disk] =
                [resident_bytes() as f64, on_disk as f64].map(|bytes| bytes / f64::from(1 << 20));
            println!("{size:>10} {in_memory:>13.1} {on_disk:>10.1}");
            memory.push((size as usize, in_memory));
            file.push((size as usize, on_disk));
        }
        for line in lines {
            line.await.expect("nobody panics");
        }
        bench.runtime.shutdown().await;
    });
    let title = "Executions that run through, close, and are forgotten after a while";
    draw(
        "file-memory",
        title,
        "executions",
        "MiB",
        &[("process", memory), ("file", file)] as &[chart::Curve],
    );
}

/// 1,000, 2,000, 5,000, and so on up to `count`.
fn sizes(count: u64) -> Vec<u64> {
    let all = (3..).flat_map(|zeros| [1, 2, 5].map(|digit| digit * 10_u64.pow(zeros)));
    let mut sizes: Vec<u64> = all.take_while(|size| *size < count).collect();
    sizes.push(count);
    sizes
}

/// A clock that goes faster.
#[derive(Debug)]
struct Fast {
    begin: Timestamp,
    began: Instant,
}

impl Fast {
    fn new() -> Self {
        Self { begin: SystemClock.now(), began: Instant::now() }
    }
}

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        self.begin + self.began.elapsed() * FASTER
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        let left = deadline.since(self.now()) / FASTER;
        Box::pin(tokio::time::sleep(left))
    }
}
