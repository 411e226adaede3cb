//! The execution that nothing disturbs: a fresh core that hears what a history says happened, when it did, has to
//! make the very same history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwright::store::ExecutionSummary;
use stepwright::{
    Command, Event, Execution, Failure, HistoryEvent, HistoryEventKind as Kind, Limits, Reporter, Start,
    StateMachine, StateType, Step, TaskId, TaskResource, Timestamp,
};

/// What a task came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Completion {
    /// What somebody said.
    Offer(u64),
    /// Its time was over.
    TimedOut,
    /// Nothing: it ended with what is around it.
    Abandoned,
    /// The execution was stopped by somebody, who made this offer.
    Stopped(u64),
    /// What came of the execution that it started, or of the call.
    Child,
}

/// Lets a fresh execution hear what `history` tells; with what its tasks came to, by their numbers.
pub(crate) fn run(
    machine: &Arc<StateMachine>,
    summary: &ExecutionSummary,
    history: &[HistoryEvent],
) -> Result<BTreeMap<u64, Completion>, String> {
    run_with(machine, summary, history, &Guesses::new()).map_err(|(why, _)| why)
}

/// How many guesses are made at most.
const GUESSES: usize = 4;

/// What a history does not tell: how what happened at one moment came about, by the numbers of the events.
type Guesses = BTreeMap<u64, Guess>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Guess {
    /// An answer that was there before its call had returned was let through by what the call came to, and not by
    /// time.
    ByItself,
    /// It came after what was due first; what was redriven was gone on with so that its wait ended in time.
    Second,
    /// It came after all that was due; what was redriven was gone on with when that had something to tell.
    Last,
    /// The task that is late had no heartbeat but the first.
    Unbeaten,
    /// It was late before all else that was due.
    First,
}

/// The same with guesses: where the history does not go on as it was guessed, another one is tried.
fn run_with(
    machine: &Arc<StateMachine>,
    summary: &ExecutionSummary,
    history: &[HistoryEvent],
    guesses: &Guesses,
) -> Result<BTreeMap<u64, Completion>, (String, usize)> {
    let (why, position) = match Run::of(machine, summary, history, guesses) {
        Ok(mut run) => match run.finish(summary) {
            Ok(()) => return Ok(run.completions),
            Err(why) => (why, run.position),
        },
        Err(why) => (why, 0),
    };
    let mut furthest = (why, position);
    let moment = history.get(position).map(|event| event.timestamp);
    let at_once = history.iter().filter(|event| Some(event.timestamp) == moment);
    let redriven = history[..position].iter().rfind(|event| is_redrive(event));
    for event in
        at_once.chain(redriven).filter(|event| !guesses.contains_key(&event.id) && guesses.len() < GUESSES)
    {
        let others: &[Guess] = match event {
            event if is_answer(event) => &[Guess::ByItself, Guess::Second, Guess::Last],
            event if is_timeout(event) => &[Guess::Unbeaten, Guess::First],
            event if is_redrive(event) => &[Guess::Second, Guess::Last],
            _ => &[],
        };
        for other in others {
            let mut guesses = guesses.clone();
            guesses.insert(event.id, *other);
            match run_with(machine, summary, history, &guesses) {
                Ok(completions) => return Ok(completions),
                Err(other) if other.1 > furthest.1 => furthest = other,
                Err(_) => {}
            }
        }
    }
    Err(furthest)
}

enum Beats {
    Freely,
    Until(Timestamp),
    Never,
}

struct Run<'a> {
    execution: Execution,
    history: &'a [HistoryEvent],
    guesses: &'a Guesses,
    position: usize,
    /// The tasks by the events that scheduled them.
    tasks: BTreeMap<u64, TaskId>,
    completions: BTreeMap<u64, Completion>,
}

impl<'a> Run<'a> {
    fn of(
        machine: &Arc<StateMachine>,
        summary: &ExecutionSummary,
        history: &'a [HistoryEvent],
        guesses: &'a Guesses,
    ) -> Result<Self, String> {
        let first = history.first().ok_or("it has no history")?;
        let Kind::ExecutionStarted { role_arn: Some(role), .. } = &first.kind else {
            return Err("its history does not begin with its start".into());
        };
        // When an early answer counts that no call follows, says the history.
        let start = Start::new(&summary.name, summary.input.clone())
            .arns(summary.id.as_str(), summary.machine_arn.clone(), role.clone())
            .limits(Limits::AWS.submission_grace(Duration::ZERO));
        let (execution, step) = Execution::start(Arc::clone(machine), start, first.timestamp);
        let (tasks, completions) = (BTreeMap::new(), BTreeMap::new());
        let mut run = Self { execution, history, guesses, position: 0, tasks, completions };
        run.compare(&step)?;
        Ok(run)
    }

    fn finish(&mut self, summary: &ExecutionSummary) -> Result<(), String> {
        while let Some(next) = self.history.get(self.position) {
            let before = self.position;
            self.go_on(next)?;
            if self.position == before {
                return Err(format!("nothing leads to {next}"));
            }
        }
        match self.execution.status() == &summary.status {
            true => Ok(()),
            false => Err(format!("it would have ended as {:?}", self.execution.status())),
        }
    }

    /// What the step tells has to be what the history goes on with.
    fn compare(&mut self, step: &Step) -> Result<(), String> {
        let mut started = step.commands.iter().filter_map(|command| match command {
            Command::StartTask(start) => Some(start.task),
            _ => None,
        });
        for event in &step.history {
            match self.history.get(self.position) {
                Some(kept) if kept == event => {}
                kept => return Err(format!("instead of {kept:?} it would have {event:?}")),
            }
            self.position += 1;
            if is_schedule(event) {
                let task = started.next().ok_or("a task is scheduled, and not started")?;
                self.tasks.insert(event.id, task);
                self.completions.insert(task.as_u64(), Completion::Abandoned);
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event, of: &HistoryEvent) -> Result<(), String> {
        let step = self.execution.handle(event, of.timestamp).map_err(|error| format!("{of}: {error}"))?;
        self.compare(&step)
    }

    /// Lets happen what led to the `next` event.
    fn go_on(&mut self, next: &HistoryEvent) -> Result<(), String> {
        if self.is_due(next)? {
            return self.tick(next);
        }
        self.beat_until(next)?;
        match &next.kind {
            Kind::ExecutionAborted { failure } => {
                if let Some(offer) = failure.cause.as_deref().and_then(offer) {
                    // It may be stopped again once it was redriven.
                    self.completions.insert(u64::MAX - next.id, Completion::Stopped(offer));
                }
                self.handle(Event::Stop { failure: failure.clone() }, next)
            }
            Kind::ExecutionRedriven { .. } => {
                let redriven = self.execution.redrive(None, next.timestamp);
                self.compare(&redriven.map_err(|error| format!("{next}: {error}"))?)?;
                let began = match self.guesses.get(&next.id) {
                    None => next.timestamp,
                    Some(Guess::Second) => self.waits_since().unwrap_or(next.timestamp),
                    Some(_) => return Ok(()),
                };
                while self.execution.is_due(began) {
                    let step = self.execution.handle(Event::Tick, began);
                    self.compare(&step.map_err(|error| format!("{next}: {error}"))?)?;
                }
                Ok(())
            }
            Kind::ActivityStarted { worker } => {
                let (task, _) = self.task_of(next)?;
                let worker = worker.as_deref().map(str::to_owned);
                self.handle(Event::TaskStarted { task, worker }, next)
            }
            Kind::TaskSubmitted { output, .. } => {
                let (task, _) = self.task_of(next)?;
                self.handle(Event::TaskSubmitted { task, output: output.clone() }, next)
            }
            Kind::TaskSucceeded { .. }
            | Kind::LambdaFunctionSucceeded { .. }
            | Kind::ActivitySucceeded { .. }
            | Kind::TaskFailed { .. }
            | Kind::LambdaFunctionFailed { .. }
            | Kind::ActivityFailed { .. } => self.answer(next),
            _ => Err(format!("what leads to {next}?")),
        }
    }

    /// When what is waited for next began to be, if it ended in time.
    fn waits_since(&self) -> Option<Timestamp> {
        let ended = self.history[self.position..].iter().find_map(|event| match &event.kind {
            Kind::StateExited { state_type: StateType::Wait, name, .. } => Some((name, event.timestamp)),
            _ => None,
        });
        let (name, at) = ended?;
        let seconds = crate::machine::seconds_of(self.execution.machine(), name.as_str());
        Some(Timestamp::from_millis(at.as_millis() - seconds * 1000))
    }

    /// Whether time led to it.
    fn is_due(&self, next: &HistoryEvent) -> Result<bool, String> {
        Ok(match &next.kind {
            Kind::ExecutionAborted { .. }
            | Kind::ExecutionRedriven { .. }
            | Kind::ActivityStarted { .. }
            | Kind::TaskSubmitted { .. }
            | Kind::LambdaFunctionSucceeded { .. }
            | Kind::LambdaFunctionFailed { .. }
            | Kind::ActivitySucceeded { .. }
            | Kind::ActivityFailed { .. } => false,
            Kind::TaskSucceeded { .. } | Kind::TaskFailed { .. } => self.is_early(next)?,
            _ => true,
        })
    }

    /// Whether it is an answer that was there before its call had returned, and waited until its time had come.
    fn is_early(&self, event: &HistoryEvent) -> Result<bool, String> {
        Ok(is_answer(event)
            && self.guesses.get(&event.id) != Some(&Guess::ByItself)
            && !self.task_of(event)?.1)
    }

    /// Somebody answered.
    fn answer(&mut self, next: &HistoryEvent) -> Result<(), String> {
        let (task, handed_on) = self.task_of(next)?;
        let reporter = if handed_on { Reporter::TokenHolder } else { Reporter::Handler };
        if !handed_on && is_answer(next) && matches!(next.kind, Kind::TaskSucceeded { .. }) {
            // It was there before the call came to nothing.
            self.complete(next, task)?;
            self.handle(self.answered(next, task, Reporter::TokenHolder)?, next)?;
            let failure = Failure::default();
            return self.handle(Event::TaskFailed { task, failure, reporter }, next);
        }
        self.complete(next, task)?;
        self.handle(self.answered(next, task, reporter)?, next)
    }

    /// What was said, and led to `event`.
    fn answered(&self, event: &HistoryEvent, task: TaskId, reporter: Reporter) -> Result<Event, String> {
        match &event.kind {
            Kind::TaskSucceeded { output, .. }
            | Kind::LambdaFunctionSucceeded { output }
            | Kind::ActivitySucceeded { output } => {
                Ok(Event::TaskSucceeded { task, output: output.clone(), reporter })
            }
            Kind::TaskFailed { failure, .. }
            | Kind::LambdaFunctionFailed { failure }
            | Kind::ActivityFailed { failure } => {
                Ok(Event::TaskFailed { task, failure: failure.clone(), reporter })
            }
            _ => Err(format!("{event} is no answer")),
        }
    }

    /// The task came to what `event` says.
    fn complete(&mut self, event: &HistoryEvent, task: TaskId) -> Result<(), String> {
        if is_of_child(event) {
            self.completions.insert(task.as_u64(), Completion::Child);
            return Ok(());
        }
        let said = match self.answered(event, task, Reporter::Handler)? {
            Event::TaskSucceeded { output, .. } => offer(&output.to_string()),
            Event::TaskFailed { failure, .. } => failure.cause.as_deref().and_then(offer),
            _ => None,
        };
        let said = said.ok_or_else(|| format!("nobody offered {event}"))?;
        self.completions.insert(task.as_u64(), Completion::Offer(said));
        Ok(())
    }

    /// Answers that were there before their calls had returned, and that count when the time has come.
    fn answer_early(&mut self, next: &HistoryEvent) -> Result<(), String> {
        let mut at = self.history[self.position.saturating_sub(1)].timestamp;
        let second = self.execution.deadline().map(|first| first + Duration::from_millis(1));
        let now = self.history[self.position..].iter().take_while(|event| event.timestamp == next.timestamp);
        for event in now {
            let known = self.scheduled(event).is_ok_and(|event| self.tasks.contains_key(&event));
            if known && self.is_early(event)? {
                at = match self.guesses.get(&event.id) {
                    Some(Guess::Second) => second.unwrap_or(at),
                    Some(Guess::Last) => next.timestamp,
                    _ => at + Duration::from_millis(1),
                };
                at = at.min(next.timestamp);
                let (task, _) = self.task_of(event)?;
                self.complete(event, task)?;
                let answer = self.answered(event, task, Reporter::TokenHolder)?;
                let step = self.execution.handle(answer, at).map_err(|error| format!("{event}: {error}"))?;
                self.compare(&step)?;
            }
        }
        Ok(())
    }

    /// Time has passed: those whose time was over say so.
    fn tick(&mut self, next: &HistoryEvent) -> Result<(), String> {
        self.answer_early(next)?;
        self.beat_until(next)?;
        let now = self.history[self.position..].iter().take_while(|event| event.timestamp == next.timestamp);
        let over = now.filter(|event| is_timeout(event));
        let over =
            over.filter(|event| self.scheduled(event).is_ok_and(|event| self.tasks.contains_key(&event)));
        let late = over.map(|event| self.scheduled(event)).collect::<Result<Vec<u64>, String>>()?;
        for scheduled in &late {
            self.completions.insert(self.tasks[scheduled].as_u64(), Completion::TimedOut);
        }
        let others = self.tasks.iter().filter(|(scheduled, _)| !late.contains(scheduled));
        let others: Vec<(u64, TaskId)> = others.map(|(scheduled, task)| (*scheduled, *task)).collect();
        for (scheduled, task) in others {
            match self.beats(scheduled) {
                Beats::Never => {}
                // The last one was before.
                Beats::Until(last) if last < next.timestamp => {}
                Beats::Until(_) | Beats::Freely => self.beat(task, next.timestamp)?,
            }
        }
        let before = self.position;
        self.handle(Event::Tick, next)?;
        // What was redriven leaves no trace until it waits.
        while self.position == before && self.execution.is_due(next.timestamp) {
            self.handle(Event::Tick, next)?;
        }
        Ok(())
    }

    /// Heartbeats leave no trace: the last of a task came so that it was late when history says that it was.
    fn beat_until(&mut self, next: &HistoryEvent) -> Result<(), String> {
        let now = self.history[self.position.saturating_sub(1)].timestamp;
        let last = self.tasks.iter().filter_map(|(event, task)| match self.beats(*event) {
            Beats::Until(last) if (now..=next.timestamp).contains(&last) => Some((last, *task)),
            _ => None,
        });
        let mut last: Vec<(Timestamp, TaskId)> = last.collect();
        last.sort();
        last.into_iter().try_for_each(|(last, task)| self.beat(task, last))
    }

    fn beat(&mut self, task: TaskId, at: Timestamp) -> Result<(), String> {
        match self.execution.handle(Event::TaskHeartbeat { task }, at) {
            Ok(step) => self.compare(&step),
            // It has ended.
            Err(_) => Ok(()),
        }
    }

    /// What heartbeats a task had: as many as it needs not to be late before history says that it was.
    fn beats(&self, scheduled: u64) -> Beats {
        let Some(event) = self.before(scheduled) else { return Beats::Freely };
        let (Kind::TaskScheduled { terms, .. } | Kind::ActivityScheduled { terms, .. }) = &event.kind else {
            return Beats::Freely;
        };
        let late = |event: &&HistoryEvent| {
            is_timeout(event) && self.scheduled(event).is_ok_and(|other| other == scheduled)
        };
        let heartbeat = terms.as_ref().and_then(|terms| i64::try_from(terms.heartbeat_seconds?).ok());
        let (Some(heartbeat), Some(late)) = (heartbeat, self.history.iter().find(late)) else {
            return Beats::Freely;
        };
        let before = |time: Timestamp| Timestamp::from_millis(time.as_millis() - heartbeat * 1000);
        match self.guesses.get(&late.id) {
            Some(Guess::First) => {
                let earlier = self.history.iter().rev().find(|event| event.timestamp < late.timestamp);
                let earlier = earlier.map_or(late.timestamp, |event| event.timestamp);
                Beats::Until(before(earlier + Duration::from_millis(1)))
            }
            Some(_) => Beats::Never,
            None => Beats::Until(before(late.timestamp)),
        }
    }

    /// The number of the event that scheduled the task that `event` is about.
    fn scheduled(&self, event: &HistoryEvent) -> Result<u64, String> {
        let mut at = event.previous;
        while let Some(before) = self.before(at) {
            if is_schedule(before) {
                return Ok(at);
            }
            at = before.previous;
        }
        Err(format!("{event} is about no task"))
    }

    fn before(&self, at: u64) -> Option<&HistoryEvent> {
        self.history.get(usize::try_from(at.checked_sub(1)?).ok()?)
    }

    /// The task that an event is about, and whether it had been handed on before.
    fn task_of(&self, event: &HistoryEvent) -> Result<(TaskId, bool), String> {
        let task = self.tasks[&self.scheduled(event)?];
        let (mut at, mut handed_on) = (event.previous, false);
        while let Some(before) = self.before(at).filter(|before| !is_schedule(before)) {
            handed_on |= matches!(before.kind, Kind::TaskSubmitted { .. } | Kind::ActivityStarted { .. });
            at = before.previous;
        }
        Ok((task, handed_on))
    }
}

fn is_redrive(event: &HistoryEvent) -> bool {
    matches!(event.kind, Kind::ExecutionRedriven { .. })
}

fn is_timeout(event: &HistoryEvent) -> bool {
    matches!(
        event.kind,
        Kind::TaskTimedOut { .. } | Kind::ActivityTimedOut { .. } | Kind::LambdaFunctionTimedOut { .. }
    )
}

fn is_schedule(event: &HistoryEvent) -> bool {
    matches!(
        event.kind,
        Kind::TaskScheduled { .. } | Kind::LambdaFunctionScheduled { .. } | Kind::ActivityScheduled { .. }
    )
}

/// Whether it says what the call of an integration, or whoever has its token, answered.
fn is_answer(event: &HistoryEvent) -> bool {
    matches!(event.kind, Kind::TaskSucceeded { .. } | Kind::TaskFailed { .. }) && !is_of_child(event)
}

/// Whether it says what the start of an execution came to.
fn is_of_child(event: &HistoryEvent) -> bool {
    match &event.kind {
        Kind::TaskSucceeded { resource, .. } | Kind::TaskFailed { resource, .. } => is_child(resource),
        _ => false,
    }
}

/// Whether it starts an execution.
pub(crate) fn is_child(resource: &TaskResource) -> bool {
    &*resource.service == "states"
}

/// The number of the offer that a text carries: it is the first one in it, after the word.
fn offer(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("offer")?;
    let digits: String =
        rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
