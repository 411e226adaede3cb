//! Task: asks for work, waits for its answer, and takes it through the result stages.

use std::sync::Arc;
use std::time::Duration;

use crate::arn::{IntegrationPattern, ResourceKind};
use crate::dataflow::{self, Mishap};
use crate::execution::advance::{Outcome, Shown};
use crate::execution::command::{CancelReason, Command, TaskStart};
use crate::execution::event::{EventRejected, Reporter};
use crate::execution::frame::{Answer, Doing, EarlyAnswer, Frame, RunningTask};
use crate::execution::states::{effective_input, failed};
use crate::execution::step::IssuedToken;
use crate::execution::{Execution, Start};
use crate::failure::{ErrorName, Failure};
use crate::history::{HistoryEventKind, TaskTerms};
use crate::id::{FrameId, TaskId, TaskToken};
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{State, StateKind, Task};

/// Evaluates what the task gets, and asks for it: on entry, and again for each retry.
pub(crate) fn enter(
    turn: &mut Execution,
    id: FrameId,
    frame: &mut Frame,
    state: &State,
    task: &Task,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let task_id = TaskId(turn.next_task);
    let token = token(&turn.start, task, task_id);
    let shown = Shown {
        task: task.pattern.has_token().then_some(task_id),
        token: token.as_ref(),
        ..Shown::default()
    };
    let parameters =
        turn.scoped(frame, state, shown, &effective, |scope| dataflow::parameters(&state.flow, scope))?;
    let parameters = dataflow::integration::accept(&task.kind, parameters)?;
    if let Some(failure) = turn.beyond_limits(&parameters, state.name.as_str()) {
        return Ok(Outcome::Failed(Fault { failure, heartbeat: false, task: true }));
    }
    let terms = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        let timeout = dataflow::task::seconds(task.timeout.as_ref(), "TimeoutSeconds", scope)?;
        let heartbeat = dataflow::task::seconds(task.heartbeat.as_ref(), "HeartbeatSeconds", scope)?;
        Ok::<_, Mishap>((timeout, heartbeat, dataflow::task::role(task.credentials.as_ref(), scope)?))
    });
    let (timeout, heartbeat, role) = terms?;
    if turn.start.is_missing(&task.resource) {
        return Err(Mishap::runtime(format!("The activity {} does not exist.", task.resource)));
    }

    turn.next_task += 1;
    let mut running = RunningTask {
        id: task_id,
        input: parameters,
        role,
        timeout,
        heartbeat,
        times_out_at: turn.now
            + timeout.map_or(turn.start.limits.task_time, |seconds| Duration::from_secs(seconds.into())),
        heartbeat_due_at: None,
        submitted: false,
        answer: None,
        hash: None,
    };
    // Only who has a token can send heartbeats: the heart of an activity task beats from when a worker has it,
    // and that of a plain call not at all.
    if task.pattern.has_token() {
        running.beat(turn.now);
    }
    record_scheduled(turn, frame, task, &running);
    if turn.recorder.is_full() {
        // The execution ends here: nothing is asked for that no history tells of.
        return Ok(Outcome::Waits);
    }
    let start = turn.task_start(frame, &running, token);
    if let Some(token) = &start.token {
        let activity = (task.kind == ResourceKind::Activity).then(|| task.resource.clone());
        let hash = token.hash();
        running.hash = Some(hash);
        // Mostly it is the only one.
        turn.tokens.issued.reserve_exact(usize::from(turn.tokens.issued.is_empty()));
        turn.tokens.issued.push(IssuedToken { hash, task: task_id, activity });
    }
    turn.commands.reserve_exact(usize::from(turn.commands.is_empty()));
    turn.commands.push(Command::StartTask(start));
    turn.tasks.insert(task_id, id);
    frame.doing = Doing::Task(Arc::new(running));
    Ok(Outcome::Waits)
}

/// The token that completes a task: of the patterns that have one, and of activities.
pub(crate) fn token(start: &Start, task: &Task, id: TaskId) -> Option<TaskToken> {
    (task.pattern.has_token() || task.kind == ResourceKind::Activity).then(|| start.token(id))
}

/// Ends the task that a frame waits for, if it does.
pub(crate) fn end(frame: &mut Frame) -> Option<Arc<RunningTask>> {
    match std::mem::replace(&mut frame.doing, Doing::Entering) {
        Doing::Task(task) => Some(task),
        _ => None,
    }
}

impl Execution {
    /// The request for the task that a frame waits for, the same whenever it is made.
    pub(in crate::execution) fn task_start(
        &self,
        frame: &Frame,
        running: &RunningTask,
        token: Option<TaskToken>,
    ) -> TaskStart {
        let state = self.machine.state(frame.state);
        let task = task_in(state);
        TaskStart {
            task: running.id,
            state: state.name.clone(),
            resource: task.resource.clone(),
            pattern: task.pattern,
            input: running.input.clone(),
            iterations: self.iterations(frame),
            attempt: frame.retries,
            timeout: running.timeout.map(|seconds| Duration::from_secs(seconds.into())),
            heartbeat: running.heartbeat.map(|seconds| Duration::from_secs(seconds.into())),
            role: running.role.clone(),
            token,
        }
    }

    /// The same of a task that was started before.
    pub(in crate::execution) fn task_again(&self, frame: &Frame, running: &RunningTask) -> TaskStart {
        let task = task_in(self.machine.state(frame.state));
        self.task_start(frame, running, token(&self.start, task, running.id))
    }

    /// A worker has begun an activity task.
    pub(in crate::execution) fn task_started(
        &mut self,
        frame: &mut Frame,
        state: &State,
        worker: Option<String>,
    ) -> Result<Outcome, EventRejected> {
        let now = self.now;
        let activity = task_in(state).kind == ResourceKind::Activity;
        let Doing::Task(running) = &mut frame.doing else { return Ok(Outcome::Waits) };
        if !activity || running.submitted {
            return Err(EventRejected::NotApplicable(running.id));
        }
        let running = Arc::make_mut(running);
        running.submitted = true;
        running.beat(now);
        let task = running.id;
        self.tokens.taken.push(task);
        self.record(frame, |_| HistoryEventKind::ActivityStarted { worker: worker.map(Arc::from) });
        Ok(Outcome::Waits)
    }

    /// The call that hands the task to someone else has returned.
    pub(in crate::execution) fn task_submitted(
        &mut self,
        frame: &mut Frame,
        state: &State,
        output: Json,
    ) -> Result<Outcome, EventRejected> {
        let task = task_in(state);
        let Doing::Task(running) = &mut frame.doing else { return Ok(Outcome::Waits) };
        if running.submitted || !task.pattern.has_token() {
            return Err(EventRejected::NotApplicable(running.id));
        }
        let early = running.answer.clone();
        if let Some(failure) = self.beyond_limits(&output, &task.wire.service) {
            // An answer that was acknowledged counts, whatever the call came to.
            let answer = early.map_or(Answer::Failed(failure), |early| early.answer);
            return Ok(self.complete(frame, state, answer));
        }
        if early.is_none() {
            Arc::make_mut(running).submitted = true;
        }
        self.record(frame, |_| HistoryEventKind::TaskSubmitted { resource: task.wire.clone(), output });
        Ok(match early {
            Some(early) => self.complete(frame, state, early.answer),
            None => Outcome::Waits,
        })
    }

    /// Somebody is still working on it.
    pub(in crate::execution) fn task_heartbeat(
        &mut self,
        frame: &mut Frame,
    ) -> Result<Outcome, EventRejected> {
        let now = self.now;
        self.changed = false;
        if let Doing::Task(running) = &mut frame.doing
            && running.heartbeat_due_at.is_some()
        {
            Arc::make_mut(running).beat(now);
            self.changed = true;
        }
        Ok(Outcome::Waits)
    }

    /// The task's result, or its failure. The first answer counts.
    pub(in crate::execution) fn task_answered(
        &mut self,
        frame: &mut Frame,
        state: &State,
        answer: Answer,
        reporter: Reporter,
    ) -> Result<Outcome, EventRejected> {
        let pattern = task_in(state).pattern;
        let waits_until = self.now + self.start.limits.submission_grace;
        let Doing::Task(running) = &mut frame.doing else { return Ok(Outcome::Waits) };
        let id = running.id;
        match (reporter, answer) {
            // A handler that reports a success has nothing more to say than that the call was made.
            (Reporter::Handler, Answer::Succeeded(output))
                if pattern == IntegrationPattern::WaitForTaskToken =>
            {
                self.task_submitted(frame, state, output)
            }
            // Whoever held the token was told that the answer counts: a handler that fails afterwards changes
            // nothing any more.
            (Reporter::Handler, answer) => {
                let early = running.answer.as_ref().map(|early| early.answer.clone());
                Ok(self.complete(frame, state, early.unwrap_or(answer)))
            }
            (Reporter::TokenHolder, _) if running.answer.is_some() => Err(EventRejected::AlreadyAnswered(id)),
            // AWS records the call's response before the answer, even if the answer was faster.
            (Reporter::TokenHolder, answer)
                if pattern == IntegrationPattern::WaitForTaskToken && !running.submitted =>
            {
                let answer = self.within_limits(task_in(state), answer);
                if let Doing::Task(running) = &mut frame.doing {
                    Arc::make_mut(running).answer = Some(EarlyAnswer { answer, waits_until });
                }
                Ok(Outcome::Waits)
            }
            (Reporter::TokenHolder, answer) => {
                // The handler of a `.sync` task or of an activity may be at work still.
                if pattern != IntegrationPattern::WaitForTaskToken {
                    self.cancel(id, CancelReason::Answered);
                }
                Ok(self.complete(frame, state, answer))
            }
        }
    }

    /// The task's time is over, or its early answer has waited long enough.
    pub(in crate::execution) fn task_overdue(&mut self, frame: &mut Frame, state: &State) -> Outcome {
        let Doing::Task(running) = &mut frame.doing else { return Outcome::Waits };
        if let Some(early) = running.answer.clone() {
            let id = running.id;
            self.cancel(id, CancelReason::Answered);
            return self.complete(frame, state, early.answer);
        }
        // Whichever of the two came first, however late it is noticed.
        let heartbeat = running.heartbeat_due_at.is_some_and(|due| due < running.times_out_at);
        let task = task_in(state);
        let Some(running) = end(frame) else { return Outcome::Waits };
        self.forget_task(frame, &running);
        self.cancel(running.id, CancelReason::TimedOut);
        let failure = Failure::named(ErrorName::TIMEOUT);
        self.record(frame, |_| {
            let failure = failure.clone();
            match task.kind {
                ResourceKind::Lambda => HistoryEventKind::LambdaFunctionTimedOut { failure },
                ResourceKind::Activity => HistoryEventKind::ActivityTimedOut { failure },
                ResourceKind::Integration { .. } => {
                    HistoryEventKind::TaskTimedOut { resource: task.wire.clone(), failure }
                }
            }
        });
        frame.doing = Doing::Overdue(Fault { failure, heartbeat, task: true });
        Outcome::Waits
    }

    /// Takes a task's answer: the event that says so, then the stages of the result.
    fn complete(&mut self, frame: &mut Frame, state: &State, answer: Answer) -> Outcome {
        let task = task_in(state);
        let Some(running) = end(frame) else { return Outcome::Waits };
        self.forget_task(frame, &running);
        let answer = self.within_limits(task, answer);
        match answer {
            Answer::Succeeded(output) => {
                self.record(frame, |_| succeeded(task, output.clone()));
                self.with_result(frame, state, running.id, &output)
                    .unwrap_or_else(|mishap| failed(self, frame, state, mishap))
            }
            Answer::Failed(failure) => {
                self.record(frame, |_| failed_event(task, failure.clone()));
                Outcome::Failed(Fault { failure, heartbeat: false, task: true })
            }
        }
    }

    /// The same answer, or a failure in place of a result that is larger or deeper than the limits allow.
    fn within_limits(&self, task: &Task, answer: Answer) -> Answer {
        let Answer::Succeeded(output) = &answer else { return answer };
        let source = match &task.kind {
            ResourceKind::Integration { service, .. } => service,
            ResourceKind::Lambda | ResourceKind::Activity => task.resource.as_str(),
        };
        match self.beyond_limits(output, source) {
            Some(failure) => Answer::Failed(failure),
            None => answer,
        }
    }

    /// ResultSelector, ResultPath, OutputPath.
    fn with_result(
        &self,
        frame: &Frame,
        state: &State,
        id: TaskId,
        output: &Json,
    ) -> Result<Outcome, Mishap> {
        let shown = Shown { task: task_in(state).pattern.has_token().then_some(id), ..Shown::default() };
        self.take_result(frame, state, shown, output).map(Outcome::Done)
    }
}

fn task_in(state: &State) -> &Task {
    match &state.kind {
        StateKind::Task(task) => task,
        _ => unreachable!("only Task states have tasks"),
    }
}

fn record_scheduled(turn: &mut Execution, frame: &mut Frame, task: &Task, running: &RunningTask) {
    let Execution { start, recorder, now, .. } = turn;
    frame.last_event = recorder.record(*now, frame.last_event, || {
        let input = running.input.clone();
        let terms = terms(task, running);
        match &task.kind {
            ResourceKind::Lambda => {
                HistoryEventKind::LambdaFunctionScheduled { resource: task.resource.clone(), input, terms }
            }
            ResourceKind::Activity => {
                HistoryEventKind::ActivityScheduled { resource: task.resource.clone(), input, terms }
            }
            ResourceKind::Integration { .. } => {
                let resource = task.wire.clone();
                HistoryEventKind::TaskScheduled { resource, region: start.region(), parameters: input, terms }
            }
        }
    });
    match &task.kind {
        ResourceKind::Lambda => turn.record(frame, |_| HistoryEventKind::LambdaFunctionStarted),
        ResourceKind::Integration { .. } => {
            turn.record(frame, |_| HistoryEventKind::TaskStarted { resource: task.wire.clone() })
        }
        // A worker starts it.
        ResourceKind::Activity => 0,
    };
}

fn terms(task: &Task, running: &RunningTask) -> Option<Arc<TaskTerms>> {
    let terms = TaskTerms {
        timeout_seconds: running.timeout.map(u64::from),
        // The event of a Lambda function has no member for it.
        heartbeat_seconds: running.heartbeat.map(u64::from).filter(|_| task.kind != ResourceKind::Lambda),
        role_arn: running.role.clone(),
    };
    (terms != TaskTerms::default()).then(|| Arc::new(terms))
}

fn succeeded(task: &Task, output: Json) -> HistoryEventKind {
    match task.kind {
        ResourceKind::Lambda => HistoryEventKind::LambdaFunctionSucceeded { output },
        ResourceKind::Activity => HistoryEventKind::ActivitySucceeded { output },
        ResourceKind::Integration { .. } => {
            HistoryEventKind::TaskSucceeded { resource: task.wire.clone(), output }
        }
    }
}

fn failed_event(task: &Task, failure: Failure) -> HistoryEventKind {
    match task.kind {
        ResourceKind::Lambda => HistoryEventKind::LambdaFunctionFailed { failure },
        ResourceKind::Activity => HistoryEventKind::ActivityFailed { failure },
        ResourceKind::Integration { .. } => {
            HistoryEventKind::TaskFailed { resource: task.wire.clone(), failure }
        }
    }
}
