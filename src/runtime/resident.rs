//! An execution in memory: its mailbox, and the execution itself while nobody drives it.
//!
//! A sleeping execution is this and nothing else: no task, no thread, no timer.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};

use crate::execution::{Event, Execution, ExecutionStatus, Few};
use crate::id::{ExecutionId, TaskId};
use crate::machine::StateMachine;
use crate::runtime::context::Running;
use crate::store::{InboxId, Posted, Revision, StoreErrorKind};
use crate::time::Timestamp;

/// How many events may wait for one execution; whoever brings another waits too.
const MAILBOX: usize = 1024;

/// An execution in memory.
#[derive(Debug)]
pub(super) struct Resident {
    pub(super) id: ExecutionId,
    /// Later ones have higher ones.
    pub(super) number: u64,
    mailbox: Mutex<Mailbox>,
    /// How often it went to sleep: written only by who has the mailbox.
    naps: AtomicU64,
    /// The newest posted event that was brought.
    posted: AtomicU64,
    /// Whether others may have it: it is to be let go of.
    lost: AtomicBool,
    /// There is room in the mailbox again.
    room: Notify,
    /// The execution has ended, or was let go of.
    closed: Notify,
}

/// A resident among those that are in memory, where it is found by its id.
#[derive(Clone, Debug)]
pub(super) struct Here(pub(super) Arc<Resident>);

impl Borrow<ExecutionId> for Here {
    fn borrow(&self) -> &ExecutionId {
        &self.0.id
    }
}

impl PartialEq for Here {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Here {}

impl Hash for Here {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.id.hash(hasher);
    }
}

#[derive(Debug)]
struct Mailbox {
    mail: VecDeque<Mail>,
    place: Place,
    /// Whether somebody waits for the end.
    awaited: bool,
}

/// Where the execution is.
#[derive(Debug)]
enum Place {
    /// A driver has it, or somebody is loading it.
    Busy,
    /// Here, asleep.
    Asleep(Box<Live>),
    /// Ended.
    Closed(ExecutionStatus),
    /// Let go of: another owner has it, or its store failed.
    LetGo,
}

/// An execution, and what the runtime knows about it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) execution: Execution,
    /// Its machine, to look at while the execution changes.
    pub(super) machine: Arc<StateMachine>,
    pub(super) revision: Revision,
    /// Whether its last commit said that somebody has to be at work for it.
    pub(super) attended: bool,
    /// When it is to be woken.
    pub(super) alarm: Option<Timestamp>,
    /// The handlers that are running for it.
    pub(super) running: Few<TaskId, Running>,
    /// Its place among the open executions.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// What came of mail whose answer is left here.
    pub(super) left: Option<Reply>,
}

/// An event, and who waits to hear what came of it.
#[derive(Debug)]
pub(super) struct Mail {
    pub(super) event: Event,
    pub(super) answer: Answer,
    /// The handler of this task has returned.
    pub(super) handler_done: Option<TaskId>,
    /// Its number, if it was posted.
    pub(super) posted: Option<InboxId>,
}

/// Who hears what came of an event.
#[derive(Debug)]
pub(super) enum Answer {
    Nobody,
    /// Somebody who waits.
    Sent(oneshot::Sender<Reply>),
    /// Whoever drives the execution right now: it is left with what they drive.
    Left,
}

/// What came of an event.
pub(super) type Reply = Result<(), Refused>;

/// Why an event came to nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// It does not apply.
    Rejected,
    /// The execution is not here any more, and the event was not looked at.
    LetGo,
    /// The store failed: whether the event counts is not known.
    Failed(StoreErrorKind),
}

/// What became of mail that was brought.
pub(super) enum Brought {
    /// It waits its turn.
    Queued,
    /// The execution was asleep: drive it with this.
    Woke(Box<Live>, Mail),
    /// There is no room: wait for it, and bring it again.
    Full(Mail),
    /// The execution has ended.
    Closed,
    /// The execution is not here any more.
    LetGo(Mail),
}

impl Resident {
    /// A resident that somebody drives or loads.
    pub(super) fn busy(id: ExecutionId, number: u64) -> Self {
        let mailbox = Mutex::new(Mailbox { mail: VecDeque::new(), place: Place::Busy, awaited: false });
        let (naps, posted) = (AtomicU64::new(0), AtomicU64::new(0));
        let (lost, room, closed) = (AtomicBool::new(false), Notify::new(), Notify::new());
        Self { id, number, mailbox, naps, posted, lost, room, closed }
    }

    /// Brings an event that was posted, unless it was brought before. One for which there is no room comes with
    /// a later claim.
    pub(super) fn bring_posted(&self, posted: Posted) -> Option<Brought> {
        let number = posted.number.as_u64();
        if self.posted.load(Ordering::Relaxed) >= number {
            return None;
        }
        let brought = self.bring(Mail { posted: Some(posted.number), ..Mail::of(posted.event) });
        if matches!(brought, Brought::Queued | Brought::Woke(..)) {
            self.posted.store(number, Ordering::Relaxed);
        }
        Some(brought)
    }

    /// Others may have it: whoever drives it next lets go of it.
    pub(super) fn lose(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// How often it went to sleep.
    pub(super) fn naps(&self) -> u64 {
        self.naps.load(Ordering::Relaxed)
    }

    /// Takes the execution out of memory, if it sleeps and nothing here is at work for it.
    pub(super) fn put_out(&self) -> Option<Box<Live>> {
        let mut mailbox = self.lock();
        match std::mem::replace(&mut mailbox.place, Place::LetGo) {
            Place::Asleep(live) if live.running.is_empty() && !live.attended => Some(live),
            place => {
                mailbox.place = place;
                None
            }
        }
    }

    /// Brings mail.
    pub(super) fn bring(&self, mail: Mail) -> Brought {
        let mut mailbox = self.lock();
        match mailbox.place {
            Place::Closed(_) => return Brought::Closed,
            Place::LetGo => return Brought::LetGo(mail),
            Place::Busy | Place::Asleep(_) if mailbox.mail.len() >= MAILBOX => return Brought::Full(mail),
            Place::Busy | Place::Asleep(_) => {}
        }
        match mailbox.rouse() {
            Some(live) => Brought::Woke(live, mail),
            None => {
                mailbox.mail.push_back(mail);
                Brought::Queued
            }
        }
    }

    /// Takes the execution to drive it, if it sleeps.
    pub(super) fn rouse(&self) -> Option<Box<Live>> {
        self.lock().rouse()
    }

    /// Puts mail back that something else goes before.
    pub(super) fn put_back(&self, mail: Mail) {
        self.lock().mail.push_front(mail);
    }

    /// Tells all who wait that the store failed; their mail stays.
    pub(super) fn fail_mail(&self, kind: StoreErrorKind) {
        self.lock().mail.iter_mut().for_each(|mail| mail.answer(Err(Refused::Failed(kind))));
    }

    /// Waits until there is room in the mailbox.
    pub(super) async fn room(&self) {
        let room = self.room.notified();
        if self.lock().mail.len() >= MAILBOX {
            room.await;
        }
    }

    /// More mail for who drives the execution, if there is any. What was posted has a commit of its own.
    pub(super) fn more(&self) -> Option<Mail> {
        let mut mailbox = self.lock();
        match mailbox.mail.front()?.posted {
            Some(_) => None,
            None => self.take(&mut mailbox),
        }
    }

    fn take(&self, mailbox: &mut Mailbox) -> Option<Mail> {
        if mailbox.mail.len() == MAILBOX {
            self.room.notify_waiters();
        }
        mailbox.mail.pop_front()
    }

    /// The next mail for the driver of `live`, or nothing: then the execution sleeps here again.
    pub(super) fn next(&self, live: Box<Live>) -> Option<(Mail, Box<Live>)> {
        let mut mailbox = self.lock();
        match self.take(&mut mailbox) {
            Some(mail) => Some((mail, live)),
            None => {
                // A sleeper keeps no room for mail.
                mailbox.mail = VecDeque::new();
                mailbox.place = Place::Asleep(live);
                self.naps.store(self.naps() + 1, Ordering::Relaxed);
                None
            }
        }
    }

    /// The execution has ended: mail that waits is refused.
    pub(super) fn close(&self, status: ExecutionStatus) {
        self.end(Place::Closed(status), || Refused::Rejected);
    }

    /// The execution is somebody else's now: mail that waits is refused.
    pub(super) fn let_go(&self) {
        self.end(Place::LetGo, || Refused::LetGo);
    }

    fn end(&self, place: Place, refused: impl Fn() -> Refused) {
        let (mail, awaited) = {
            let mut mailbox = self.lock();
            mailbox.place = place;
            (std::mem::take(&mut mailbox.mail), mailbox.awaited)
        };
        if mail.len() >= MAILBOX {
            self.room.notify_waiters();
        }
        for mut mail in mail {
            // Whose answer is left with a driver does not wait here.
            mail.reply(Err(refused()));
        }
        if awaited {
            self.closed.notify_waiters();
        }
    }

    /// Waits until the execution has ended, and says how; `None` when it was let go of.
    pub(super) async fn closed(&self) -> Option<ExecutionStatus> {
        loop {
            let closed = self.closed.notified();
            {
                let mut mailbox = self.lock();
                match &mailbox.place {
                    Place::Closed(status) => return Some(status.clone()),
                    Place::LetGo => return None,
                    Place::Busy | Place::Asleep(_) => mailbox.awaited = true,
                }
            }
            closed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    fn rouse(&mut self) -> Option<Box<Live>> {
        match std::mem::replace(&mut self.place, Place::Busy) {
            Place::Asleep(live) => Some(live),
            place => {
                self.place = place;
                None
            }
        }
    }
}

impl Mail {
    /// An event that nobody waits for.
    pub(super) fn of(event: Event) -> Self {
        Self { event, answer: Answer::Nobody, handler_done: None, posted: None }
    }

    /// Tells who waits what came of it, or gives it back for whoever drives the execution.
    pub(super) fn reply(&mut self, reply: Reply) -> Option<Reply> {
        match self.answer {
            Answer::Left => Some(reply),
            Answer::Nobody => None,
            Answer::Sent(_) => {
                self.answer(reply);
                None
            }
        }
    }

    /// Tells who waits for a message what came of it, and keeps the mail.
    pub(super) fn answer(&mut self, reply: Reply) {
        if let Answer::Sent(answer) = std::mem::replace(&mut self.answer, Answer::Nobody) {
            // Whoever asked may have gone.
            let _ = answer.send(reply);
        }
    }
}
