//! Running frames until each of them waits, and what happens when their time has come.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::arn::ResourceKind;
use crate::dataflow::context::Context;
use crate::execution::command::{CancelReason, Command};
use crate::execution::event::EventRejected;
use crate::execution::frame::{Doing, Frame, RunningTask, assign};
use crate::execution::{Execution, ExecutionStatus, states};
use crate::failure::{ErrorName, Failure};
use crate::history::HistoryEventKind;
use crate::id::{FrameId, TaskId, TaskToken};
use crate::json::{Json, Object};
use crate::machine::StateMachine;
use crate::machine::retry::Fault;
use crate::machine::state::{Next, State, StateKind};
use crate::query::{ContextField, ContextObject, Scope, Variables};

/// What a state came to.
pub(super) enum Outcome {
    /// It is over, and leads where its `next` says.
    Done(Done),
    /// It is over, and leads elsewhere.
    Choose(Done, Next),
    /// It waits for something.
    Waits,
    /// It failed; Retry and Catch have their say.
    Failed(Fault),
}

/// What a state leaves behind.
pub(super) struct Done {
    pub(super) output: Json,
    /// The variables that it assigns, if any.
    pub(super) assigned: Option<Arc<Object>>,
}

/// What expressions see besides their input, in places where there is more to see.
#[derive(Clone, Copy, Default)]
pub(super) struct Shown<'a> {
    /// The task whose token `$$.Task.Token` is.
    pub(super) task: Option<TaskId>,
    /// That token, if it is there already.
    pub(super) token: Option<&'a TaskToken>,
    /// The index and value that `$$.Map.Item` shows, where they are not the frame's.
    pub(super) item: Option<(u32, &'a Json)>,
}

/// What a frame's expressions may ask for: variables, its own and those of the frames around it, and the Context
/// Object, which is built when one does.
struct Visible<'a> {
    execution: &'a Execution,
    frame: &'a Frame,
    state: &'a State,
    shown: Shown<'a>,
    context: OnceCell<Json>,
}

impl Variables for Visible<'_> {
    fn variable(&self, name: &str) -> Option<&Json> {
        let mut frame = self.frame;
        loop {
            if let Some(value) = frame.variables.get(name) {
                return Some(value);
            }
            frame = self.execution.frames.get(frame.parent?.frame)?;
        }
    }
}

impl ContextObject for Visible<'_> {
    fn context_object(&self) -> &Json {
        self.context.get_or_init(|| self.context(|context| context.build()))
    }

    fn field(&self, field: ContextField) -> Option<Json> {
        self.context(|context| context.field(field))
    }
}

impl Visible<'_> {
    fn context<R>(&self, read: impl FnOnce(&Context<'_>) -> R) -> R {
        let Self { execution, frame, state, shown, .. } = self;
        let start = &execution.start;
        let token = shown
            .task
            .map(|id| move || shown.token.map_or_else(|| start.token(id).shared(), TaskToken::shared));
        read(&Context {
            execution: &|| start.context(execution.started_at, execution.redrives()),
            id: &start.id,
            name: &start.name,
            input: &start.input,
            state: &state.name,
            entered: frame.entered_at,
            retry_count: matches!(state.kind, StateKind::Task(_)).then_some(frame.retries),
            item: shown.item.or_else(|| execution.item(frame)),
            token: token.as_ref().map(|token| token as &dyn Fn() -> _),
        })
    }
}

impl Execution {
    /// Runs every frame that can go on until it waits, or until the step's fuel is spent.
    pub(super) fn advance(&mut self, machine: &StateMachine) {
        let mut fuel = self.start.limits.fuel;
        while let Some(id) = self.ready.pop_front() {
            if fuel == 0 {
                self.ready.push_front(id);
                break;
            }
            let Some(frame) = self.frames.take(id) else { continue };
            self.changed = true;
            self.run(machine, id, frame, &mut fuel);
        }
        self.spare = None;
    }

    fn run(&mut self, machine: &StateMachine, id: FrameId, mut frame: Box<Frame>, fuel: &mut u32) {
        if !matches!(frame.doing, Doing::Entering) && frame.is_ready() {
            *fuel -= 1;
            if self.resume(machine, id, &mut frame) {
                return;
            }
        }
        while let Doing::Entering = frame.doing {
            if *fuel == 0 {
                self.frames.put(id, frame);
                self.ready.push_front(id);
                return;
            }
            *fuel -= 1;
            let state = machine.state(frame.state);
            frame.entered_at = self.now;
            frame.entered_event = self.record(&mut frame, |frame| HistoryEventKind::StateEntered {
                state_type: state.kind.state_type(),
                name: state.name.clone(),
                input: frame.input.clone(),
            });
            let outcome = states::enter(self, id, &mut frame, state);
            if self.settle(machine, id, &mut frame, state, outcome) {
                self.spare = Some(frame);
                return;
            }
        }
        self.timers.set(id, None, frame.deadline());
        self.frames.put(id, frame);
    }

    /// Goes on with a frame after a redrive; `true` when the frame is gone.
    fn resume(&mut self, machine: &StateMachine, id: FrameId, frame: &mut Frame) -> bool {
        let state = machine.state(frame.state);
        let outcome = match std::mem::replace(&mut frame.doing, Doing::Entering) {
            Doing::Children(children) => {
                frame.doing = Doing::Children(children);
                let redriven = self.redrives().event();
                self.go_on(id, frame, state, redriven)
            }
            // AWS enters these anew.
            _ if matches!(state.kind, StateKind::Fail(_)) => return false,
            _ => states::enter(self, id, frame, state),
        };
        self.settle(machine, id, frame, state, outcome)
    }

    /// Carries out what a state came to; `true` when the frame is gone.
    pub(super) fn settle(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        outcome: Outcome,
    ) -> bool {
        let gone = match outcome {
            Outcome::Waits => false,
            Outcome::Failed(fault) => self.retry_or_catch(machine, id, frame, state, fault),
            Outcome::Done(done) => self.leave(machine, id, frame, state, done, state.next),
            Outcome::Choose(done, next) => self.leave(machine, id, frame, state, done, next),
        };
        gone || self.end_if_full(id, frame)
    }

    /// Leaves a state, unless what it leaves behind is too much.
    fn leave(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        done: Done,
        next: Next,
    ) -> bool {
        match self.too_much(frame, state, &done) {
            None => self.exit(machine, id, frame, state, done, next),
            Some(failure) => {
                let task = matches!(state.kind, StateKind::Task(_));
                self.retry_or_catch(machine, id, frame, state, Fault { failure, heartbeat: false, task })
            }
        }
    }

    /// Leaves a state for the next one; `true` when the frame is gone.
    pub(super) fn exit(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        frame: &mut Frame,
        state: &State,
        done: Done,
        next: Next,
    ) -> bool {
        let Done { output, assigned } = done;
        self.record(frame, |_| HistoryEventKind::StateExited {
            state_type: state.kind.state_type(),
            name: state.name.clone(),
            output: output.clone(),
            assigned: assigned.clone(),
        });
        if self.end_if_full(id, frame) {
            return true;
        }
        // What a state assigns is seen from the next one on.
        frame.assign(assigned.as_deref());
        match next {
            Next::State(next) => {
                frame.go(next, output);
                false
            }
            Next::End => {
                match frame.parent {
                    Some(parent) => self.child_finished(machine, id, parent, frame.last_event, output),
                    None => {
                        self.end_frame(id);
                        self.close(frame.last_event, ExecutionStatus::Succeeded { output });
                    }
                }
                true
            }
        }
    }

    /// Ends the execution with `failure`, after the history event `previous`.
    pub(super) fn fail(&mut self, id: FrameId, frame: &mut Frame, previous: u64, failure: Failure) -> bool {
        self.keep_failed(id, frame);
        self.close(previous, ExecutionStatus::Failed { failure });
        true
    }

    /// Keeps a frame whose state failed, until it is known whether something around it can do without: should
    /// nothing, a redrive tries its state again.
    pub(super) fn keep_failed(&mut self, id: FrameId, frame: &Frame) {
        let mut frame = Box::new(frame.clone());
        if let Doing::Entering = frame.doing {
            frame.doing = Doing::Redriven;
        }
        self.frames.put(id, frame);
    }

    /// Ends the execution if its history has no room for more than its end.
    pub(super) fn end_if_full(&mut self, id: FrameId, frame: &mut Frame) -> bool {
        if !self.recorder.is_full() {
            return false;
        }
        let limit = self.start.limits.history_events;
        let cause = format!("The execution reached the maximum number of history events ({limit}).");
        self.fail(id, frame, self.recorder.newest(), Failure::new(ErrorName::RUNTIME, cause))
    }

    /// The frame that is being run will not be put back.
    pub(super) fn end_frame(&mut self, id: FrameId) {
        self.frames.remove(id);
    }

    /// Time has passed: the execution's own, then that of every frame whose deadline has come.
    pub(super) fn tick(&mut self, machine: &StateMachine) {
        if self.now >= self.times_out_at {
            self.close(0, ExecutionStatus::TimedOut);
            return;
        }
        // Tasks that time out together all say so before the first of them cuts the others short (recorded:
        // service_lambda_map_timeout).
        let mut overdue = Vec::new();
        while let Some(id) = self.timers.due(self.now) {
            self.on_frame(machine, id, |turn, frame, state| match &mut frame.doing {
                Doing::Waiting { .. } => states::wait::over(turn, frame),
                Doing::BackingOff { .. } => states::again(turn, id, frame),
                Doing::Task(_) => {
                    let outcome = turn.task_overdue(frame, state);
                    if let Doing::Overdue(_) = frame.doing {
                        overdue.push(id);
                    }
                    outcome
                }
                Doing::Entering
                | Doing::Redriven
                | Doing::Children(_)
                | Doing::Finished { .. }
                | Doing::Overdue(_) => Outcome::Waits,
            });
        }
        for id in overdue {
            if self.status.is_closed() {
                return;
            }
            self.on_frame(machine, id, |_, frame, _| {
                match std::mem::replace(&mut frame.doing, Doing::Entering) {
                    Doing::Overdue(fault) => Outcome::Failed(fault),
                    doing => {
                        frame.doing = doing;
                        Outcome::Waits
                    }
                }
            });
        }
    }

    /// Lets `change` act on the frame that waits for `task`.
    pub(super) fn on_task(
        &mut self,
        machine: &StateMachine,
        task: TaskId,
        change: impl FnOnce(&mut Self, &mut Frame, &State) -> Result<Outcome, EventRejected>,
    ) -> Result<(), EventRejected> {
        let id = *self.tasks.get(task).ok_or(EventRejected::NoSuchTask(task))?;
        let mut rejected = None;
        self.on_frame(machine, id, |turn, frame, state| {
            change(turn, frame, state).unwrap_or_else(|error| {
                rejected = Some(error);
                Outcome::Waits
            })
        });
        rejected.map_or(Ok(()), Err)
    }

    /// Takes a frame out, lets `change` act on it, carries out the outcome, and puts it back.
    fn on_frame(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        change: impl FnOnce(&mut Self, &mut Frame, &State) -> Outcome,
    ) {
        let Some(mut frame) = self.frames.take(id) else { return };
        self.changed = true;
        self.timers.set(id, frame.deadline(), None);
        let state = machine.state(frame.state);
        let outcome = change(self, &mut frame, state);
        if !self.settle(machine, id, &mut frame, state, outcome) {
            self.keep(id, frame);
        }
    }

    /// Puts a frame in whose next move is settled.
    pub(super) fn keep(&mut self, id: FrameId, frame: Box<Frame>) {
        if let Doing::Entering = frame.doing {
            self.ready.push_back(id);
        } else {
            self.timers.set(id, None, frame.deadline());
        }
        self.frames.put(id, frame);
    }

    /// Records an event in the frame's chain.
    pub(super) fn record(&mut self, frame: &mut Frame, kind: impl FnOnce(&Frame) -> HistoryEventKind) -> u64 {
        let id = self.recorder.record(self.now, frame.last_event, || kind(frame));
        frame.last_event = id;
        id
    }

    /// What expressions of the frame's state see, with `input` as `$`.
    pub(super) fn scoped<R>(
        &self,
        frame: &Frame,
        state: &State,
        shown: Shown<'_>,
        input: &Json,
        evaluate: impl FnOnce(&Scope<'_>) -> R,
    ) -> R {
        let visible = Visible { execution: self, frame, state, shown, context: OnceCell::new() };
        evaluate(&Scope {
            context: &visible,
            variables: &visible,
            now: self.now,
            ..Scope::new(input, &self.entropy, &self.start.limits)
        })
    }

    /// Index and value of the item of the innermost iteration around `frame`.
    fn item(&self, frame: &Frame) -> Option<(u32, &Json)> {
        let mut parent = frame.parent?;
        loop {
            let waiting = self.frames.get(parent.frame)?;
            if let Doing::Children(children) = &waiting.doing
                && let Some(item) = children.item(parent.slot)
            {
                return Some((parent.slot, item));
            }
            parent = waiting.parent?;
        }
    }

    /// Nobody may answer this task any longer.
    pub(super) fn forget_task(&mut self, frame: &Frame, running: &RunningTask) {
        self.tasks.remove(running.id);
        let StateKind::Task(task) = &self.machine.state(frame.state).kind else { return };
        let token = || states::task::token(&self.start, task, running.id);
        if let Some(hash) = running.hash.or_else(|| token().map(|token| token.hash())) {
            // Mostly it is the only one.
            self.tokens.retired.reserve_exact(usize::from(self.tokens.retired.is_empty()));
            self.tokens.retired.push(hash);
        }
        if task.kind == ResourceKind::Activity && !running.submitted {
            self.tokens.taken.push(running.id);
        }
    }

    /// Ends the task of a frame that is cut short, unless it has ended already.
    pub(super) fn abandon(&mut self, frame: &Frame, reason: CancelReason) {
        if let Some(task) = frame.task()
            && self.tasks.get(task.id).is_some()
        {
            self.forget_task(frame, task);
            self.cancel(task.id, reason);
        }
    }

    /// Tells the world that nobody waits for a task any longer.
    pub(super) fn cancel(&mut self, task: TaskId, reason: CancelReason) {
        self.commands.push(Command::CancelTask { task, reason });
    }
}

impl Execution {
    /// The failure of `source` when a document of its making is larger or deeper than the limits allow.
    pub(super) fn beyond_limits(&self, document: &Json, source: &str) -> Option<Failure> {
        let limits = &self.start.limits;
        if document.size() > limits.payload_bytes {
            return Some(too_large(source));
        }
        let depth = limits.depth.min(Json::DEEPEST);
        document.deeper_than(depth).then(|| too_deep(source, depth))
    }

    /// The failure of a state whose output or variables are larger or deeper than the limits allow.
    pub(super) fn too_much(&self, frame: &Frame, state: &State, done: &Done) -> Option<Failure> {
        let name = state.name.as_str();
        self.beyond_limits(&done.output, name).or_else(|| {
            let assigned = done.assigned.as_ref()?;
            self.beyond_limits(&Json::Object(assigned.clone()), name)
                .or_else(|| self.too_many_variables(frame, assigned).then(|| too_large(name)))
        })
    }

    /// Whether the frame and those around it would keep more in variables than the limit allows.
    fn too_many_variables(&self, frame: &Frame, assigned: &Object) -> bool {
        let limit = self.start.limits.variables_bytes;
        let mut outer = 0;
        let mut around = frame.parent;
        while let Some(frame) = around.and_then(|parent| self.frames.get(parent.frame)) {
            outer += frame.variables.size();
            around = frame.parent;
        }
        // What replaces an older value counts twice here: look closer only if that would be too much.
        if outer + frame.variables.size() + assigned.size() <= limit {
            return false;
        }
        let mut variables = frame.variables.clone();
        assign(&mut variables, assigned);
        outer + variables.size() > limit
    }
}

fn too_deep(source: &str, depth: usize) -> Failure {
    // DIFFERENCE: AWS's words for this are not known.
    let cause = format!(
        "The state/task '{source}' returned a result with more than {depth} arrays and objects within one another."
    );
    Failure::new(ErrorName::DATA_LIMIT_EXCEEDED, cause)
}

/// AWS's words for a result of `source` that is larger than the limit.
pub(super) fn too_large(source: &str) -> Failure {
    let cause = format!(
        "The state/task '{source}' returned a result with a size exceeding the maximum number of bytes service limit."
    );
    Failure::new(ErrorName::DATA_LIMIT_EXCEEDED, cause)
}
