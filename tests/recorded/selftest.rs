//! The comparer's own tests: what was recorded is equal to itself, and to nothing else.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use stepwright::HistoryEvent;

use super::case::{Case, Found};
use super::compare::Comparer;
use super::histories::{self, Mode};
use super::threads::{self, Role};
use super::wildcards::{Kind, Wildcards};

type Check = Result<(), String>;
type Test = fn() -> Check;
type CaseTest = fn(&Subject) -> Check;

/// Details of more bytes are not changed everywhere in turn.
const LARGE: usize = 500;

/// Members of details whose text is JSON.
const TEXTS: [&str; 4] = ["input", "output", "parameters", "cause"];

pub(crate) fn trials(cases: &Arc<Vec<Found>>) -> Vec<Trial> {
    let over_cases: [(&str, CaseTest); 4] = [
        ("comparer/a-recorded-history-matches-itself", matches_itself),
        ("comparer/a-changed-history-is-noticed", notices_changes),
        ("comparer/the-order-of-keys-counts-only-if-strict", notices_key_order),
        ("comparer/the-crate-reads-and-writes-each-recorded-event", survives_the_crate),
    ];
    let on_its_own: [(&str, Test); 6] = [
        ("comparer/wildcards-bind-and-match", wildcards),
        ("comparer/texts-and-values", texts_and_values),
        ("comparer/drifts-are-accepted-and-nothing-else", drifts),
        ("comparer/threads-interleave-as-they-like", interleaving),
        ("comparer/a-retried-map-opens-its-threads-again", retried),
        ("comparer/a-lossy-parallel-is-compared-as-far-as-known", lossy),
    ];
    let mut trials: Vec<Trial> =
        on_its_own.map(|(name, test)| Trial::test(name, move || test().map_err(Failed::from))).into();
    if !cases.is_empty() {
        trials.extend(over_cases.map(|(name, test)| {
            let cases = cases.clone();
            Trial::test(name, move || for_each_history(&cases, test).map_err(Failed::from))
        }));
    }
    trials
}

/// A recorded history, and one that might have been the interpreter's.
struct Subject {
    case: Case,
    expected: Vec<Value>,
    actual: Vec<Value>,
}

fn for_each_history(cases: &[Found], test: CaseTest) -> Check {
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

fn matches_itself(subject: &Subject) -> Check {
    subject.verdict(&subject.actual)
}

fn notices_changes(subject: &Subject) -> Check {
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

fn notices_key_order(subject: &Subject) -> Check {
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

fn survives_the_crate(subject: &Subject) -> Check {
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

fn assert(holds: bool, what: &str) -> Check {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn wildcards() -> Check {
    let listed = json!({ "<a:1>": "bind", "<b>": "any", "<a:1>2": "bind" });
    let mut wildcards = Wildcards::of(&listed);
    assert(!wildcards.matches("x<a:1>", "x"), "a token is not empty")?;
    assert(wildcards.matches("<a:1>/<a:1>!", "p/q/p/q!"), "a token takes what makes the rest fit")?;
    assert(wildcards.fill("see <a:1>, <b>") == "see p/q, <b>", "a bound token is filled in")?;
    assert(!wildcards.matches("<a:1>", "other"), "a bound token stays bound")?;
    assert(wildcards.matches("<b>-<b>", "1-2"), "an `any` token is free each time")?;
    assert(wildcards.matches("<a:1>2", "long"), "a longer token goes first")?;
    assert(
        wildcards.matches("<c>", "<c>") && !wildcards.matches("<c>", "d"),
        "what is not listed is literal",
    )?;
    assert(!wildcards.matches("<b>x", "ü"), "what does not fit does not match")?;
    assert(wildcards.matches("<b>x", "üx"), "characters may be long")
}

fn texts_and_values() -> Check {
    let listed = json!({ "<any>": "any", "<bind>": "bind" });
    let same = |expected: &Value, actual: &Value| {
        Comparer::new(Wildcards::of(&listed)).answer(expected, actual).is_ok()
    };
    assert(same(&json!({ "a": { "b": 1 } }), &json!({ "a": r#"{ "b" : 1.0 }"# })), "a text is read")?;
    assert(!same(&json!({ "a": { "b": {} } }), &json!({ "a": r#"{"b":"{}"}"# })), "a text is read once")?;
    assert(
        !same(&json!({ "a": "[1]" }), &json!({ "a": "[1 ]" })),
        "what the recording did not read is text",
    )?;
    assert(!same(&json!({ "a": {} }), &json!({ "a": "no JSON" })), "a text that is no JSON is no object")?;
    assert(same(&json!("<any>"), &json!({ "a": 1 })), "an `any` token is any value")?;
    assert(!same(&json!("<bind>"), &json!(1)), "a `bind` token is text")?;
    assert(!same(&json!({ "a": 1 }), &json!({ "a": 1, "b": 2 })), "nothing may be added")?;
    assert(same(&json!({ "a": 1 }), &json!({ "a": 1, "RedriveCount": 0 })), "but what AWS added")?;
    assert(!same(&json!({ "RedriveCount": 0 }), &json!({})), "and it has to be there if it was")?;
    let attempts = json!({ "cause": "X (Request ID: 1) (SDK Attempt Count: 1)" });
    assert(same(&json!({ "cause": "X (Request ID: 1)" }), &attempts), "attempts may be counted")?;
    assert(same(&attempts, &json!({ "cause": "X (Request ID: 1)" })), "or not")?;
    assert(!same(&json!({ "error": "X" }), &json!({ "error": "X (SDK Attempt Count: 1)" })), "in causes only")
}

/// Events without details.
fn history(events: &[(u64, u64, &str)]) -> Vec<Value> {
    let event = |(id, previous, type_name): &(u64, u64, &str)| {
        let (type_name, name) = type_name.split_once(' ').unwrap_or((type_name, ""));
        let (name, index) = name.split_once('#').unwrap_or((name, ""));
        let mut event = json!({ "id": id, "previousEventId": previous, "type": type_name });
        let key = match type_name {
            _ if type_name.ends_with("StateEntered") => "stateEnteredEventDetails",
            _ if type_name.ends_with("StateExited") => "stateExitedEventDetails",
            "EvaluationFailed" => "evaluationFailedEventDetails",
            _ if type_name.starts_with("MapIteration") => "mapIterationEventDetails",
            _ => return event,
        };
        event[key] = json!({ "name": name, "state": name });
        if let Ok(index) = index.parse::<u64>() {
            event[key]["index"] = index.into();
        }
        event
    };
    events.iter().map(event).collect()
}

fn compare(expected: &[(u64, u64, &str)], actual: &[(u64, u64, &str)], mode: Mode) -> Check {
    let mut comparer = Comparer::new(Wildcards::default());
    comparer.history(&history(expected), &history(actual), mode).map_err(|difference| difference.to_string())
}

fn drifts() -> Check {
    let failed = |previous, exited| {
        [
            (5, 4, "PassStateEntered Read"),
            (6, previous, "EvaluationFailed Read"),
            (7, exited, "PassStateExited Read"),
        ]
    };
    let evaluation = |expected: (u64, u64), actual: (u64, u64)| {
        compare(&failed(expected.0, expected.1), &failed(actual.0, actual.1), Mode::Ordered)
    };
    evaluation((4, 6), (5, 6))?;
    evaluation((5, 6), (4, 6))?;
    evaluation((4, 4), (5, 5))?;
    assert(evaluation((4, 6), (3, 6)).is_err(), "an evaluation's failure cannot chain to anything")?;
    assert(evaluation((5, 4), (5, 5)).is_err(), "without a shift nothing else shifts")?;
    let map = |previous| {
        [
            (3, 2, "MapStateStarted"),
            (4, 3, "MapRunStarted"),
            (5, 4, "MapRunSucceeded"),
            (6, 5, "MapStateSucceeded"),
            (7, previous, "MapStateExited Each"),
        ]
    };
    compare(&map(4), &map(5), Mode::Ordered)?;
    compare(&map(5), &map(4), Mode::Ordered)?;
    assert(compare(&map(4), &map(6), Mode::Ordered).is_err(), "a Map's end chains to an end of its run")?;
    let pass = |previous| [(2, 0, "PassStateEntered A"), (3, previous, "PassStateExited A")];
    assert(compare(&pass(2), &pass(0), Mode::Ordered).is_err(), "nothing else drifts")
}

const ITERATIONS: [(u64, u64, &str); 14] = [
    (1, 0, "ExecutionStarted"),
    (2, 0, "MapStateEntered Each"),
    (3, 2, "MapStateStarted"),
    (4, 3, "MapIterationStarted Each#0"),
    (5, 3, "MapIterationStarted Each#1"),
    (6, 4, "PassStateEntered A"),
    (7, 6, "PassStateExited A"),
    (8, 5, "PassStateEntered A"),
    (9, 8, "PassStateExited A"),
    (10, 7, "MapIterationSucceeded Each#0"),
    (11, 9, "MapIterationSucceeded Each#1"),
    (12, 11, "MapStateSucceeded"),
    (13, 11, "MapStateExited Each"),
    (14, 13, "ExecutionSucceeded"),
];

fn interleaving() -> Check {
    let recorded = history(&ITERATIONS);
    let mut shuffled = recorded.clone();
    // A linear congruence is random enough to swap neighbours of different threads.
    let mut random = 7_usize;
    for _ in 0..200 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) % (shuffled.len() - 1);
        let threads = threads::of(&shuffled);
        let place = |at: usize| {
            threads.iter().find_map(|(thread, events)| {
                events.iter().find(|(_, place)| *place == at).map(|(role, _)| (thread, *role))
            })
        };
        let (Some((a, Role::Plain)), Some((b, Role::Plain))) = (place(at), place(at + 1)) else { continue };
        if a == b || histories::previous(&shuffled[at + 1]) == histories::id(&shuffled[at]) {
            continue;
        }
        let (first, second) = (histories::id(&shuffled[at]), histories::id(&shuffled[at + 1]));
        shuffled.swap(at, at + 1);
        for event in &mut shuffled {
            for member in ["id", "previousEventId"] {
                let id = event[member].as_u64().unwrap_or(0);
                event[member] = if id == first {
                    second
                } else if id == second {
                    first
                } else {
                    id
                }
                .into();
            }
        }
    }
    assert(shuffled != recorded, "the events are shuffled")?;
    let same = |actual: &[Value]| {
        let mut comparer = Comparer::new(Wildcards::default());
        comparer.history(&recorded, actual, Mode::Concurrent).map_err(|difference| difference.to_string())
    };
    same(&shuffled)?;
    let mut crossed = recorded.clone();
    crossed[6]["previousEventId"] = 8.into();
    assert(same(&crossed).is_err(), "an event may not move to another iteration")?;
    let mut unlinked = recorded.clone();
    unlinked[6]["previousEventId"] = 4.into();
    assert(same(&unlinked).is_err(), "an event may not skip the one before it")?;
    let mut fewer = recorded.clone();
    fewer.remove(9);
    assert(same(&fewer).is_err(), "an end may not be missing")
}

fn retried() -> Check {
    let attempts = |second: &'static str| {
        [
            (1, 0, "ExecutionStarted"),
            (2, 0, "MapStateEntered Each"),
            (3, 2, "MapStateStarted"),
            (4, 3, "MapIterationStarted Each#0"),
            (5, 4, "ParallelStateEntered Both"),
            (6, 5, "ParallelStateStarted"),
            (7, 6, "PassStateEntered Left"),
            (8, 6, "FailStateEntered Right"),
            (9, 8, "ParallelStateFailed"),
            (10, 9, "MapIterationFailed Each#0"),
            (11, 9, "MapStateStarted"),
            (12, 11, "MapIterationStarted Each#0"),
            (13, 12, second),
            (14, 13, "MapIterationFailed Each#0"),
            (15, 13, "MapStateFailed"),
            (16, 15, "MapStateExited Each"),
        ]
    };
    let once = attempts("FailStateEntered Other");
    compare(&once, &once, Mode::Concurrent)?;
    let other = attempts("FailStateEntered Third");
    assert(compare(&once, &other, Mode::Concurrent).is_err(), "each opening counts")?;
    let found = threads::of(&history(&once));
    let names: Vec<String> = found.keys().map(threads::display).collect();
    let expected =
        ["thread /", "thread //Each[0]", "thread //Each[0]/Both(Left)", "thread //Each[0]/Both(Right)"];
    assert(names == expected, &format!("the threads are {names:?}"))
}

fn lossy() -> Check {
    let whole = [
        (1, 0, "ExecutionStarted"),
        (2, 0, "ParallelStateEntered Both"),
        (3, 2, "ParallelStateStarted"),
        (4, 3, "PassStateEntered Left"),
        (5, 3, "PassStateEntered Right"),
        (6, 4, "PassStateExited Left"),
        (7, 5, "PassStateExited Right"),
        (8, 7, "ParallelStateSucceeded"),
        (9, 7, "ParallelStateExited Both"),
        (10, 9, "ExecutionSucceeded"),
    ];
    let mut recorded = history(&whole);
    recorded.remove(7);
    for event in &mut recorded[3..7] {
        if let Some(members) = event.as_object_mut() {
            members.remove("id");
            members.remove("previousEventId");
        }
    }
    recorded.swap(4, 5);
    for concurrent in [false, true] {
        let same = |actual: &[Value]| {
            let mut comparer = Comparer::new(Wildcards::default());
            let mode = Mode::LossyParallel { concurrent };
            comparer.history(&recorded, actual, mode).map_err(|difference| difference.to_string())
        };
        let actual = history(&whole);
        same(&actual)?;
        let mut more = actual.clone();
        more.insert(6, history(&[(7, 6, "WaitStateAborted")]).remove(0));
        assert(same(&more).is_err(), "nothing may be added but what was lost")?;
        let mut relinked = actual.clone();
        relinked[9]["previousEventId"] = 8.into();
        assert(same(&relinked).is_err(), "what is known of the chain is compared")?;
        let mut renumbered = actual;
        renumbered[8]["id"] = 20.into();
        renumbered[9]["previousEventId"] = 20.into();
        assert(same(&renumbered).is_ok() == concurrent, "ids depend on timing only in concurrent cases")?;
    }
    Ok(())
}
