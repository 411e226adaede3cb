//! A step's events as one compact record, in which each document is written once.
//!
//! The record is `{"documents": [..], "events": [..]}`, or only the events where there are no documents. Events are
//! as AWS writes them, but for a number that stands for a document of some length: its place among the documents, or
//! [`INPUT`] or [`OUTPUT`] for what the execution began and ended with, which is kept elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::execution::ExecutionStatus;
use crate::history::{HistoryEvent, Numbered, Unfilled};
use crate::json::Json;
use crate::json::verbatim::Verbatim;
use crate::store::{ExecutionSummary, StoreError, StoreErrorKind};

/// Stands for the execution's input.
const INPUT: i64 = -1;

/// Stands for the execution's output.
const OUTPUT: i64 = -2;

/// From how many bytes on a document is written apart from the events.
const LONG: usize = 64;

/// How many bytes an event takes, about.
const EVENT: usize = 256;

/// A step's events; `input` is the execution's, and `status` how it stands after the step.
pub(super) fn encode(events: &[HistoryEvent], input: &Json, status: &ExecutionStatus) -> Vec<u8> {
    #[derive(Serialize)]
    struct Record<'a> {
        documents: Vec<Verbatim<'a>>,
        events: Vec<Numbered<'a>>,
    }

    let output = match status {
        ExecutionStatus::Succeeded { output } => Some(output),
        _ => None,
    };
    let mut documents: Vec<Json> = Vec::new();
    let mut number = |json: &Json| match json {
        json if json.is_same(input) => Some(INPUT),
        json if output.is_some_and(|output| json.is_same(output)) => Some(OUTPUT),
        Json::String(_) | Json::Array(_) | Json::Object(_) if json.size() >= LONG => {
            let known = documents.iter().position(|known| known.is_same(json));
            let place = known.unwrap_or_else(|| {
                documents.push(json.clone());
                documents.len() - 1
            });
            i64::try_from(place).ok()
        }
        _ => None,
    };
    let events: Vec<_> = events.iter().map(|event| Numbered::new(event, &mut number)).collect();
    // Most events take less; documents are as long as they are.
    let mut bytes =
        Vec::with_capacity(documents.iter().map(Json::size).sum::<usize>() + EVENT * events.len());
    let written = match documents.is_empty() {
        true => serde_json::to_writer(&mut bytes, &events),
        false => {
            let documents = documents.iter().map(Verbatim).collect();
            serde_json::to_writer(&mut bytes, &Record { documents, events })
        }
    };
    written.expect("events have string keys only");
    bytes
}

/// The events of a record, before they get the documents that are kept elsewhere.
pub(super) struct Decoded {
    events: Vec<Unfilled>,
    documents: Vec<Json>,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, StoreError> {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(default, borrow)]
        documents: Vec<&'a RawValue>,
        #[serde(default)]
        texts: Option<Vec<String>>,
        #[serde(borrow)]
        events: &'a RawValue,
    }

    if bytes.first() == Some(&b'[') {
        let events = serde_json::from_slice(bytes).map_err(corrupt)?;
        return Ok(Decoded { events, documents: Vec::new() });
    }
    let record: Record<'_> = serde_json::from_slice(bytes).map_err(corrupt)?;
    let events = match record.texts {
        None => serde_json::from_str(record.events.get()).map_err(corrupt)?,
        Some(texts) => {
            let mut events: Value = serde_json::from_str(record.events.get()).map_err(corrupt)?;
            put_back(&mut events, &texts);
            serde_json::from_value(events).map_err(corrupt)?
        }
    };
    let documents = record.documents.iter().map(|document| document.get().parse().map_err(corrupt));
    Ok(Decoded { events, documents: documents.collect::<Result<_, _>>()? })
}

impl Decoded {
    /// Whether the execution's input or output is among the documents.
    pub(super) fn shows_summary(&mut self) -> bool {
        self.events.iter_mut().flat_map(Unfilled::numbers).any(|number| number < 0)
    }

    /// The events, with documents from the execution's summary.
    pub(super) fn events(self, summary: Option<&ExecutionSummary>) -> Result<Vec<HistoryEvent>, StoreError> {
        let output = summary.and_then(|summary| match &summary.status {
            ExecutionStatus::Succeeded { output } => Some(output),
            _ => None,
        });
        let document = |number: i64| match number {
            INPUT => summary.map(|summary| summary.input.clone()),
            OUTPUT => output.cloned(),
            _ => self.documents.get(usize::try_from(number).ok()?).cloned(),
        };
        self.events.into_iter().map(|event| event.fill(document).map_err(corrupt)).collect()
    }
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

/// Puts texts in their places, as the first versions of stores wrote them: `{"$text": 3}`.
fn put_back(value: &mut Value, texts: &[String]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put_back(item, texts)),
        Value::Object(members) => {
            let number =
                members.get("$text").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
            match number.and_then(|number| texts.get(number)) {
                Some(text) => *value = Value::String(text.clone()),
                None => members.values_mut().for_each(|member| put_back(member, texts)),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::history::{HistoryEventKind, StateType};
    use crate::store::NewExecution;
    use crate::time::Timestamp;

    fn entered(id: u64, input: &Json) -> HistoryEvent {
        let (name, input) = ("S".into(), input.clone());
        let kind = HistoryEventKind::StateEntered { state_type: StateType::Pass, name, input };
        HistoryEvent::new(id, id - 1, Timestamp::EPOCH, kind)
    }

    fn document(letter: &str) -> Json {
        Json::from(json!({ "text": letter.repeat(10_000) }))
    }

    #[test]
    fn a_document_that_several_events_show_is_written_once() {
        let (input, output, other) = (document("i"), document("o"), document("x"));
        let shown = [&input, &other, &other, &output, &input, &Json::from(1), &other];
        let events: Vec<HistoryEvent> = (1..).zip(shown).map(|(id, json)| entered(id, json)).collect();
        let status = ExecutionStatus::Succeeded { output };
        let bytes = encode(&events, &input, &status);
        assert!(bytes.len() < 12_000, "{} bytes", bytes.len());

        let new = NewExecution::new("e".into(), "n".into(), "m".into(), "".into(), input, Timestamp::EPOCH);
        let summary = ExecutionSummary::new(&new, status);
        let mut decoded = decode(&bytes).unwrap();
        assert!(decoded.shows_summary());
        assert_eq!(decoded.events(Some(&summary)).unwrap(), events);
        assert!(decode(&bytes).unwrap().events(None).is_err(), "what is missing is said to be");
    }

    #[test]
    fn white_space_and_small_documents_survive() {
        let spaced: Json =
            r#"[ 1,  { "a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } ]"#
                .parse()
                .unwrap();
        let events = [entered(1, &spaced), entered(2, &Json::object([("inner".into(), spaced.clone())]))];
        let bytes = encode(&events, &Json::Null, &ExecutionStatus::Running);
        let mut decoded = decode(&bytes).unwrap();
        assert!(!decoded.shows_summary());
        let again = decoded.events(None).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&events).unwrap());
        assert_eq!(encode(&[], &Json::Null, &ExecutionStatus::Running), b"[]");
    }

    #[test]
    fn records_of_the_first_version_are_read() {
        let input = document("x");
        let events = [entered(1, &input), entered(2, &input)];
        let mut wire: Vec<Value> = events.iter().map(HistoryEvent::to_wire).collect();
        assert_eq!(decode(&serde_json::to_vec(&wire).unwrap()).unwrap().events(None).unwrap(), events);
        for event in &mut wire {
            event["stateEnteredEventDetails"]["input"] = json!({ "$text": 0 });
        }
        let record = json!({ "texts": [input.to_string()], "events": wire }).to_string();
        assert_eq!(decode(record.as_bytes()).unwrap().events(None).unwrap(), events);
    }

    /// Records of all versions, whole.
    fn records() -> impl Strategy<Value = Vec<u8>> {
        let (input, other) = (document("i"), Json::from(json!({ "a": ["x".repeat(LONG)] })));
        let events = [entered(1, &input), entered(2, &other), entered(3, &Json::from(1))];
        let newest = encode(&events, &input, &ExecutionStatus::Running);
        let bare = encode(&events[2..], &input, &ExecutionStatus::Running);
        let mut wire: Vec<Value> = events[1..].iter().map(HistoryEvent::to_wire).collect();
        wire[0]["stateEnteredEventDetails"]["input"] = json!({ "$text": 0 });
        let first = json!({ "texts": [other.to_string()], "events": wire }).to_string();
        prop_oneof![Just(newest), Just(bare), Just(first.into_bytes())]
    }

    proptest! {
        #[test]
        fn what_was_damaged_is_said_to_be_or_read(
            mut record in records(),
            damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6),
        ) {
            for (place, byte, how) in damages {
                let at = place.index(record.len());
                match how {
                    0 => record[at] = byte,
                    1 => record.insert(at, byte),
                    _ => drop(record.drain(at..(at + usize::from(byte)).min(record.len()))),
                }
                if record.is_empty() {
                    break;
                }
            }
            let read = decode(&record).and_then(|mut decoded| {
                decoded.shows_summary();
                decoded.events(None)
            });
            if let Err(error) = read {
                prop_assert_eq!(error.kind(), StoreErrorKind::Corrupt);
            }
        }
    }
}
