//! Entries of `Retry` and `Catch` that can never apply.

use super::tree::{Tree, Visit};
use crate::definition::{Amount, State, StateKind, StateType};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, JsonPointer, closest};

/// The reserved names, with the types of states that fail with each.
#[rustfmt::skip]
const RESERVED: &[(&str, &[StateType])] = {
    use StateType::{Map, Parallel, Task};
    &[
        ("States.ALL", &[Task, Parallel, Map]),
        ("States.BranchFailed", &[Parallel, Map]),
        ("States.DataLimitExceeded", &[Task, Parallel, Map]),
        ("States.ExceedToleratedFailureThreshold", &[Parallel, Map]),
        ("States.HeartbeatTimeout", &[Task, Parallel, Map]),
        ("States.Http.Socket", &[Task, Parallel, Map]),
        ("States.IntrinsicFailure", &[Task, Parallel, Map]),
        ("States.ItemReaderFailed", &[Parallel, Map]),
        ("States.NoChoiceMatched", &[Parallel, Map]),
        ("States.ParameterPathFailure", &[Task, Parallel, Map]),
        ("States.Permissions", &[Task, Parallel, Map]),
        ("States.QueryEvaluationError", &[Task, Parallel, Map]),
        ("States.ResultPathMatchFailure", &[Task, Parallel, Map]),
        ("States.ResultWriterFailed", &[Parallel, Map]),
        ("States.Runtime", &[Task, Parallel, Map]),
        ("States.TaskFailed", &[Task, Parallel, Map]),
        ("States.Timeout", &[Task, Parallel, Map]),
    ]
};

pub(super) fn lint(visit: &Visit<'_>, tree: &Tree<'_>) -> Diagnostics {
    let state = visit.state;
    let retry: Vec<&[String]> = state.retry.iter().flatten().map(|entry| &*entry.error_equals).collect();
    let catch: Vec<&[String]> = state.catch.iter().flatten().map(|entry| &*entry.error_equals).collect();
    let mut found = Diagnostics::default();
    for (field, entries) in [("Retry", retry), ("Catch", catch)] {
        let at = visit.at.key(field);
        for (n, names) in entries.iter().enumerate() {
            for (i, name) in names.iter().enumerate() {
                let at = at.index(n).key("ErrorEquals").index(i);
                let earlier = entries[..n].iter().flat_map(|names| names.iter());
                let own = tree.raises(name);
                let odd = name_of(state, name, at.clone()).filter(|_| !own);
                found.extend(odd.or_else(|| shadowed(state, name, earlier, at)));
            }
        }
    }
    found.extend(idle_retrier(visit));
    found
}

/// What is wrong with a name by itself.
fn name_of(state: &State, name: &str, at: JsonPointer) -> Option<Diagnostic> {
    if name == "States.Runtime" {
        let message = "neither `Retry` nor `Catch` ever sees `States.Runtime`";
        return Some(Diagnostic::new(Code::NeverCaught, at, message));
    }
    match RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        Some((_, types)) => {
            let state_type = state.state_type()?;
            let silent = name == "States.HeartbeatTimeout"
                && matches!(&state.kind, StateKind::Task(task) if task.heartbeat.is_none());
            if types.contains(&state_type) && !silent {
                return None;
            }
            let message = match silent {
                true => format!("a Task without `HeartbeatSeconds` never fails with `{name}`"),
                false => format!("a {state_type} state never fails with `{name}`"),
            };
            Some(Diagnostic::new(Code::NeverRaised, at, message))
        }
        None if name.starts_with("States.Http.StatusCode.") => None,
        None => {
            let head = name.split('.').next().unwrap_or_default();
            if !head.eq_ignore_ascii_case("States") && !head.eq_ignore_ascii_case("State") {
                return None;
            }
            let meant = RESERVED.iter().map(|(reserved, _)| *reserved);
            let same = meant.clone().find(|reserved| {
                let tail = |name: &str| name.split_once('.').map(|(_, tail)| tail.to_ascii_lowercase());
                tail(reserved) == tail(name)
            });
            let meant = same.or_else(|| closest(name, meant));
            // Somebody's own error may be called `State.Something`.
            if head != "States" && meant.is_none() {
                return None;
            }
            let message = format!("there is no error `{name}`, so this never matches");
            let diagnostic = Diagnostic::new(Code::UnknownErrorName, at, message);
            Some(match meant {
                Some(meant) => diagnostic.with_help(format!("did you mean `{meant}`?")),
                None => diagnostic.with_help("names that begin with `States.` are reserved"),
            })
        }
    }
}

/// An earlier entry matches all that `name` does.
fn shadowed<'n>(
    state: &State,
    name: &str,
    mut earlier: impl Iterator<Item = &'n String>,
    at: JsonPointer,
) -> Option<Diagnostic> {
    let task = state.state_type() == Some(StateType::Task);
    let by = earlier.find(|earlier| match earlier.as_str() {
        same if same == name => true,
        "States.TaskFailed" => task && !name.starts_with("States."),
        "States.Timeout" => name == "States.HeartbeatTimeout",
        _ => false,
    })?;
    let message = match by == name {
        true => format!("an earlier entry matches `{name}` already"),
        false => format!("`{by}` in an earlier entry matches `{name}` already"),
    };
    Some(Diagnostic::new(Code::ShadowedError, at, message))
}

/// A retrier that does not retry, and keeps no later one from it.
fn idle_retrier(visit: &Visit<'_>) -> Option<Diagnostic> {
    let retriers = visit.state.retry.as_deref()?;
    let last = retriers.last()?;
    let never = matches!(&last.max_attempts, Some(Amount::Number(number)) if number.as_u64() == Some(0));
    never.then(|| {
        let at = visit.at.key("Retry").index(retriers.len() - 1).key("MaxAttempts");
        let message = "a last retrier that never retries changes nothing";
        Diagnostic::new(Code::IdleRetrier, at, message)
    })
}
