//! Reading retriers and catchers.

use super::Reader;
use super::field::{BACKOFF_RATE, MAX_DELAY, SECONDS};
use super::object::Object;
use crate::definition::document::Element;
use crate::definition::field::{CATCHER, RETRIER};
use crate::definition::retry::{Catcher, Retrier};
use crate::diagnostic::{Code, Diagnostic, Trail};

const ALL: &str = "States.ALL";

impl Reader {
    /// `Retry`.
    pub(super) fn retry(&mut self, state: Object<'_>) -> Option<Vec<Retrier>> {
        self.states_all(state, "Retry");
        self.list(state, "Retry", |reader, value, at| reader.retrier(state, value, at))
    }

    /// `Catch`.
    pub(super) fn catch(&mut self, state: Object<'_>) -> Option<Vec<Catcher>> {
        self.states_all(state, "Catch");
        self.list(state, "Catch", |reader, value, at| reader.catcher(state, value, at))
    }

    fn retrier(&mut self, state: Object<'_>, value: Element<'_>, at: &Trail<'_>) -> Option<Retrier> {
        let map = self.object(value, at)?;
        let object = Object { map, at, shape: RETRIER, language: state.language };
        self.fields(object);
        self.require(object, &["ErrorEquals"]);
        let retrier = Retrier {
            comment: self.text(object, "Comment"),
            error_equals: self.error_equals(object),
            interval_seconds: self.literal(object, "IntervalSeconds", &SECONDS),
            max_attempts: self.literal(object, "MaxAttempts", &SECONDS),
            backoff_rate: self.literal(object, "BackoffRate", &BACKOFF_RATE),
            max_delay_seconds: self.literal(object, "MaxDelaySeconds", &MAX_DELAY),
            jitter_strategy: self.keyword(object, "JitterStrategy"),
        };
        let written = |amount: &Option<_>| match amount {
            Some(crate::definition::Amount::Number(number)) => number.as_i64(),
            _ => None,
        };
        if let (Some(interval), Some(delay)) =
            (written(&retrier.interval_seconds), written(&retrier.max_delay_seconds))
            && delay <= interval
        {
            let pointer = at.key("MaxDelaySeconds").pointer();
            let message =
                format!("`MaxDelaySeconds` has to be more than `IntervalSeconds`, which is {interval}");
            self.report(Diagnostic::new(Code::OutOfRange, pointer, message));
        }
        Some(retrier)
    }

    fn catcher(&mut self, state: Object<'_>, value: Element<'_>, at: &Trail<'_>) -> Option<Catcher> {
        let map = self.object(value, at)?;
        let object = Object { map, at, shape: CATCHER, language: state.language };
        self.fields(object);
        self.require(object, &["ErrorEquals", "Next"]);
        Some(Catcher {
            comment: self.text(object, "Comment"),
            error_equals: self.error_equals(object),
            next: self.text(object, "Next"),
            result_path: self.path_or_null(object, "ResultPath"),
            output: self.value(object, "Output"),
            assign: self.map(object, "Assign"),
        })
    }

    fn error_equals(&mut self, object: Object<'_>) -> Vec<String> {
        self.filled_list(object, "ErrorEquals", Self::string).unwrap_or_default()
    }

    /// Reports `States.ALL` where something stands beside it or after it.
    fn states_all(&mut self, state: Object<'_>, field: &str) {
        let Some((Element::Array(entries), at)) = state.get(field) else { return };
        let mut entries = entries.iter().enumerate().peekable();
        while let Some((i, entry)) = entries.next() {
            let Some(Element::Array(names)) = entry.get("ErrorEquals") else { continue };
            let Some(place) = names.iter().position(|name| name.as_str() == Some(ALL)) else { continue };
            if names.iter().nth(1).is_some() || entries.peek().is_some() {
                let (at_entry, message) = (at.index(i), "`States.ALL` has to stand alone, in the last entry");
                let at_names = at_entry.key("ErrorEquals");
                let diagnostic =
                    Diagnostic::new(Code::StatesAllPlacement, at_names.index(place).pointer(), message);
                self.report(diagnostic.with_aws("States.ALL must appear alone and at end of list"));
            }
        }
    }
}
