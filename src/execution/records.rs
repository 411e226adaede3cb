//! State as bytes: self-describing records, each of them one part of an execution's state.
//!
//! What an execution was started from is written once, a frame when a step touched it, and a long document of a
//! frame when the frame got it. The head carries a format number; a later version reads every earlier format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::execution::frame::{Answer, Doing, Frame, Parent};
use crate::execution::outputs::{Ended, Output};
use crate::execution::redrive::Redrives;
use crate::execution::snapshot::RestoreError;
use crate::execution::start::Start;
use crate::execution::step::ExecutionStatus;
use crate::id::{FrameId, StateName};
use crate::json::Json;
use crate::json::verbatim::Verbatim;
use crate::time::Timestamp;

/// The number of the format that this version writes.
///
/// In format 1 the head had what the execution was started from, frames had all of their documents, and
/// heartbeats were not saved.
pub(super) const FORMAT: u32 = 2;

/// From how many bytes on a document has a record of its own.
const LONG: usize = 1024;

/// The places for documents that a frame has.
const PLACES: std::ops::RangeInclusive<u8> = 1..=4;

/// How many numbers are set apart for a frame and its documents.
const NUMBERS: u64 = 8;

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
    /// The execution as a whole: written at each step.
    Head,
    /// What it was started from, without the input: written once.
    Start,
    /// Its input as JSON text: written once. A store that keeps [inputs](crate::store::NewExecution::input) anyway
    /// needs no second one.
    Input,
    /// One frame: written when a step touched it.
    Frame(FrameId),
    /// A long document of a frame as JSON text, by its place: written when the frame gets it.
    Document(FrameId, u8),
}

/// The execution as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
    /// Of format 1; others have a record for it.
    #[serde(default, skip_serializing)]
    pub(super) start: Option<Arc<Start>>,
    /// Of format 1.
    #[serde(default, skip_serializing)]
    pub(super) started_at: Option<Timestamp>,
    pub(super) now: Timestamp,
    pub(super) status: ExecutionStatus,
    pub(super) next_task: u64,
    pub(super) next_frame: u64,
    pub(super) next_event: u64,
    pub(super) drawn: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redrives: Option<Arc<Redrives>>,
    /// Frames that can go on at once, in their order: there are some only when a step ran out of fuel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) ready: Vec<FrameId>,
}

/// What an execution was started from, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) start: Arc<Start>,
    pub(super) at: Timestamp,
}

/// What is kept of a frame, until a store asks for bytes.
#[derive(Clone)]
pub(super) enum Kept {
    Frame(Arc<FrameRecord>),
    /// There are many of these.
    Finished {
        parent: Parent,
        output: Json,
        event: u64,
    },
}

/// One frame, with all of its documents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FrameRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Parent>,
    #[serde(default, with = "crate::json::verbatim", skip_serializing_if = "Json::is_null")]
    pub(super) variables: Json,
    /// A branch or iteration that has finished is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<StateName>,
    #[serde(default, with = "crate::json::verbatim", skip_serializing_if = "Json::is_null")]
    pub(super) input: Json,
    pub(super) entered_at: Timestamp,
    pub(super) entered_event: u64,
    pub(super) last_event: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) retries: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attempts: Vec<u32>,
    pub(super) doing: Doing,
    /// Which documents are the execution's input: its record has null in their places.
    #[serde(default, skip_serializing_if = "Places::is_empty")]
    given: Places,
    /// Which documents have records of their own.
    #[serde(default, skip_serializing_if = "Places::is_empty")]
    pub(super) apart: Places,
}

/// Places of a frame's documents, which are numbered from 1 on: as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Places(u8);

/// How a frame was saved before and is to be saved now.
///
/// What was saved before is known only of frames with long documents.
#[derive(Clone)]
pub(super) struct FrameChange {
    pub(super) id: FrameId,
    pub(super) now: Now,
    pub(super) before: Option<Arc<FrameRecord>>,
}

/// What has become of a frame.
#[derive(Clone)]
pub(super) enum Now {
    Gone,
    /// Its output takes its place.
    Ended,
    Frame(Arc<FrameRecord>),
}

/// The parts of an execution's state, from their records.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) head: Option<Head>,
    pub(super) started: Option<Started>,
    pub(super) frames: Vec<(FrameId, Kept)>,
}

impl Head {
    pub(super) fn record(&self) -> Record {
        Record::new(RecordKey::Head, encode(self))
    }
}

impl Started {
    pub(super) fn records(&self) -> [Record; 2] {
        let start = Arc::new(Start { input: Json::Null, ..(*self.start).clone() });
        let start = encode(&Self { start, at: self.at });
        [Record::new(RecordKey::Start, start), document(RecordKey::Input, &self.start.input)]
    }
}

impl FrameRecord {
    pub(super) fn new(frame: &Frame, state: StateName, input: &Json) -> Self {
        let mut record = Self {
            parent: frame.parent,
            variables: frame.variables.clone(),
            state: Some(state),
            input: frame.input.clone(),
            entered_at: frame.entered_at,
            entered_event: frame.entered_event,
            last_event: frame.last_event,
            retries: frame.retries,
            attempts: frame.attempts.clone(),
            doing: match &frame.doing {
                Doing::Children(children) => Doing::Children(Box::new(children.record())),
                doing => doing.clone(),
            },
            given: Places::default(),
            apart: Places::default(),
        };
        let (mut given, mut apart) = (Places::default(), Places::default());
        for (place, json) in record.documents() {
            match json.is_same(input) {
                true => given.add(place),
                false if is_long(json) => apart.add(place),
                false => {}
            }
        }
        (record.given, record.apart) = (given, apart);
        record
    }

    fn encode(&self) -> Vec<u8> {
        if self.given.is_empty() && self.apart.is_empty() {
            return encode(self);
        }
        let mut short = self.clone();
        for (place, json) in short.documents_mut() {
            if self.given.has(place) || self.apart.has(place) {
                *json = Json::Null;
            }
        }
        encode(&short)
    }

    /// The document in a place, if it has a record of its own.
    fn apart(&self, place: u8) -> Option<&Json> {
        let mut documents = self.documents().filter(|_| self.apart.has(place));
        documents.find_map(|(at, json)| (at == place).then_some(json))
    }

    fn documents(&self) -> impl Iterator<Item = (u8, &Json)> {
        let (held, answer) = match &self.doing {
            Doing::Task(task) => {
                let answer = task.answer.as_ref().and_then(|early| match &early.answer {
                    Answer::Succeeded(output) => Some(output),
                    Answer::Failed(_) => None,
                });
                (Some(&task.input), answer)
            }
            Doing::Children(children) => (Some(&children.items), None),
            Doing::Finished { output, .. } => (Some(output), None),
            Doing::Entering
            | Doing::Redriven
            | Doing::Waiting { .. }
            | Doing::BackingOff { .. }
            | Doing::Overdue(_) => (None, None),
        };
        let all = [Some(&self.input), Some(&self.variables), held, answer];
        (1..).zip(all).filter_map(|(place, json)| Some((place, json?)))
    }

    fn documents_mut(&mut self) -> impl Iterator<Item = (u8, &mut Json)> {
        let (held, answer) = match &mut self.doing {
            Doing::Task(task) => {
                let task = Arc::make_mut(task);
                let answer = task.answer.as_mut().and_then(|early| match &mut early.answer {
                    Answer::Succeeded(output) => Some(output),
                    Answer::Failed(_) => None,
                });
                (Some(&mut task.input), answer)
            }
            Doing::Children(children) => (Some(&mut children.items), None),
            Doing::Finished { output, .. } => (Some(output), None),
            Doing::Entering
            | Doing::Redriven
            | Doing::Waiting { .. }
            | Doing::BackingOff { .. }
            | Doing::Overdue(_) => (None, None),
        };
        let all = [Some(&mut self.input), Some(&mut self.variables), held, answer];
        (1..).zip(all).filter_map(|(place, json)| Some((place, json?)))
    }
}

impl FrameChange {
    /// Adds the records of documents that the frame got or has no longer.
    pub(super) fn documents(&self, records: &mut Vec<Record>) {
        let Self { id, now, before } = self;
        let now = match now {
            Now::Gone | Now::Ended => None,
            Now::Frame(frame) => Some(frame),
        };
        for place in PLACES {
            let key = RecordKey::Document(*id, place);
            let now = now.and_then(|frame| frame.apart(place));
            let before = before.as_ref().and_then(|frame| frame.apart(place));
            match (now, before) {
                (Some(now), Some(before)) if now.is_same(before) => {}
                (Some(now), _) => records.push(document(key, now)),
                (None, Some(_)) => records.push(Record { key, bytes: None }),
                (None, None) => {}
            }
        }
    }
}

impl Kept {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Frame(record) => record.encode(),
            // It is written once, and whole.
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
                given: Places::default(),
                apart: Places::default(),
            }),
        }
    }
}

impl Ended {
    /// What is kept of the branches or iterations that have ended.
    pub(super) fn kept(&self) -> impl Iterator<Item = (FrameId, Kept)> {
        self.outputs.iter().map(|Output { slot, event, json }| {
            let parent = Parent { frame: self.parent, slot: *slot };
            let id = FrameId(self.base.0 + u64::from(*slot));
            (id, Kept::Finished { parent, output: json.clone(), event: *event })
        })
    }
}

impl From<FrameRecord> for Kept {
    fn from(record: FrameRecord) -> Self {
        match (record.doing, record.parent) {
            (Doing::Finished { output, event }, Some(parent)) => Self::Finished { parent, output, event },
            (doing, _) => Self::Frame(Arc::new(FrameRecord { doing, ..record })),
        }
    }
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.0 == 0
    }

    fn has(self, place: u8) -> bool {
        self.0 & (1 << place) != 0
    }

    fn add(&mut self, place: u8) {
        self.0 |= 1 << place;
    }
}

impl Parts {
    /// Decodes records, in any order.
    pub(super) fn read(records: impl IntoIterator<Item = Record>) -> Result<Self, RestoreError> {
        let mut parts = Self::default();
        let (mut input, mut frames, mut documents) = (None, Vec::new(), BTreeMap::new());
        for record in records {
            let Some(bytes) = record.bytes else { continue };
            match record.key {
                RecordKey::Head => parts.head = Some(serde_json::from_slice(&bytes)?),
                RecordKey::Start => parts.started = Some(serde_json::from_slice(&bytes)?),
                RecordKey::Input => input = Some(serde_json::from_slice::<Document>(&bytes)?.0),
                RecordKey::Frame(id) => frames.push((id, serde_json::from_slice::<FrameRecord>(&bytes)?)),
                RecordKey::Document(id, place) => {
                    documents.insert((id, place), serde_json::from_slice::<Document>(&bytes)?.0);
                }
            }
        }
        match (&mut parts.started, input) {
            (Some(started), Some(input)) => Arc::make_mut(&mut started.start).input = input,
            // It may be in the head.
            (started, _) => {
                let head = parts.head.as_ref();
                let old = head.and_then(|head| Some((head.start.clone()?, head.started_at?)));
                *started = old.map(|(start, at)| Started { start, at });
            }
        }
        let given = parts.started.as_ref().map(|started| &started.start.input);
        for (id, mut frame) in frames {
            frame.fill(id, given, &mut documents)?;
            parts.frames.push((id, frame.into()));
        }
        Ok(parts)
    }
}

impl FrameRecord {
    /// Puts documents in their places.
    fn fill(
        &mut self,
        id: FrameId,
        given: Option<&Json>,
        documents: &mut BTreeMap<(FrameId, u8), Json>,
    ) -> Result<(), RestoreError> {
        let missing = || RestoreError::Inconsistent { frame: id };
        let (is_given, is_apart) = (self.given, self.apart);
        let mut filled = Places::default();
        for (place, json) in self.documents_mut() {
            if is_given.has(place) {
                *json = given.ok_or_else(missing)?.clone();
            } else if is_apart.has(place) {
                *json = documents.remove(&(id, place)).ok_or_else(missing)?;
            }
            filled.add(place);
        }
        let places = Places(is_given.0 | is_apart.0);
        if places.0 & !filled.0 == 0 { Ok(()) } else { Err(missing()) }
    }
}

impl RecordKey {
    /// A number to keep it by.
    pub fn number(self) -> u64 {
        let frame = |frame: FrameId| frame.as_u64().wrapping_add(1).wrapping_mul(NUMBERS);
        match self {
            Self::Head => 0,
            Self::Start => 1,
            Self::Input => 2,
            Self::Frame(id) => frame(id),
            Self::Document(id, place) => frame(id).wrapping_add(place.into()),
        }
    }

    /// Which key has this number, if there is one.
    ///
    /// ```
    /// use stepwright::RecordKey;
    ///
    /// for key in [RecordKey::Head, RecordKey::Frame(7.into()), RecordKey::Document(7.into(), 1)] {
    ///     assert_eq!(RecordKey::from_number(key.number()), Some(key));
    /// }
    /// assert_eq!(RecordKey::from_number(7), None);
    /// ```
    pub fn from_number(number: u64) -> Option<Self> {
        let (frame, place) = (number / NUMBERS, (number % NUMBERS) as u8);
        match (frame.checked_sub(1), place) {
            (None, 0) => Some(Self::Head),
            (None, 1) => Some(Self::Start),
            (None, 2) => Some(Self::Input),
            (None, _) => None,
            (Some(frame), 0) => Some(Self::Frame(frame.into())),
            (Some(frame), place) => PLACES.contains(&place).then(|| Self::Document(frame.into(), place)),
        }
    }
}

impl Record {
    /// A record as a store kept it.
    pub fn new(key: RecordKey, bytes: Vec<u8>) -> Self {
        Self { key, bytes: Some(bytes) }
    }
}

/// Records hold inputs and the seed of the task tokens: only their size is shown.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.bytes.as_ref().map(Vec::len);
        f.debug_struct("Record").field("key", &self.key).field("bytes", &size).finish()
    }
}

/// A document that is a record.
#[derive(Deserialize)]
#[serde(transparent)]
struct Document(#[serde(with = "crate::json::verbatim")] Json);

fn document(key: RecordKey, json: &Json) -> Record {
    Record::new(key, encode(&Verbatim(json)))
}

fn is_long(json: &Json) -> bool {
    match json {
        Json::String(text) => text.len() >= LONG,
        Json::Array(_) | Json::Object(_) => json.size() >= LONG,
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    // Most of them are no longer.
    let mut bytes = Vec::with_capacity(512);
    let written = serde_json::to_writer(&mut bytes, record);
    written.expect("state has string keys only, and no number JSON cannot write");
    bytes
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
