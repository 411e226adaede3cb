//! A step's events as one compact record, in which each document is written once.
//!
//! Short records are the events as AWS writes them, in an array. In longer ones a document that occurs again is
//! replaced by its number: `{"texts": [..], "events": [..]}`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::history::HistoryEvent;
use crate::store::{StoreError, StoreErrorKind};

/// From how many bytes on a record is looked through for documents that occur again.
const LONG: usize = 1024;

/// How many bytes a text has at least that is written once.
const TEXT: usize = 64;

/// What stands for a text: an object with this key and its number.
const KEY: &str = "$text";

#[derive(Serialize, Deserialize)]
struct Record {
    texts: Vec<String>,
    events: Vec<Value>,
}

pub(super) fn encode(events: &[HistoryEvent]) -> Vec<u8> {
    let plain = serde_json::to_vec(events).expect("events have string keys only");
    if plain.len() <= LONG {
        return plain;
    }
    let mut record = Record { texts: Vec::new(), events: events.iter().map(HistoryEvent::to_wire).collect() };
    let mut known = HashMap::new();
    for event in &mut record.events {
        each_text(event, &mut |value| {
            let Value::String(text) = value else { return };
            let texts = &mut record.texts;
            let number = match known.get(text.as_str()) {
                Some(number) => *number,
                None => {
                    texts.push(text.clone());
                    known.insert(text.clone(), texts.len() - 1);
                    texts.len() - 1
                }
            };
            *value = serde_json::json!({ KEY: number });
        });
    }
    serde_json::to_vec(&record).expect("events have string keys only")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<HistoryEvent>, StoreError> {
    if bytes.first() == Some(&b'[') {
        return serde_json::from_slice(bytes).map_err(corrupt);
    }
    let Record { texts, mut events } = serde_json::from_slice(bytes).map_err(corrupt)?;
    for event in &mut events {
        put_back(event, &texts);
    }
    events.iter().map(|event| HistoryEvent::from_wire(event).map_err(corrupt)).collect()
}

fn corrupt(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

fn each_text(value: &mut Value, take: &mut impl FnMut(&mut Value)) {
    match value {
        Value::String(text) if text.len() >= TEXT => take(value),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, take)),
        Value::Object(members) => members.values_mut().for_each(|member| each_text(member, take)),
        _ => {}
    }
}

fn put_back(value: &mut Value, texts: &[String]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| put_back(item, texts)),
        Value::Object(members) => {
            let number =
                members.get(KEY).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
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
    use serde_json::json;

    use super::*;
    use crate::history::{HistoryEventKind, StateType};
    use crate::json::Json;
    use crate::time::Timestamp;

    #[test]
    fn a_document_that_several_events_show_is_written_once() {
        let document = Json::from(json!({ "text": "x".repeat(10_000) }));
        let event = |id| {
            let name = "S".into();
            let input = document.clone();
            let kind = HistoryEventKind::StateEntered { state_type: StateType::Pass, name, input };
            HistoryEvent::new(id, id - 1, Timestamp::EPOCH, kind)
        };
        let events: Vec<HistoryEvent> = (1..=5).map(event).collect();
        let bytes = encode(&events);
        assert!(bytes.len() < 12_000, "{} bytes", bytes.len());
        assert_eq!(decode(&bytes).unwrap(), events);
        let short = encode(&events[..0]);
        assert_eq!((decode(&short).unwrap(), short.as_slice()), (Vec::new(), &b"[]"[..]));
    }
}
