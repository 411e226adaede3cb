//! Whether a history is the recorded one: as a whole, thread by thread, or as far as the recording tells.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::compare::{Comparer, Comparison, Difference};
use super::threads::{self, Role};

/// How a recorded history is to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// The order is total.
    Ordered,
    /// Branches or iterations interleave as they like.
    Concurrent,
    /// The recording lost the order, the ids and some of the events between the ends of a Parallel.
    LossyParallel {
        /// Whether branches interleave as they like, so that ids depend on it.
        concurrent: bool,
    },
}

/// The events' members, in their forms on the wire.
pub(crate) fn id(event: &Value) -> u64 {
    event["id"].as_u64().unwrap_or(0)
}

pub(crate) fn previous(event: &Value) -> u64 {
    event["previousEventId"].as_u64().unwrap_or(0)
}

pub(crate) fn type_name(event: &Value) -> &str {
    event["type"].as_str().unwrap_or("")
}

/// The `...EventDetails` member, by its name and value.
pub(crate) fn details(event: &Value) -> Option<(&str, &Value)> {
    let members = event.as_object()?;
    members.iter().find(|(key, _)| key.ends_with("Details")).map(|(key, value)| (key.as_str(), value))
}

fn place(event: &Value) -> String {
    format!("event #{} {}", event["id"], type_name(event))
}

impl Comparer {
    /// Whether `actual` is the history `expected`.
    pub(crate) fn history(&mut self, expected: &[Value], actual: &[Value], mode: Mode) -> Comparison {
        match mode {
            Mode::Ordered => self.ordered(expected, actual),
            Mode::Concurrent => self.concurrent(expected, actual),
            Mode::LossyParallel { concurrent } => self.lossy(expected, actual, concurrent),
        }
    }

    /// Whether `actual` goes on from the whole of `expected`.
    pub(crate) fn prefix(&mut self, expected: &[Value], actual: &[Value]) -> Comparison {
        self.ordered(expected, &actual[..expected.len().min(actual.len())])
    }

    /// Type and details.
    pub(crate) fn event(&mut self, expected: &Value, actual: &Value) -> Comparison {
        if type_name(expected) != type_name(actual) {
            return Err(Difference::new(&place(expected), outline(expected), outline(actual)));
        }
        let (name, expected_details) = details(expected).unzip();
        let (actual_name, actual_details) = details(actual).unzip();
        let place = place(expected);
        if name != actual_name {
            return Err(Difference::new(
                &place,
                name.unwrap_or("no details"),
                actual_name.unwrap_or("no details"),
            ));
        }
        let (Some(expected), Some(actual)) = (expected_details, actual_details) else { return Ok(()) };
        self.answer(expected, actual).map_err(|difference| difference.within(&place))
    }

    fn ordered(&mut self, expected: &[Value], actual: &[Value]) -> Comparison {
        let mut shifts = BTreeSet::new();
        for (n, (wanted, event)) in expected.iter().zip(actual).enumerate() {
            self.event(wanted, event)?;
            if id(wanted) != id(event) {
                return Err(Difference::new(&format!("{} id", place(wanted)), id(wanted), id(event)));
            }
            let link = (previous(wanted), previous(event));
            if link.0 == link.1 || shifts.contains(&link) {
                continue;
            }
            if !is_drift(&expected[..n], wanted, link.1) {
                return Err(Difference::new(&format!("{} previousEventId", place(wanted)), link.0, link.1));
            }
            if type_name(wanted) == "EvaluationFailed" {
                // What chains to it is shifted likewise.
                shifts.insert(link);
            }
        }
        match (expected.get(actual.len()), actual.get(expected.len())) {
            (Some(missing), _) => {
                Err(Difference::new(&place(missing), outline(missing), "the end of the history"))
            }
            (_, Some(extra)) => Err(Difference::new(&place(extra), "the end of the history", outline(extra))),
            (None, None) => Ok(()),
        }
    }

    fn concurrent(&mut self, expected: &[Value], actual: &[Value]) -> Comparison {
        threads::check_links(actual)?;
        let wanted = threads::of(expected);
        let found = threads::of(actual);
        let names: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
        for name in names {
            let place = threads::display(name);
            let (Some(wanted), Some(found)) = (wanted.get(name), found.get(name)) else {
                let (wanted, found) = (wanted.contains_key(name), found.contains_key(name));
                return Err(Difference::new(&place, wanted, found));
            };
            let in_order = |events: &[(Role, usize)]| -> Vec<usize> {
                events.iter().filter(|(role, _)| *role != Role::Aborted).map(|(_, at)| *at).collect()
            };
            let (wanted, found) = (in_order(wanted), in_order(found));
            for (wanted, found) in wanted.iter().zip(&found) {
                self.event(&expected[*wanted], &actual[*found])
                    .map_err(|difference| difference.within(&place))?;
            }
            if wanted.len() != found.len() {
                let types = |events: &[Value], at: &[usize]| -> Vec<String> {
                    at.iter().map(|at| type_name(&events[*at]).to_owned()).collect()
                };
                let (wanted, found) = (types(expected, &wanted), types(actual, &found));
                return Err(Difference::new(&place, wanted.join(", "), found.join(", ")));
            }
        }
        let aborted = |events: &[Value]| -> Vec<Value> {
            events.iter().filter(|event| threads::is_aborted(type_name(event))).cloned().collect()
        };
        let left = self.unmatched(&aborted(expected), aborted(actual))?;
        match left.first() {
            Some(extra) => Err(Difference::new(&place(extra), "no such event", outline(extra))),
            None => Ok(()),
        }
    }

    /// What is left of `actual` when each of `expected` has taken the one it describes.
    fn unmatched(&mut self, expected: &[Value], mut actual: Vec<Value>) -> Result<Vec<Value>, Difference> {
        for wanted in expected {
            let mut nearest = None;
            let found = actual.iter().position(|event| match self.event(wanted, event) {
                Ok(()) => true,
                Err(difference) => {
                    if type_name(wanted) == type_name(event) {
                        nearest.get_or_insert(difference);
                    }
                    false
                }
            });
            match (found, nearest) {
                (Some(at), _) => drop(actual.remove(at)),
                (None, Some(nearest)) => return Err(nearest.within("somewhere:")),
                (None, None) => return Err(Difference::new("somewhere", outline(wanted), "no such event")),
            }
        }
        Ok(actual)
    }

    fn lossy(&mut self, expected: &[Value], actual: &[Value], concurrent: bool) -> Comparison {
        let (known, unordered): (Vec<&Value>, Vec<&Value>) =
            expected.iter().partition(|event| event.get("id").is_some());
        // Which actual event each expected one with an id is.
        let mut ids = BTreeMap::from([(0, 0)]);
        let mut taken = BTreeSet::new();
        let mut from = 0;
        for wanted in known {
            let mut first = None;
            let found = (from..actual.len()).find(|at| match self.event(wanted, &actual[*at]) {
                Ok(()) => true,
                Err(difference) => {
                    if type_name(wanted) == type_name(&actual[*at]) {
                        first.get_or_insert(difference);
                    }
                    false
                }
            });
            let Some(at) = found else {
                let missing = || Difference::new(&place(wanted), outline(wanted), "no such event");
                return Err(first.unwrap_or_else(missing));
            };
            let event = &actual[at];
            if !concurrent && id(wanted) != id(event) {
                return Err(Difference::new(&format!("{} id", place(wanted)), id(wanted), id(event)));
            }
            if let Some(link) = ids.get(&previous(wanted))
                && *link != previous(event)
            {
                return Err(Difference::new(
                    &format!("{} previousEventId", place(wanted)),
                    link,
                    previous(event),
                ));
            }
            ids.insert(id(wanted), id(event));
            taken.insert(at);
            from = at + 1;
        }
        let rest =
            actual.iter().enumerate().filter(|(at, _)| !taken.contains(at)).map(|(_, event)| event.clone());
        let unordered: Vec<Value> = unordered.into_iter().cloned().collect();
        let left = self.unmatched(&unordered, rest.collect())?;
        match left.iter().find(|event| !type_name(event).starts_with("ParallelState")) {
            Some(extra) => Err(Difference::new(&place(extra), "no such event", outline(extra))),
            None => Ok(()),
        }
    }
}

/// Whether AWS answered both for `event`, whose recorded `previousEventId` is another one, at different times.
fn is_drift(before: &[Value], event: &Value, actual: u64) -> bool {
    let recorded = previous(event);
    let with_id = |wanted: u64| before.iter().find(|event| id(event) == wanted);
    let allowed: Vec<u64> = match type_name(event) {
        "EvaluationFailed" => {
            let state = &event["evaluationFailedEventDetails"]["state"];
            let is_entry = |event: &&Value| {
                type_name(event).ends_with("StateEntered")
                    && event["stateEnteredEventDetails"]["name"] == *state
            };
            let Some(entry) = before.iter().rev().find(is_entry) else { return false };
            // On a retry: the failure before.
            let failures = before
                .iter()
                .filter(|event| {
                    event["evaluationFailedEventDetails"]["state"] == *state && id(event) > id(entry)
                })
                .map(id);
            failures.chain([id(entry), previous(entry)]).collect()
        }
        "MapStateExited" => {
            // Of a distributed Map: either end of its run.
            let run = with_id(recorded).into_iter().flat_map(|event| match type_name(event) {
                "MapRunSucceeded" => vec![id(event), previous(event)],
                "MapRunStarted" => before
                    .iter()
                    .filter(|next| type_name(next) == "MapRunSucceeded" && previous(next) == id(event))
                    .map(id)
                    .chain([id(event)])
                    .collect(),
                _ => vec![],
            });
            run.collect()
        }
        _ => return false,
    };
    allowed.contains(&recorded) && allowed.contains(&actual)
}

/// An event in a few words.
pub(crate) fn outline(event: &Value) -> String {
    let details = details(event).map(|(_, details)| details);
    let member = |name: &str| details.and_then(|details| details.get(name)).and_then(Value::as_str);
    let words = ["name", "state", "error", "cause"].into_iter().filter_map(member);
    let words: Vec<String> = words.map(|word| word.chars().take(120).collect()).collect();
    format!("{}<-{} {} {}", event["id"], event["previousEventId"], type_name(event), words.join(" "))
}
