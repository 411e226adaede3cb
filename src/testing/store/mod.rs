//! Does a store keep its promises? The conformance suite for implementations of [`Store`].
//!
//! Each function checks one promise with real executions and panics, saying what was promised, when it is
//! broken. They need a tokio runtime; on one with several threads the races are real. Other executions in the
//! store do not disturb them, and what they add to it stays there.
//!
//! ```
//! use std::sync::Arc;
//! use stepwright::{MemoryStore, Store, testing};
//!
//! # #[tokio::main]
//! # async fn main() {
//! let yours: Arc<dyn Store> = Arc::new(MemoryStore::default());
//! testing::store::all(&yours).await;
//! # }
//! ```

mod offers;
mod owners;
mod redrive;
mod subject;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};

use crate::execution::ExecutionStatus;
use crate::id::{ExecutionId, TaskToken};
use crate::store::{
    Commit, Created, ExecutionFilter, PageRequest, Revision, Store, StoreErrorKind, StoredExecution,
};

pub use offers::{activities_that_were_deleted_are_kept, offered_tasks_wait_until_they_are_taken};
pub use owners::{
    changes_are_noticed, owners_get_what_has_something_to_do, owners_that_are_gone_lose_what_they_had,
    posted_events_wait_until_they_are_handled, what_ended_long_ago_is_forgotten,
};
pub use redrive::{
    redrives_and_clean_up_tear_nothing_apart, redrives_are_fenced, what_did_not_succeed_can_be_redriven,
    what_ended_long_ago_is_not_redriven,
};
use subject::{DEFINITION, LIFE, Moment, Subject, Suite, ids, must, same_history, same_summary, stands};

/// How many do the same at once, where a check is a race.
const RACERS: usize = 16;

/// Checks everything, one promise after another.
///
/// # Panics
///
/// When the store breaks a promise; so do all the others here.
pub async fn all(store: &Arc<dyn Store>) {
    what_is_unknown_is_said_to_be(store).await;
    an_id_is_taken_once(store).await;
    commits_are_whole(store).await;
    stale_commits_change_nothing(store).await;
    one_of_many_owners_wins(store).await;
    snapshots_can_be_gone_on_with(store).await;
    histories_have_no_holes(store).await;
    tokens_are_remembered(store).await;
    lists_are_stable(store).await;
    what_has_ended_stays(store).await;
    owners_get_what_has_something_to_do(store).await;
    owners_that_are_gone_lose_what_they_had(store).await;
    posted_events_wait_until_they_are_handled(store).await;
    changes_are_noticed(store).await;
    what_ended_long_ago_is_forgotten(store).await;
    what_did_not_succeed_can_be_redriven(store).await;
    redrives_are_fenced(store).await;
    what_ended_long_ago_is_not_redriven(store).await;
    redrives_and_clean_up_tear_nothing_apart(store).await;
    offered_tasks_wait_until_they_are_taken(store).await;
    activities_that_were_deleted_are_kept(store).await;
}

/// Executions and tokens that never were: absent where that is an answer, `NotFound` where it is none.
pub async fn what_is_unknown_is_said_to_be(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let (subject, _, commit) = suite.subject(0);
    let id = subject.execution.id().clone();
    assert!(must(store.load(&id).await).is_none(), "an execution that never was has no state");
    assert!(must(store.describe(&id).await).is_none(), "an execution that never was is not described");
    let token = subject.tokens[0].0;
    assert_eq!(must(store.find_task(&token).await), None, "a token that nobody issued leads nowhere");
    let history = store.history(&id, PageRequest::default()).await;
    let kind = history.expect_err("an execution that never was has no history").kind();
    assert_eq!(kind, StoreErrorKind::NotFound, "the history of an execution that never was");
    let written = store.commit(&id, Revision::new(1), commit).await;
    let kind = written.expect_err("an execution that never was takes no commit").kind();
    assert_eq!(kind, StoreErrorKind::NotFound, "a commit to an execution that never was");
    assert_eq!(must(store.find_task(&token).await), None, "a commit that failed issues no token");
}

/// Of those who create an execution under one id one succeeds, and the others hear of the execution it made.
pub async fn an_id_is_taken_once(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut first = suite.create(0).await;
    let (other, new, commit) = suite.subject_with(0, "another input", 1);
    let Created::Existing(summary) = must(store.create(new, commit).await) else {
        panic!("an id that is taken was taken again")
    };
    same_summary(&summary, &first.summary(), "who finds an id taken hears of the execution that has it");
    first.check("creating an execution whose id is taken changes nothing").await;
    let token = other.tokens[0].0;
    assert_eq!(
        must(store.find_task(&token).await),
        None,
        "an execution that was not created issues no token"
    );
    first.live_to_the_end().await;
    let (_, new, commit) = suite.subject(0);
    let Created::Existing(summary) = must(store.create(new, commit).await) else {
        panic!("the id of an execution that has ended was taken again")
    };
    same_summary(&summary, &first.summary(), "who finds an id taken hears how that execution stands");

    // All at once.
    let mut racers = JoinSet::new();
    for n in 0..RACERS {
        let (subject, new, commit) = suite.subject_with(1, &format!("input {n}"), n);
        let (store, token, input) = (Arc::clone(store), subject.tokens[0].0, new.input.clone());
        racers.spawn(async move { (must(store.create(new, commit).await), token, input) });
    }
    let came = racers.join_all().await;
    let mut winners = came.iter().filter(|(created, ..)| matches!(created, Created::New(_)));
    let (_, winner_token, winner_input) =
        winners.next().expect("of many who create an execution one succeeds");
    assert!(winners.next().is_none(), "of many who create one execution at once only one succeeds");
    for (created, token, _) in &came {
        if let Created::Existing(summary) = created {
            assert_eq!(&summary.input, winner_input, "the losers hear of the winner's execution");
        }
        let found = must(store.find_task(token).await);
        assert_eq!(found.is_some(), token == winner_token, "only the winner's token leads somewhere");
    }
}

/// A commit is visible whole when it returns, and never in part: state, status and revision belong together.
pub async fn commits_are_whole(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    // With pauses of several lengths, writer and reader meet at each point.
    for pauses in 0..6 {
        let mut subject = suite.create(pauses).await;
        let mut stood = BTreeMap::from([(subject.revision, subject.stands())]);
        let over = Arc::new(AtomicBool::new(false));
        let (store, id) = (Arc::clone(store), subject.execution.id().clone());
        let reading = read_until(Arc::clone(&over), store, id);
        let reader = tokio::spawn(async move {
            for _ in 0..pauses % 2 {
                yield_now().await;
            }
            reading.await
        });
        for moment in LIFE {
            for _ in 0..pauses {
                yield_now().await;
            }
            subject.live(*moment).await;
            stood.insert(subject.revision, subject.stands());
            subject.check("a commit that has returned is visible").await;
        }
        over.store(true, Ordering::Relaxed);
        for stored in reader.await.expect("the reader does not panic") {
            let stands = stands(&suite.restore(&stored));
            let expected = stood.get(&stored.revision);
            assert_eq!(Some(&stands), expected, "the state belongs to the revision that it was read with");
            let status = stored.summary.status.as_str();
            assert_eq!(status, stands.status, "the summary belongs to the state that it was read with");
        }
    }
}

/// Everything different that somebody sees who reads all the time.
async fn read_until(over: Arc<AtomicBool>, store: Arc<dyn Store>, id: ExecutionId) -> Vec<StoredExecution> {
    let mut read: Vec<StoredExecution> = Vec::new();
    loop {
        let last_round = over.load(Ordering::Relaxed);
        let stored = must(store.load(&id).await);
        read.extend(stored.filter(|stored| read.last().is_none_or(|last| last.revision != stored.revision)));
        if last_round {
            return read;
        }
        yield_now().await;
    }
}

/// A commit that does not follow the current revision fails with `Conflict`, and nothing has changed.
pub async fn stale_commits_change_nothing(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    let stale = subject.revision;
    subject.live(Moment::Submitted).await;
    for expected in [stale, subject.revision.next(), Revision::new(0)] {
        // Somebody else, who has not heard of the last commit, goes on: a token is retired, then one is issued.
        let mut other = suite.other(&subject).await;
        for moment in [Moment::Again, Moment::Tick] {
            let mut step = other.step(other.event(moment));
            let commit = Commit::new(&mut step, other.execution.take_changes(), other.now);
            let refused = store.commit(other.execution.id(), expected, commit).await;
            let kind = refused.expect_err("a commit at a revision that is not current is refused").kind();
            assert_eq!(kind, StoreErrorKind::Conflict, "a commit at a revision that is not current");
            subject.check("a commit that was refused changes nothing").await;
        }
        let token = other.tokens.last().expect("the second attempt has a token").0;
        assert_eq!(must(store.find_task(&token).await), None, "a commit that was refused issues no token");
    }
    subject.live_to_the_end().await;
    subject.check("whoever has the current revision goes on").await;
}

/// Of owners who commit at the same revision at once one succeeds, and the others' steps never were.
pub async fn one_of_many_owners_wins(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    for moment in LIFE {
        let mut owners = Vec::new();
        for n in 0..RACERS {
            let mut owner = suite.other(&subject).await;
            // Each at another time, so that its history tells who it was.
            owner.now = owner.now + Duration::from_millis(n as u64);
            owners.push(owner);
        }
        let mut racers = JoinSet::new();
        for mut owner in owners {
            racers.spawn(async move {
                let mut step = owner.step(owner.event(*moment));
                let commit = Commit::new(&mut step, owner.execution.take_changes(), owner.now);
                let written = owner.store.commit(owner.execution.id(), owner.revision, commit).await;
                (written.map_err(|error| error.kind()), owner)
            });
        }
        let mut winners = Vec::new();
        for (written, owner) in racers.join_all().await {
            match written {
                Ok(revision) => winners.push(Subject { revision, ..owner }),
                Err(kind) => {
                    assert_eq!(kind, StoreErrorKind::Conflict, "who loses a race hears of a conflict")
                }
            }
        }
        assert_eq!(winners.len(), 1, "of {RACERS} who commit at one revision at once one succeeds");
        let winner = winners.remove(0);
        assert!(winner.revision > subject.revision, "a commit moves the revision on");
        subject = winner;
        subject.check("only the winner's step was made").await;
    }
}

/// After every commit the state can be loaded, and goes on exactly as the execution would that it came from.
pub async fn snapshots_can_be_gone_on_with(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    for moment in LIFE {
        let stored = must(store.load(subject.execution.id()).await).expect("what was created is there");
        assert_eq!(&*stored.definition, DEFINITION, "the definition is kept");
        let mut again = suite.restore(&stored);
        assert_eq!(stands(&again), subject.stands(), "what was loaded waits for the same");
        let event = subject.event(*moment);
        let expected = subject.step(event.clone());
        let step = again.handle(event, subject.now).expect("what was loaded takes the same events");
        assert_eq!(step, expected, "what was loaded goes on the same");
        subject.commit(expected).await;
    }
    assert!(subject.execution.status().is_closed(), "it has ended");
}

/// A history is given by number, without holes: forwards, backwards, in pages of any size, also while it grows.
pub async fn histories_have_no_holes(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    for _ in 0..12 {
        subject.again().await;
    }
    let events = subject.history.len();
    for limit in [1, 7, events, events + 1] {
        for reverse in [false, true] {
            let mut read = subject.read_history(limit, reverse).await;
            if reverse {
                read.reverse();
            }
            same_history(&read, &subject.history, "the pages of a history give each event once, in order");
        }
    }

    // What is added between two pages is at the end.
    let id = subject.execution.id().clone();
    let known = subject.history.clone();
    let (half, rest) = (events / 2, events - events / 2);
    let forwards = must(store.history(&id, PageRequest::first(half)).await);
    let backwards = must(store.history(&id, PageRequest::first(half).reverse()).await);
    subject.again().await;
    let next = PageRequest::first(rest).after(forwards.next.expect("there is more"));
    same_history(
        &must(store.history(&id, next).await).items,
        &known[half..],
        "the pages of a history that grows give each event once",
    );
    let next = PageRequest::first(rest).reverse().after(backwards.next.expect("there is more"));
    let mut read = must(store.history(&id, next).await).items;
    read.reverse();
    same_history(
        &read,
        &known[..rest],
        "backwards too, the pages of a history that grows give each event once",
    );
}

/// A token leads to its task as long as that waits, and is known afterwards as one that did.
pub async fn tokens_are_remembered(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subject = suite.create(0).await;
    let other = suite.create(1).await;
    for _ in 0..3 {
        subject.again().await;
        subject.check_tokens().await;
    }
    assert!(subject.tokens.len() > 3, "each attempt has a token of its own");
    subject.live_to_the_end().await;
    subject.check_tokens().await;
    other.check_tokens().await;
    let made_up: TaskToken = "bm9ib2R5IGV2ZXIgaXNzdWVkIHRoaXM".parse().expect("it could be one");
    assert_eq!(
        must(store.find_task(&made_up.hash()).await),
        None,
        "a token that nobody issued leads nowhere"
    );
}

/// Executions are listed in the order they were started, each once, whatever starts and ends between the pages.
pub async fn lists_are_stable(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let open = |n: usize| !n.is_multiple_of(3);
    let mut subjects = Vec::new();
    for n in 0..9 {
        let mut subject = suite.create(n).await;
        if !open(n) {
            subject.live_to_the_end().await;
        }
        subjects.push(subject);
    }
    let all: Vec<ExecutionId> = subjects.iter().map(|subject| subject.execution.id().clone()).collect();
    let ours = || ExecutionFilter::default().machine(suite.machine_arn.clone());
    let numbers = |chosen: &dyn Fn(usize) -> bool| -> Vec<ExecutionId> {
        (0..9).filter(|n| chosen(*n)).map(|n| all[n].clone()).collect()
    };
    let lists = [
        (ours(), numbers(&|_| true)),
        (ours().status("RUNNING"), numbers(&open)),
        (ours().status("SUCCEEDED"), numbers(&|n| !open(n))),
        (ours().status("ABORTED"), Vec::new()),
        (ExecutionFilter::default().machine(format!("{}-not", suite.machine_arn)), Vec::new()),
    ];
    for (filter, expected) in &lists {
        for limit in [1, 2, 100] {
            for reverse in [false, true] {
                let mut listed = suite.list(filter, limit, reverse).await;
                if reverse {
                    listed.reverse();
                }
                assert_eq!(&listed, expected, "the pages of {filter:?} give each execution once, in order");
            }
        }
    }
    let everything = suite.list(&ExecutionFilter::default(), 100, false).await;
    assert!(all.iter().all(|id| everything.contains(id)), "without a filter everything is listed");

    // One that was seen ends, and one is started, before the second page is asked for.
    let filter = ours().status("RUNNING");
    let first = must(store.list(filter.clone(), PageRequest::first(2)).await);
    assert_eq!(ids(&first), numbers(&|n| n == 1 || n == 2), "the first page");
    subjects[1].live_to_the_end().await;
    suite.create(9).await;
    let rest = PageRequest::first(100).after(first.next.expect("there is more"));
    let mut rest = ids(&must(store.list(filter, rest).await));
    // The one that was started meanwhile may be there or not.
    rest.retain(|id| all.contains(id));
    let expected = numbers(&|n| open(n) && n > 2);
    assert_eq!(
        rest, expected,
        "what passes a filter all the time is listed, whatever ends and starts meanwhile"
    );
}

/// An execution that has ended is described as before, with its history, and says when it ended.
pub async fn what_has_ended_stays(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    for (n, end) in [Moment::Worked, Moment::Stopped].into_iter().enumerate() {
        let mut subject = suite.create(n).await;
        for moment in LIFE.iter().take(LIFE.len() - 1) {
            subject.live(*moment).await;
        }
        subject.live(end).await;
        subject.check("an execution that has ended is kept").await;
        let id = subject.execution.id();
        let stored = must(store.load(id).await);
        let succeeded = matches!(subject.execution.status(), ExecutionStatus::Succeeded { .. });
        assert_eq!(
            stored.is_none(),
            succeeded,
            "the state is needed of what may be redriven, and of nothing else"
        );
        let id = id.clone();
        let commit =
            Commit::new(&mut subject.execution.idle(), subject.execution.take_changes(), subject.now);
        let written = store.commit(&id, subject.revision, commit).await;
        let kind = written.expect_err("an execution that has ended takes no commit").kind();
        assert_eq!(kind, StoreErrorKind::Conflict, "a commit to an execution that has ended");
    }
}
