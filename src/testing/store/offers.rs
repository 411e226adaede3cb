//! What workers find: the tasks of activities, and the activities that there are not.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::RACERS;
use super::subject::{HOUR, Moment, Subject, Suite, must};
use crate::arn::Arn;
use crate::execution::{IssuedToken, TokenChanges};
use crate::id::{ExecutionId, TaskId, TokenHash};
use crate::store::{Commit, Created, Store, StoreErrorKind, TaskAddress};

/// The number of the first task that is offered: those of the executions themselves are lower.
const FIRST: u64 = 1_000;

/// Tasks of activities are given out in the order in which commits offered them, to nobody else while they are held,
/// until a commit says that they were taken.
pub async fn offered_tasks_wait_until_they_are_taken(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let (sign, other) = (suite.activity("Sign"), suite.activity("Other"));
    let asks = async |most, held| places(must(store.offers(&sign, most, held).await));
    assert_eq!(asks(10, HOUR).await, [], "nothing is offered that no commit offered");

    let (subject, new, mut commit) = suite.subject(0);
    offer(&mut commit.tokens, &suite, &sign, &[0]);
    let Created::New(revision) = must(store.create(new, commit).await) else { panic!("it never was") };
    let mut first = Subject { revision, ..subject };
    let mut second = suite.create(1).await;
    live(&mut second, Moment::Submitted, |tokens| offer(tokens, &suite, &sign, &[1, 2])).await;
    live(&mut first, Moment::Submitted, |tokens| offer(tokens, &suite, &other, &[3])).await;
    let task = |subject: &Subject, n: u64| (subject.execution.id().clone(), TaskId::from(FIRST + n));
    let all = [task(&first, 0), task(&second, 1), task(&second, 2)];
    for _ in 0..2 {
        let offered = asks(10, Duration::ZERO).await;
        assert_eq!(offered, all, "tasks are offered in the order in which they came");
    }
    assert_eq!(asks(1, HOUR).await, all[..1], "no more tasks are given than were asked for");
    assert_eq!(asks(10, HOUR).await, all[1..], "a task that is held for somebody is not given to others");
    assert_eq!(asks(10, HOUR).await, [], "a task that is held for somebody is not given to others");
    let others = places(must(store.offers(&other, 10, Duration::ZERO).await));
    assert_eq!(others, [task(&first, 3)], "a task is offered to the workers of its activity");

    live(&mut first, Moment::Answered, |tokens| {
        tokens.taken.extend([FIRST + 3, FIRST + 4].map(TaskId::from));
        offer(tokens, &suite, &other, &[4]);
    })
    .await;
    let left = places(must(store.offers(&other, 10, HOUR).await));
    assert_eq!(left, [], "a task that was taken is not offered any longer");

    let mut stale = suite.other(&second).await;
    live(&mut second, Moment::Answered, |_| {}).await;
    let mut step = stale.step(stale.event(Moment::Answered));
    let mut commit = Commit::new(&mut step, stale.execution.take_changes(), stale.now);
    offer(&mut commit.tokens, &suite, &other, &[5]);
    let written = store.commit(stale.execution.id(), stale.revision, commit).await;
    assert_eq!(written.map_err(|error| error.kind()), Err(StoreErrorKind::Conflict));
    let left = places(must(store.offers(&other, 10, HOUR).await));
    assert_eq!(left, [], "a commit that was refused offers nothing");

    let owner = suite.owner(1);
    suite.claim(owner, first.now).await;
    let offering = async || {
        let numbers: Vec<u64> = (10..10 + RACERS as u64).collect();
        live(&mut second, Moment::Tick, |tokens| offer(tokens, &suite, &other, &numbers)).await;
    };
    suite.notices(owner, offering).await;
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (store, other) = (Arc::clone(store), other.clone());
        racers.spawn(async move {
            let mut got = Vec::new();
            loop {
                let offers = places(must(store.offers(&other, 3, HOUR).await));
                if offers.is_empty() {
                    return got;
                }
                got.extend(offers);
            }
        });
    }
    let mut got: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
    got.sort();
    got.dedup();
    assert_eq!(got.len(), RACERS, "of many who ask for tasks somebody gets each");
}

/// There is every activity that was not deleted.
pub async fn activities_that_were_deleted_are_kept(store: &Arc<dyn Store>) {
    let suite = Suite::new(store);
    let [sign, other] = ["Sign", "Other"].map(|name| suite.activity(name));
    let missing = async || {
        let missing = must(store.missing_activities().await);
        [&sign, &other].map(|activity| missing.contains(activity))
    };
    assert_eq!(missing().await, [false, false], "an activity that was not deleted is there");
    for _ in 0..2 {
        must(store.set_activity(&sign, false).await);
        assert_eq!(missing().await, [true, false], "an activity that was deleted is not there");
    }
    must(store.set_activity(&other, false).await);
    for _ in 0..2 {
        must(store.set_activity(&sign, true).await);
        assert_eq!(missing().await, [false, true], "an activity that was created again is there");
    }
    must(store.set_activity(&other, true).await);
}

/// Says that tasks with these numbers wait for workers of an activity.
fn offer(tokens: &mut TokenChanges, suite: &Suite, activity: &Arn, numbers: &[u64]) {
    for number in numbers {
        let hash = TokenHash::from(std::array::from_fn(|at| suite.secret[at] ^ number.to_be_bytes()[at % 8]));
        let task = TaskId::from(FIRST + number);
        tokens.issued.push(IssuedToken { hash, task, activity: Some(activity.clone()) });
    }
}

async fn live(subject: &mut Subject, moment: Moment, change: impl FnOnce(&mut TokenChanges)) {
    let step = subject.step(subject.event(moment));
    let commit = |mut commit: Commit| {
        change(&mut commit.tokens);
        commit
    };
    subject.commit_as(step, commit).await;
}

fn places(offers: Vec<TaskAddress>) -> Vec<(ExecutionId, TaskId)> {
    offers.into_iter().map(|offer| (offer.execution, offer.task)).collect()
}
