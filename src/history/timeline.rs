//! Histories as people read them: one line for each event, and what was slept between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::HistoryEvent;
use super::kind::{HistoryEventKind as Kind, StateType};
use crate::id::StateName;

/// From this distance between two events on, a timeline says how long the execution slept.
const NAP: Duration = Duration::from_secs(1);

/// How many characters of a cause are shown.
const QUOTED: usize = 200;

/// A whole history for people: times from the start, what is inside a Map or Parallel further right, and how
/// long the execution slept.
///
/// ```
/// use stepwright::{HistoryEvent, HistoryEventKind, Json, StateType, Timeline, Timestamp};
///
/// let day = 24 * 60 * 60 * 1000;
/// let entered = HistoryEventKind::StateEntered {
///     state_type: StateType::Wait,
///     name: "Ripen".into(),
///     input: Json::Null,
/// };
/// let exited = HistoryEventKind::StateExited {
///     state_type: StateType::Wait,
///     name: "Ripen".into(),
///     output: Json::Null,
///     assigned: None,
/// };
/// let history = [
///     HistoryEvent::new(2, 0, Timestamp::from_millis(0), entered),
///     HistoryEvent::new(3, 2, Timestamp::from_millis(30 * day), exited),
/// ];
/// let timeline = Timeline::of(&history).to_string();
/// let lines: Vec<&str> = timeline.lines().collect();
/// assert_eq!(
///     lines,
///     [
///         "       0s    2  WaitStateEntered Ripen",
///         "                ~ slept 30d",
///         "      30d    3  WaitStateExited Ripen",
///     ]
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Timeline<'a> {
    lines: Vec<Line<'a>>,
}

#[derive(Clone, Debug)]
struct Line<'a> {
    event: &'a HistoryEvent,
    since_start: Duration,
    slept: Duration,
    depth: usize,
}

impl<'a> Timeline<'a> {
    /// The timeline of `history`, in the order of its ids.
    pub fn of(history: &'a [HistoryEvent]) -> Self {
        let mut nesting = Nesting::default();
        let mut lines: Vec<Line<'a>> = Vec::with_capacity(history.len());
        let Some(first) = history.first() else { return Self { lines } };
        for event in history {
            let slept =
                lines.last().map_or(Duration::ZERO, |line| event.timestamp.since(line.event.timestamp));
            lines.push(Line {
                event,
                since_start: event.timestamp.since(first.timestamp),
                slept,
                depth: nesting.depth_of(event),
            });
        }
        Self { lines }
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            if line.slept >= NAP {
                writeln!(f, "{:16}~ slept {}", "", Span(line.slept))?;
            }
            let time = Span(line.since_start).to_string();
            writeln!(
                f,
                "{time:>9} {:>4}  {:indent$}{}",
                line.event.id,
                "",
                line.event.kind,
                indent = 2 * line.depth
            )?;
        }
        Ok(())
    }
}

/// The type, and whom it is about or what went wrong.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())?;
        match self {
            Self::StateEntered { name, .. } | Self::StateExited { name, .. } => write!(f, " {name}")?,
            Self::MapIterationStarted { name, index }
            | Self::MapIterationSucceeded { name, index }
            | Self::MapIterationFailed { name, index }
            | Self::MapIterationAborted { name, index } => write!(f, " {name}[{index}]")?,
            Self::MapStateStarted { length } => write!(f, " of {length}")?,
            Self::TaskScheduled { resource, .. }
            | Self::TaskStartFailed { resource, .. }
            | Self::TaskStarted { resource }
            | Self::TaskSubmitFailed { resource, .. }
            | Self::TaskSubmitted { resource, .. }
            | Self::TaskSucceeded { resource, .. }
            | Self::TaskFailed { resource, .. }
            | Self::TaskTimedOut { resource, .. } => write!(f, " {}:{}", resource.service, resource.action)?,
            Self::LambdaFunctionScheduled { resource, .. } | Self::ActivityScheduled { resource, .. } => {
                write!(f, " {}", resource.resource())?;
            }
            Self::ActivityStarted { worker: Some(worker) } => write!(f, " by {worker}")?,
            Self::MapRunStarted { map_run_arn } | Self::MapRunRedriven { map_run_arn, .. } => {
                write!(f, " {}", map_run_arn.resource())?;
            }
            Self::EvaluationFailed(failed) => {
                write!(f, " {}", failed.state)?;
                if let Some(location) = &failed.location {
                    write!(f, "/{location}")?;
                }
            }
            _ => {}
        }
        let Some(failure) = self.failure() else { return Ok(()) };
        if let Some(error) = &failure.error {
            write!(f, " {error}")?;
        }
        let Some(cause) = &failure.cause else { return Ok(()) };
        let shown: String =
            cause.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let more = if shown.len() < cause.len() { "..." } else { "" };
        write!(f, ": {shown}{more}")
    }
}

/// A duration in its two largest units: `30d`, `1d 6h`, `2m 3s`, `1.5s`, `20ms`.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let millis = self.0.subsec_millis();
        let (large, unit, small, small_unit) = match seconds {
            0 if millis > 0 => return write!(f, "{millis}ms"),
            0..60 if millis > 0 => {
                let fraction = format!("{millis:03}");
                return write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'));
            }
            0..60 => return write!(f, "{seconds}s"),
            60..3_600 => (seconds / 60, 'm', seconds % 60, 's'),
            3_600..86_400 => (seconds / 3_600, 'h', seconds % 3_600 / 60, 'm'),
            _ => (seconds / 86_400, 'd', seconds % 86_400 / 3_600, 'h'),
        };
        match small {
            0 => write!(f, "{large}{unit}"),
            _ => write!(f, "{large}{unit} {small}{small_unit}"),
        }
    }
}

/// Which states are inside which, found by following `previous`.
#[derive(Default)]
struct Nesting<'a> {
    /// The state that each event is about; absent for those of the execution itself.
    subjects: BTreeMap<u64, &'a StateName>,
    states: BTreeMap<&'a StateName, Place<'a>>,
    /// Events after which a branch or an iteration begins.
    openings: BTreeSet<u64>,
    /// Events by which a Map or Parallel failed: what follows is about the one around it.
    failures: BTreeSet<u64>,
}

#[derive(Clone, Copy)]
struct Place<'a> {
    state_type: StateType,
    container: Option<&'a StateName>,
    depth: usize,
}

impl<'a> Nesting<'a> {
    /// How deep inside Maps and Parallels `event` is. Events have to come in the order of their ids.
    fn depth_of(&mut self, event: &'a HistoryEvent) -> usize {
        let before = self.subjects.get(&event.previous).copied();
        match &event.kind {
            Kind::StateEntered { name, state_type, .. } => {
                let container = match before.and_then(|name| self.states.get_key_value(name)) {
                    Some((name, _)) if self.openings.contains(&event.previous) => Some(*name),
                    Some((_, place)) => place.container,
                    None => None,
                };
                let depth =
                    container.and_then(|name| self.states.get(name)).map_or(0, |place| place.depth + 1);
                self.states.insert(name, Place { state_type: *state_type, container, depth });
                self.about(event.id, name)
            }
            Kind::StateExited { name, .. } => self.about(event.id, name),
            Kind::EvaluationFailed(failed) => self.about(event.id, &failed.state),
            Kind::MapIterationStarted { name, .. } => {
                self.openings.insert(event.id);
                self.about(event.id, name)
            }
            Kind::MapIterationSucceeded { name, .. }
            | Kind::MapIterationFailed { name, .. }
            | Kind::MapIterationAborted { name, .. } => self.about(event.id, name),
            Kind::MapStateStarted { .. } | Kind::MapStateSucceeded => {
                self.about_container(event, before, StateType::Map)
            }
            Kind::MapStateFailed => {
                self.failures.insert(event.id);
                self.about_container(event, before, StateType::Map)
            }
            Kind::ParallelStateStarted => {
                self.openings.insert(event.id);
                self.about_container(event, before, StateType::Parallel)
            }
            Kind::ParallelStateSucceeded => self.about_container(event, before, StateType::Parallel),
            Kind::ParallelStateFailed => {
                self.failures.insert(event.id);
                self.about_container(event, before, StateType::Parallel)
            }
            Kind::ExecutionStarted { .. } => 0,
            kind if kind.is_end() => 0,
            _ => before.map_or(0, |name| self.about(event.id, name)),
        }
    }

    fn about(&mut self, id: u64, name: &'a StateName) -> usize {
        self.subjects.insert(id, name);
        self.states.get(name).map_or(0, |place| place.depth)
    }

    /// An event that does not name its Map or Parallel: that of the event before, or the one around it.
    fn about_container(
        &mut self,
        event: &HistoryEvent,
        before: Option<&'a StateName>,
        state_type: StateType,
    ) -> usize {
        let mut name = before;
        if self.failures.contains(&event.previous) {
            name = before.and_then(|name| self.states.get(name)).and_then(|place| place.container);
        }
        while let Some(place) = name.and_then(|name| self.states.get(name)) {
            if place.state_type == state_type {
                break;
            }
            name = place.container;
        }
        name.map_or(0, |name| self.about(event.id, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::json::Json;
    use crate::time::Timestamp;

    fn entered(state_type: StateType, name: &str) -> Kind {
        Kind::StateEntered { state_type, name: name.into(), input: Json::Null }
    }

    #[test]
    fn what_is_inside_a_map_stands_further_right() {
        let failure = Failure::named("Sour");
        let history: Vec<HistoryEvent> = [
            (0, entered(StateType::Map, "Each")),
            (1, Kind::MapStateStarted { length: 1 }),
            (2, Kind::MapIterationStarted { name: "Each".into(), index: 0 }),
            (3, entered(StateType::Parallel, "Both")),
            (4, Kind::ParallelStateStarted),
            (5, entered(StateType::Map, "Inner")),
            (6, Kind::MapStateStarted { length: 1 }),
            (7, Kind::MapIterationStarted { name: "Inner".into(), index: 0 }),
            (8, entered(StateType::Fail, "Spoil")),
            (9, Kind::MapStateFailed),
            (10, Kind::ParallelStateFailed),
            (11, Kind::MapIterationFailed { name: "Each".into(), index: 0 }),
            (11, Kind::MapStateFailed),
            (13, Kind::ExecutionFailed { failure }),
        ]
        .into_iter()
        .zip(1..)
        .map(|((previous, kind), id)| HistoryEvent::new(id, previous, Timestamp::EPOCH, kind))
        .collect();
        let text = Timeline::of(&history).to_string();
        let lines: Vec<&str> = text.lines().map(|line| &line[16..]).collect();
        assert_eq!(
            lines,
            [
                "MapStateEntered Each",
                "MapStateStarted of 1",
                "MapIterationStarted Each[0]",
                "  ParallelStateEntered Both",
                "  ParallelStateStarted",
                "    MapStateEntered Inner",
                "    MapStateStarted of 1",
                "    MapIterationStarted Inner[0]",
                "      FailStateEntered Spoil",
                "    MapStateFailed",
                "  ParallelStateFailed",
                "MapIterationFailed Each[0]",
                "MapStateFailed",
                "ExecutionFailed Sour",
            ]
        );
    }

    #[test]
    fn spans() {
        for (millis, text) in [
            (0, "0s"),
            (20, "20ms"),
            (1_500, "1.5s"),
            (123_000, "2m 3s"),
            (108_000_000, "1d 6h"),
            (2_592_000_000, "30d"),
        ] {
            assert_eq!(Span(Duration::from_millis(millis)).to_string(), text);
        }
    }

    #[test]
    fn long_causes_are_cut_and_stay_on_one_line() {
        let cause = format!("first\nsecond{}", "x".repeat(300));
        let text = Kind::ExecutionFailed { failure: Failure::new("E", cause) }.to_string();
        assert!(text.starts_with("ExecutionFailed E: first second"));
        assert!(text.ends_with("..."));
        assert_eq!(text.chars().count(), "ExecutionFailed E: ".len() + QUOTED + 3);
    }
}
