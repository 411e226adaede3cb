//! Recorded histories and changed ones: the comparer has to tell them apart.

use serde_json::{Value, json};
use stepwright::HistoryEvent;

use super::case::{Case, Found};
use super::compare::Comparer;
use super::histories::{self, Mode};
use super::wildcards::{Kind, Wildcards};

pub(crate) type Check = Result<(), String>;
pub(crate) type CaseTest = fn(&Subject) -> Check;

/// Details of more bytes are not changed everywhere in turn.
const LARGE: usize = 500;

/// Members of details whose text is JSON.
const TEXTS: [&str; 4] = ["input", "output", "parameters", "cause"];

/// A recorded history, and one that might have been the interpreter's.
pub(crate) struct Subject {
    case: Case,
    expected: Vec<Value>,
    actual: Vec<Value>,
}

pub(crate) fn for_each_history(cases: &[Found], test: CaseTest) -> Check {
    for found in cases.iter().filter(|found| ["executions", "local_mocking"].contains(&found.corpus)) {
        let case = found.read()?;
        let Some(expected) = case.history().map(<[Value]>::to_vec) else { continue };
        let actual = instance(&expected, &Wildcards::of(case.get("wildcards")));
        test(&Subject { case, expected, actual }).map_err(|mistake| format!("{}: {mistake}", found.name))?;
    }
    Ok(())
}

impl Subject {
    fn verdict(&self, actual: &[Value]) -> Check {
        let mut comparer = Comparer::new(Wildcards::of(self.case.get("wildcards")));
        comparer
            .history(&self.expected, actual, self.case.mode())
            .map_err(|difference| difference.to_string())
    }

    fn must_differ(&self, what: &str, actual: &[Value]) -> Check {
        match self.verdict(actual) {
            Ok(()) => Err(format!("nobody noticed {what}")),
            Err(_) => Ok(()),
        }
    }
}

/// A history that `expected` describes: tokens are replaced by texts, and values by their JSON.
fn instance(expected: &[Value], wildcards: &Wildcards) -> Vec<Value> {
    let mut count = 0;
    let mut with = |token: &str, kind: Kind| {
        count += 1;
        let letters: String = token.chars().filter(|c| c.is_alphanumeric()).collect();
        if kind == Kind::Any { format!("any-{count}") } else { format!("bound-{letters}") }
    };
    let mut history = Vec::new();
    for (event, id) in expected.iter().zip(1_u64..) {
        let mut event = event.clone();
        replace(&mut event, wildcards, &mut with);
        event["timestamp"] = 1_795_412_100.25.into();
        if event.get("id").is_none() {
            event["id"] = id.into();
            event["previousEventId"] = (id - 1).into();
        }
        let Some(key) = histories::details(&event).map(|(key, _)| key.to_owned()) else {
            history.push(event);
            continue;
        };
        let details = &mut event[key.as_str()];
        for name in TEXTS {
            if let Some(text) = details.get_mut(name) {
                to_text(text);
            }
        }
        if let Some(variables) = details.get_mut("assignedVariables").and_then(Value::as_object_mut) {
            variables.values_mut().for_each(to_text);
        }
        history.push(event);
    }
    history
}

fn to_text(value: &mut Value) {
    if !value.is_string() {
        *value = value.to_string().into();
    }
}

fn replace(value: &mut Value, wildcards: &Wildcards, with: &mut impl FnMut(&str, Kind) -> String) {
    match value {
        Value::String(text) => *text = wildcards.replace(text, &mut *with),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, wildcards, with)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, wildcards, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(crate) fn matches_itself(subject: &Subject) -> Check {
    subject.verdict(&subject.actual)
}

pub(crate) fn notices_changes(subject: &Subject) -> Check {
    let ordered = subject.case.mode() == Mode::Ordered;
    let wildcards = Wildcards::of(subject.case.get("wildcards"));
    let mut history = subject.actual.clone();
    for (at, expected) in subject.expected.iter().enumerate() {
        let name = histories::outline(expected);
        let event = history.remove(at);
        subject.must_differ(&format!("that {name} is missing"), &history)?;
        history.insert(at, event);
        if ordered || !histories::type_name(expected).starts_with("ParallelState") {
            history.insert(at, history[at].clone());
            subject.must_differ(&format!("that {name} is there twice"), &history)?;
            history.remove(at);
        }
        for member in ["id", "previousEventId", "type"] {
            let before = history[at][member].take();
            history[at][member] = match before.as_u64() {
                Some(id) => (id + 1000).into(),
                None => "TeaServed".into(),
            };
            if ordered || member == "type" {
                subject.must_differ(&format!("another {member} of {name}"), &history)?;
            }
            history[at][member] = before;
        }
        if !ordered && at > 0 && expected.get("id").is_none() && subject.expected[at - 1].get("id").is_none()
        {
            // Of these the order is not known.
            history.swap(at - 1, at);
            subject.verdict(&history)?;
            history.swap(at - 1, at);
        }
        let Some((key, details)) = histories::details(expected) else { continue };
        let large = details.to_string().len() > LARGE;
        for changed_details in variants(details, &wildcards, large) {
            let mut changed = expected.clone();
            changed[key] = changed_details.clone();
            let changed = instance(&[changed], &wildcards);
            if Comparer::new(wildcards.clone()).event(expected, &changed[0]).is_ok() {
                return Err(format!("nobody noticed other details of {name}: {changed_details}"));
            }
        }
    }
    Ok(())
}

/// What `value` becomes when one thing in it is changed, for each thing; of a large one, only for each member.
fn variants(value: &Value, wildcards: &Wildcards, large: bool) -> Vec<Value> {
    match value {
        Value::String(text) => {
            let mut literal = true;
            wildcards.replace(text, |_, _| {
                literal = false;
                String::new()
            });
            // A token at the end would take whatever is added.
            if literal { vec![format!("{text}!").into()] } else { vec![] }
        }
        Value::Number(number) => vec![json!(number.as_f64().unwrap_or(0.0) + 1.0)],
        Value::Bool(value) => vec![json!(!value)],
        Value::Null => vec![json!(0)],
        Value::Array(items) => {
            let mut all = vec![Value::Array(items.iter().cloned().chain([json!("more")]).collect())];
            for (at, item) in items.iter().enumerate().filter(|_| !large) {
                all.extend(variants(item, wildcards, large).into_iter().map(|variant| {
                    let mut items = items.clone();
                    items[at] = variant;
                    Value::Array(items)
                }));
            }
            all
        }
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("more".into(), json!("more"));
            let mut all = vec![Value::Object(more)];
            for (key, member) in members {
                let mut fewer = members.clone();
                fewer.shift_remove(key);
                all.push(Value::Object(fewer));
                if large && (member.is_object() || member.is_array()) {
                    continue;
                }
                all.extend(variants(member, wildcards, large).into_iter().map(|variant| {
                    let mut members = members.clone();
                    members.insert(key.clone(), variant);
                    Value::Object(members)
                }));
            }
            all
        }
    }
}

pub(crate) fn notices_key_order(subject: &Subject) -> Check {
    let wildcards = Wildcards::of(subject.case.get("wildcards"));
    let mode = subject.case.mode();
    let strict =
        |actual: &[Value]| Comparer::strict(wildcards.clone()).history(&subject.expected, actual, mode);
    strict(&subject.actual).map_err(|difference| difference.to_string())?;
    for at in 0..subject.actual.len() {
        let Some((key, details)) = histories::details(&subject.expected[at]) else { continue };
        for name in TEXTS {
            let Some(members) =
                details.get(name).and_then(Value::as_object).filter(|members| members.len() > 1)
            else {
                continue;
            };
            let mut expected = subject.expected.clone();
            let reversed = members.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect();
            expected[at][key][name] = Value::Object(reversed);
            let changed = instance(&expected, &wildcards);
            subject.verdict(&changed)?;
            if strict(&changed).is_ok() {
                return Err(format!("nobody noticed another order of keys in {name} of event {}", at + 1));
            }
        }
    }
    Ok(())
}

pub(crate) fn survives_the_crate(subject: &Subject) -> Check {
    for event in &subject.actual {
        let mut event = event.clone();
        let member = histories::details(&event).map(|(key, _)| key.to_owned());
        for name in ["input", "output", "parameters"] {
            // A text may consist of what a token stands for, and then it is no JSON.
            let text = member.as_deref().and_then(|key| event[key].get_mut(name));
            if let Some(text) = text.filter(|text| text.as_str().is_some_and(|text| !is_json(text))) {
                *text = "null".into();
            }
        }
        if let Some(arn) = event.pointer_mut("/mapRunStartedEventDetails/mapRunArn") {
            *arn = "arn:aws:states:us-east-1:111111111111:mapRun:M/L:1".into();
        }
        let read = HistoryEvent::from_wire(&event).map_err(|error| format!("{event}: {error}"))?;
        if read.to_wire() != event {
            return Err(format!("{event} comes back as {}", read.to_wire()));
        }
    }
    Ok(())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}
