//! Parallel: its branches side by side, all with the same input.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::{Children, Doing, Frame};
use crate::execution::states::effective_input;
use crate::history::HistoryEventKind;
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{Parallel, State};

pub(super) fn enter(
    turn: &mut Execution,
    id: FrameId,
    frame: &mut Frame,
    state: &State,
    parallel: &Parallel,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let input = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        dataflow::parameters(&state.flow, scope)
    })?;
    if let Some(failure) = turn.beyond_limits(&input, state.name.as_str()) {
        return Ok(Outcome::Failed(Fault { failure, heartbeat: false, task: false }));
    }
    let started = turn.record(frame, |_| HistoryEventKind::ParallelStateStarted);
    let total = parallel.branches.len() as u32;
    let mut children = Children::new(turn.new_frames(total), total, total, Json::Null, started);
    for branch in &parallel.branches {
        turn.begin_child(id, &mut children, *branch, input.clone(), started);
    }
    frame.doing = Doing::Children(Box::new(children));
    Ok(Outcome::Waits)
}
