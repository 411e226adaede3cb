//! What is kept of an execution.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::execution::{Event, ExecutionStatus, IssuedToken, Snapshot};
use crate::history::HistoryEvent;
use crate::store::{Commit, ExecutionSummary, InboxId, NewExecution, OwnerId, Revision};
use crate::time::Timestamp;

/// Up to how many events a history grows without room to spare.
const SHORT: usize = 32;

#[derive(Debug)]
pub(super) struct Kept {
    /// Later ones have higher ones.
    pub(super) number: u64,
    pub(super) revision: Revision,
    /// Nothing once it has ended, unless it may be redriven.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) definition: Arc<str>,
    pub(super) summary: ExecutionSummary,
    pub(super) history: Vec<HistoryEvent>,
    pub(super) tokens: Vec<IssuedToken>,
    pub(super) owner: Option<OwnerId>,
    wake: Option<Timestamp>,
    /// What was posted; most executions never get any.
    pub(super) post: Option<Box<Post>>,
}

/// Events that were posted.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub(super) inbox: BTreeMap<InboxId, Event>,
    /// What came of those that are not in the inbox any longer.
    pub(super) settled: BTreeMap<InboxId, bool>,
}

/// Where an execution waits for a claim.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Waits {
    Nowhere,
    /// Among those that somebody owns.
    Mailed,
    /// Among those that nobody owns.
    Until(Timestamp),
}

impl Kept {
    /// A new execution, before its first commit.
    pub(super) fn new(execution: NewExecution, number: u64) -> Self {
        let NewExecution { id, name, machine_arn, definition, input, started_at, owner } = execution;
        let summary = ExecutionSummary {
            id,
            name,
            machine_arn,
            input,
            status: ExecutionStatus::Running,
            started_at,
            stopped_at: None,
            redrives: None,
        };
        Self {
            number,
            revision: Revision::default(),
            snapshot: Some(Snapshot::default()),
            definition,
            summary,
            history: Vec::new(),
            tokens: Vec::new(),
            owner,
            wake: None,
            post: None,
        }
    }

    pub(super) fn has_mail(&self) -> bool {
        self.post.as_ref().is_some_and(|post| !post.inbox.is_empty())
    }

    pub(super) fn is_open(&self) -> bool {
        !self.summary.status.is_closed()
    }

    /// Changes it; the second is where it waited for a claim, and where it does now, if that is elsewhere.
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut Self) -> R) -> (R, Option<(Waits, Waits)>) {
        let before = self.waits();
        let result = change(self);
        let after = self.waits();
        (result, (before != after).then_some((before, after)))
    }

    fn waits(&self) -> Waits {
        match (self.owner, self.has_mail()) {
            (Some(_), false) => Waits::Nowhere,
            (Some(_), true) => Waits::Mailed,
            (None, false) => self.wake.map_or(Waits::Nowhere, Waits::Until),
            (None, true) => Waits::Until(Timestamp::EPOCH),
        }
    }

    /// Takes a commit over, and gives the state that is not needed any longer.
    pub(super) fn write(&mut self, commit: &mut Commit) -> Option<Snapshot> {
        self.wake = commit.wake();
        if let (Some(handled), Some(post)) = (commit.handled, &mut self.post)
            && post.inbox.remove(&handled.posted).is_some()
        {
            post.settled.insert(handled.posted, handled.accepted);
        }
        self.summary.redrives = commit.changes.redrives().cloned();
        let over = match &mut self.snapshot {
            Some(snapshot) if commit.keeps_state() => {
                snapshot.take(&mut commit.changes);
                None
            }
            _ => self.snapshot.take(),
        };
        self.remember(std::mem::take(&mut commit.history));
        match self.tokens.is_empty() {
            true => self.tokens = std::mem::take(&mut commit.tokens.issued),
            false => self.tokens.append(&mut commit.tokens.issued),
        }
        self.summary.stopped_at = commit.status.is_closed().then_some(commit.at);
        if commit.status.is_closed() {
            self.owner = None;
            if let Some(post) = &mut self.post {
                let refused = std::mem::take(&mut post.inbox);
                post.settled.extend(refused.into_keys().map(|posted| (posted, false)));
            }
        }
        std::mem::swap(&mut self.summary.status, &mut commit.status);
        self.revision = self.revision.next();
        over
    }

    /// Short histories get no more room than they need: there may be many of them, asleep.
    fn remember(&mut self, mut history: Vec<HistoryEvent>) {
        if self.history.is_empty() {
            history.shrink_to_fit();
            self.history = history;
            return;
        }
        if self.history.len() + history.len() <= SHORT {
            self.history.reserve_exact(history.len());
        }
        self.history.extend(history);
    }
}
