//! Activities: tasks that wait for workers, and workers that wait for tasks.
//!
//! A task is in one of three places: in its activity's queue, in the hands of a [`Handover`], or with a worker.
//! From the second it falls back into the first when the worker is gone.
//!
//! Tasks of executions that are here are queued when they are scheduled. Those of others are looked for in the store
//! when a worker has nothing to do: their states say what they ask for, and their owners whether they may begin.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::arn::Arn;
use crate::execution::{Event, IssuedToken, TaskStart, TokenChanges};
use crate::id::{ExecutionId, TaskId, TaskToken};
use crate::json::Json;
use crate::runtime::error::ActivityError;
use crate::runtime::rare::Rare;
use crate::runtime::{Inner, Runtime};
use crate::store::{StoreError, TaskAddress};
use crate::time::Timestamp;

/// How long a worker waits for a task.
const LONG_POLL: Duration = Duration::from_secs(60);

/// How many tasks of other executions are looked for at once.
const BATCH: usize = 64;

/// For how long nobody else looks at those: as long as it takes to ask their executions, and more.
const HELD: Duration = Duration::from_secs(10);

/// A task of an activity, as a worker gets it from [`Runtime::get_activity_task`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ActivityTask {
    /// The key that reports how the task went. `Debug` does not show it.
    pub token: TaskToken,
    /// The state's effective input, or what its `Parameters` made of it.
    pub input: Json,
    /// `TimeoutSeconds`, where the definition sets it; it began when the state was entered.
    pub timeout: Option<Duration>,
    /// `HeartbeatSeconds`, where the definition sets it: report a heartbeat more often than that.
    pub heartbeat: Option<Duration>,
}

impl Runtime {
    /// Waits for a task of `activity`: up to 60 seconds on the runtime's clock, then there is none.
    ///
    /// Tasks are given out in the order in which they were scheduled, to workers in the order in which they
    /// asked; each task is given out once. Workers of any runtime get the tasks of all that share its store: first
    /// those of executions that the runtime drives itself. When this returns one, it is committed that the worker has
    /// it. Report with [`send_task_success`](Self::send_task_success), [`send_task_failure`](Self::send_task_failure)
    /// and [`send_task_heartbeat`](Self::send_task_heartbeat).
    ///
    /// A task whose worker stops asking (drops this future) while it is handed over goes back to its place in the
    /// queue. A task whose worker has it is that worker's, even when the runtime starts anew; `TimeoutSeconds`
    /// and `HeartbeatSeconds` are for workers that never report.
    ///
    /// A [handler](crate::RuntimeBuilder::handler) that is registered for the activity is its only worker.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Arn, Runtime, StateMachine};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let machine = Arc::new(StateMachine::parse(r#"{ "StartAt": "Sign", "States": { "Sign": { "Type": "Task",
    ///     "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign", "End": true } } }"#)?);
    /// let runtime = Runtime::builder().build()?;
    /// let execution = runtime.start_execution(&machine, None, json!({ "page": 7 })).await?;
    ///
    /// let sign: Arn = "arn:aws:states:us-east-1:123456789012:activity:Sign".parse()?;
    /// let task = runtime.get_activity_task(&sign, "notary").await?.expect("there is one");
    /// assert_eq!(task.input, json!({ "page": 7 }));
    /// runtime.send_task_success(&task.token, json!({ "signed": true })).await?;
    /// assert_eq!(execution.wait().await?, json!({ "signed": true }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When `activity` is not an activity's ARN or was deleted, the worker's name is not one, the runtime shuts down, or
    /// the store cannot be asked whether there is such an activity.
    ///
    /// ```
    /// # use stepwright::{ActivityError, Arn, Runtime};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let runtime = Runtime::builder().build()?;
    /// let function: Arn = "arn:aws:lambda:us-east-1:123456789012:function:Sign".parse()?;
    /// let mistake = runtime.get_activity_task(&function, None).await;
    /// assert!(matches!(mistake, Err(ActivityError::InvalidArn { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_activity_task<'a>(
        &self,
        activity: &Arn,
        worker: impl Into<Option<&'a str>>,
    ) -> Result<Option<ActivityTask>, ActivityError> {
        let worker = worker.into();
        if !activity.is_activity() {
            return Err(ActivityError::InvalidArn { arn: activity.clone() });
        }
        let lengths = 1..=self.inner.limits.name_chars;
        if let Some(name) = worker.filter(|name| !lengths.contains(&name.chars().count())) {
            return Err(ActivityError::InvalidWorkerName { name: name.into() });
        }
        if self.inner.shutdown.is_cancelled() {
            return Err(ActivityError::ShuttingDown);
        }
        self.inner.join().await?;
        if self.inner.activities.missing().is_some_and(|missing| missing.contains(activity)) {
            return Err(ActivityError::ActivityDoesNotExist { arn: activity.clone() });
        }
        let deadline = self.inner.clock.now() + LONG_POLL;
        loop {
            let Some(handover) = self.inner.poll(activity, worker, deadline).await else {
                return match self.inner.shutdown.is_cancelled() {
                    true => Err(ActivityError::ShuttingDown),
                    false => Ok(None),
                };
            };
            if let Some(task) = handover.claim() {
                return Ok(Some(task));
            }
        }
    }

    /// From now on there is no such activity: a Task that needs it fails before it is scheduled, and no worker may
    /// ask for its tasks. Tasks that were scheduled before go on. Every activity exists that was not deleted; the
    /// store keeps which ones were. Other runtimes that share it learn of it at once, or within a third of their
    /// leases.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use serde_json::json;
    /// use stepwright::{Arn, Runtime, StateMachine};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let machine = Arc::new(StateMachine::parse(r#"{ "StartAt": "Sign", "States": { "Sign": { "Type": "Task",
    ///     "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign", "End": true } } }"#)?);
    /// let runtime = Runtime::builder().build()?;
    /// let sign: Arn = "arn:aws:states:us-east-1:123456789012:activity:Sign".parse()?;
    /// runtime.delete_activity(&sign).await?;
    ///
    /// let error = runtime.start_execution(&machine, None, json!({})).await?.wait().await.unwrap_err();
    /// assert!(error.to_string().ends_with("activity:Sign does not exist."));
    ///
    /// runtime.create_activity(&sign).await?;
    /// let execution = runtime.start_execution(&machine, None, json!({})).await?;
    /// assert!(runtime.get_activity_task(&sign, None).await?.is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the store fails: nothing has changed then, as far as is known.
    pub async fn delete_activity(&self, activity: &Arn) -> Result<(), ActivityError> {
        self.inner.set_activity(activity, false).await
    }

    /// There is such an activity again after [`delete_activity`](Self::delete_activity).
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn create_activity(&self, activity: &Arn) -> Result<(), ActivityError> {
        self.inner.set_activity(activity, true).await
    }
}

/// The tasks that wait for workers, and the workers that wait for tasks.
///
/// There are as many tasks as open executions have in their activity states, and as many workers as somebody
/// holds futures of: it needs no limit of its own.
#[derive(Debug, Default)]
pub(super) struct Activities {
    state: Rare<State>,
    /// The activities that were deleted, if any, as far as is known here.
    missing: Rare<Option<Arc<BTreeSet<Arn>>>>,
    /// Locked while the store is asked or told about them: what is known comes from the last who did.
    learning: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    queues: HashMap<Arn, Queue>,
    /// Where the tasks are that no worker has yet.
    places: HashMap<ExecutionId, BTreeMap<TaskId, Place>>,
    next: u64,
}

/// One activity: tasks and workers by their numbers, the oldest first. Of one of the two there are none.
#[derive(Debug, Default)]
struct Queue {
    tasks: BTreeMap<u64, Waiting>,
    workers: BTreeMap<u64, Worker>,
    search: Search,
}

/// Whether somebody looks for tasks in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Search {
    #[default]
    None,
    /// Somebody does.
    On,
    /// Somebody does, and looks once more.
    Again,
}

/// A task's place in the queue of its activity; it keeps it while it is handed over.
#[derive(Clone, Debug)]
struct Place {
    activity: Arn,
    number: u64,
}

/// A task that no worker has yet.
#[derive(Debug)]
struct Waiting {
    execution: ExecutionId,
    task: TaskId,
    place: Place,
    token: TaskToken,
    input: Json,
    timeout: Option<Duration>,
    heartbeat: Option<Duration>,
    /// A worker was given it, and did not take it.
    started: bool,
}

/// Somebody who waits for a task.
#[derive(Debug)]
struct Worker {
    number: u64,
    name: Option<String>,
    hand: oneshot::Sender<Handover>,
    /// It gets what is being handed over to it, but nothing more.
    leaving: Arc<AtomicBool>,
}

/// A task on its way to a worker. Dropped on the way, it falls back into the queue.
struct Handover {
    runtime: Arc<Inner>,
    waiting: Option<Waiting>,
}

/// A worker's place among those that wait, for as long as it waits.
struct Line<'a> {
    runtime: &'a Inner,
    activity: &'a Arn,
    number: u64,
    leaving: Arc<AtomicBool>,
}

impl Inner {
    /// Queues a task for the workers of its activity, unless it is on its way to one.
    pub(super) fn offer(self: &Arc<Self>, execution: &ExecutionId, start: TaskStart) {
        let Some(token) = start.token else { return };
        let activity = start.resource;
        self.match_up(&activity, |state| {
            let place = Place { activity: activity.clone(), number: state.number() };
            match state.places.entry(execution.clone()).or_default().entry(start.task) {
                Entry::Occupied(_) => return,
                Entry::Vacant(free) => free.insert(place.clone()),
            };
            let waiting = Waiting {
                execution: execution.clone(),
                task: start.task,
                place,
                token,
                input: start.input,
                timeout: start.timeout,
                heartbeat: start.heartbeat,
                started: false,
            };
            state.put(waiting);
        });
    }

    /// Nobody waits for a task any longer: it is not given out, if it was not yet.
    pub(super) fn withdraw(&self, execution: &ExecutionId, task: TaskId) {
        self.activities.lock().forget(execution, task);
    }

    /// Whether tasks of the execution wait for workers, beside those that are `gone` in a moment.
    pub(super) fn has_offers(&self, execution: &ExecutionId, gone: impl Fn(&TaskId) -> bool) -> bool {
        let Some(state) = self.activities.state.look() else { return false };
        state.places.get(execution).is_some_and(|places| !places.keys().all(gone))
    }

    /// The execution is gone from here, and its tasks with it.
    pub(super) fn withdraw_all(&self, execution: &ExecutionId) {
        let Some(mut state) = self.activities.state.look() else { return };
        let places = state.places.remove(execution).unwrap_or_default();
        places.into_values().for_each(|place| state.remove(&place));
    }

    /// Waits for a task until `deadline`.
    async fn poll(
        self: &Arc<Self>,
        activity: &Arn,
        worker: Option<&str>,
        deadline: Timestamp,
    ) -> Option<Handover> {
        if self.shutdown.is_cancelled() {
            return None;
        }
        let (hand, mut handed) = oneshot::channel();
        let leaving = Arc::new(AtomicBool::new(false));
        let mut number = 0;
        self.match_up(activity, |state| {
            number = state.number();
            let worker = Worker { number, name: worker.map(Into::into), hand, leaving: leaving.clone() };
            state.queue(activity).workers.insert(number, worker);
        });
        let line = Line { runtime: self, activity, number, leaving };
        self.look_for_offers_of(activity);
        tokio::select! {
            biased;
            handed = &mut handed => return handed.ok(),
            () = self.clock.sleep_until(deadline) => {}
            () = self.shutdown.cancelled() => {}
        }
        // A task may be on its way: then it comes, now that the worker is not given any other.
        drop(line);
        handed.await.ok()
    }

    /// Looks in the store for whatever workers wait for here.
    pub(super) fn look_for_offers(self: &Arc<Self>) {
        let Some(state) = self.activities.state.look() else { return };
        let waiting = state.queues.iter().filter(|(_, queue)| !queue.workers.is_empty());
        let activities: Vec<Arn> = waiting.map(|(activity, _)| activity.clone()).collect();
        drop(state);
        activities.iter().for_each(|activity| self.look_for_offers_of(activity));
    }

    fn look_for_offers_of(self: &Arc<Self>, activity: &Arn) {
        if self.activities.lock().search(activity) {
            let (inner, activity) = (Arc::clone(self), activity.clone());
            self.tracker.spawn(async move {
                while inner.fetch_offers(&activity).await || inner.activities.lock().search_again(&activity) {
                }
            });
        }
    }

    /// Takes tasks out of the store for workers that wait; whether there may be more.
    async fn fetch_offers(self: &Arc<Self>, activity: &Arn) -> bool {
        let workers = self.activities.lock().queues.get(activity).map_or(0, |queue| queue.workers.len());
        if workers == 0 || self.shutdown.is_cancelled() {
            return false;
        }
        let Ok(offers) = self.store.offers(activity, workers.min(BATCH), HELD).await else { return false };
        let mut wanted: BTreeMap<ExecutionId, BTreeSet<TaskId>> = BTreeMap::new();
        let found = !offers.is_empty();
        for TaskAddress { execution, task, .. } in offers {
            if !self.activities.lock().has(&execution, task) {
                wanted.entry(execution).or_default().insert(task);
            }
        }
        for (execution, tasks) in wanted {
            // One that cannot be read here is left to others, and one that has begun to its worker.
            let Ok(Some(stored)) = self.store.load(&execution).await else { continue };
            let Ok(restored) = self.restore(&stored) else { continue };
            let starts = restored.outstanding().into_iter().filter(|start| tasks.contains(&start.task));
            starts.for_each(|start| self.offer(&execution, start));
        }
        found
    }

    /// Tasks for which there is a handler here do not wait for workers elsewhere.
    pub(super) fn serve_here(&self, tokens: &mut TokenChanges) {
        let TokenChanges { issued, taken, .. } = tokens;
        let activity = |issued: &IssuedToken| Some((issued.activity.as_ref()?.clone(), issued.task));
        for (activity, task) in issued.iter().filter_map(activity) {
            if self.service(&activity).is_some() {
                taken.push(task);
            }
        }
    }

    async fn set_activity(self: &Arc<Self>, activity: &Arn, exists: bool) -> Result<(), ActivityError> {
        self.join().await?;
        let _learning = self.activities.learning.lock().await;
        self.store.set_activity(activity, exists).await?;
        let mut missing = self.activities.missing.lock();
        let known = Arc::make_mut(missing.get_or_insert_default());
        match exists {
            true => drop(known.remove(activity)),
            false => drop(known.insert(activity.clone())),
        }
        missing.take_if(|missing| missing.is_empty());
        Ok(())
    }

    /// Learns which activities there are not.
    pub(super) async fn learn_activities(&self) -> Result<(), StoreError> {
        let _learning = self.activities.learning.lock().await;
        let found = self.store.missing_activities().await?;
        let known = self.activities.missing();
        if known.as_deref().unwrap_or(&BTreeSet::new()) != &found {
            *self.activities.missing.lock() = Some(Arc::new(found)).filter(|found| !found.is_empty());
        }
        Ok(())
    }

    /// Brings tasks and workers of an activity together after a change.
    fn match_up(self: &Arc<Self>, activity: &Arn, change: impl FnOnce(&mut State)) {
        let pairs = {
            let mut state = self.activities.lock();
            change(&mut state);
            state.pairs(activity)
        };
        for (waiting, worker) in pairs {
            self.tracker.spawn(Arc::clone(self).hand_over(waiting, worker));
        }
    }

    /// Commits that the worker begins, then gives it the task.
    async fn hand_over(self: Arc<Self>, mut waiting: Waiting, worker: Worker) {
        let begun = match waiting.started {
            false => {
                let event = Event::TaskStarted { task: waiting.task, worker: worker.name.clone() };
                self.ask(&waiting.execution, event).await.is_ok()
            }
            // Its execution may be elsewhere, and have gone on.
            true => match self.store.find_task(&waiting.token.hash()).await {
                Ok(found) => found.is_some_and(|address| address.open),
                Err(_) => true,
            },
        };
        if !begun {
            // Nobody waits for the task any longer. The worker is the first in line still.
            let activity = waiting.place.activity;
            self.match_up(&activity, |state| {
                state.forget(&waiting.execution, waiting.task);
                if !worker.leaving.load(Ordering::Relaxed) {
                    state.queue(&activity).workers.insert(worker.number, worker);
                }
            });
            self.look_for_offers_of(&activity);
            return;
        }
        waiting.started = true;
        // A worker that is gone drops the task back into the queue.
        let _ = worker.hand.send(Handover { runtime: Arc::clone(&self), waiting: Some(waiting) });
    }
}

impl Handover {
    /// The worker takes it; `None` when nobody waits for the task any longer.
    fn claim(mut self) -> Option<ActivityTask> {
        let waiting = self.waiting.take()?;
        let Waiting { execution, task, token, input, timeout, heartbeat, .. } = waiting;
        let waited_for = self.runtime.activities.lock().forget(&execution, task);
        waited_for.then(|| ActivityTask { token, input: input.into_compact(), timeout, heartbeat })
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handover").field(&self.waiting).finish()
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let Some(waiting) = self.waiting.take() else { return };
        let activity = waiting.place.activity.clone();
        let put = |state: &mut State| {
            if state.has(&waiting.execution, waiting.task) {
                state.put(waiting);
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(_) => self.runtime.match_up(&activity, put),
            // Nothing can be spawned here: the next to come brings them together.
            Err(_) => put(&mut self.runtime.activities.lock()),
        }
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let mut state = self.runtime.activities.lock();
        self.leaving.store(true, Ordering::Relaxed);
        state.queue(self.activity).workers.remove(&self.number);
        state.tidy(self.activity);
    }
}

impl Activities {
    /// The activities that do not exist.
    pub(super) fn missing(&self) -> Option<Arc<BTreeSet<Arn>>> {
        self.missing.look()?.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn queue(&mut self, activity: &Arn) -> &mut Queue {
        self.queues.entry(activity.clone()).or_default()
    }

    fn put(&mut self, waiting: Waiting) {
        self.queue(&waiting.place.activity.clone()).tasks.insert(waiting.place.number, waiting);
    }

    /// Whether the task is queued here, or on its way to a worker.
    fn has(&self, execution: &ExecutionId, task: TaskId) -> bool {
        self.places.get(execution).is_some_and(|tasks| tasks.contains_key(&task))
    }

    /// Whether to begin to look for tasks: workers wait, and nobody looks.
    fn search(&mut self, activity: &Arn) -> bool {
        let Some(queue) = self.queues.get_mut(activity).filter(|queue| !queue.workers.is_empty()) else {
            return false;
        };
        let begins = queue.search == Search::None;
        queue.search = if begins { Search::On } else { Search::Again };
        begins
    }

    /// Whether to look once more, before nobody does.
    fn search_again(&mut self, activity: &Arn) -> bool {
        let Some(queue) = self.queues.get_mut(activity) else { return false };
        let again = queue.search == Search::Again;
        queue.search = if again { Search::On } else { Search::None };
        again
    }

    /// Forgets a task, wherever it is; `false` when it was forgotten before.
    fn forget(&mut self, execution: &ExecutionId, task: TaskId) -> bool {
        let Some(tasks) = self.places.get_mut(execution) else { return false };
        let place = tasks.remove(&task);
        if tasks.is_empty() {
            self.places.remove(execution);
        }
        if let Some(place) = &place {
            self.remove(place);
        }
        place.is_some()
    }

    fn remove(&mut self, place: &Place) {
        self.queue(&place.activity).tasks.remove(&place.number);
        self.tidy(&place.activity);
    }

    /// Takes out the oldest task and the worker that has waited longest, for as long as there are both.
    fn pairs(&mut self, activity: &Arn) -> Vec<(Waiting, Worker)> {
        let queue = self.queue(activity);
        let mut pairs = Vec::new();
        while !queue.tasks.is_empty()
            && let Some((_, worker)) = queue.workers.pop_first()
        {
            if !worker.hand.is_closed() {
                pairs.extend(queue.tasks.pop_first().map(|(_, waiting)| (waiting, worker)));
            }
        }
        self.tidy(activity);
        pairs
    }

    /// Keeps no queue in which nothing waits.
    fn tidy(&mut self, activity: &Arn) {
        if self.queues.get(activity).is_some_and(|queue| queue.tasks.is_empty() && queue.workers.is_empty()) {
            self.queues.remove(activity);
        }
    }
}
