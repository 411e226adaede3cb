//! What is seen while it runs: every event as it happens, and who is asleep since when.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stepwright::{Clock, ExecutionId, ExecutionStatus, HistoryEvent, HistoryEventKind, Observer, Timestamp};

/// How often a line says who is asleep, where lines cannot be redrawn.
const REMINDER: u64 = 60;

/// Standard output, shared by all that have something to say.
#[derive(Debug)]
pub(crate) struct Terminal {
    clock: Arc<dyn Clock>,
    /// Whether the last line can be drawn again, with the time.
    redraws: bool,
    /// Who is asleep, and since when.
    asleep: Mutex<BTreeMap<ExecutionId, Timestamp>>,
}

impl Terminal {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, redraws: stdout().is_terminal(), asleep: Mutex::default() }
    }

    /// Prints lines above the one that says who is asleep.
    pub(crate) fn say(&self, lines: impl fmt::Display) {
        self.print(&self.asleep(), Some(&lines));
    }

    /// Says no longer who is asleep.
    pub(crate) fn rest(&self) {
        let mut asleep = self.asleep();
        asleep.clear();
        self.print(&asleep, None);
    }

    /// Keeps the last line up to date.
    pub(crate) async fn keep_watch(self: Arc<Self>) {
        for second in 1_u64.. {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let asleep = self.asleep();
            if self.redraws {
                self.print(&asleep, None);
            } else if second.is_multiple_of(REMINDER)
                && let Some(line) = self.who_is_asleep(&asleep)
            {
                self.print(&asleep, Some(&line));
            }
        }
    }

    fn asleep(&self) -> MutexGuard<'_, BTreeMap<ExecutionId, Timestamp>> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, asleep: &BTreeMap<ExecutionId, Timestamp>, lines: Option<&dyn fmt::Display>) {
        let mut text = String::new();
        if self.redraws {
            text.push_str("\r\x1b[2K");
        }
        if let Some(lines) = lines {
            text.push_str(&format!("{lines}\n"));
        }
        if self.redraws
            && let Some(line) = self.who_is_asleep(asleep)
        {
            text.push_str(&line);
        }
        // Nobody may be reading any longer; the executions go on.
        let mut out = stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn who_is_asleep(&self, asleep: &BTreeMap<ExecutionId, Timestamp>) -> Option<String> {
        let since = asleep.values().min()?;
        let slept = self.clock.now().since(*since);
        let who = match asleep.len() {
            1 => "asleep".to_owned(),
            many => format!("{many} executions asleep, the first"),
        };
        let slept = span(Duration::from_secs(slept.as_secs()));
        Some(format!("  ~ {who} since {} ({slept}), until somebody answers", clock_time(*since)))
    }
}

impl Observer for Terminal {
    fn on_history(&self, execution: &ExecutionId, events: &[HistoryEvent]) {
        let name = execution.as_str().rsplit(':').next().unwrap_or_default();
        let short: String = name.chars().take(8).collect();
        let mut asleep = self.asleep();
        for event in events {
            let line = format!("  {}  {short}  {}", clock_time(event.timestamp), event.kind);
            self.print(&asleep, Some(&line));
            match event.kind {
                HistoryEventKind::TaskSubmitted { .. } => {
                    asleep.insert(execution.clone(), event.timestamp);
                    let line = self.who_is_asleep(&asleep).filter(|_| !self.redraws);
                    self.print(&asleep, line.as_ref().map(|line| line as _));
                }
                _ => {
                    asleep.remove(execution);
                }
            }
        }
    }

    fn on_closed(&self, execution: &ExecutionId, _status: &ExecutionStatus) {
        self.asleep().remove(execution);
    }
}

/// The time of day, in UTC.
fn clock_time(timestamp: Timestamp) -> String {
    let text = timestamp.to_string();
    match text.split_once('T') {
        Some((_, time)) => time.to_owned(),
        None => text,
    }
}

/// A duration in words: to the second, or to the millisecond if it is short.
pub(crate) fn span(duration: Duration) -> impl fmt::Display {
    let precise = match duration.as_secs() {
        0..60 => Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        seconds => Duration::from_secs(seconds),
    };
    humantime::format_duration(precise)
}
