//! Branches and iterations: how they begin, end, and cut each other short.

use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::command::{CancelReason, Iteration};
use crate::execution::frame::{Children, Doing, Frame, Parent};
use crate::execution::outputs::Output;
use crate::execution::states::{self, map};
use crate::failure::ErrorName;
use crate::history::{HistoryEventKind, StateType};
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{State, StateKind};
use crate::machine::{BlockId, StateMachine};

impl Execution {
    /// Numbers for `count` frames: the first of them.
    pub(super) fn new_frames(&mut self, count: u32) -> FrameId {
        let base = FrameId(self.next_frame);
        self.next_frame += u64::from(count);
        self.frames.reserve(count);
        base
    }

    /// Begins a branch or iteration of the frame `parent`.
    pub(super) fn begin_child(
        &mut self,
        parent: FrameId,
        children: &mut Children,
        block: BlockId,
        input: Json,
        previous: u64,
    ) {
        let slot = children.begun;
        let parent = Some(Parent { frame: parent, slot });
        let child = Frame { parent, ..Frame::new(self.machine.block(block).start, input, previous) };
        let child = match self.spare.take() {
            Some(mut spare) => {
                *spare = child;
                spare
            }
            None => Box::new(child),
        };
        let id = children.frame(slot);
        self.frames.put(id, child);
        self.ready.push_back(id);
        children.begun += 1;
        children.running += 1;
    }

    /// A branch or iteration reached its end.
    pub(super) fn child_finished(
        &mut self,
        machine: &StateMachine,
        id: FrameId,
        parent: Parent,
        last_event: u64,
        output: Json,
    ) {
        let Some(mut waiting) = self.frames.take(parent.frame) else { return self.end_frame(id) };
        let state = machine.state(waiting.state);
        let event = match &state.kind {
            StateKind::Map(_) => {
                self.recorder.record(self.now, last_event, || HistoryEventKind::MapIterationSucceeded {
                    name: state.name.clone(),
                    index: parent.slot.into(),
                })
            }
            _ => last_event,
        };
        waiting.last_event = waiting.last_event.max(event);
        self.frames.end(id);
        let Doing::Children(children) = &mut waiting.doing else {
            unreachable!("a frame with children waits for them");
        };
        children.running -= 1;
        if children.outputs.add(Output { slot: parent.slot, event, json: output }) {
            self.frames.grows(parent.frame);
        }
        // What begins now follows the last state of the iteration whose place it takes.
        let outcome = self.go_on(parent.frame, &mut waiting, state, last_event);
        if let Outcome::Waits = outcome {
            if !self.end_if_full(parent.frame, &mut waiting) {
                self.frames.put_back(parent.frame, waiting);
            }
        } else if !self.settle(machine, parent.frame, &mut waiting, state, outcome) {
            self.keep(parent.frame, waiting);
        }
    }

    /// Begins the iterations for which there is room, after the history event `previous`; without any that runs,
    /// the state is over.
    pub(super) fn go_on(&mut self, id: FrameId, frame: &mut Frame, state: &State, previous: u64) -> Outcome {
        let Doing::Children(mut children) = std::mem::replace(&mut frame.doing, Doing::Entering) else {
            unreachable!("a frame with children waits for them");
        };
        let mut begun = Ok(());
        if let StateKind::Map(map) = &state.kind {
            while begun.is_ok() && children.may_begin() {
                begun = map::begin_item(self, id, frame, state, map, &mut children, previous);
            }
        }
        if begun.is_ok() && children.running == 0 {
            return self.join(frame, state, children);
        }
        frame.doing = Doing::Children(children);
        begun.map_or_else(|fault| self.begin_failed(frame, state, fault), |()| Outcome::Waits)
    }

    /// The next iteration could not begin: those that have are cut short before the Map fails.
    fn begin_failed(&mut self, frame: &Frame, state: &State, fault: Fault) -> Outcome {
        // A mistake of the definition ends everything, and nothing is said of the iterations.
        if !fault.failure.is(&ErrorName::RUNTIME) {
            self.cut_children(frame, state, None, frame.last_event);
        }
        Outcome::Failed(fault)
    }

    /// Ends the branches or iterations of a frame, except for one that has ended already. What they were at is
    /// kept until the failure is dealt with: see [`forget_children`](Self::forget_children).
    fn cut_children(&mut self, frame: &Frame, state: &State, except: Option<FrameId>, failed: u64) {
        let Doing::Children(children) = &frame.doing else { return };
        let map = matches!(state.kind, StateKind::Map(_)).then_some(state);
        for slot in 0..children.begun {
            let child = children.frame(slot);
            if Some(child) != except {
                self.cut_short(child, failed, map);
            }
        }
    }

    /// Forgets the branches or iterations of a frame whose state failed and goes on all the same.
    pub(super) fn forget_children(&mut self, frame: &mut Frame) {
        let Doing::Children(children) = &frame.doing else { return };
        self.frames.forget(children, children.saved());
        let children = (0..children.begun).map(|slot| children.frame(slot)).collect::<Vec<_>>();
        frame.doing = Doing::Entering;
        for child in children {
            if let Some(mut frame) = self.frames.take(child) {
                self.forget_children(&mut frame);
            }
            self.frames.remove(child);
        }
    }

    /// All branches or iterations are over: their outputs, in their order, are the result.
    fn join(&mut self, frame: &mut Frame, state: &State, mut children: Box<Children>) -> Outcome {
        // White space is for what passes through as a whole.
        let outputs = children.outputs.take(children.total).into_iter();
        let results = Json::array(outputs.map(Json::into_compact).collect());
        let kind = || match state.kind.state_type() {
            StateType::Map => HistoryEventKind::MapStateSucceeded,
            _ => HistoryEventKind::ParallelStateSucceeded,
        };
        let succeeded = self.recorder.record(self.now, frame.last_event, kind);
        if let Some(failure) = self.beyond_limits(&results, state.name.as_str()) {
            // A redrive runs all of them again: that may give less.
            self.frames.forget(&children, children.saved());
            frame.last_event = succeeded;
            return Outcome::Failed(Fault { failure, heartbeat: false, task: false });
        }
        // What leaves the state follows the last of the children, and what goes wrong here the success.
        match self.take_result(frame, state, Shown::default(), &results) {
            Ok(done) => {
                self.frames.forget(&children, children.saved());
                Outcome::Done(done)
            }
            Err(mishap) => {
                // A redrive takes the results, and does not make them anew.
                children.outputs.give_back(results.as_array().unwrap_or_default());
                frame.doing = Doing::Children(children);
                frame.last_event = succeeded;
                states::failed(self, frame, state, mishap)
            }
        }
    }

    /// A branch or iteration failed at the history event `failed`: the others are cut short, and the state that
    /// waits for them fails.
    pub(super) fn child_failed(
        &mut self,
        id: FrameId,
        parent: Parent,
        failed: u64,
        in_task: bool,
        fault: Fault,
    ) {
        let Some(mut waiting) = self.frames.take(parent.frame) else { return };
        let machine = self.machine.clone();
        let state = machine.state(waiting.state);
        let is_map = matches!(state.kind, StateKind::Map(_));
        let now = self.now;
        if is_map {
            self.recorder.record(now, failed, || HistoryEventKind::MapIterationFailed {
                name: state.name.clone(),
                index: parent.slot.into(),
            });
        }
        if in_task {
            let aborted = HistoryEventKind::StateAborted { state_type: StateType::Task };
            self.recorder.record(now, failed, || aborted);
        }
        self.cut_children(&waiting, state, Some(id), failed);
        waiting.last_event = failed;
        let gone = self.retry_or_catch(&machine, parent.frame, &mut waiting, state, fault);
        if !gone && !self.end_if_full(parent.frame, &mut waiting) {
            self.keep(parent.frame, waiting);
        }
    }

    /// Ends a frame whose sibling failed, and all within it.
    fn cut_short(&mut self, id: FrameId, failed: u64, map: Option<&State>) {
        let Some(frame) = self.frames.take(id) else { return };
        self.timers.set(id, frame.deadline(), None);
        let now = self.now;
        if let (Some(map), Some(parent)) = (map, frame.parent) {
            self.recorder.record(now, failed, || HistoryEventKind::MapIterationAborted {
                name: map.name.clone(),
                index: parent.slot.into(),
            });
        }
        let machine = self.machine.clone();
        let state = machine.state(frame.state);
        match &frame.doing {
            Doing::Children(_) => self.cut_children(&frame, state, None, failed),
            Doing::Entering | Doing::Redriven | Doing::Finished { .. } => {}
            Doing::Waiting { .. } | Doing::BackingOff { .. } | Doing::Task(_) | Doing::Overdue(_) => {
                self.abandon(&frame, CancelReason::StateAborted);
                let state_type = state.kind.state_type();
                if let StateType::Task | StateType::Wait = state_type {
                    self.recorder.record(now, failed, || HistoryEventKind::StateAborted { state_type });
                }
            }
        }
        self.frames.put_back(id, frame);
    }

    /// Counts, after a restart, what is not saved because it follows from the frames of the children.
    pub(super) fn recount(&mut self) {
        for id in self.frames.ids() {
            let Some(mut frame) = self.frames.take(id) else { continue };
            if let Doing::Children(children) = &mut frame.doing {
                // A store in memory keeps what is not saved, too.
                (children.begun, children.running) = (0, 0);
                let mut last = children.started;
                let end = FrameId(children.base.0.saturating_add(children.total.into()));
                for id in self.frames.within(children.base, end) {
                    children.begun = (id.0 - children.base.0) as u32 + 1;
                    children.running += 1;
                }
                for output in children.outputs.iter() {
                    children.begun = children.begun.max(output.slot + 1);
                    last = last.max(output.event);
                }
                frame.last_event = last;
            }
            self.frames.put_back(id, frame);
        }
    }
}

impl Execution {
    /// The Map iterations around a frame, outermost first.
    pub(super) fn iterations(&self, frame: &Frame) -> Vec<Iteration> {
        let mut iterations = Vec::new();
        let mut frame = frame;
        while let Some(waiting) = frame.parent.and_then(|parent| self.frames.get(parent.frame)) {
            let state = self.machine.state(waiting.state);
            if let (StateKind::Map(_), Some(parent)) = (&state.kind, frame.parent) {
                iterations.push(Iteration { map: state.name.clone(), index: parent.slot });
            }
            frame = waiting;
        }
        iterations.reverse();
        iterations
    }
}
