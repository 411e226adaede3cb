//! Map: its states once for each item.

use crate::dataflow::{self, Mishap};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::{Children, Doing, Frame};
use crate::execution::states::{effective_input, fault};
use crate::history::HistoryEventKind;
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::retry::Fault;
use crate::machine::state::{Map, State};

pub(super) fn enter(
    turn: &mut Execution,
    id: FrameId,
    frame: &mut Frame,
    state: &State,
    map: &Map,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let most = turn.start.limits.map_concurrency;
    let (items, limit) = turn.scoped(frame, state, Shown::default(), &effective, |scope| {
        let items = dataflow::map::items(map, &state.flow, scope)?.compact();
        let limit = match dataflow::map::concurrency(map.concurrency.as_ref(), scope)? {
            0 => most,
            asked => u32::try_from(asked).unwrap_or(u32::MAX).min(most),
        };
        Ok::<_, Mishap>((items, limit))
    })?;
    let length = items.as_array().map_or(0, <[Json]>::len);
    let total = u32::try_from(length).map_err(|_| Mishap::runtime("There are too many items."))?;
    let started = turn.record(frame, |_| HistoryEventKind::MapStateStarted { length: length as u64 });
    let mut children = Children::new(turn.new_frames(total), total, limit, items, started);
    children.effective = Some(effective);
    frame.doing = Doing::Children(Box::new(children));
    Ok(turn.go_on(id, frame, state, started))
}

/// Begins the next iteration, after the history event `previous`.
pub(crate) fn begin_item(
    turn: &mut Execution,
    id: FrameId,
    frame: &mut Frame,
    state: &State,
    map: &Map,
    children: &mut Children,
    previous: u64,
) -> Result<(), Fault> {
    let index = children.begun;
    let input = match &map.selector {
        None => children.item(index).cloned().unwrap_or_default(),
        Some(selector) => {
            if children.effective.is_none() {
                let effective = effective_input(turn, frame, state);
                children.effective = Some(effective.map_err(|mishap| fault(turn, frame, state, mishap))?);
            }
            let effective = children.effective.as_ref().unwrap_or(&Json::Null);
            let shown = Shown { item: children.item(index).map(|item| (index, item)), ..Shown::default() };
            let input =
                turn.scoped(frame, state, shown, effective, |scope| dataflow::payload(selector, scope));
            input.map_err(|mishap| fault(turn, frame, state, mishap))?
        }
    };
    if let Some(failure) = turn.beyond_limits(&input, state.name.as_str()) {
        return Err(Fault { failure, heartbeat: false, task: false });
    }
    let now = turn.now;
    let event = turn.recorder.record(now, previous, || HistoryEventKind::MapIterationStarted {
        name: state.name.clone(),
        index: index.into(),
    });
    turn.begin_child(id, children, map.processor, input, event);
    Ok(())
}
