//! `RedriveExecution`: executions that did not succeed go on.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::execution::{Event, NotRedrivable};
use crate::id::ExecutionId;
use crate::runtime::resident::{Answer, Brought, Here, Mail, Refused};
use crate::runtime::work::Hands;
use crate::runtime::{AskError, ExecutionError, ExecutionHandle, Inner, RedriveError, Redriven};
use crate::store::{Commit, StoreErrorKind};

/// How long a client token may be: AWS's limit.
const TOKEN_CHARS: usize = 64;

impl Inner {
    pub(super) async fn redrive(
        self: &Arc<Self>,
        id: &ExecutionId,
        client_token: Option<&str>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Redriven, RedriveError> {
        if let Some(token) = client_token
            && !((1..=TOKEN_CHARS).contains(&token.len())
                && token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(RedriveError::InvalidClientToken { token: token.into() });
        }
        self.join().await.map_err(ExecutionError::from)?;
        // Whoever has an execution that is just ending here lets go of it first.
        self.touch(id).await;
        let at = loop {
            if self.shutdown.is_cancelled() {
                return Err(ExecutionError::ShuttingDown.into());
            }
            let now = self.clock.now();
            let described = self.describe(id).await?;
            let stored = self.store.load(id).await.map_err(ExecutionError::from)?;
            let summary = stored.as_ref().map_or(&described, |stored| &stored.summary);
            let earlier = summary.redrives.as_ref().and_then(|redrives| redrives.repeats(client_token, now));
            if let Some(at) = earlier {
                return Ok(Redriven { execution: ExecutionHandle::new(Arc::clone(self), id.clone()), at });
            }
            summary.may_be_redriven(&self.limits, now)?;
            let Some(stored) = stored else {
                // Others may have redriven it in between, and it has ended again.
                match self.describe(id).await? == described {
                    true => return Err(NotRedrivable::NotKept.into()),
                    false => continue,
                }
            };
            let mut execution = self.restore(&stored)?;
            let mut step = execution.redrive(client_token, now)?;
            let history = self.watched(&step.history);
            let commit = Commit::new(&mut step, execution.take_changes(), now);
            match self.store.reopen(id, stored.revision, commit).await {
                Ok(_) => {
                    self.observe(id, &step.status, &history);
                    break execution.redrives().last.unwrap_or(now);
                }
                // Somebody else was first, or it is gone: see what they did.
                Err(error) if matches!(error.kind(), StoreErrorKind::Conflict | StoreErrorKind::NotFound) => {
                }
                Err(error) => {
                    self.look_for_lost();
                    return Err(ExecutionError::from(error).into());
                }
            }
        };
        // It has its place like everybody that comes from the store.
        drop(permit);
        let (inner, redriven) = (Arc::clone(self), id.clone());
        self.tracker.spawn(async move { inner.fetch(&redriven).await });
        Ok(Redriven { execution: ExecutionHandle::new(Arc::clone(self), id.clone()), at })
    }

    /// Waits until an execution has done what it is at, if it is here.
    async fn touch(self: &Arc<Self>, id: &ExecutionId) {
        let Some(Here(here)) = self.residents(id).get(id).cloned() else { return };
        let (mail, done) = touching();
        match here.bring(mail) {
            Brought::Queued => {}
            Brought::Woke(live, mail) => {
                let _under_way = self.steps.begin();
                self.drive_now(&here, live, mail, &mut Hands::none());
            }
            Brought::Full(_) | Brought::Closed | Brought::LetGo(_) => return,
        }
        // It has ended, or goes on.
        let _ = done.await;
    }

    /// Brings an execution in that was redriven, unless somebody else has it.
    async fn fetch(self: &Arc<Self>, id: &ExecutionId) {
        loop {
            let (mail, done) = touching();
            match self.bring(id, mail).await {
                Ok(()) => match done.await {
                    Ok(Err(Refused::Rejected | Refused::LetGo)) => {}
                    _ => return,
                },
                Err(AskError::Rejected) => {}
                Err(_) => return,
            }
            // Who asked for it just before it was redriven may have been told that it has ended.
            if self.describe(id).await.is_ok_and(|summary| summary.status.is_closed()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Mail that changes nothing, and a way to hear that it was read.
fn touching() -> (Mail, oneshot::Receiver<Result<(), Refused>>) {
    let (answer, answered) = oneshot::channel();
    (Mail { answer: Answer::Sent(answer), ..Mail::of(Event::Tick) }, answered)
}
