//! What is known from outside: what was asked for, what was acknowledged, and what follows from that.
//!
//! Whatever handlers and callbacks say carries a number of its own, the *offer*, so that a history tells which of
//! them counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use stepwright::store::ExecutionSummary;
use stepwright::{ExecutionStatus, HistoryEvent, ReportError, StateMachine, TaskToken};

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
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The inputs with which somebody tried to start it.
    pub(crate) inputs: Vec<Value>,
    /// The one with which it was started, if that was acknowledged.
    accepted: Option<Value>,
    /// How it ended, as somebody was told.
    ended: Option<ExecutionStatus>,
}

/// What was known when somebody asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    exists: bool,
    ended: bool,
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

impl Model {
    pub(crate) fn starts(&mut self, name: &str, input: &Value) {
        let known = self.executions.entry(name.into()).or_default();
        if !known.inputs.contains(input) {
            known.inputs.push(input.clone());
        }
    }

    pub(crate) fn started(&mut self, name: &str, input: &Value) -> Result<(), String> {
        let accepted = &mut self.executions.get_mut(name).unwrap().accepted;
        match accepted.get_or_insert_with(|| input.clone()) == input {
            true => Ok(()),
            false => Err(format!("{name} was started with two inputs")),
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
            Err(ReportError::Store(error)) if error.is_retryable() => Fate::Unknown,
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
        Asked { exists: known.accepted.is_some(), ended: known.ended.is_some() }
    }

    /// Somebody was told how an execution stands; nothing when there is none.
    pub(crate) fn told(
        &mut self,
        name: &str,
        asked: Asked,
        status: Option<&ExecutionStatus>,
    ) -> Result<(), String> {
        let known = self.executions.get_mut(name).unwrap();
        match (status, &known.ended) {
            (None, _) if asked.exists => Err(format!("{name} was started, and does not exist")),
            (None, _) => Ok(()),
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
    pub(crate) fn judge(
        &mut self,
        machines: &[Arc<StateMachine>],
        kept: &[(ExecutionSummary, Vec<HistoryEvent>)],
    ) -> Result<(), String> {
        let names: BTreeSet<&str> = kept.iter().map(|(summary, _)| &*summary.name).collect();
        for (name, known) in &self.executions {
            if known.accepted.is_some() && !names.contains(&**name) {
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
        Ok(())
    }

    fn judge_summary(&mut self, summary: &ExecutionSummary) -> Result<(), String> {
        let name = &*summary.name;
        let Some(known) = self.executions.get(name) else {
            return Err(format!("nobody started {name}"));
        };
        let input = Value::from(&summary.input);
        if !known.inputs.contains(&input)
            || known.accepted.as_ref().is_some_and(|accepted| *accepted != input)
        {
            return Err(format!("{name} has the input of another"));
        }
        if !summary.status.is_closed() {
            return Err(format!("{name} did not come to its end"));
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
