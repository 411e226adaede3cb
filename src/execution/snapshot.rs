//! Saving an execution and going on with it: what changed, what was saved, and whether it fits.
//!
//! State is the truth, and nothing is replayed. The records that it is kept in are in `records.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::execution::arena::Touched;
use crate::execution::few::Few;
use crate::execution::frame::{Doing, Frame, Parent};
use crate::execution::outputs::{Ended, Output};
use crate::execution::ready::Ready;
use crate::execution::record::Recorder;
use crate::execution::records::{
    FORMAT, FrameChange, FrameRecord, Head, Kept, Now, Parts, Record, RecordKey, Started,
};
use crate::execution::redrive::Redrives;
use crate::execution::start::Start;
use crate::execution::{Execution, ROOT};
use crate::id::{FrameId, StateName};
#[cfg(any(feature = "file-store", feature = "postgres"))]
use crate::json::Json;
use crate::limits::Limits;
use crate::machine::StateMachine;
use crate::machine::state::StateKind;
use crate::query::Entropy;
use crate::time::Timestamp;

/// What has changed in an execution since its changes were last taken: one record for its head, one for each
/// frame that was touched, and one for each long document that such a frame got. What it was started from is among
/// its first changes, and only there.
///
/// Records are encoded when a store asks for their bytes, so that a store in memory need not.
#[derive(Clone)]
pub struct Changes {
    head: Head,
    started: Started,
    /// Whether the execution was never saved before.
    first: bool,
    root: Option<FrameChange>,
    /// Of branches and iterations.
    inner: Vec<FrameChange>,
    ended: Vec<Ended>,
    /// The places of outputs that are gone.
    gone: Vec<Range<u64>>,
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
    head: Option<Head>,
    started: Option<Started>,
    frames: Few<FrameId, Kept>,
}

/// Why stored state cannot be gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no head among the records.
    #[error("the execution's state has no head record")]
    NoHead,
    /// There is nothing among the records that says what it was started from.
    #[error("the execution's state does not say what it was started from")]
    NoStart,
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

impl Execution {
    /// What has changed since the last call: the execution's head and the frames that were touched.
    pub fn take_changes(&mut self) -> Changes {
        let head = Head {
            format: FORMAT,
            start: None,
            started_at: None,
            now: self.now,
            status: self.status.clone(),
            next_task: self.next_task,
            next_frame: self.next_frame,
            next_event: self.recorder.newest() + 1,
            drawn: self.entropy.drawn(),
            redrives: self.redrives.clone(),
            // Mostly there are none: nothing waits for more fuel.
            ready: if self.ready.is_empty() { Vec::new() } else { self.ready.iter().collect() },
        };
        let (machine, input, saved) = (&self.machine, &self.start.input, &mut self.saved);
        let (root, inner) = self.frames.take_dirty(|id, touched| {
            let before = saved.remove(id);
            let now = match touched {
                Touched::Gone => Now::Gone,
                Touched::Ended => Now::Ended,
                Touched::Frame(frame) => {
                    let state = machine.state(frame.state).name.clone();
                    let record = Arc::new(FrameRecord::new(frame, state, input));
                    if !record.apart.is_empty() {
                        saved.insert(id, Arc::clone(&record));
                    }
                    Now::Frame(record)
                }
            };
            FrameChange { id, now, before }
        });
        let (ended, gone) = self.frames.take_outputs();
        let started = Started { start: self.start.clone(), at: self.started_at };
        let first = !std::mem::replace(&mut self.started_saved, true);
        let kept = self.frames.get(ROOT).is_some();
        Changes { head, started, first, root, inner, ended, gone, kept }
    }

    /// Goes on with an execution that was saved.
    ///
    /// # Errors
    ///
    /// When the records do not decode, are of a later format, or belong to another machine.
    pub fn restore(
        machine: Arc<StateMachine>,
        snapshot: &Snapshot,
        limits: impl Into<Arc<Limits>>,
        now: Timestamp,
    ) -> Result<Self, RestoreError> {
        let head = snapshot.head.as_ref().ok_or(RestoreError::NoHead)?;
        if head.format > FORMAT {
            return Err(RestoreError::TooNew { found: head.format });
        }
        let Started { start, at } = snapshot.started.as_ref().ok_or(RestoreError::NoStart)?;
        let limits = limits.into();
        let start = match Arc::ptr_eq(&start.limits, &limits) {
            true => start.clone(),
            false => Arc::new(Start { limits, ..(**start).clone() }),
        };
        let mut execution = Self::new(machine, start, *at);
        execution.now = head.now;
        execution.status = head.status.clone();
        execution.redrives = head.redrives.clone();
        execution.count_from_redrive();
        execution.next_task = head.next_task;
        execution.next_frame = head.next_frame;
        execution.entropy = Entropy::resume(*execution.start.seed.bytes(), head.drawn);
        let Start { history, limits, .. } = &*execution.start;
        execution.recorder = Recorder::new(head.next_event, *history, limits.history_events);
        execution.started_saved = head.start.is_none();
        // Format 1 has no heartbeats: whoever sends them gets the whole time anew.
        let beats = (head.format == 1).then(|| now.max(head.now));
        let mut outputs: BTreeMap<FrameId, Vec<Output>> = BTreeMap::new();
        for (id, kept) in snapshot.frames.iter() {
            match kept {
                Kept::Frame(record) => execution.restore_frame(id, record, beats)?,
                Kept::Finished { parent, output, event } => {
                    let fits = execution.has_place(id, Some(*parent)) && id.0 < execution.next_frame;
                    if !fits {
                        return Err(RestoreError::Inconsistent { frame: id });
                    }
                    let output = Output { slot: parent.slot, event: *event, json: output.clone() };
                    outputs.entry(parent.frame).or_default().push(output);
                }
            }
        }
        for (parent, outputs) in outputs {
            if let Some(Frame { doing: Doing::Children(children), .. }) = execution.frames.get_mut(parent) {
                children.outputs.restore(outputs);
            }
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
        self.ready = Ready::default();
        self.ready.extend(order.iter().copied().filter(|id| others.remove(id)));
        self.ready.extend(others);
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

    fn restore_frame(
        &mut self,
        id: FrameId,
        record: &Arc<FrameRecord>,
        beats: Option<Timestamp>,
    ) -> Result<(), RestoreError> {
        let name = record.state.as_ref().ok_or(RestoreError::Inconsistent { frame: id })?;
        let found = self.machine.find(name.as_str());
        let state = found.ok_or_else(|| RestoreError::OtherMachine { state: name.clone() })?;
        if !record.apart.is_empty() {
            self.saved.insert(id, Arc::clone(record));
        }
        let mut doing = record.doing.clone();
        if let Doing::Task(task) = &mut doing {
            // What had no heartbeat when it was saved waits for its worker still.
            if let Some(now) = beats.filter(|_| task.heartbeat_due_at.is_some()) {
                Arc::make_mut(task).beat(now);
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

impl Changes {
    /// The execution's input.
    #[cfg(any(feature = "file-store", feature = "postgres"))]
    pub(crate) fn input(&self) -> &Json {
        &self.started.start.input
    }

    /// Whether anything is left of the execution's state, other than its head. Of one that has ended there is if it
    /// may be redriven.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// How often the execution was redriven; nothing for one that never was, and never ended without success.
    pub fn redrives(&self) -> Option<&Arc<Redrives>> {
        self.head.redrives.as_ref()
    }

    /// The records to write, encoded: the head first.
    pub fn records(&self) -> Vec<Record> {
        let mut records = vec![self.head.record()];
        if self.first {
            records.extend(self.started.records());
        }
        let record = |(id, kept): (FrameId, Option<Kept>)| Record {
            key: RecordKey::Frame(id),
            bytes: kept.as_ref().map(Kept::encode),
        };
        records.extend(self.kept().map(record));
        self.frames().for_each(|frame| frame.documents(&mut records));
        records
    }

    fn frames(&self) -> impl Iterator<Item = &FrameChange> {
        self.root.iter().chain(&self.inner)
    }

    /// What is kept of each frame that was touched; nothing of those that are gone.
    fn kept(&self) -> impl Iterator<Item = (FrameId, Option<Kept>)> {
        let frames = self.frames().filter_map(|FrameChange { id, now, .. }| match now {
            Now::Gone => Some((*id, None)),
            Now::Ended => None,
            Now::Frame(frame) => Some((*id, Some(Kept::Frame(frame.clone())))),
        });
        let ended = self.ended.iter().flat_map(Ended::kept).map(|(id, kept)| (id, Some(kept)));
        let gone = self.gone.iter().cloned().flatten().map(|id| (FrameId(id), None));
        frames.chain(ended).chain(gone)
    }
}

impl Snapshot {
    /// Puts together what a store kept, in any order.
    ///
    /// # Errors
    ///
    /// When a record does not decode, or one of its documents is missing.
    pub fn from_records(records: impl IntoIterator<Item = Record>) -> Result<Self, RestoreError> {
        let Parts { head, started, frames: read } = Parts::read(records)?;
        let mut frames = Few::default();
        read.into_iter().for_each(|(id, frame)| frames.insert(id, frame));
        Ok(Self { head, started, frames })
    }

    /// Brings it up to date with what has changed since.
    pub fn apply(&mut self, changes: &Changes) {
        self.take(&mut changes.clone());
    }

    /// The same with changes that nobody else needs: little of them is left.
    pub(crate) fn take(&mut self, changes: &mut Changes) {
        for FrameChange { id, now, .. } in changes.root.take().into_iter().chain(changes.inner.drain(..)) {
            match now {
                Now::Gone => drop(self.frames.remove(id)),
                Now::Ended => {}
                Now::Frame(frame) => self.frames.insert(id, Kept::Frame(frame)),
            }
        }
        let ended = changes.ended.iter().flat_map(Ended::kept);
        ended.for_each(|(id, kept)| self.frames.insert(id, kept));
        let gone = changes.gone.iter().cloned().flatten();
        gone.for_each(|id| drop(self.frames.remove(FrameId(id))));
        swap_in(&mut self.head, &mut changes.head);
        swap_in(&mut self.started, &mut changes.started);
    }

    /// Whether `changes` were the last to be applied.
    #[cfg(feature = "runtime")]
    pub(crate) fn has(&self, changes: &Changes) -> bool {
        let same = |(id, kept): (FrameId, Option<Kept>)| {
            self.frames.get(id).map(Kept::encode) == kept.as_ref().map(Kept::encode)
        };
        self.head.as_ref().is_some_and(|head| head.record() == changes.head.record())
            && changes.kept().all(same)
    }
}

/// Puts what is `new` in the place of what was there.
fn swap_in<T: Clone>(place: &mut Option<T>, new: &mut T) {
    match place {
        Some(old) => std::mem::swap(old, new),
        None => *place = Some(new.clone()),
    }
}

/// Inputs of tasks hold their tokens: only what was touched is shown.
impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames: Vec<FrameId> = self.frames().map(|frame| frame.id).collect();
        f.debug_struct("Changes").field("execution", &self.started.start.id).field("frames", &frames).finish()
    }
}

/// Inputs of tasks hold their tokens: only the size is shown.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let execution = self.started.as_ref().map(|started| &started.start.id);
        f.debug_struct("Snapshot")
            .field("execution", &execution)
            .field("frames", &self.frames.iter().count())
            .finish()
    }
}
