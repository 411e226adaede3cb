//! Turning commands into running handlers, and their outcomes into events.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::arn::{Arn, IntegrationPattern};
use crate::execution::{Command, Event, Reporter, TaskStart};
use crate::failure::{ErrorName, Failure};
use crate::function::FunctionCall;
use crate::id::TaskId;
use crate::json::Json;
use crate::runtime::Inner;
use crate::runtime::context::{Begun, TaskContext};
use crate::runtime::handler::{ResourceHandler, TaskOutcome, TaskRequest, idempotency_key};
use crate::runtime::nested::StartExecution;
use crate::runtime::resident::{Live, Mail, Resident};
use crate::runtime::service::Service;
use crate::runtime::work::{Hands, Work};

impl Inner {
    /// Carries out what a step asks for that was committed.
    pub(super) fn act(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        live: &mut Live,
        commands: Vec<Command>,
        hands: &mut Hands,
    ) {
        for command in commands {
            match command {
                Command::StartTask(start) => self.start_task(resident, live, start, Begun::First, hands),
                Command::CancelTask { task, reason } => match live.running.remove(task) {
                    Some(running) => running.cancel(reason),
                    None => self.withdraw(&resident.id, task),
                },
            }
        }
        if !live.execution.status().is_closed() {
            self.set_alarm(resident, live);
        }
    }

    /// Calls the task's handler, or queues it for the workers of its activity.
    pub(super) fn start_task(
        self: &Arc<Self>,
        resident: &Arc<Resident>,
        live: &mut Live,
        mut start: TaskStart,
        begun: Begun,
        hands: &mut Hands,
    ) {
        if self.shutdown.is_cancelled() {
            // It is outstanding, and whoever takes the execution over starts it.
            return;
        }
        let service = self.service(&start.resource);
        if service.is_none() && start.resource.is_activity() {
            // What a worker has already comes back with its token.
            if begun != Begun::HandedOn {
                self.offer(&resident.id, start);
            }
            return;
        }
        let (task, token) = (start.task, start.token.take());
        let cx = TaskContext::new(Arc::clone(self), resident.id.clone(), task, token, begun);
        let alone = live.running.is_empty();
        live.running.insert(task, cx.running());
        let attempt = Attempt { resident: Arc::clone(resident), start, called: None, cx };
        let work = match service {
            Some(service) => service.work(attempt),
            None => {
                let failure = no_handler(attempt.resource());
                attempt.fail(failure)
            }
        };
        hands.take(work, alone, &self.tracker);
    }

    /// Who serves `resource`: whoever was registered for it, the engine itself, or whoever serves all the rest.
    pub(super) fn service(&self, resource: &Arn) -> Option<&Service> {
        let own = || {
            let served = !self.catalog.is_empty() && StartExecution::serves(resource);
            served.then_some(&self.engine)
        };
        let registered = self.handlers.matching(resource.as_str());
        registered.or_else(own).or_else(|| self.handlers.fallback())
    }
}

/// A task that a handler is called for, and who is told how it went.
pub(super) struct Attempt {
    /// Here and not in the context, which may outlive the handler: an execution of which somebody has this stays here.
    resident: Arc<Resident>,
    start: TaskStart,
    /// The function that is called, if one is.
    called: Option<FunctionCall>,
    cx: TaskContext,
}

impl Attempt {
    pub(super) fn resource(&self) -> &Arn {
        &self.start.resource
    }

    pub(super) fn input(&self) -> &Json {
        &self.start.input
    }

    /// The handler is that of a function: it gets the payload, and what it gives is the function's result.
    pub(super) fn calling(mut self, function: FunctionCall) -> Self {
        self.start.input = function.payload(&self.start.input);
        self.called = Some(function);
        self
    }

    /// Calls `handler`, and reports what it came to.
    pub(super) fn work(self, handler: Arc<impl ResourceHandler>) -> Work {
        Work::new(self.run(handler))
    }

    /// There is nothing to call.
    pub(super) fn fail(self, failure: Failure) -> Work {
        self.work(Arc::new(Fails(failure)))
    }

    /// What lives until the handler is done is held once: an `async fn` would hold its arguments twice, and the whole of
    /// it is moved when it begins.
    #[expect(clippy::manual_async_fn, reason = "see above")]
    fn run(self, handler: Arc<impl ResourceHandler>) -> impl Future<Output = Option<Work>> + Send {
        async move {
            let (cx, resident) = (&self.cx, &self.resident);
            // One that nobody waits for any longer is called all the same: its history says that it has started.
            let (resource, pattern) = (self.start.resource.clone(), self.start.pattern);
            // Of plain calls only those of activities have tokens.
            let may_be_activity = pattern == IntegrationPattern::RequestResponse && cx.token().is_some();
            if may_be_activity && resource.is_activity() && cx.begun() != Begun::HandedOn {
                let started = Event::TaskStarted { task: cx.task(), worker: None };
                Box::pin(cx.runtime().tell(&resident.id, started)).await;
            }
            let mut call = pin!(CatchPanic { future: None });
            // A handler may be at work before its future is polled.
            let begun = catch_unwind(AssertUnwindSafe(|| {
                let request = TaskRequest::new(resident.id.clone(), self.start);
                call.as_mut().project().future.set(Some(handler.call(request, cx.clone())));
            }));
            let outcome = match begun {
                Ok(()) => tokio::select! {
                    biased;
                    outcome = call => outcome,
                    () = async { Box::pin(cx.given_up()).await } => return None,
                },
                Err(panic) => Err(panic),
            };
            let result = |result: Json| match self.called {
                Some(called) => called.response(result, || idempotency_key(&resident.id, cx.task())),
                None => result,
            };
            let event = cx.event(outcome, result, &resource, pattern)?;
            // The handler is done: its execution is told.
            let mail = Mail { handler_done: Some(cx.task()), ..Mail::of(event) };
            let mut hands = Hands::free();
            if let Ok(Some(mail)) = cx.runtime().hand(resident, mail, &mut hands) {
                // The execution may have ended meanwhile.
                let _ = Box::pin(cx.runtime().bring(&resident.id, mail)).await;
            }
            hands.taken()
        }
    }
}

/// What stands for a handler that there is not.
struct Fails(Failure);

impl ResourceHandler for Fails {
    async fn call(&self, _: TaskRequest, _: TaskContext) -> Result<TaskOutcome, Failure> {
        Err(self.0.clone())
    }
}

impl TaskContext {
    /// Waits until nobody waits for the task any longer, and its handler has had its time to clean up.
    async fn given_up(&self) {
        self.cancelled().await;
        let runtime = self.runtime();
        runtime.clock.sleep_until(runtime.clock.now() + runtime.cancel_grace).await;
    }

    /// What a handler's outcome means; nothing is to be reported when it was cancelled.
    fn event(
        &self,
        outcome: Caught,
        result: impl FnOnce(Json) -> Json,
        resource: &Arn,
        pattern: IntegrationPattern,
    ) -> Option<Event> {
        // Nobody waits for the answer. A handler that was done when the runtime began to shut down has answered;
        // one that returns because of that has not.
        let answered = self.runtime().shutdown.is_cancelled() && matches!(outcome, Ok(Ok(_)));
        if self.is_cancelled() && !answered {
            return None;
        }
        let task = self.task();
        match outcome {
            Ok(Ok(TaskOutcome::Completed(output))) => {
                // White space is not what a handler gives, however it was called.
                let output = result(output.into_compact());
                Some(Event::TaskSucceeded { task, output, reporter: Reporter::Handler })
            }
            Ok(Ok(TaskOutcome::Deferred)) => match pattern {
                IntegrationPattern::RequestResponse if resource.is_activity() => None,
                IntegrationPattern::RequestResponse => Some(failed(task, deferred_without_token(resource))),
                _ => Some(Event::TaskSubmitted { task, output: Json::empty_object() }),
            },
            Ok(Err(failure)) => Some(failed(task, failure)),
            Err(panic) => Some(failed(task, panicked(resource, &*panic))),
        }
    }
}

/// The handler of `task` came to nothing.
fn failed(task: TaskId, failure: Failure) -> Event {
    Event::TaskFailed { task, failure, reporter: Reporter::Handler }
}

fn no_handler(resource: &Arn) -> Failure {
    Failure::new(ErrorName::TASK_FAILED, format!("no handler is registered for `{resource}`"))
}

fn deferred_without_token(resource: &Arn) -> Failure {
    let cause = format!(
        "the handler of `{resource}` deferred a task that has no token: only `.waitForTaskToken`, `.sync` and \
         activities have one"
    );
    Failure::new(ErrorName::TASK_FAILED, cause)
}

fn panicked(resource: &Arn, panic: &(dyn Any + Send)) -> Failure {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("it did not say why");
    Failure::new(ErrorName::TASK_FAILED, format!("the handler of `{resource}` panicked: {message}"))
}

/// What a handler came to, or its panic.
type Caught = Result<Result<TaskOutcome, Failure>, Box<dyn Any + Send>>;

pin_project! {
    /// A future that ends with the panic of the one within, instead of panicking itself.
    struct CatchPanic<F> {
        // Nothing before it begins, and once it has ended: what it held is dropped where a panic is caught.
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future<Output = Result<TaskOutcome, Failure>>> Future for CatchPanic<F> {
    type Output = Caught;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut future = self.project().future;
        // After a panic the future is never polled again, so nobody sees what it left half done.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let polled = future.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx));
            if polled.is_ready() {
                future.set(None);
            }
            polled
        }));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => {
                // One panic is told of.
                let _ = catch_unwind(AssertUnwindSafe(|| future.set(None)));
                Poll::Ready(Err(panic))
            }
        }
    }
}
