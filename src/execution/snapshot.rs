//! State as bytes: one self-describing record for each frame and one for the execution as a whole.
//!
//! State is the truth, and nothing is replayed. The head carries a format number; a later version reads every
//! earlier format.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::execution::arena::Touched;
use crate::execution::few::Few;
use crate::execution::frame::{Doing, Finished, Frame, Parent};
use crate::execution::record::Recorder;
use crate::execution::redrive::Redrives;
use crate::execution::start::Start;
use crate::execution::step::ExecutionStatus;
use crate::execution::{Execution, ROOT};
use crate::id::{FrameId, StateName};
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::machine::state::StateKind;
use crate::query::Entropy;
use crate::time::Timestamp;

/// The number of the format that this version writes.
const FORMAT: u32 = 1;

/// What has changed in an execution since its changes were last taken: one record for its head, one for each
/// frame that was touched.
///
/// Records are encoded when a store asks for their bytes, so that a store in memory need not.
#[derive(Clone)]
pub struct Changes {
    head: Arc<Head>,
    frames: Vec<(FrameId, Option<Kept>)>,
    /// Whether there are frames left.
    kept: bool,
}

/// Everything that is to be known about an execution in order to go on with it: all its records.
///
/// A store builds one from what it kept, either record by record or by [`apply`](Self::apply).
///
/// ```
/// use std::sync::Arc;
/// use serde_json::json;
/// use stepwright::{Execution, Limits, Snapshot, Start, StateMachine, Timestamp};
///
/// let machine = Arc::new(StateMachine::parse(
///     r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 60, "End": true } } }"#,
/// )?);
/// let (mut execution, _) = Execution::start(machine.clone(), Start::new("nap", json!({})), Timestamp::EPOCH);
///
/// let records = execution.take_changes().records();   // what a store writes
/// let snapshot = Snapshot::from_records(records)?;    // what it reads after a crash
/// let again = Execution::restore(machine, &snapshot, Limits::AWS, Timestamp::EPOCH)?;
/// assert_eq!(again.deadline(), execution.deadline());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Snapshot {
    head: Option<Arc<Head>>,
    frames: Few<FrameId, Kept>,
}

/// One record of an execution's state.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Which part of the state it is: writing it replaces what was there.
    pub key: RecordKey,
    /// The part, or nothing where it is gone.
    pub bytes: Option<Vec<u8>>,
}

/// Which part of an execution's state a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordKey {
    /// The execution as a whole.
    Head,
    /// One frame.
    Frame(FrameId),
}

/// Why stored state cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no head among the records.
    #[error("the execution's state has no head record")]
    NoHead,
    /// A record does not decode.
    #[error("a record of the execution's state does not decode: {0}")]
    Corrupt(#[from] serde_json::Error),
    /// A later version of this crate wrote it.
    #[error("the execution's state has format {found}, and this version reads formats up to {FORMAT}")]
    TooNew {
        /// The format of the state.
        found: u32,
    },
    /// The machine is not the one that the execution was started with.
    #[error("the execution is in state `{state}`, which the machine does not have")]
    OtherMachine {
        /// The state that is missing.
        state: StateName,
    },
    /// A record does not fit the others, or its state.
    #[error("the record of frame {frame} does not fit the rest of the execution's state")]
    Inconsistent {
        /// Which frame's.
        frame: FrameId,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    format: u32,
    start: Arc<Start>,
    started_at: Timestamp,
    now: Timestamp,
    status: ExecutionStatus,
    next_task: u64,
    next_frame: u64,
    next_event: u64,
    drawn: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redrives: Option<Arc<Redrives>>,
    /// Frames that can go on at once, in their order: there are some only when a step ran out of fuel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ready: Vec<FrameId>,
}

/// What is kept of a frame, until a store asks for bytes.
#[derive(Clone)]
enum Kept {
    Frame(Arc<FrameRecord>),
    /// There are many of these.
    Finished {
        parent: Parent,
        output: Json,
        event: u64,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct FrameRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Parent>,
    #[serde(default, with = "crate::json::verbatim", skip_serializing_if = "Json::is_null")]
    variables: Json,
    /// A branch or iteration that has finished is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<StateName>,
    #[serde(with = "crate::json::verbatim")]
    input: Json,
    entered_at: Timestamp,
    entered_event: u64,
    last_event: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    retries: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<u32>,
    doing: Doing,
}

impl Execution {
    /// What has changed since the last call: the execution's head and the frames that were touched.
    pub fn take_changes(&mut self) -> Changes {
        let head = Head {
            format: FORMAT,
            start: self.start.clone(),
            started_at: self.started_at,
            now: self.now,
            status: self.status.clone(),
            next_task: self.next_task,
            next_frame: self.next_frame,
            next_event: self.recorder.newest() + 1,
            drawn: self.entropy.drawn(),
            redrives: self.redrives.clone(),
            ready: self.ready.iter().copied().collect(),
        };
        let machine = &self.machine;
        let frames = self.frames.take_dirty(|touched| match touched {
            Touched::Frame(frame) => Kept::Frame(Arc::new(FrameRecord {
                parent: frame.parent,
                variables: frame.variables.clone(),
                state: Some(machine.state(frame.state).name.clone()),
                input: frame.input.clone(),
                entered_at: frame.entered_at,
                entered_event: frame.entered_event,
                last_event: frame.last_event,
                retries: frame.retries,
                attempts: frame.attempts.clone(),
                doing: frame.doing.clone(),
            })),
            Touched::Finished(finished) => Kept::Finished {
                parent: finished.parent,
                output: finished.output.clone(),
                event: finished.event,
            },
        });
        Changes { head: Arc::new(head), frames, kept: self.frames.get(ROOT).is_some() }
    }

    /// Goes on with an execution that was saved.
    ///
    /// Heartbeats that came after the last commit were not saved, so their clocks start afresh at `now`.
    ///
    /// # Errors
    ///
    /// When the records do not decode, are of a later format, or belong to another machine.
    pub fn restore(
        machine: Arc<StateMachine>,
        snapshot: &Snapshot,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Self, RestoreError> {
        let head = snapshot.head.as_ref().ok_or(RestoreError::NoHead)?;
        if head.format > FORMAT {
            return Err(RestoreError::TooNew { found: head.format });
        }
        let start = match head.start.limits == limits {
            true => head.start.clone(),
            false => Arc::new(Start { limits, ..(*head.start).clone() }),
        };
        let mut execution = Self::new(machine, start, head.started_at);
        execution.now = head.now;
        execution.status = head.status.clone();
        execution.redrives = head.redrives.clone();
        execution.next_task = head.next_task;
        execution.next_frame = head.next_frame;
        execution.entropy = Entropy::resume(*head.start.seed.bytes(), head.drawn);
        execution.recorder = Recorder::new(head.next_event, head.start.history, limits.history_events);
        for (id, kept) in snapshot.frames.iter() {
            execution.restore_frame(id, kept, now)?;
        }
        execution.check()?;
        execution.recount();
        execution.queue(&head.ready);
        Ok(execution)
    }

    /// Puts the frames that can go on in the order they were in.
    pub(super) fn queue(&mut self, order: &[FrameId]) {
        let ready = |(id, frame): (FrameId, &Frame)| frame.is_ready().then_some(id);
        let mut others: BTreeSet<FrameId> = self.frames.iter().filter_map(ready).collect();
        let mut ready: VecDeque<FrameId> = order.iter().copied().filter(|id| others.remove(id)).collect();
        ready.extend(others);
        self.ready = ready;
    }

    /// Whether the frames fit one another and their states: nothing that a store gives back may make the
    /// interpreter trip.
    fn check(&self) -> Result<(), RestoreError> {
        if !self.status.is_closed() && self.frames.get(ROOT).is_none() {
            return Err(RestoreError::Inconsistent { frame: ROOT });
        }
        for (id, frame) in self.frames.iter() {
            if !self.fits(id, frame) {
                return Err(RestoreError::Inconsistent { frame: id });
            }
        }
        for (id, finished) in self.frames.finished() {
            if !self.has_place(id, Some(finished.parent)) || id.0 >= self.next_frame {
                return Err(RestoreError::Inconsistent { frame: id });
            }
        }
        Ok(())
    }

    fn fits(&self, id: FrameId, frame: &Frame) -> bool {
        let state = self.machine.state(frame.state);
        let doing = match (&frame.doing, &state.kind) {
            (Doing::Children(children), StateKind::Map(_)) => {
                children.items.as_array().is_some_and(|items| items.len() == children.total as usize)
            }
            (Doing::Children(children), StateKind::Parallel(parallel)) => {
                parallel.branches.len() == children.total as usize
            }
            (Doing::Waiting { .. }, kind) => matches!(kind, StateKind::Wait(_)),
            (Doing::Task(task), kind) => {
                matches!(kind, StateKind::Task(_))
                    && task.id.0 < self.next_task
                    && self.tasks.get(task.id) == Some(&id)
            }
            (Doing::Entering | Doing::Redriven | Doing::BackingOff { .. }, _) => true,
            (Doing::Children(_) | Doing::Finished { .. } | Doing::Overdue(_), _) => false,
        };
        let variables = frame.variables.is_null() || frame.variables.as_object().is_some();
        doing && self.has_place(id, frame.parent) && variables && id.0 < self.next_frame
    }

    /// Whether the frame `id` is one that `parent` waits for, or nobody's.
    fn has_place(&self, id: FrameId, parent: Option<Parent>) -> bool {
        match parent {
            None => id == ROOT,
            Some(parent) => self.frames.get(parent.frame).is_some_and(|waiting| match &waiting.doing {
                Doing::Children(children) => {
                    parent.frame < id
                        && parent.slot < children.total
                        && children.base.0.checked_add(parent.slot.into()) == Some(id.0)
                }
                _ => false,
            }),
        }
    }

    fn restore_frame(&mut self, id: FrameId, kept: &Kept, now: Timestamp) -> Result<(), RestoreError> {
        let record = match kept {
            Kept::Frame(record) => record,
            Kept::Finished { parent, output, event } => {
                let finished = Finished { parent: *parent, output: output.clone(), event: *event };
                self.frames.restore_finished(id, finished);
                return Ok(());
            }
        };
        let name = record.state.as_ref().ok_or(RestoreError::Inconsistent { frame: id })?;
        let found = self.machine.find(name.as_str());
        let state = found.ok_or_else(|| RestoreError::OtherMachine { state: name.clone() })?;
        let mut doing = record.doing.clone();
        if let Doing::Task(task) = &mut doing {
            // What had no heartbeat when it was saved waits for its worker still.
            if task.heartbeat_due_at.is_some() {
                task.beat(now.max(self.now));
            }
            self.tasks.insert(task.id, id);
        }
        let frame = Frame {
            parent: record.parent,
            variables: record.variables.clone(),
            state,
            input: record.input.clone(),
            entered_at: record.entered_at,
            entered_event: record.entered_event,
            last_event: record.last_event,
            retries: record.retries,
            attempts: record.attempts.clone(),
            doing,
        };
        self.timers.set(id, None, frame.deadline());
        self.frames.restore(id, Box::new(frame));
        Ok(())
    }
}

impl Kept {
    fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let record: FrameRecord = serde_json::from_slice(bytes)?;
        Ok(match (record.doing, record.parent) {
            (Doing::Finished { output, event }, Some(parent)) => Self::Finished { parent, output, event },
            (doing, _) => Self::Frame(Arc::new(FrameRecord { doing, ..record })),
        })
    }

    fn write(&self) -> Vec<u8> {
        match self {
            Self::Frame(record) => encode(&**record),
            Self::Finished { parent, output, event } => encode(&FrameRecord {
                parent: Some(*parent),
                variables: Json::Null,
                state: None,
                input: Json::Null,
                entered_at: Timestamp::EPOCH,
                entered_event: 0,
                last_event: *event,
                retries: 0,
                attempts: Vec::new(),
                doing: Doing::Finished { output: output.clone(), event: *event },
            }),
        }
    }
}

impl Changes {
    /// Whether anything is left of the execution's state, other than its head. Of one that has ended there is if it
    /// may be redriven.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// How often the execution was redriven; nothing for one that never was, and never ended without success.
    pub fn redrives(&self) -> Option<&Arc<Redrives>> {
        self.head.redrives.as_ref()
    }

    /// The records to write, encoded.
    pub fn records(&self) -> Vec<Record> {
        let head = Record { key: RecordKey::Head, bytes: Some(encode(&*self.head)) };
        let frames = self
            .frames
            .iter()
            .map(|(id, frame)| Record { key: RecordKey::Frame(*id), bytes: frame.as_ref().map(Kept::write) });
        std::iter::once(head).chain(frames).collect()
    }
}

impl RecordKey {
    /// A number to keep it by.
    pub fn number(self) -> u64 {
        match self {
            Self::Head => 0,
            Self::Frame(frame) => frame.as_u64() + 1,
        }
    }

    /// Which key has this number.
    ///
    /// ```
    /// use stepwright::RecordKey;
    ///
    /// assert_eq!(RecordKey::from_number(RecordKey::Head.number()), RecordKey::Head);
    /// ```
    pub fn from_number(number: u64) -> Self {
        match number.checked_sub(1) {
            None => Self::Head,
            Some(frame) => Self::Frame(frame.into()),
        }
    }
}

impl Snapshot {
    /// Puts together what a store kept, in any order.
    ///
    /// # Errors
    ///
    /// When a record does not decode.
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Result<Self, RestoreError> {
        let mut snapshot = Self::default();
        for record in records {
            let Some(bytes) = record.bytes else { continue };
            match record.key {
                RecordKey::Head => snapshot.head = Some(Arc::new(serde_json::from_slice(&bytes)?)),
                RecordKey::Frame(id) => {
                    snapshot.frames.insert(id, Kept::read(&bytes)?);
                }
            }
        }
        Ok(snapshot)
    }

    /// Brings it up to date with what has changed since.
    pub fn apply(&mut self, changes: &Changes) {
        self.head = Some(changes.head.clone());
        for (id, frame) in &changes.frames {
            match frame {
                Some(frame) => self.frames.insert(*id, frame.clone()),
                None => drop(self.frames.remove(*id)),
            }
        }
    }

    /// Whether `changes` were the last to be applied.
    #[cfg(feature = "runtime")]
    pub(crate) fn has(&self, changes: &Changes) -> bool {
        let same = |id: FrameId, frame: Option<&Kept>| {
            self.frames.get(id).map(Kept::write) == frame.map(Kept::write)
        };
        self.head.as_ref().is_some_and(|head| encode(&**head) == encode(&*changes.head))
            && changes.frames.iter().all(|(id, frame)| same(*id, frame.as_ref()))
    }
}

impl Record {
    /// A record as a store kept it.
    pub fn new(key: RecordKey, bytes: Vec<u8>) -> Self {
        Self { key, bytes: Some(bytes) }
    }
}

/// Inputs of tasks hold their tokens: only what was touched is shown.
impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames: Vec<FrameId> = self.frames.iter().map(|(id, _)| *id).collect();
        f.debug_struct("Changes").field("execution", &self.head.start.id).field("frames", &frames).finish()
    }
}

/// Inputs of tasks hold their tokens: only the size is shown.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let execution = self.head.as_ref().map(|head| &head.start.id);
        f.debug_struct("Snapshot")
            .field("execution", &execution)
            .field("frames", &self.frames.iter().count())
            .finish()
    }
}

/// Records hold inputs and the seed of the task tokens: only their size is shown.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.as_ref().map(Vec::len);
        f.debug_struct("Record").field("key", &self.key).field("bytes", &size).finish()
    }
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("state has string keys only, and no number JSON cannot write")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
