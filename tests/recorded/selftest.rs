//! The comparer's own tests; those over all recorded histories are in `mutations.rs`.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::case::{Case, Found};
use super::compare::Comparer;
use super::fault::Fault;
use super::gaps::Gaps;
use super::histories::{self, Mode};
use super::mutations::{self, CaseTest, Check};
use super::outcomes::{Answer, Asked, Outcomes};
use super::threads::{self, Role};
use super::wildcards::Wildcards;

type Test = fn() -> Check;

pub(crate) fn trials(cases: &Arc<Vec<Found>>) -> Vec<Trial> {
    let over_cases: [(&str, CaseTest); 4] = [
        ("comparer/a-recorded-history-matches-itself", mutations::matches_itself),
        ("comparer/a-changed-history-is-noticed", mutations::notices_changes),
        ("comparer/the-order-of-keys-counts-only-if-strict", mutations::notices_key_order),
        ("comparer/the-crate-reads-and-writes-each-recorded-event", mutations::survives_the_crate),
    ];
    let on_its_own: [(&str, Test); 8] = [
        ("comparer/wildcards-bind-and-match", wildcards),
        ("comparer/texts-and-values", texts_and_values),
        ("comparer/drifts-are-accepted-and-nothing-else", drifts),
        ("comparer/threads-interleave-as-they-like", interleaving),
        ("comparer/a-retried-map-opens-its-threads-again", retried),
        ("comparer/a-lossy-parallel-is-compared-as-far-as-known", lossy),
        ("comparer/outcomes-go-to-their-tasks", outcomes),
        ("comparer/gaps-keep-their-reasons", gaps),
    ];
    let mut trials: Vec<Trial> =
        on_its_own.map(|(name, test)| Trial::test(name, move || test().map_err(Failed::from))).into();
    if !cases.is_empty() {
        trials.extend(over_cases.map(|(name, test)| {
            let cases = cases.clone();
            Trial::test(name, move || mutations::for_each_history(&cases, test).map_err(Failed::from))
        }));
    }
    trials
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

fn outcomes() -> Check {
    let case = Case::new(json!({
        "outcomes": [
            { "state": "Send", "kind": "task", "parameters": { "Token": "<token>" }, "submitted": "1",
              "viaCallback": true, "result": { "event": "TaskSucceeded", "output": "\"<token> and <uuid>\"" } },
            { "state": "Send", "kind": "task", "path": [{ "map": "Each", "index": 1 }],
              "result": { "event": "TaskTimedOut", "error": "States.Timeout" } },
            { "state": "Count", "kind": "lambda", "derived": "so", "path": [{ "map": "All", "index": 0 }],
              "parameters": 7, "result": { "event": "LambdaFunctionFailed" } },
            { "state": "Poll", "kind": "activity", "started": true, "workerName": "Ann", "result": null },
        ],
        "wildcards": { "<token>": "bind", "<uuid>": "bind" },
    }));
    let mut outcomes = Outcomes::of(&case);
    let mut ask = |state: &str, path: &[(String, u64)], parameters: Value| {
        outcomes.answer(&Asked { state, path, parameters: &parameters })
    };
    let inside = |index| [("Each".to_owned(), index)];
    assert(ask("Send", &inside(0), json!({})).is_err(), "an outcome belongs to its iteration")?;
    assert(ask("Send", &inside(1), json!({}))?.is_empty(), "a timeout comes by itself")?;
    assert(
        ask("Send", &[], json!({ "Token": "secret" }))?
            == [
                Answer::Submitted { output: "1".into() },
                Answer::Succeeded { output: "\"secret and <uuid>\"".into(), by_token: true },
            ],
        "what was bound is filled in",
    )?;
    assert(ask("Send", &[], json!({})).is_err(), "an outcome is used once")?;
    assert(ask("Count", &[], json!(8)).is_err(), "a derived outcome is found by its parameters")?;
    assert(
        ask("Count", &[], json!(7))? == [Answer::Failed { error: None, cause: None, by_token: false }],
        "a failure may say nothing",
    )?;
    let started = Answer::Started { worker: Some("Ann".into()) };
    assert(ask("Poll", &[], json!(1))? == [started], "what nobody answered stays unanswered")
}

fn gaps() -> Check {
    let list =
        "# A remark\n[[gap]]\nreason = \"it is \\\"hard\\\"\"\ncases = [\n    \"a/b\",\n    \"a/c\",\n]\n";
    let gaps = Gaps::parse(list)?;
    assert(gaps.reason("a/b") == Some("it is \"hard\""), "a listed case has a reason")?;
    assert(gaps.reason("a/d").is_none(), "others have none")?;
    let names = ["a/b", "a/d"].into();
    assert(gaps.mistakes(&names).len() == 1, "a case that is not there is a mistake")?;
    let faults = [
        ("a/c".to_owned(), Fault::Differs("as ever".into())),
        ("a/d".to_owned(), Fault::Differs("this is\n  new\n\nand so on".into())),
        ("a/e".to_owned(), Fault::no_runner("no tea yet")),
    ];
    let (text, unexplained) = gaps.blessed(&faults.into());
    assert(
        unexplained == 1 && text.contains("    # this is new\n    \"a/d\",\n"),
        "what is new is to be explained",
    )?;
    let blessed = Gaps::parse(&text)?;
    assert(blessed.reason("a/c") == gaps.reason("a/c"), "what is known stays")?;
    assert(blessed.reason("a/b").is_none(), "what passes goes")?;
    assert(blessed.reason("a/e") == Some("no tea yet"), "what has no runner says so")?;
    let names = ["a/c", "a/d", "a/e"].into();
    assert(blessed.mistakes(&names).len() == 1, "a missing reason is a mistake")?;
    assert(Gaps::parse("\"a/b\",").is_err() && Gaps::parse("reasons").is_err(), "what cannot be read is told")
}
