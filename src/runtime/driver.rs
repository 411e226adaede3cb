//! The only place where the core, the clock, the store and the handlers meet.
//!
//! A driver is a task that lives while its execution has something to do. It is always this shape:
//!
//! ```text
//! 1. take ONE thing: an event from the mailbox; none there: the execution sleeps, the driver ends
//! 2. if the deadline has passed, the thing is Tick; the event waits one round
//! 3. step    = execution.handle(event, clock.now())       rejected? answer the sender, goto 1
//!              what else waits in the mailbox by now is handled too, and written with it
//! 4. commit  = step + execution.take_changes()            store.commit(id, revision, commit).await
//!              Conflict    -> let go of the execution, unless it is this commit that was written before
//!              Unavailable -> wait, try the same commit again; nothing has been carried out yet
//!              otherwise   -> the same, but the sender hears of it, and the execution is stranded meanwhile
//! 5. tell    observers; answer the senders
//! 6. act     StartTask -> call its handler, CancelTask -> cancel it
//! 7. closed? publish the status and end; else goto 1
//! ```

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use crate::execution::{Command, Event, ExecutionStatus, Step};
use crate::history::HistoryEvent;
use crate::id::{ExecutionId, TaskId};
use crate::runtime::Inner;
use crate::runtime::resident::{Answer, Live, Mail, Refused, Reply, Resident};
use crate::runtime::work::Hands;
use crate::store::{Commit, Handled, Page, PageRequest, PromptStore, Revision, StoreError, StoreErrorKind};
use crate::time::Timestamp;

/// How long to wait before a commit is tried again: at first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// How many events may go into a commit beside the first.
const COMPANIONS: usize = 64;

/// How much of a history is read at once.
const HISTORY_PAGE: usize = 100;

impl Inner {
    /// Carries out the first step of an execution that was just created, or restored.
    pub(super) fn begin(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        mut live: Box<Live>,
        step: Step,
        history: &[HistoryEvent],
        now: Timestamp,
    ) {
        self.observe(&resident.id, live.execution.status(), history);
        let closed = live.execution.status().is_closed();
        self.act(resident, &mut live, step.commands, &mut Hands::none());
        if closed {
            self.end(resident, &mut live, now);
        } else if let Some((mail, live)) = self.first(resident, live, None, now) {
            self.spawn(resident, live, mail);
        }
    }

    /// Lets an execution go on until it waits; without anything to do it goes to sleep at once.
    pub(super) fn drive(self: &Arc<Self>, resident: &Arc<Resident>, live: Box<Live>, mail: Option<Mail>) {
        if let Some((mail, live)) = self.first(resident, live, mail, self.clock.now()) {
            self.spawn(resident, live, mail);
        }
    }

    /// The same here and now for somebody who waits for it, if the store answers at once. Whoever calls this is
    /// tracked, so that a shutdown waits for it.
    pub(super) fn drive_now(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        live: Box<Live>,
        mail: Mail,
        hands: &mut Hands,
    ) {
        let Some(store) = self.store.prompt() else { return self.drive(resident, live, Some(mail)) };
        // A panic of the driver is not that of whoever brought its mail.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let now = self.clock.now();
            if let Some((mail, live)) = self.first(resident, live, Some(mail), now) {
                let _nobody_asked = self.run_now(store, resident, live, mail, now, hands);
            }
        }));
    }

    fn spawn(self: &Arc<Self>, resident: &Arc<Resident>, live: Box<Live>, mail: Mail) {
        let (inner, resident) = (Arc::clone(self), Arc::clone(resident));
        self.tracker.spawn(async move { inner.run(&resident, live, mail).await });
    }

    async fn run(self: &Arc<Self>, resident: &Arc<Resident>, mut live: Box<Live>, mut mail: Mail) {
        let _guard = Guard { inner: self, resident };
        while self.turn(resident, &mut live, mail).await {
            (mail, live) = match self.next(resident, live, self.clock.now()) {
                Next::Mail(mail, live) => (mail, live),
                Next::Due(live) => {
                    // A machine that never waits lets others have their turn.
                    tokio::task::yield_now().await;
                    (Mail::of(Event::Tick), live)
                }
                Next::Nothing => return,
            };
        }
    }

    fn run_now(
        self: &Arc<Self>,
        store: &dyn PromptStore,
        resident: &Arc<Resident>,
        mut live: Box<Live>,
        mut mail: Mail,
        mut now: Timestamp,
        hands: &mut Hands,
    ) -> Option<Reply> {
        let _guard = Guard { inner: self, resident };
        let mut left = None;
        loop {
            let goes_on = self.turn_now(store, resident, &mut live, mail, now, hands);
            left = left.or(live.left.take());
            if !goes_on {
                return left;
            }
            (mail, live) = match self.next(resident, live, now) {
                Next::Mail(mail, live) => {
                    hands.pass_on(&self.tracker);
                    (mail, live)
                }
                Next::Due(live) => {
                    self.spawn(resident, live, Mail::of(Event::Tick));
                    return left;
                }
                Next::Nothing => return left,
            };
            now = self.clock.now();
        }
    }

    /// Tells an execution that sleeps something, here and now, if the store answers at once: what came of it, or
    /// nothing where its driver panicked.
    pub(super) fn ask_now(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        event: &Event,
    ) -> Option<Option<Reply>> {
        let store = self.store.prompt()?;
        let _under_way = self.steps.begin();
        let live = resident.rouse()?;
        let now = self.clock.now();
        if live.execution.is_due(now) {
            self.spawn(resident, live, Mail::of(Event::Tick));
            return None;
        }
        let mail = Mail { answer: Answer::Left, ..Mail::of(event.clone()) };
        // A panic of the driver is not that of whoever brought its mail.
        let run = AssertUnwindSafe(|| self.run_now(store, resident, live, mail, now, &mut Hands::none()));
        Some(std::panic::catch_unwind(run).unwrap_or_default())
    }

    /// What to begin with, `mail` if it was brought, unless the execution can sleep.
    fn first(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        live: Box<Live>,
        mail: Option<Mail>,
        now: Timestamp,
    ) -> Option<(Mail, Box<Live>)> {
        // 2.
        let tick = live.execution.is_due(now).then(|| Mail::of(Event::Tick));
        // 1.
        match (mail, tick) {
            (Some(mail), Some(tick)) if mail.event != Event::Tick => {
                resident.put_back(mail);
                Some((tick, live))
            }
            (Some(mail), _) | (None, Some(mail)) => Some((mail, live)),
            (None, None) => self.more(resident, live),
        }
    }

    /// What waits in the mailbox, if anything does; the execution sleeps otherwise.
    fn more(self: &Arc<Self>, resident: &Arc<Resident>, live: Box<Live>) -> Option<(Mail, Box<Live>)> {
        let next = resident.next(live);
        if next.is_none() {
            self.nap(resident);
        }
        next
    }

    /// What to go on with after a turn.
    fn next(self: &Arc<Self>, resident: &Arc<Resident>, mut live: Box<Live>, now: Timestamp) -> Next {
        if live.execution.is_due(now) {
            if self.shutdown.is_cancelled() {
                // What is due stays due in the store: a machine that never waits would never let go.
                self.let_go(resident, &mut live);
                return Next::Nothing;
            }
            return Next::Due(live);
        }
        self.more(resident, live).map_or(Next::Nothing, |(mail, live)| Next::Mail(mail, live))
    }

    /// Handles one event; `false` when there is nothing to go on with.
    async fn turn(self: &Arc<Self>, resident: &Arc<Resident>, live: &mut Live, mut mail: Mail) -> bool {
        if self.is_lost(resident, live, &mut mail) {
            return false;
        }
        let Some(mut turn) = self.step(resident, live, mail, self.clock.now(), false) else { return true };
        if !turn.is_committed {
            return self.end_turn(resident, live, &mut turn, None, &mut Hands::none());
        }
        if turn.may_wait() {
            // Whom the handler woke may bring something already.
            tokio::task::yield_now().await;
        }
        self.gather(resident, live, &mut turn);
        let commit = self.commit_of(resident, live, &mut turn);
        let attended = commit.attended;
        let written = self.commit(resident, live.revision, commit, &mut turn).await;
        let written = written.map(|revision| (revision, attended));
        self.end_turn(resident, live, &mut turn, Some(written), &mut Hands::none())
    }

    /// The same with a store that answers at once.
    fn turn_now(
        self: &Arc<Self>,
        store: &dyn PromptStore,
        resident: &Arc<Resident>,
        live: &mut Live,
        mut mail: Mail,
        now: Timestamp,
        hands: &mut Hands,
    ) -> bool {
        if self.is_lost(resident, live, &mut mail) {
            return false;
        }
        let Some(mut turn) = self.step(resident, live, mail, now, false) else { return true };
        let written = turn.is_committed.then(|| {
            let commit = self.commit_of(resident, live, &mut turn);
            let attended = commit.attended;
            match store.commit_now(&resident.id, live.revision, commit) {
                Ok(revision) => Ok((revision, attended)),
                Err(error) => Err(CommitFailed { error, unsure: false }),
            }
        });
        self.end_turn(resident, live, &mut turn, written, hands)
    }

    /// Makes the steps of what waits in the mailbox by now: they are committed with the first.
    fn gather(&self, resident: &Resident, live: &mut Live, turn: &mut Turn) {
        for _ in 0..COMPANIONS {
            let now = self.clock.now();
            if turn.step.status.is_closed() || live.execution.is_due(now) {
                return;
            }
            let Some(mail) = resident.more() else { return };
            if let Some(more) = self.step(resident, live, mail, now, true) {
                turn.add(more);
            }
        }
    }

    /// Makes a step, perhaps after others that are not committed yet. What does not apply makes none.
    fn step(
        &self,
        resident: &Resident,
        live: &mut Live,
        mut mail: Mail,
        now: Timestamp,
        follows: bool,
    ) -> Option<Turn> {
        if let Some(task) = mail.handler_done {
            live.running.remove(task);
        }
        // 3.
        let event = std::mem::replace(&mut mail.event, Event::Tick);
        if event == Event::Tick {
            // The alarm may have gone off already: it is set anew, even for the same time.
            self.alarms.set(resident, live.alarm.take(), None);
        }
        live.execution.set_missing_activities(self.activities.missing().as_ref());
        let begun = match &event {
            Event::TaskStarted { task, .. } if mail.posted.is_some() => Some(*task),
            _ => None,
        };
        let handled = live.execution.handle_in(&live.machine, event, now);
        let accepted = handled.is_ok();
        if let Some(task) = begun.filter(|_| accepted) {
            // A worker of another runtime has it.
            self.withdraw(&resident.id, task);
        }
        // Others may have gone on with the execution: what it answers from memory alone is not said before a commit
        // has shown that it is true. Whoever posted it hears of it from the store.
        // Nor is what follows from steps that are not committed.
        let is_shown = follows
            || mail.posted.is_some()
            || self.lease.is_some() && !matches!(mail.answer, Answer::Nobody);
        let mut step = match handled {
            Ok(step) => step,
            Err(_) if is_shown => live.execution.idle(),
            Err(_) => {
                live.left = mail.reply(Err(Refused::Rejected));
                self.set_alarm(resident, live);
                return None;
            }
        };
        let history = self.watched(&step.history);
        let is_committed = !step.is_empty() || is_shown;
        if is_committed {
            self.serve_here(&mut step.tokens);
            self.learn_tokens(&resident.id, &step.tokens);
        }
        let told = (mail, accepted);
        Some(Turn { told, companions: Vec::new(), now, step, history, is_committed })
    }

    /// What a turn commits.
    fn commit_of(&self, resident: &Resident, live: &mut Live, turn: &mut Turn) -> Commit {
        // 4.
        let attended = self.is_attended(resident, live, &turn.step);
        let mut commit = Commit::new(&mut turn.step, live.execution.take_changes(), turn.now);
        let (mail, accepted) = &turn.told;
        commit.attended = attended;
        commit.handled = mail.posted.map(|posted| Handled { posted, accepted: *accepted });
        commit
    }

    /// Carries out a step, if what was to be committed was: then the execution has that revision, and is attended or not.
    fn end_turn(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        live: &mut Live,
        turn: &mut Turn,
        written: Option<Result<(Revision, bool), CommitFailed>>,
        hands: &mut Hands,
    ) -> bool {
        match written {
            Some(Ok(written)) => (live.revision, live.attended) = written,
            Some(Err(failed)) => {
                live.left = turn.tell(|_| match failed.error.kind() {
                    // Nothing of it was written: whoever brought it brings it to where the execution is now.
                    StoreErrorKind::Conflict => Err(Refused::LetGo),
                    kind => Err(Refused::Failed(kind)),
                });
                self.let_go(resident, live);
                if failed.error.kind() == StoreErrorKind::Conflict {
                    // It may have come back since it was somebody else's.
                    self.look_for_lost();
                }
                if failed.unsure && !self.shutdown.is_cancelled() {
                    // It may have been us who committed first: then nobody else goes on with it.
                    self.look_after(&resident.id);
                }
                return false;
            }
            None => {}
        }
        // 5.
        self.observe(&resident.id, live.execution.status(), &turn.history);
        live.left = turn.tell(|accepted| if accepted { Ok(()) } else { Err(Refused::Rejected) });
        // 6.
        let closed = live.execution.status().is_closed();
        self.act(resident, live, std::mem::take(&mut turn.step.commands), hands);
        // 7.
        if closed {
            self.end(resident, live, turn.now);
        }
        // Whoever said that it is lost may have done so in what was gathered.
        !closed && !self.lets_go_of_lost(resident, live)
    }

    /// Commits, for as long as it takes and makes sense.
    async fn commit(
        &self,
        resident: &Resident,
        expected: Revision,
        commit: Commit,
        turn: &mut Turn,
    ) -> Result<Revision, CommitFailed> {
        let (mut patience, longest) = PATIENCE;
        let (mut unsure, mut refused) = (false, false);
        loop {
            let mut result = self.store.commit(&resident.id, expected, commit.clone()).await;
            if unsure && matches!(&result, Err(error) if error.kind() == StoreErrorKind::Conflict) {
                result = match self.is_written(&resident.id, expected, &commit).await {
                    Ok(Some(true)) => Ok(expected.next()),
                    Ok(Some(false)) => result,
                    Ok(None) => {
                        let error = StoreErrorKind::Unavailable.into();
                        return Err(CommitFailed { error, unsure });
                    }
                    Err(error) => Err(error),
                };
            }
            match result {
                Err(error) if is_ours(&error) && !self.shutdown.is_cancelled() => {
                    unsure |= error.is_retryable();
                    if !error.is_retryable() {
                        // Whoever waits for it may not live to see that the store takes it after all.
                        turn.mail().for_each(|mail| mail.answer(Err(Refused::Failed(error.kind()))));
                        resident.fail_mail(error.kind());
                        self.strand(&resident.id, error.into());
                        refused = true;
                    }
                    self.clock.sleep_until(self.clock.now() + patience).await;
                    patience = longest.min(patience * 2);
                }
                Err(error) => {
                    let unsure = unsure && error.kind() != StoreErrorKind::Conflict;
                    return Err(CommitFailed { error, unsure });
                }
                Ok(revision) => {
                    if refused {
                        self.stranded.lock().remove(&resident.id);
                    }
                    return Ok(revision);
                }
            }
        }
    }

    /// Whether a commit that meets a conflict was written before, when its answer was lost. If others have gone on
    /// since, and it left no history, nobody knows.
    async fn is_written(
        &self,
        id: &ExecutionId,
        expected: Revision,
        commit: &Commit,
    ) -> Result<Option<bool>, StoreError> {
        match self.store.load(id).await? {
            Some(stored) if stored.revision == expected.next() => {
                return Ok(Some(stored.snapshot.has(&commit.changes)));
            }
            None if commit.status.is_closed() => {
                let summary = self.store.describe(id).await?;
                return Ok(Some(summary.is_some_and(|summary| summary.status == commit.status)));
            }
            _ => {}
        }
        let Some(first) = commit.history.first() else { return Ok(None) };
        let mut page = PageRequest::first(HISTORY_PAGE).reverse();
        loop {
            let Page { items, next } = self.store.history(id, page.clone()).await?;
            if let Some(written) = items.iter().find(|event| event.id == first.id) {
                return Ok(Some(written == first));
            }
            let Some(next) = next else { return Ok(Some(false)) };
            page = page.after(next);
        }
    }

    /// Whether something here is at work for an execution once `step` is carried out.
    pub(super) fn is_attended(&self, resident: &Resident, live: &Live, step: &Step) -> bool {
        let cancelled = |task: &TaskId| {
            let is_it =
                |command: &Command| matches!(command, Command::CancelTask { task: gone, .. } if gone == task);
            step.commands.iter().any(is_it)
        };
        let starts = |command: &Command| matches!(command, Command::StartTask(_));
        step.commands.iter().any(starts)
            || live.running.iter().any(|(task, _)| !cancelled(&task))
            || self.has_offers(&resident.id, cancelled)
    }

    pub(super) fn observe(&self, id: &ExecutionId, status: &ExecutionStatus, history: &[HistoryEvent]) {
        for observer in &self.observers {
            // Who only watches cannot stop what is watched. The panic itself was reported by its hook.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
                if !history.is_empty() {
                    observer.on_history(id, history);
                }
                if status.is_closed() {
                    observer.on_closed(id, status);
                }
            }));
        }
    }

    /// The execution has ended.
    fn end(self: &Arc<Self>, resident: &Arc<Resident>, live: &mut Live, now: Timestamp) {
        self.alarms.set(resident, live.alarm.take(), None);
        live.permit = None;
        self.leave(resident);
        self.tidy(now);
        resident.close(live.execution.status().clone());
    }

    /// The execution is somebody else's, or cannot be written: its handlers stop, its memory is freed.
    fn let_go(&self, resident: &Arc<Resident>, live: &mut Live) {
        self.alarms.set(resident, live.alarm.take(), None);
        live.running.iter().for_each(|(_, running)| running.abandon());
        self.withdraw_all(&resident.id);
        live.permit = None;
        self.leave(resident);
        resident.let_go();
    }

    /// Lets go of an execution that others may have, and says so to whoever brought `mail`; whether it did.
    fn is_lost(&self, resident: &Arc<Resident>, live: &mut Live, mail: &mut Mail) -> bool {
        let lost = self.lets_go_of_lost(resident, live);
        if lost {
            live.left = mail.reply(Err(Refused::LetGo));
        }
        lost
    }

    fn lets_go_of_lost(&self, resident: &Arc<Resident>, live: &mut Live) -> bool {
        let lost = resident.is_lost();
        if lost {
            self.let_go(resident, live);
            // It may be this runtime's again.
            self.look_for_lost();
        }
        lost
    }

    pub(super) fn set_alarm(&self, resident: &Resident, live: &mut Live) {
        let deadline = live.execution.deadline();
        self.alarms.set(resident, live.alarm, deadline);
        live.alarm = deadline;
    }
}

/// Whether the store only does not take what this runtime has to write.
fn is_ours(error: &StoreError) -> bool {
    !matches!(error.kind(), StoreErrorKind::Conflict | StoreErrorKind::NotFound)
}

/// What an execution goes on with.
enum Next {
    Mail(Mail, Box<Live>),
    /// Its deadline has come.
    Due(Box<Live>),
    /// It sleeps, or was let go of.
    Nothing,
}

/// A step that was made, and is carried out once it is committed.
struct Turn {
    /// What it answers, and whether that applied.
    told: (Mail, bool),
    /// What else it answers.
    companions: Vec<(Mail, bool)>,
    now: Timestamp,
    step: Step,
    /// What observers will want to see.
    history: Vec<HistoryEvent>,
    /// Whether there is anything to commit.
    is_committed: bool,
}

impl Turn {
    /// All that it answers.
    fn mail(&mut self) -> impl Iterator<Item = &mut Mail> {
        self.told().map(|(mail, _)| mail)
    }

    fn told(&mut self) -> impl Iterator<Item = &mut (Mail, bool)> {
        std::iter::once(&mut self.told).chain(&mut self.companions)
    }

    /// Tells all who brought something what came of it; what is left with whoever drives the execution comes back.
    fn tell(&mut self, reply: impl Fn(bool) -> Reply) -> Option<Reply> {
        self.told().filter_map(|(mail, accepted)| mail.reply(reply(*accepted))).last()
    }

    /// Whether nobody waits for what it commits: a handler has returned, and nothing more is done for now.
    fn may_wait(&self) -> bool {
        let (mail, _) = &self.told;
        mail.handler_done.is_some() && self.step.commands.is_empty() && !self.step.status.is_closed()
    }

    /// Makes it one with the next.
    fn add(&mut self, next: Self) {
        let Self { told, now, step, history, .. } = next;
        self.companions.push(told);
        self.now = now;
        self.history.extend(history);
        self.step.add(step);
    }
}

/// Why a commit was given up.
struct CommitFailed {
    error: StoreError,
    /// Whether an earlier try may have been written all the same.
    unsure: bool,
}

/// Lets go of an execution whose driver panics: whoever asks for it loads it anew, instead of waiting for ever.
struct Guard<'a> {
    inner: &'a Inner,
    resident: &'a Arc<Resident>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.inner.forget(self.resident);
            self.resident.let_go();
        }
    }
}
