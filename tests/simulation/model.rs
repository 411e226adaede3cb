//! What is known from outside: what was asked for, what was acknowledged, and what follows from that.
//!
//! Whatever handlers and callbacks say carries a number of its own, the *offer*, so that a history tells which of
//! them counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use stepwright::store::ExecutionSummary;
use stepwright::{
    ExecutionId, ExecutionStatus, HistoryEvent, HistoryEventKind as Kind, NotRedrivable, ReportError,
    StateMachine, TaskToken,
};

use crate::machine::{CHILD, names_of};
use crate::undisturbed::{self, Completion};

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) executions: BTreeMap<String, Known>,
    pub(crate) tokens: Vec<Seen>,
    offers: Vec<Offer>,
    /// Counts what happens: which came first.
    moment: u64,
}

/// An execution, as whoever asked for it knows it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: ExecutionId,
    /// The inputs with which somebody tried to start it.
    inputs: Vec<Value>,
    /// The one with which it was started, if that was acknowledged.
    accepted: Option<Value>,
    /// Whether it was started, as somebody saw.
    exists: bool,
    /// How it ended, as somebody was told.
    ended: Option<ExecutionStatus>,
    redrives: Redrives,
}

/// What was said about the redrives of an execution.
#[derive(Debug, Default)]
struct Redrives {
    /// How often somebody asked for one.
    asked: u64,
    /// How many of those who asked wait for an answer.
    waiting: u64,
    /// How often somebody asked, or was answered: it may be open since, or have ended.
    changes: u64,
    /// How often one without a token was acknowledged.
    acknowledged: u64,
    /// The tokens of those that were.
    tokens: BTreeSet<String>,
}

/// What was known when somebody asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    exists: bool,
    ended: bool,
    /// How often the execution had been redriven, as far as one can know; nothing while it is being.
    redrives: Option<u64>,
}

/// A token that somebody has.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) token: TaskToken,
    pub(crate) execution: String,
    /// The task's number in it.
    task: Option<u64>,
    /// Whether an answer was acknowledged.
    pub(crate) accepted: Option<u64>,
    /// When it was said that nobody waits for an answer any longer.
    pub(crate) refused: Option<u64>,
}

/// Something that a task, or an execution, may have come to.
#[derive(Debug)]
struct Offer {
    execution: String,
    /// The token with which it was reported.
    token: Option<usize>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Unknown,
    Accepted,
    Refused,
}

/// What is in the store of an execution.
pub(crate) type Kept = (ExecutionSummary, Vec<HistoryEvent>);

impl Known {
    /// How often it was redriven, in a way; nothing while somebody does it.
    fn redrives(&self) -> Option<u64> {
        (self.redrives.waiting == 0).then_some(self.redrives.changes)
    }

    /// Whether nobody may have redriven it since somebody asked.
    fn is_as_it_was(&self, asked: Asked) -> bool {
        asked.redrives.is_some() && asked.redrives == self.redrives()
    }
}

impl Model {
    fn known(&mut self, id: &ExecutionId) -> &mut Known {
        self.executions.entry(names_of(id).1.into()).or_insert_with(|| Known {
            id: id.clone(),
            inputs: Vec::new(),
            accepted: None,
            exists: false,
            ended: None,
            redrives: Redrives::default(),
        })
    }

    pub(crate) fn starts(&mut self, id: &ExecutionId, input: &Value) {
        let known = self.known(id);
        if !known.inputs.contains(input) {
            known.inputs.push(input.clone());
        }
    }

    /// Somebody was told that it was started with this input, or had been and is open.
    pub(crate) fn started(&mut self, name: &str, asked: Asked, input: &Value) -> Result<(), String> {
        let known = self.executions.get_mut(name).unwrap();
        known.exists = true;
        if known.accepted.get_or_insert_with(|| input.clone()) != input {
            return Err(format!("{name} was started with two inputs"));
        }
        match asked.ended && known.is_as_it_was(asked) {
            true => Err(format!("{name} had ended, and was started again")),
            false => Ok(()),
        }
    }

    /// Somebody was told that it cannot be started with this input, since there is one, which is so: `there`.
    pub(crate) fn exists(
        &mut self,
        name: &str,
        there: Option<&ExecutionSummary>,
        input: &Value,
    ) -> Result<(), String> {
        let Some(there) = there else { return Err(format!("there is no {name} that could be in the way")) };
        let known = self.executions.get_mut(name).unwrap();
        known.exists = true;
        match there.status.is_closed() || known.redrives.asked > 0 || there.input != *input {
            true => Ok(()),
            false => Err(format!("{name} is open, has this input, and cannot be started")),
        }
    }

    /// A task of it was called.
    pub(crate) fn saw_execution(&mut self, id: &ExecutionId) {
        self.known(id).exists = true;
    }

    pub(crate) fn redrives(&mut self, name: &str) {
        let known = self.executions.get_mut(name).unwrap();
        known.redrives.asked += 1;
        known.redrives.waiting += 1;
        known.redrives.changes += 1;
        known.ended = None;
    }

    /// Who asked for a redrive was answered, or is gone.
    pub(crate) fn redrove(&mut self, name: &str) {
        let known = self.executions.get_mut(name).unwrap();
        known.redrives.waiting -= 1;
        known.redrives.changes += 1;
        known.ended = None;
    }

    pub(crate) fn redriven(&mut self, name: &str, token: Option<String>) {
        let redrives = &mut self.executions.get_mut(name).unwrap().redrives;
        match token {
            Some(token) => drop(redrives.tokens.insert(token)),
            None => redrives.acknowledged += 1,
        }
    }

    pub(crate) fn not_redriven(
        &mut self,
        name: &str,
        asked: Asked,
        why: NotRedrivable,
    ) -> Result<(), String> {
        let known = &self.executions[name];
        match why {
            // Nobody else redrives it.
            NotRedrivable::Running
                if asked.ended && asked.redrives.map(|then| then + 2) == known.redrives() =>
            {
                Err(format!("{name} had ended, and is said to be open"))
            }
            NotRedrivable::Running | NotRedrivable::Succeeded => Ok(()),
            why => Err(format!("{name} is not redriven: {why}")),
        }
    }

    /// Something that is going to be said about an execution: its number.
    pub(crate) fn offer(&mut self, execution: &str, token: Option<usize>) -> u64 {
        self.offers.push(Offer { execution: execution.into(), token, fate: Fate::Unknown });
        self.offers.len() as u64 - 1
    }

    /// Somebody has a token: its number.
    pub(crate) fn saw(&mut self, token: &TaskToken, execution: &str, task: Option<u64>) -> usize {
        let known = self.tokens.iter().position(|seen| seen.token == *token);
        known.unwrap_or_else(|| {
            let (token, execution) = (token.clone(), execution.into());
            self.tokens.push(Seen { token, execution, task, accepted: None, refused: None });
            self.tokens.len() - 1
        })
    }

    /// A worker was given a token: its number.
    pub(crate) fn was_given(&mut self, token: &TaskToken, execution: &str) -> Result<usize, String> {
        match self.tokens.iter().any(|seen| seen.token == *token) {
            true => Err(format!("a task of {execution} was given to two workers")),
            false => Ok(self.saw(token, execution, None)),
        }
    }

    pub(crate) fn moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// What somebody was told who had begun to answer at `began`.
    pub(crate) fn answered(
        &mut self,
        token: usize,
        offer: Option<u64>,
        began: u64,
        came: &Result<(), ReportError>,
        explained: bool,
    ) -> Result<(), String> {
        let moment = self.moment();
        let seen = &mut self.tokens[token];
        let fate = match came {
            Ok(()) => {
                // One that was answered already may beat on until its call has returned.
                if offer.is_some() && seen.refused.is_some_and(|refused| refused < began) {
                    return Err(format!("token {token} counts again after it did not any longer"));
                }
                if let (Some(before), Some(now)) = (seen.accepted, offer) {
                    return Err(format!("token {token} was answered twice: by offer {before} and by {now}"));
                }
                seen.accepted = seen.accepted.or(offer);
                Fate::Accepted
            }
            Err(ReportError::TaskTimedOut | ReportError::TaskDoesNotExist) => {
                seen.refused.get_or_insert(moment);
                Fate::Refused
            }
            Err(ReportError::ShuttingDown) => Fate::Unknown,
            Err(_) if explained => Fate::Unknown,
            Err(error) => {
                let source = std::error::Error::source(error).map(ToString::to_string);
                return Err(format!("who answered token {token} was told: {error} ({source:?})"));
            }
        };
        if let Some(offer) = offer {
            self.offers[usize::try_from(offer).unwrap()].fate = fate;
        }
        Ok(())
    }

    /// What is known of an execution by whoever asks how it stands now.
    pub(crate) fn asks(&self, name: &str) -> Asked {
        let known = &self.executions[name];
        Asked { exists: known.exists, ended: known.ended.is_some(), redrives: known.redrives() }
    }

    /// Whether nobody may have redriven an execution since somebody asked.
    pub(crate) fn is_as_it_was(&self, name: &str, asked: Asked) -> bool {
        self.executions[name].is_as_it_was(asked)
    }

    /// Somebody was told how an execution stands; nothing when there is none.
    pub(crate) fn told(
        &mut self,
        name: &str,
        asked: Asked,
        status: Option<&ExecutionStatus>,
    ) -> Result<(), String> {
        let known = self.executions.get_mut(name).unwrap();
        known.exists |= status.is_some();
        match (status, &known.ended) {
            (None, _) if asked.exists => Err(format!("{name} was started, and does not exist")),
            (None, _) => Ok(()),
            // It may have been redriven meanwhile.
            (Some(_), _) if !known.is_as_it_was(asked) => Ok(()),
            (Some(status), Some(ended)) if status.is_closed() && ended != status => {
                Err(format!("{name} had ended as {ended:?}, and is now {status:?}"))
            }
            (Some(status), _) if status.is_closed() => {
                known.ended = Some(status.clone());
                Ok(())
            }
            (Some(_), _) if asked.ended => Err(format!("{name} had ended, and is open again")),
            (Some(_), _) => Ok(()),
        }
    }

    /// Judges what is kept in the end: whether that is what everybody was told.
    pub(crate) fn judge(&mut self, machines: &[Arc<StateMachine>], kept: &[Kept]) -> Result<(), String> {
        let names: BTreeSet<&str> = kept.iter().map(|(summary, _)| &*summary.name).collect();
        for (name, known) in &self.executions {
            if known.exists && !names.contains(&**name) {
                return Err(format!("{name} was started, and is lost"));
            }
        }
        let mut counted = BTreeSet::new();
        for (summary, history) in kept {
            let name = &*summary.name;
            self.judge_summary(summary)?;
            let machine = machines.iter().find(|machine| summary.machine_arn.ends_with(machine.name()));
            let machine = machine.ok_or_else(|| format!("{name} is of no machine"))?;
            let completions = undisturbed::run(machine, summary, history).map_err(|why| {
                let events: Vec<String> = history.iter().map(ToString::to_string).collect();
                format!("{name} is not what an undisturbed execution is: {why}\n{}", events.join("\n"))
            })?;
            self.judge_completions(name, &completions, &mut counted)?;
        }
        self.judge_redrives(kept)?;
        judge_children(kept)
    }

    /// Each redrive that was acknowledged is there, and none that nobody asked for.
    fn judge_redrives(&self, kept: &[Kept]) -> Result<(), String> {
        for (summary, history) in kept {
            let redriven = |event: &&HistoryEvent| matches!(event.kind, Kind::ExecutionRedriven { .. });
            let count = history.iter().filter(redriven).count() as u64;
            let least_and_most = self.executions.get(&*summary.name).map_or((0, 0), |known| {
                let Redrives { asked, acknowledged, tokens, .. } = &known.redrives;
                (acknowledged + tokens.len() as u64, *asked)
            });
            if count < least_and_most.0
                || count > least_and_most.1
                || u64::from(summary.redrive_count()) != count
            {
                return Err(format!(
                    "{} was redriven {count} times, and not {least_and_most:?}",
                    summary.name
                ));
            }
        }
        Ok(())
    }

    fn judge_summary(&mut self, summary: &ExecutionSummary) -> Result<(), String> {
        let name = &*summary.name;
        if !summary.status.is_closed() {
            return Err(format!("{name} did not come to its end"));
        }
        if names_of(&summary.id).0 == CHILD {
            return Ok(());
        }
        let Some(known) = self.executions.get(name) else {
            return Err(format!("nobody started {name}"));
        };
        let input = Value::from(&summary.input);
        if !known.inputs.contains(&input)
            || known.accepted.as_ref().is_some_and(|accepted| *accepted != input)
        {
            return Err(format!("{name} has the input of another"));
        }
        let asked = self.asks(name);
        self.told(name, asked, Some(&summary.status))
    }

    /// Each offer counts once at most, where it was made; those that were acknowledged count, and those that were
    /// refused do not.
    fn judge_completions(
        &self,
        name: &str,
        completions: &BTreeMap<u64, Completion>,
        counted: &mut BTreeSet<u64>,
    ) -> Result<(), String> {
        for (task, completion) in completions {
            let Completion::Offer(offer) = completion else { continue };
            if !counted.insert(*offer) {
                return Err(format!("offer {offer} counted twice"));
            }
            let made = usize::try_from(*offer).ok().and_then(|offer| self.offers.get(offer));
            match made {
                Some(made) if made.execution != name => {
                    return Err(format!(
                        "offer {offer} was made to {}, and counted for {name}",
                        made.execution
                    ));
                }
                Some(made) if made.fate == Fate::Refused => {
                    return Err(format!("offer {offer} was refused, and task {task} of {name} came to it"));
                }
                Some(_) => {}
                None => return Err(format!("nobody made offer {offer}")),
            }
        }
        for (offer, made) in (0..).zip(&self.offers) {
            if made.execution != name || made.fate != Fate::Accepted || counted.contains(&offer) {
                continue;
            }
            // Only what ends without any answer, because all around it does, may leave one unsaid.
            let task = made.token.and_then(|token| self.tokens[token].task);
            match task.map(|task| completions.get(&task)) {
                Some(Some(Completion::Abandoned)) => {}
                None if completions.values().any(|completion| *completion == Completion::Abandoned) => {}
                other => {
                    return Err(format!(
                        "offer {offer} to {name} was acknowledged, and its task came to {other:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A task starts one child at most, and what it came to is what the child came to.
fn judge_children(kept: &[Kept]) -> Result<(), String> {
    let found = |arn: &Value| kept.iter().map(|(summary, _)| summary).find(|it| arn == it.id.as_str());
    let mut started: BTreeMap<String, usize> = BTreeMap::new();
    for (child, _) in kept.iter().filter(|(summary, _)| names_of(&summary.id).0 == CHILD) {
        let parent = Value::from(&child.input)["parent"].as_str().map(str::to_owned);
        *started.entry(parent.ok_or_else(|| format!("{} has no parent", child.name))?).or_default() += 1;
    }
    for (summary, history) in kept {
        let mut tasks = 0;
        for event in history {
            let said = match &event.kind {
                Kind::TaskScheduled { resource, .. } if undisturbed::is_child(resource) => {
                    tasks += 1;
                    continue;
                }
                Kind::TaskSubmitted { resource, output } | Kind::TaskSucceeded { resource, output }
                    if undisturbed::is_child(resource) =>
                {
                    Value::from(output)
                }
                Kind::TaskFailed { resource, failure } if undisturbed::is_child(resource) => {
                    let cause = failure.cause.as_deref().unwrap_or_default();
                    // It may be about no child, but about the call.
                    let Ok(said) = serde_json::from_str::<Value>(cause) else { continue };
                    said
                }
                _ => continue,
            };
            let name = &summary.name;
            let child = found(&said["ExecutionArn"]);
            let child = child.ok_or_else(|| format!("{name} knows of a child that there is not: {event}"))?;
            let status = said["Status"].as_str().unwrap_or("RUNNING");
            let as_said = match &child.status {
                ExecutionStatus::Succeeded { output } if status == "SUCCEEDED" => *output == said["Output"],
                other => status == other.as_str(),
            };
            let since = said["RedriveCount"].as_u64().is_some_and(|then| then < child.redrive_count().into());
            if !as_said && !since && status != "RUNNING" {
                return Err(format!("{name} was told {said} of {child:?}"));
            }
        }
        let children = started.remove(&*summary.name).unwrap_or_default();
        if children > tasks {
            return Err(format!("{} has {children} children of {tasks} tasks", summary.name));
        }
    }
    match started.is_empty() {
        true => Ok(()),
        false => Err(format!("nobody has the children of {started:?}")),
    }
}
