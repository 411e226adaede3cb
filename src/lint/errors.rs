//! Entries of `Retry` and `Catch` that can never apply.

use crate::definition::{Amount, Retrier, Setting, State, StateKind, StateType, Tree};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Trail, closest};

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

pub(super) fn lint(state: &State, at: &Trail<'_>, tree: &Tree<'_>, found: &mut Diagnostics) {
    let retriers = state.retry.as_deref().unwrap_or_default();
    entries(state, retriers, |entry| &entry.error_equals, &at.key("Retry"), tree, found);
    let catchers = state.catch.as_deref().unwrap_or_default();
    entries(state, catchers, |entry| &entry.error_equals, &at.key("Catch"), tree, found);
    found.extend(idle_retrier(retriers, at));
}

fn entries<T>(
    state: &State,
    entries: &[T],
    names: impl Fn(&T) -> &[String],
    at: &Trail<'_>,
    tree: &Tree<'_>,
    found: &mut Diagnostics,
) {
    for (n, entry) in entries.iter().enumerate() {
        let at_entry = at.index(n);
        let at_names = at_entry.key("ErrorEquals");
        for (i, name) in names(entry).iter().enumerate() {
            let at = at_names.index(i);
            let earlier = entries[..n].iter().flat_map(|entry| names(entry).iter());
            let odd = name_of(state, name, &at).filter(|_| !is_raised(name, tree));
            found.extend(odd.or_else(|| shadowed(state, name, earlier, &at)));
        }
    }
}

/// Whether a Fail state fails with `error`.
fn is_raised(error: &str, tree: &Tree<'_>) -> bool {
    tree.states.iter().any(|placed| match &placed.state.kind {
        StateKind::Fail(fail) => matches!(&fail.error, Some(Setting::Value(own)) if own == error),
        _ => false,
    })
}

/// What is wrong with a name by itself.
fn name_of(state: &State, name: &str, at: &Trail<'_>) -> Option<Diagnostic> {
    if name == "States.Runtime" {
        let message = "neither `Retry` nor `Catch` ever sees `States.Runtime`";
        return Some(Diagnostic::new(Code::NeverCaught, at.pointer(), message));
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
            Some(Diagnostic::new(Code::NeverRaised, at.pointer(), message))
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
            let diagnostic = Diagnostic::new(Code::UnknownErrorName, at.pointer(), message);
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
    at: &Trail<'_>,
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
    Some(Diagnostic::new(Code::ShadowedError, at.pointer(), message))
}

/// A retrier that does not retry, and keeps no later one from it.
fn idle_retrier(retriers: &[Retrier], at: &Trail<'_>) -> Option<Diagnostic> {
    let last = retriers.last()?;
    let never = matches!(&last.max_attempts, Some(Amount::Number(number)) if number.as_u64() == Some(0));
    never.then(|| {
        let pointer = at.key("Retry").index(retriers.len() - 1).key("MaxAttempts").pointer();
        let message = "a last retrier that never retries changes nothing";
        Diagnostic::new(Code::IdleRetrier, pointer, message)
    })
}
