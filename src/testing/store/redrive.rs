//! What ended without success can be redriven, for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::RACERS;
use super::subject::{HOUR, LIFE, LONG_AGO, Moment, Subject, Suite, must};
use crate::execution::{Event, Step};
use crate::store::{Claim, Commit, ExecutionFilter, Revision, Store, StoreErrorKind};
use crate::time::Timestamp;

/// An execution that ended without success keeps its state, and is opened again with it: with its history, under the
/// revision that follows, for whoever claims it.
pub async fn what_did_not_succeed_can_be_redriven(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let ours = || ExecutionFilter::default().machine(suite.machine_arn.clone());
    for lived in 0..LIFE.len() {
        let mut subject = suite.create(lived).await;
        let id = suite.id(lived);
        for moment in &LIFE[..lived] {
            subject.live(*moment).await;
        }
        let refused = must(store.post(&id, Event::Tick).await);
        subject.live(Moment::Stopped).await;
        subject.check("an execution that was stopped is kept").await;

        let stored = must(store.load(&id).await).expect("what may be redriven keeps its state");
        assert_eq!(stored.revision, subject.revision, "and its revision");
        let mut again = suite.restore(&stored);
        let (last, expected) = (subject.revision, subject.redrive("the first"));
        let step = again.redrive(Some("the first"), subject.now).expect("what was loaded can be redriven");
        assert_eq!(step, expected, "what was loaded is redriven the same");
        subject.reopen(expected).await;
        subject.check("an execution that was redriven is open").await;
        assert_eq!(
            suite.list(&ours().status("RUNNING"), 10, false).await,
            std::slice::from_ref(&id),
            "it is listed as open"
        );
        assert_eq!(
            suite.list(&ours().status("ABORTED"), 10, false).await,
            [],
            "and not as one that was stopped"
        );

        let commit = Commit::new(&mut again.idle(), again.take_changes(), subject.now);
        let written = store.commit(&id, last, commit).await;
        let kind = written.expect_err("who had it before it ended does not have it now").kind();
        assert_eq!(kind, StoreErrorKind::Conflict, "a commit at a revision of before the redrive");

        let claim = Claim::new(suite.owner(1), subject.now, 1).lease(HOUR).only(id.clone());
        let claimed = must(store.claim(claim).await).executions;
        assert_eq!(claimed.len(), 1, "nobody owns what was redriven");
        assert_eq!(claimed[0].inbox, [], "mail that was refused stays so");
        assert!(!must(store.settled(&id, refused).await), "and who posted it hears that");
        let posted = must(store.post(&id, Event::Tick).await);
        let step = subject.step(Event::Tick);
        subject.commit_as(step, |commit| commit.handled(posted, true)).await;
        assert!(must(store.settled(&id, posted).await), "what was redriven takes mail again");
        must(store.release(suite.owner(1), None).await);

        // It goes on where it was stopped, as often as it takes.
        subject.live(Moment::Stopped).await;
        let step = subject.redrive("the second");
        subject.reopen(step).await;
        subject.live(Moment::Tick).await;
        subject.live_on_to_the_end().await;
        subject.check("an execution that was redriven comes to its end").await;
        assert!(must(store.load(&id).await).is_none(), "what succeeded keeps no state");
        let stored = must(store.describe(&id).await).expect("what has ended is described");
        assert_eq!(stored.redrive_count(), 2, "how often it was redriven is known");
        let redrives = stored.redrives.expect("it was redriven");
        assert!(redrives.repeats(Some("the first"), subject.now).is_some(), "and by which calls");
    }
}

/// What is open, has succeeded, never was, or is redriven by somebody else at the same time, is not opened.
pub async fn redrives_are_fenced(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let reopen = async |subject: &Subject, expected: Revision| {
        let mut twin = suite.stopped(subject);
        let mut step = twin.redrive("nobody");
        let commit = Commit::new(&mut step, twin.execution.take_changes(), twin.now);
        let refused = store.reopen(subject.execution.id(), expected, commit).await;
        refused.expect_err("what cannot be redriven is not opened").kind()
    };
    let (never, ..) = suite.subject(0);
    let kind = reopen(&never, Revision::new(1)).await;
    assert_eq!(kind, StoreErrorKind::NotFound, "the redrive of an execution that never was");
    let mut subject = suite.create(1).await;
    let kind = reopen(&subject, subject.revision).await;
    assert_eq!(kind, StoreErrorKind::Conflict, "the redrive of an execution that is open");
    subject.check("a redrive that was refused changes nothing").await;
    subject.live_to_the_end().await;
    let kind = reopen(&subject, subject.revision).await;
    assert_eq!(kind, StoreErrorKind::Conflict, "the redrive of an execution that has succeeded");
    subject.check("a redrive that was refused changes nothing").await;

    let mut subject = suite.create(2).await;
    subject.live(Moment::Stopped).await;
    for expected in [subject.revision.next(), Revision::new(0), Revision::new(1)] {
        let kind = reopen(&subject, expected).await;
        assert_eq!(kind, StoreErrorKind::Conflict, "a redrive at a revision that is not current");
        subject.check("a redrive that was refused changes nothing").await;
    }
    let mut ready = Vec::new();
    for n in 0..RACERS {
        let mut racer = suite.other(&subject).await;
        racer.now = racer.now + Duration::from_millis(n as u64);
        ready.push((n, racer));
    }
    let mut racers = JoinSet::new();
    for (n, mut racer) in ready {
        racers.spawn(async move {
            let mut step = racer.redrive(&format!("racer {n}"));
            let commit = Commit::new(&mut step, racer.execution.take_changes(), racer.now);
            let written = racer.store.reopen(racer.execution.id(), racer.revision, commit).await;
            (written.map_err(|error| error.kind()), racer)
        });
    }
    let (mut winners, losers): (Vec<_>, Vec<_>) =
        racers.join_all().await.into_iter().partition(|(written, _)| written.is_ok());
    assert_eq!(winners.len(), 1, "of {RACERS} who redrive an execution at once one succeeds");
    let lost = losers.iter().all(|(written, _)| *written == Err(StoreErrorKind::Conflict));
    assert!(lost, "and the others hear of a conflict");
    let (revision, winner) = winners.remove(0);
    let winner = Subject { revision: revision.expect("it won"), ..winner };
    winner.check("only the winner's redrive was made").await;
}

/// The state of what ended before a time is removed, the oldest first, and nothing else.
pub async fn what_ended_long_ago_is_not_redriven(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let begin = before_all_else();
    let mut subjects = Vec::new();
    for n in 1..=4 {
        let mut subject = suite.create_at(n, begin + Duration::from_secs(n as u64)).await;
        subject.live(Moment::Stopped).await;
        subjects.push(subject);
    }
    let kept = async |n: usize| must(store.load(&suite.id(n)).await).is_some();
    let before = subjects[1].now;
    assert_eq!(
        must(store.expire(before, 10).await),
        1,
        "what ended before the time is not redriven any longer"
    );
    assert!(!kept(1).await && kept(2).await, "its state is gone, and no other");
    let mut gone = subjects.remove(0);
    gone.check("all else that is known of it stays").await;
    let revision = gone.revision;
    let mut step = gone.redrive("too late");
    let commit = Commit::new(&mut step, gone.execution.take_changes(), gone.now);
    let kind = store.reopen(&suite.id(1), revision, commit).await.expect_err("its state is gone").kind();
    assert_eq!(kind, StoreErrorKind::Conflict, "the redrive of an execution whose state is gone");

    let mut redriven = subjects.pop().expect("there is a fourth");
    let step = redriven.redrive("in time");
    redriven.reopen(step).await;
    let all = begin + HOUR;
    assert_eq!(must(store.expire(all, 1).await), 1, "no more are expired than were asked for");
    assert!(!kept(2).await && kept(3).await, "the oldest first");
    assert_eq!(must(store.expire(all, 10).await), 1, "the others later");
    assert_eq!(must(store.expire(all, 10).await), 0, "what is open is not expired");
    redriven.check("what was redriven is open").await;
    assert_eq!(must(store.forget(all, 10).await), 3, "what has expired is forgotten in its time");
    redriven.check("and what was redriven is not").await;
    redriven.live(Moment::Tick).await;
    redriven.live(Moment::Stopped).await;
    assert_eq!(must(store.forget(all, 10).await), 1, "until it has ended again");
    assert!(!kept(4).await, "and its state with it");
}

/// What is redriven while others clean up is redriven whole, or not at all.
pub async fn redrives_and_clean_up_tear_nothing_apart(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let begin = before_all_else();
    let mut subjects = Vec::new();
    for n in 0..RACERS {
        let mut subject = suite.create_at(n, begin + Duration::from_secs(n as u64)).await;
        subject.live(Moment::Stopped).await;
        subjects.push(subject);
    }
    let mut racers = JoinSet::new();
    for mut subject in subjects {
        let all = begin + HOUR;
        let cleaner = Arc::clone(store);
        racers.spawn(async move {
            must(cleaner.expire(all, 1).await);
            must(cleaner.forget(all, 1).await);
            None
        });
        racers.spawn(async move {
            let mut step = subject.redrive("in time");
            let commit = Commit::new(&mut step, subject.execution.take_changes(), subject.now);
            let id = subject.execution.id().clone();
            let redriven = subject.store.reopen(&id, subject.revision, commit).await;
            Some((redriven.map_err(|error| error.kind()), subject))
        });
    }
    for (redriven, subject) in racers.join_all().await.into_iter().flatten() {
        let id = subject.execution.id();
        match redriven {
            Ok(revision) => {
                let mut subject = Subject { revision, ..subject };
                subject.check("what was redriven in time is all there").await;
                subject.live(Moment::Tick).await;
                subject.live(Moment::Stopped).await;
            }
            Err(kind) => {
                let expected = match must(store.describe(id).await) {
                    Some(_) => StoreErrorKind::Conflict,
                    None => StoreErrorKind::NotFound,
                };
                // It may be forgotten since.
                assert!(kind == expected || kind == StoreErrorKind::Conflict, "a redrive that came too late");
                assert!(must(store.load(id).await).is_none(), "what was expired has no state");
            }
        }
    }
    must(store.forget(begin + HOUR, RACERS).await);
}

fn before_all_else() -> Timestamp {
    Timestamp::from_millis(LONG_AGO.as_millis() - 86_400_000)
}

impl Subject {
    /// Redrives the execution, a little later.
    fn redrive(&mut self, client_token: &str) -> Step {
        self.now = self.now + Duration::from_millis(100);
        let step = self.execution.redrive(Some(client_token), self.now);
        let step = step.expect("what did not succeed can be redriven");
        self.note(&step);
        step
    }

    async fn reopen(&mut self, mut step: Step) {
        let commit = Commit::new(&mut step, self.execution.take_changes(), self.now);
        let revision = must(self.store.reopen(self.execution.id(), self.revision, commit).await);
        assert!(revision > self.revision, "a redrive moves the revision on");
        self.revision = revision;
    }

    /// From where it is to its end.
    async fn live_on_to_the_end(&mut self) {
        while !self.execution.status().is_closed() {
            let asks = self.task.is_some() && !self.execution.outstanding().is_empty();
            let works = asks && self.execution.outstanding()[0].token.is_none();
            let moment = match (self.task, asks, works) {
                (None, ..) => Moment::Tick,
                (Some(_), _, true) => Moment::Worked,
                (Some(_), true, false) => Moment::Submitted,
                (Some(_), false, _) => Moment::Answered,
            };
            self.live(moment).await;
        }
    }
}
