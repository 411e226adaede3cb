//! Who gets which execution, what is left for them, and what is forgotten.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;

use super::subject::{BEGIN, HOUR, LONG_AGO, Moment, Suite, must};
use crate::execution::Event;
use crate::store::{Claim, ExecutionFilter, PageRequest, Posted, Store, StoreErrorKind};
use crate::time::Timestamp;

/// An execution that nobody owns is given to one who claims when it is due, the one that is due longest first;
/// one that somebody owns is given to nobody else.
pub async fn owners_get_what_has_something_to_do(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let (one, other) = (suite.owner(1), suite.owner(2));
    // Their deadlines are those of their tokens: an hour after they began.
    let mut subjects = Vec::new();
    for n in [3, 1, 2, 4] {
        subjects.push(suite.create(n).await);
    }
    let order = [1, 2, 3].map(|n| suite.id(n)).to_vec();
    let due = BEGIN + Duration::from_millis(3) + HOUR;
    assert_eq!(suite.claim(one, BEGIN).await, [], "what is not due is given to nobody");
    assert_eq!(suite.claim(one, due).await, order, "what is due is given in the order in which it is");
    assert_eq!(suite.claim(other, due).await, [], "what somebody owns is given to nobody else");
    assert_eq!(suite.claim(one, due).await, [], "what somebody owns and has no mail is not given again");

    let only = |owner| Claim::new(owner, BEGIN, 1).lease(HOUR).only(suite.id(4));
    let claimed = must(store.claim(only(other)).await).executions;
    assert_eq!(claimed.len(), 1, "one that is asked for is given, whether it is due or not");
    assert!(must(store.claim(only(one)).await).executions.is_empty(), "one that somebody owns is not given");
    assert_eq!(must(store.claim(only(other)).await).executions.len(), 1, "an owner may ask again");

    must(store.release(one, Some(&order)).await);
    let first = Claim::new(other, due, 2).lease(HOUR);
    let claims = must(store.claim(first).await);
    assert_eq!(claims.executions.len(), 2, "no more are given than were asked for");
    assert!(claims.next.is_some_and(|next| next <= due), "and it is known that there are more");
    let mut owned = must(store.owned(other).await);
    owned.sort();
    let mut given: Vec<_> = claims.executions.into_iter().map(|claimed| claimed.id).collect();
    given.push(suite.id(4));
    given.sort();
    assert_eq!(owned, given, "what an owner was given, it has");
    must(store.release(other, Some(&given)).await);
    let unwanted = Claim::new(other, due, usize::MAX).lease(HOUR).except(order[1..].to_vec());
    let claims = must(store.claim(unwanted).await);
    let claimed: Vec<_> = claims.executions.into_iter().map(|claimed| claimed.id).collect();
    assert!(claimed.contains(&order[0]), "what is wanted is given");
    assert!(!order[1..].iter().any(|id| claimed.contains(id)), "what is not wanted is not given");
    assert!(claims.next.is_none_or(|next| next > due), "and what is not wanted is not due");
    must(store.release(other, None).await);
    assert_eq!(suite.claim(one, due).await, order, "what was released is anybody's");

    // What its last commit says counts.
    let mut subject = subjects.remove(1);
    let step = subject.step(subject.event(Moment::Submitted));
    subject.commit_as(step, |commit| commit.attended(true)).await;
    must(store.release(one, None).await);
    assert_eq!(suite.claim(one, BEGIN).await, order[..1], "what wants to be attended is due at once");
    let step = subject.step(subject.event(Moment::Stopped));
    subject.commit_as(step, |commit| commit).await;
    must(store.release(one, None).await);
    let rest = [2, 3, 4].map(|n| suite.id(n));
    assert_eq!(suite.claim(one, Timestamp::MAX).await, rest, "what has ended is given to nobody");
    must(store.release(one, None).await);
}

/// When a lease is over, or an owner comes that is alone, what others had is given to who claims.
pub async fn owners_that_are_gone_lose_what_they_had(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let (gone, other) = (suite.owner(1), suite.owner(2));
    let mut subject = suite.create(1).await;
    let claim = |owner, lease| Claim::new(owner, Timestamp::MAX, 1).lease(lease).only(suite.id(1));
    assert!(must(store.claim(claim(gone, Duration::ZERO)).await).fresh, "nothing is known of a new owner");
    let claimed = must(store.claim(claim(other, HOUR)).await).executions;
    assert_eq!(claimed.len(), 1, "what an owner had whose lease is over is anybody's");
    assert!(!must(store.claim(claim(other, HOUR)).await).fresh, "an owner that is known is not new");
    let again = must(store.claim(claim(gone, HOUR)).await);
    assert!(again.fresh, "an owner hears that its lease was over, and others may have what it had");
    assert!(again.executions.is_empty(), "what an owner lost is not its own again");
    // Safety is the revision: who lost it may not know.
    subject.live(Moment::Submitted).await;
    must(store.release(gone, None).await);
    let nothing = must(store.claim(claim(gone, HOUR)).await).executions;
    assert!(nothing.is_empty(), "an owner that is gone takes nothing along that is not its own any longer");

    // It was frozen, say, and does not know that its lease is over.
    must(store.claim(claim(gone, Duration::ZERO)).await);
    must(store.claim(claim(other, HOUR)).await);
    let (_, new, first) = suite.subject(2);
    must(store.create(new.owner(gone), first).await);
    let claimed = must(store.claim(claim(other, HOUR).only(suite.id(2))).await).executions;
    assert_eq!(claimed.len(), 1, "what an owner begins without a lease is anybody's");
    must(store.release(other, None).await);
}

/// An event that was posted is given to the owner of its execution until a commit says what became of it.
pub async fn posted_events_wait_until_they_are_handled(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let owner = suite.owner(1);
    let mut subject = suite.create(1).await;
    let id = subject.execution.id().clone();
    let unknown = store.post(&suite.id(7), Event::Tick).await;
    let kind = unknown.expect_err("an execution that never was gets no mail").kind();
    assert_eq!(kind, StoreErrorKind::NotFound, "mail to an execution that never was");

    let first = must(store.post(&id, subject.event(Moment::Submitted)).await);
    let second = must(store.post(&id, subject.event(Moment::Answered)).await);
    assert!(first < second, "later events have higher numbers");
    let inbox = vec![
        Posted::new(first, subject.event(Moment::Submitted)),
        Posted::new(second, subject.event(Moment::Answered)),
    ];
    for promise in ["mail is something to do", "mail is given again until it was handled"] {
        let claim = Claim::new(owner, BEGIN, 100).lease(HOUR);
        let claimed = must(store.claim(claim).await).executions;
        let claimed = claimed.iter().find(|claimed| claimed.id == id).expect(promise);
        assert_eq!(claimed.inbox, inbox, "{promise}, all of it and in order");
    }
    let step = subject.step(inbox[0].event.clone());
    subject.commit_as(step, |commit| commit.handled(first, true)).await;
    assert!(must(store.settled(&id, first).await), "who posted it hears that it was accepted");
    let claim = Claim::new(owner, BEGIN, 100).lease(HOUR).only(id.clone());
    let claimed = must(store.claim(claim.clone()).await).executions;
    assert_eq!(claimed[0].inbox, inbox[1..], "what was handled is gone");

    // Whoever waits hears of it; what was settled stays so.
    let waiting = tokio::spawn({
        let (store, id) = (Arc::clone(store), id.clone());
        async move { must(store.settled(&id, second).await) }
    });
    yield_now().await;
    let idle = subject.execution.idle();
    subject.commit_as(idle, |commit| commit.handled(second, false)).await;
    assert!(!waiting.await.expect("who waits does not panic"), "who waits hears that it was refused");
    let idle = subject.execution.idle();
    subject.commit_as(idle, |commit| commit.handled(second, true)).await;
    assert!(!must(store.settled(&id, second).await), "what was settled is not settled again");

    let last = must(store.post(&id, subject.event(Moment::Answered)).await);
    let decisive = must(store.post(&id, subject.event(Moment::Stopped)).await);
    let step = subject.step(subject.event(Moment::Stopped));
    subject.commit_as(step, |commit| commit.handled(decisive, true)).await;
    assert!(must(store.settled(&id, decisive).await), "who posted what ended it hears that it was accepted");
    assert!(
        !must(store.settled(&id, last).await),
        "what an execution that has ended did not handle is refused"
    );
    let late = must(store.post(&id, Event::Tick).await);
    assert!(!must(store.settled(&id, late).await), "mail to an execution that has ended is refused");
    assert!(must(store.claim(claim).await).executions.is_empty(), "and it gives nobody anything to do");
    must(store.release(owner, None).await);
}

/// An owner hears that mail came, and that somebody else let go of an execution.
pub async fn changes_are_noticed(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let (one, other) = (suite.owner(1), suite.owner(2));
    let subject = suite.create(1).await;
    let id = subject.execution.id().clone();
    let claim = |owner| Claim::new(owner, BEGIN, 100).lease(HOUR).only(id.clone());
    must(store.claim(claim(one)).await);
    must(store.claim(claim(other)).await);
    suite.notices(one, async || _ = must(store.post(&id, subject.event(Moment::Submitted)).await)).await;
    suite.notices(other, async || must(store.release(one, Some(std::slice::from_ref(&id))).await)).await;
    must(store.release(one, None).await);
    must(store.release(other, None).await);
}

/// Executions that ended before a time are removed, the oldest first, and their ids are free again.
pub async fn what_ended_long_ago_is_forgotten(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let mut subjects = Vec::new();
    // Long before everything else in the store.
    for n in 1..=4 {
        let mut subject = suite.create_at(n, LONG_AGO + Duration::from_secs(n as u64)).await;
        if n != 4 {
            subject.live(Moment::Stopped).await;
        }
        subjects.push(subject);
    }
    let before = subjects[1].now;
    assert_eq!(must(store.forget(before, 10).await), 1, "what ended before the time is forgotten");
    let gone = &subjects[0];
    let id = gone.execution.id();
    assert!(must(store.describe(id).await).is_none(), "what was forgotten is not described");
    assert!(store.history(id, PageRequest::default()).await.is_err(), "what was forgotten has no history");
    let token = gone.tokens[0].0;
    assert_eq!(must(store.find_task(&token).await), None, "the tokens of what was forgotten lead nowhere");
    let listed = suite.list(&ExecutionFilter::default().machine(suite.machine_arn.clone()), 10, false).await;
    assert_eq!(listed, [2, 3, 4].map(|n| suite.id(n)), "what was forgotten is not listed");
    let again = suite.create_at(1, LONG_AGO).await;
    again.check("an id that was forgotten is free again").await;

    let all = LONG_AGO + HOUR;
    assert_eq!(must(store.forget(all, 1).await), 1, "no more are forgotten than were asked for");
    assert!(must(store.describe(&suite.id(2)).await).is_none(), "the oldest are forgotten first");
    assert_eq!(must(store.forget(all, 10).await), 1, "the others later");
    assert_eq!(must(store.forget(all, 10).await), 0, "what is open is not forgotten");
    subjects[3].check("what is open is not forgotten").await;
}
