//! The threads of a history: its root, the branches of its Parallels, the iterations of its Maps.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{Comparison, Difference};
use super::histories::{details, id, previous, type_name};

/// Where a thread is: the branches and iterations around it, outermost first.
pub(crate) type Thread = Vec<Step>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Of the Map that is named: the iteration.
    Iteration(String, u64),
    /// Of the Parallel that is named: the branch that begins with this state.
    Branch(String, String),
}

/// What an event does to the threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// It follows the event before it in its thread.
    Plain,
    /// It opens or closes a thread, or may point elsewhere: its `previousEventId` depends on timing.
    Edge,
    /// Something was given up: only how often counts.
    Aborted,
}

impl Step {
    fn owner(&self) -> &str {
        match self {
            Self::Iteration(name, _) | Self::Branch(name, _) => name,
        }
    }
}

pub(crate) fn display(thread: &Thread) -> String {
    let steps = thread.iter().map(|step| match step {
        Step::Iteration(name, index) => format!("/{name}[{index}]"),
        Step::Branch(name, state) => format!("/{name}({state})"),
    });
    format!("thread /{}", steps.collect::<String>())
}

pub(crate) fn is_aborted(type_name: &str) -> bool {
    type_name == "MapIterationAborted" || type_name.ends_with("StateAborted")
}

/// The events of each thread, by their places in `history`; those of a thread that opens again follow.
pub(crate) fn of(history: &[Value]) -> BTreeMap<Thread, Vec<(Role, usize)>> {
    let mut threads: BTreeMap<Thread, Vec<(Role, usize)>> = BTreeMap::new();
    for (at, (thread, role)) in assign(history).into_iter().enumerate() {
        threads.entry(thread).or_default().push((role, at));
    }
    threads
}

/// Whether each event follows the one before it in its thread, or the one that opened the thread.
pub(crate) fn check_links(history: &[Value]) -> Comparison {
    let mut last: BTreeMap<Thread, u64> = BTreeMap::new();
    for (event, (thread, role)) in history.iter().zip(assign(history)) {
        let expected = last.get(&thread).copied().unwrap_or(0);
        if role == Role::Plain && id(event) > 1 && previous(event) != expected {
            // The first state does not point to the start of the execution.
            let is_first = expected == 1 && previous(event) == 0;
            if !is_first {
                let place = format!("event #{} {} previousEventId", id(event), type_name(event));
                return Err(Difference::new(&place, expected, previous(event)).within(&display(&thread)));
            }
        }
        if role != Role::Aborted {
            last.insert(thread, id(event));
        }
    }
    Ok(())
}

fn assign(history: &[Value]) -> Vec<(Thread, Role)> {
    let mut threads: BTreeMap<u64, Thread> = BTreeMap::new();
    // Of the event before a branch begins: the name of its Parallel.
    let mut parallels: BTreeMap<u64, String> = BTreeMap::new();
    let mut assigned = Vec::with_capacity(history.len());
    for event in history {
        let before = history.iter().find(|before| id(before) == previous(event));
        let before_type = before.map_or("", type_name);
        let base = threads.get(&previous(event)).cloned().unwrap_or_default();
        let member = |name: &str| details(event).and_then(|(_, details)| details.get(name));
        let name = member("name").and_then(Value::as_str).unwrap_or("");
        let (thread, role) = match type_name(event) {
            "MapIterationStarted"
            | "MapIterationSucceeded"
            | "MapIterationFailed"
            | "MapIterationAborted" => {
                let index = member("index").and_then(Value::as_u64).unwrap_or(0);
                let mut thread = match base.iter().rposition(|step| is_iteration_of(step, name)) {
                    Some(at) => base[..at].to_vec(),
                    None => base,
                };
                thread.push(Step::Iteration(name.into(), index));
                let role = if type_name(event) == "MapIterationAborted" { Role::Aborted } else { Role::Edge };
                (thread, role)
            }
            entered if entered.ends_with("StateEntered") && before_type == "ParallelStateStarted" => {
                let mut thread = base;
                let parallel = parallels.get(&previous(event)).cloned().unwrap_or_default();
                thread.push(Step::Branch(parallel, name.into()));
                (thread, Role::Edge)
            }
            "MapStateExited" | "ParallelStateExited" => {
                let thread = match base.iter().rposition(|step| step.owner() == name) {
                    Some(at) => base[..at].to_vec(),
                    None => base,
                };
                (thread, Role::Edge)
            }
            "MapStateSucceeded" | "MapStateFailed" => (without_last(base, is_iteration), Role::Edge),
            "MapStateStarted" if before_type != "MapStateEntered" => {
                (without_last(base, is_iteration), Role::Edge)
            }
            "ParallelStateSucceeded" | "ParallelStateFailed" => (without_last(base, is_branch), Role::Edge),
            "ParallelStateStarted" => {
                let entered = before_type == "ParallelStateEntered";
                let (parallel, thread, role) = match before.and_then(|before| details(before)) {
                    Some((_, details)) if entered => {
                        (details["name"].as_str().unwrap_or("").to_owned(), base, Role::Plain)
                    }
                    _ => {
                        let parallel = base.iter().rev().find(|step| is_branch(step)).map(Step::owner);
                        (parallel.unwrap_or("").to_owned(), without_last(base, is_branch), Role::Edge)
                    }
                };
                parallels.insert(id(event), parallel);
                (thread, role)
            }
            "ExecutionSucceeded" => (Thread::new(), Role::Plain),
            "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut" => (Thread::new(), Role::Edge),
            "EvaluationFailed" => (base, Role::Edge),
            aborted if is_aborted(aborted) => (base, Role::Aborted),
            _ => (base, Role::Plain),
        };
        threads.insert(id(event), thread.clone());
        assigned.push((thread, role));
    }
    assigned
}

fn is_iteration_of(step: &Step, map: &str) -> bool {
    matches!(step, Step::Iteration(name, _) if name == map)
}

fn is_iteration(step: &Step) -> bool {
    matches!(step, Step::Iteration(..))
}

fn is_branch(step: &Step) -> bool {
    matches!(step, Step::Branch(..))
}

fn without_last(mut thread: Thread, is: impl Fn(&Step) -> bool) -> Thread {
    if let Some(at) = thread.iter().rposition(is) {
        thread.truncate(at);
    }
    thread
}
