//! One run of a `States` block: where it stands, what it carries, what it waits for.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::execution::outputs::Outputs;
use crate::failure::Failure;
use crate::id::{FrameId, TaskId, TokenHash};
use crate::json::{Json, Object};
use crate::machine::StateId;
use crate::machine::retry::Fault;
use crate::time::Timestamp;

/// One run of a `States` block.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The frame that waits for this one; none waits for the machine's own.
    pub(super) parent: Option<Parent>,
    /// The variables assigned in this run, as an object; those of outer frames are read through it.
    pub(super) variables: Json,
    /// The state it is in, or is about to enter.
    pub(super) state: StateId,
    /// The raw input of that state.
    pub(super) input: Json,
    /// When the state was entered.
    pub(super) entered_at: Timestamp,
    /// The number of the history event that says so; causes mention it.
    pub(super) entered_event: u64,
    /// The history event that the next one follows.
    pub(super) last_event: u64,
    /// How often this entry of the state was tried again.
    pub(super) retries: u32,
    /// The same by retrier; shorter than the list of retriers until the later ones are used.
    pub(super) attempts: Vec<u32>,
    pub(super) doing: Doing,
}

/// The frame that waits for another one, as its branch or iteration number `slot`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Parent {
    pub(super) frame: FrameId,
    pub(super) slot: u32,
}

/// What a frame waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Doing {
    /// Nothing: it is about to enter its state.
    Entering,
    /// Nothing: it is about to try its state again, once the execution is redriven.
    Redriven,
    /// A Wait state's time.
    Waiting { until: Timestamp },
    /// The next attempt of a state that failed.
    BackingOff { until: Timestamp },
    /// A task's answer. What is saved of the task is the same until something happens to it.
    Task(Arc<RunningTask>),
    /// Its branches or iterations.
    Children(Box<Children>),
    /// The frame that waits for this one.
    Finished {
        #[serde(with = "crate::json::verbatim")]
        output: Json,
        /// The history event of its end.
        event: u64,
    },
    /// Nothing: its task timed out in the step being made.
    #[serde(skip)]
    Overdue(Fault),
}

/// The branches of a Parallel or the iterations of a Map.
///
/// What changes whenever one of them ends is not saved: it follows from their own frames.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Children {
    /// The frame of the first; the others' follow.
    pub(super) base: FrameId,
    pub(super) total: u32,
    /// How many run at once.
    pub(super) limit: u32,
    /// A Map's items.
    #[serde(with = "crate::json::verbatim")]
    pub(super) items: Json,
    /// The history event that they follow.
    pub(super) started: u64,
    /// The effective input that a Map's items were taken from, until a restart.
    #[serde(skip)]
    pub(super) effective: Option<Json>,
    /// How many have begun.
    #[serde(skip)]
    pub(super) begun: u32,
    /// How many run.
    #[serde(skip)]
    pub(super) running: u32,
    /// What those that have ended gave.
    #[serde(skip)]
    pub(super) outputs: Outputs,
}

/// A task that was started and has not come to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RunningTask {
    pub(super) id: TaskId,
    /// What the handler got: it gets the same when it is called again after a crash.
    #[serde(with = "crate::json::verbatim")]
    pub(super) input: Json,
    pub(super) role: Option<Arc<str>>,
    pub(super) timeout: Option<u32>,
    pub(super) heartbeat: Option<u32>,
    pub(super) times_out_at: Timestamp,
    pub(super) heartbeat_due_at: Option<Timestamp>,
    /// Whether the call that hands it to someone else has returned.
    pub(super) submitted: bool,
    /// An answer that came before the handler returned, and until when it waits for that.
    pub(super) answer: Option<EarlyAnswer>,
    /// The hash of its token, until a restart.
    #[serde(skip)]
    pub(super) hash: Option<TokenHash>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EarlyAnswer {
    pub(super) answer: Answer,
    pub(super) waits_until: Timestamp,
}

/// What a task came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Succeeded(#[serde(with = "crate::json::verbatim")] Json),
    Failed(Failure),
}

impl Frame {
    /// A frame that is about to enter `state`.
    pub(super) fn new(state: StateId, input: Json, previous: u64) -> Self {
        Self {
            parent: None,
            variables: Json::Null,
            state,
            input,
            entered_at: Timestamp::EPOCH,
            entered_event: 0,
            last_event: previous,
            retries: 0,
            attempts: Vec::new(),
            doing: Doing::Entering,
        }
    }

    /// Sends it to another state.
    pub(super) fn go(&mut self, state: StateId, input: Json) {
        self.state = state;
        self.input = input;
        self.retries = 0;
        self.attempts.clear();
        self.doing = Doing::Entering;
    }

    /// Takes over variables that a state assigned.
    pub(super) fn assign(&mut self, assigned: Option<&Object>) {
        if let Some(assigned) = assigned {
            assign(&mut self.variables, assigned);
        }
    }

    /// When something happens by itself.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        match &self.doing {
            Doing::Entering
            | Doing::Redriven
            | Doing::Children(_)
            | Doing::Finished { .. }
            | Doing::Overdue(_) => None,
            Doing::Waiting { until } | Doing::BackingOff { until } => Some(*until),
            Doing::Task(task) => Some(task.deadline()),
        }
    }

    /// Whether it can go on by itself.
    pub(super) fn is_ready(&self) -> bool {
        match &self.doing {
            Doing::Entering | Doing::Redriven => true,
            // Only where the state failed, and the execution was redriven.
            Doing::Children(children) => children.running == 0 || children.may_begin(),
            Doing::Waiting { .. }
            | Doing::BackingOff { .. }
            | Doing::Task(_)
            | Doing::Finished { .. }
            | Doing::Overdue(_) => false,
        }
    }

    /// The task it waits for.
    pub(super) fn task(&self) -> Option<&RunningTask> {
        match &self.doing {
            Doing::Task(task) => Some(task),
            _ => None,
        }
    }
}

impl Children {
    pub(super) fn new(base: FrameId, total: u32, limit: u32, items: Json, started: u64) -> Self {
        let outputs = Outputs::default();
        Self { base, total, limit, items, started, effective: None, begun: 0, running: 0, outputs }
    }

    /// What is saved of them.
    pub(super) fn record(&self) -> Self {
        Self::new(self.base, self.total, self.limit, self.items.clone(), self.started)
    }

    /// Whether there is one that has not begun, and room for it.
    pub(super) fn may_begin(&self) -> bool {
        self.begun < self.total && self.running < self.limit
    }
}

/// Takes `assigned` over into `variables`.
pub(super) fn assign(variables: &mut Json, assigned: &Object) {
    if variables.is_null() {
        *variables = Json::empty_object();
    }
    let variables = variables.object_mut().expect("variables are an object");
    assigned.iter().for_each(|(name, value)| variables.insert(name.clone(), value.clone()));
}

impl RunningTask {
    fn deadline(&self) -> Timestamp {
        match (&self.answer, self.heartbeat_due_at) {
            (Some(answer), _) => answer.waits_until,
            (None, Some(heartbeat)) => self.times_out_at.min(heartbeat),
            (None, None) => self.times_out_at,
        }
    }

    /// Lets the heartbeat's clock start anew at `now`.
    pub(super) fn beat(&mut self, now: Timestamp) {
        self.heartbeat_due_at = self.heartbeat.map(|seconds| now + Duration::from_secs(seconds.into()));
    }
}

impl Children {
    /// The frame of the branch or iteration number `slot`.
    pub(super) fn frame(&self, slot: u32) -> FrameId {
        FrameId(self.base.0 + u64::from(slot))
    }

    /// The item of the iteration number `slot`; nothing if these are the branches of a Parallel.
    pub(super) fn item(&self, slot: u32) -> Option<&Json> {
        self.items.at(slot as usize)
    }
}
