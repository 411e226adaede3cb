//! The interpreter: one run of a state machine, events in, commands out.

mod advance;
mod arena;
mod children;
mod command;
mod event;
mod few;
mod frame;
mod outputs;
mod ready;
mod record;
mod records;
mod redrive;
mod retry_catch;
mod snapshot;
mod start;
mod states;
mod step;
mod timer;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use command::{CancelReason, Command, Iteration, TaskStart};
pub use event::{Event, EventRejected, Reporter};
pub(crate) use few::Few;
pub use records::{Record, RecordKey};
pub use redrive::{NotRedrivable, Redrives};
pub use snapshot::{Changes, RestoreError, Snapshot};
pub use start::{Seed, Start};
pub use step::{ExecutionStatus, IssuedToken, Step, TokenChanges};

use crate::arn::{Arn, IntegrationPattern};
use crate::execution::arena::Frames;
use crate::execution::frame::{Answer, Doing, Frame, RunningTask};
use crate::execution::ready::Ready;
use crate::execution::record::Recorder;
use crate::execution::records::FrameRecord;
use crate::execution::timer::Timers;
use crate::failure::{ErrorName, Failure};
use crate::history::HistoryEventKind;
use crate::id::{ExecutionId, FrameId, TaskId};
use crate::machine::{BlockId, StateMachine};
use crate::query::Entropy;
use crate::time::Timestamp;

/// One run of a state machine: events in, commands out.
///
/// An execution does no I/O, reads no clock and draws no randomness of its own. Feed it an [`Event`] and the
/// time; it answers with a [`Step`]. Equal machines, equal starts, equal events and equal times give equal
/// steps: always, on every platform, after every restart.
///
/// **Commit a step before you carry out its commands.** What has to be written is in the step and in
/// [`take_changes`](Self::take_changes); what was started and not yet reported when a process died is in
/// [`outstanding`](Self::outstanding) after [`restore`](Self::restore).
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use stepwright::{Command, Event, Execution, ExecutionStatus, Json, Reporter, Start, StateMachine, Timestamp};
///
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "Add", "States": { "Add": {
///         "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Add", "End": true } } }"#,
/// )?);
/// let now = Timestamp::EPOCH;
/// let (mut execution, step) = Execution::start(machine, Start::new("sum", json!([1, 2])), now);
///
/// // Commit the step, then do what it asks.
/// let Command::StartTask(task) = &step.commands[0] else { unreachable!() };
/// assert_eq!(task.input, Json::from(json!([1, 2])));
///
/// let done = Event::TaskSucceeded { task: task.task, output: Json::from(3), reporter: Reporter::Handler };
/// let step = execution.handle(done, now)?;
/// assert_eq!(step.status, ExecutionStatus::Succeeded { output: Json::from(3) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Execution {
    machine: Arc<StateMachine>,
    start: Arc<Start>,
    started_at: Timestamp,
    /// When the machine's `TimeoutSeconds` or the limits end it.
    times_out_at: Timestamp,
    now: Timestamp,
    status: ExecutionStatus,
    /// Nothing for one that was never redriven, and never ended without success.
    redrives: Option<Arc<Redrives>>,
    frames: Frames,
    /// The memory of a branch or iteration that has ended, for the next one to begin in the step being made.
    spare: Option<Box<Frame>>,
    timers: Timers,
    tasks: Few<TaskId, FrameId>,
    next_task: u64,
    next_frame: u64,
    entropy: Entropy,
    recorder: Recorder,
    /// Frames that can go on at once.
    ready: Ready,
    commands: Vec<Command>,
    tokens: TokenChanges,
    /// Whether the step being made changes anything that a restart needs.
    changed: bool,
    /// How the frames with long documents were saved.
    saved: Few<FrameId, Arc<FrameRecord>>,
    /// Whether it was saved what it was started from.
    started_saved: bool,
}

/// The frame that runs the machine's own states.
const ROOT: FrameId = FrameId(0);

impl Execution {
    /// Begins an execution and takes it as far as it goes without help.
    pub fn start(machine: Arc<StateMachine>, start: Start, now: Timestamp) -> (Self, Step) {
        let mut execution = Self::new(machine, Arc::new(start), now);
        let machine = Arc::clone(&execution.machine);
        let step = execution.begin(&machine);
        (execution, step)
    }

    /// Takes an execution that was just made as far as it goes without help.
    pub(crate) fn begin(&mut self, machine: &StateMachine) -> Step {
        let Self { start, recorder, now, .. } = self;
        let now = *now;
        recorder.record(now, 0, || HistoryEventKind::ExecutionStarted {
            input: start.input.clone(),
            role_arn: Some(start.role_arn.clone()),
            qualifier: None,
        });
        // The first state follows nothing, not even the start (recorded: every history).
        let frame = Frame::new(machine.block(BlockId::ROOT).start, start.input.clone(), 0);
        self.frames.put(ROOT, Box::new(frame));
        self.ready.push_back(ROOT);
        self.advance(machine);
        self.take_step()
    }

    /// An execution that has not begun.
    pub(crate) fn new(machine: Arc<StateMachine>, start: Arc<Start>, now: Timestamp) -> Self {
        let times_out_at = now + longest(&machine, &start);
        Self {
            started_at: now,
            times_out_at,
            now,
            status: ExecutionStatus::Running,
            redrives: None,
            frames: Frames::default(),
            spare: None,
            timers: Timers::default(),
            tasks: Few::default(),
            next_task: 0,
            next_frame: ROOT.0 + 1,
            entropy: Entropy::new(*start.seed.bytes()),
            recorder: Recorder::new(1, start.history, start.limits.history_events),
            ready: Ready::default(),
            commands: Vec::new(),
            tokens: TokenChanges::default(),
            changed: true,
            saved: Few::default(),
            started_saved: false,
            machine,
            start,
        }
    }

    /// Tells the execution what happened.
    ///
    /// A `now` that lies before an earlier one counts as that one: a clock set back does not make history run
    /// backwards.
    ///
    /// # Errors
    ///
    /// When the event cannot apply: its task is gone, the execution is closed. Nothing has changed then.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Result<Step, EventRejected> {
        let machine = Arc::clone(&self.machine);
        self.handle_in(&machine, event, now)
    }

    /// The same for who has the execution's machine at hand.
    pub(crate) fn handle_in(
        &mut self,
        machine: &StateMachine,
        event: Event,
        now: Timestamp,
    ) -> Result<Step, EventRejected> {
        if self.status.is_closed() {
            return Err(EventRejected::Closed);
        }
        self.now = self.now.max(now);
        // Nothing has changed if nothing was due.
        self.changed = !matches!(event, Event::Tick);
        match event {
            Event::Tick => self.tick(machine),
            Event::Stop { failure } => self.stop(failure),
            Event::TaskStarted { task, worker } => {
                self.on_task(machine, task, |turn, frame, state| turn.task_started(frame, state, worker))?
            }
            Event::TaskSubmitted { task, output } => {
                self.on_task(machine, task, |turn, frame, state| turn.task_submitted(frame, state, output))?;
            }
            Event::TaskHeartbeat { task } => {
                self.on_task(machine, task, |turn, frame, _| turn.task_heartbeat(frame))?;
            }
            Event::TaskSucceeded { task, output, reporter } => {
                self.on_task(machine, task, |turn, frame, state| {
                    turn.task_answered(frame, state, Answer::Succeeded(output), reporter)
                })?;
            }
            Event::TaskFailed { task, failure, reporter } => {
                self.on_task(machine, task, |turn, frame, state| {
                    turn.task_answered(frame, state, Answer::Failed(failure), reporter)
                })?;
            }
        }
        self.advance(machine);
        Ok(self.take_step())
    }

    /// Says which activities do not exist from now on; no set is an empty one. It is not saved: whoever goes on
    /// with an execution after a restart says it anew, before the next event. What it starts without is said in
    /// [`Start::missing_activities`].
    pub fn set_missing_activities(&mut self, missing: Option<&Arc<BTreeSet<Arn>>>) {
        if self.start.missing.as_ref() != missing {
            Arc::make_mut(&mut self.start).missing = missing.cloned();
        }
    }

    /// Which execution this is.
    pub fn id(&self) -> &ExecutionId {
        &self.start.id
    }

    /// What it was started from.
    pub fn start_request(&self) -> &Start {
        &self.start
    }

    /// The machine it runs.
    pub fn machine(&self) -> &Arc<StateMachine> {
        &self.machine
    }

    /// When it was started.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// How it stands.
    pub fn status(&self) -> &ExecutionStatus {
        &self.status
    }

    /// When to send [`Event::Tick`], if nothing else happens first.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.status.is_closed() {
            return None;
        }
        if !self.ready.is_empty() {
            return Some(self.now);
        }
        Some(self.timers.next().map_or(self.times_out_at, |timer| timer.min(self.times_out_at)))
    }

    /// Whether it is time for [`Event::Tick`]: the deadline has come by `now`, or had come before the clock was
    /// set back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now.max(self.now))
    }

    /// Tasks that were started and not yet reported: what to start again after a crash, in order.
    ///
    /// A task that was handed on and waits for its token is not among them, and neither is one whose answer
    /// has come already.
    pub fn outstanding(&self) -> Vec<TaskStart> {
        self.unanswered(|task, _| !task.submitted)
    }

    /// Tasks that are with somebody: activities that a worker has begun, and jobs of `.sync` that were submitted
    /// and have not ended, in order. After a crash their tokens still complete them; whoever watched over them
    /// in the process that died has to begin again.
    pub fn handed_on(&self) -> Vec<TaskStart> {
        self.unanswered(|task, pattern| task.submitted && pattern != IntegrationPattern::WaitForTaskToken)
    }

    fn unanswered(&self, wanted: impl Fn(&RunningTask, IntegrationPattern) -> bool) -> Vec<TaskStart> {
        if self.status.is_closed() {
            // What it was at is kept for a redrive only.
            return Vec::new();
        }
        let mut unanswered: Vec<TaskStart> = self
            .frames
            .iter()
            .filter_map(|(_, frame)| Some((frame, frame.task()?)))
            .filter(|(_, running)| running.answer.is_none())
            .map(|(frame, running)| (running, self.task_again(frame, running)))
            .filter(|(running, start)| wanted(running, start.pattern))
            .map(|(_, start)| start)
            .collect();
        unanswered.sort_by_key(|start| start.task);
        unanswered
    }

    /// Lets the machine's `TimeoutSeconds` count anew after a redrive; the limits do not.
    fn count_from_redrive(&mut self) {
        if let (Some(redriven), Some(timeout)) = (self.redrives().last, self.machine.timeout()) {
            let limit = self.started_at + self.start.limits.execution_time;
            self.times_out_at = limit.min(redriven + timeout);
        }
    }

    fn stop(&mut self, failure: Failure) {
        self.close(0, ExecutionStatus::Aborted { failure });
    }

    /// Ends the execution: cancels what runs, forgets the frames unless a redrive may need them, records the end.
    fn close(&mut self, previous: u64, status: ExecutionStatus) {
        self.changed = true;
        let kept = self.is_kept(&status);
        for id in self.frames.ids() {
            let frame = self.frames.take(id);
            if let Some(frame) = &frame {
                self.abandon(frame, CancelReason::ExecutionClosed);
            }
            match frame {
                frame if !kept => {
                    if let Some(Doing::Children(children)) = frame.map(|frame| frame.doing) {
                        self.frames.forget(&children, children.saved());
                    }
                    self.frames.remove(id);
                }
                Some(mut frame) if matches!(frame.doing, Doing::Overdue(_)) => {
                    frame.doing = Doing::Redriven;
                    self.frames.put(id, frame);
                }
                // What it was at is in the store already, or marked.
                Some(frame) => self.frames.put_back(id, frame),
                None => {}
            }
        }
        self.timers = Timers::default();
        self.tasks = Few::default();
        self.ready.clear();
        let kind = match &status {
            ExecutionStatus::Succeeded { output } => {
                HistoryEventKind::ExecutionSucceeded { output: output.clone() }
            }
            ExecutionStatus::Failed { failure } => {
                HistoryEventKind::ExecutionFailed { failure: failure.clone() }
            }
            ExecutionStatus::Aborted { failure } => {
                HistoryEventKind::ExecutionAborted { failure: failure.clone() }
            }
            ExecutionStatus::TimedOut | ExecutionStatus::Running => {
                HistoryEventKind::ExecutionTimedOut { failure: Failure::named(ErrorName::TIMEOUT) }
            }
        };
        self.recorder.record_last(self.now, previous, || kind);
        if !matches!(status, ExecutionStatus::Succeeded { .. }) {
            self.note_events();
        }
        self.status = status;
    }

    /// The step in which nothing happens: for commits that say nothing about the execution.
    pub fn idle(&self) -> Step {
        Step { deadline: self.deadline(), status: self.status.clone(), ..Step::default() }
    }

    fn take_step(&mut self) -> Step {
        Step {
            commands: std::mem::take(&mut self.commands),
            history: self.recorder.take(),
            tokens: std::mem::take(&mut self.tokens),
            deadline: self.deadline(),
            status: self.status.clone(),
            changed: self.changed,
        }
    }
}

/// How long the machine's `TimeoutSeconds` and the limits let an execution run.
fn longest(machine: &StateMachine, start: &Start) -> Duration {
    let limit = start.limits.execution_time;
    machine.timeout().map_or(limit, |timeout| timeout.min(limit))
}

/// Inputs of tasks hold their tokens: they are not shown.
impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("id", &self.start.id)
            .field("status", &self.status)
            .field("now", &self.now)
            .field("tasks", &self.tasks.iter().map(|(task, _)| task).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
