//! An event of a history, as AWS tells it and as stores keep it: what is read is written as it can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwright::HistoryEvent;

fuzz_target!(|text: &str| {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
    if let Ok(event) = HistoryEvent::from_wire(&value) {
        assert_eq!(HistoryEvent::from_wire(&event.to_wire()).ok().as_ref(), Some(&event));
        let _ = (event.to_string(), serde_json::to_value(event.without_data()).expect("it is JSON"));
    }
});
