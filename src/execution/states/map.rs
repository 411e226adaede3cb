//! Map: its states once for each item.

use crate::dataflow::{self, Mishap, jsonata};
use crate::execution::Execution;
use crate::execution::advance::{Outcome, Shown};
use crate::execution::frame::{Children, Doing, Frame, Item};
use crate::execution::states::{effective_input, fault};
use crate::history::HistoryEventKind;
use crate::id::FrameId;
use crate::json::Json;
use crate::machine::io::DataFlow;
use crate::machine::retry::Fault;
use crate::machine::state::{Amount, Items, Map, State};
use crate::query::{JsonataTemplate, QueryError};

pub(super) fn enter(
    turn: &mut Execution,
    id: FrameId,
    frame: &mut Frame,
    state: &State,
    map: &Map,
) -> Result<Outcome, Mishap> {
    let effective = effective_input(turn, frame, state)?;
    let items = items(turn, frame, state, map, &effective)?;
    let limit = concurrency(turn, frame, state, map, &effective)?;
    let length = items.as_array().map_or(0, <[Json]>::len);
    let total = u32::try_from(length).map_err(|_| Mishap::runtime("There are too many items."))?;
    let started = turn.record(frame, |_| HistoryEventKind::MapStateStarted { length: length as u64 });
    let mut children = Children {
        base: turn.new_frames(total),
        total,
        limit,
        items,
        started,
        begun: 0,
        running: 0,
        effective: Some(effective),
    };
    while children.begun < total && children.running < limit {
        if let Err(fault) = begin_item(turn, id, frame, state, map, &mut children, started) {
            frame.doing = Doing::Children(Box::new(children));
            return Ok(turn.begin_failed(frame, state, fault));
        }
    }
    let empty = total == 0;
    frame.doing = Doing::Children(Box::new(children));
    Ok(if empty { turn.join(frame, state) } else { Outcome::Waits })
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
    let value = children.items.at(index as usize).cloned().unwrap_or_default();
    let item = Item { index, value };
    let input = match &map.selector {
        None => item.value.clone(),
        Some(selector) => {
            if children.effective.is_none() {
                let effective = effective_input(turn, frame, state);
                children.effective = Some(effective.map_err(|mishap| fault(turn, frame, state, mishap))?);
            }
            let effective = children.effective.as_ref().unwrap_or(&Json::Null);
            let shown = Shown { item: Some(&item), task: None };
            let input =
                turn.scoped(frame, state, shown, effective, |scope| dataflow::payload(selector, scope));
            input.map_err(|mishap| fault(turn, frame, state, mishap))?
        }
    };
    if let Some(failure) = turn.beyond_limits(&input, state.name.as_str()) {
        return Err(Fault { failure, heartbeat: false, task: false });
    }
    let name = state.name.clone();
    let now = turn.now;
    let event = turn
        .recorder
        .record(now, previous, || HistoryEventKind::MapIterationStarted { name, index: index.into() });
    turn.begin_child(id, children, map.processor, input, Some(item), event);
    Ok(())
}

fn items(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    map: &Map,
    effective: &Json,
) -> Result<Json, Mishap> {
    let evaluate = |template: Option<&JsonataTemplate>| {
        turn.scoped(frame, state, Shown::default(), effective, |scope| jsonata::items(template, scope))
    };
    let (shown, items) = match &map.items {
        Some(Items::Jsonata(template)) => return evaluate(Some(template)),
        None if matches!(state.flow, DataFlow::Jsonata(_)) => return evaluate(None),
        None => ("$".to_owned(), effective.clone()),
        Some(Items::Path(path)) => {
            let items = turn.scoped(frame, state, Shown::default(), effective, |scope| {
                path.select(scope).map_err(|miss| Mishap::from(QueryError::invalid_path(&miss)))
            })?;
            // AWS prints the Context Object's `$$` with one `$`.
            (path.as_str().replacen("$$", "$", 1), items)
        }
    };
    match items {
        Json::Array(_) => Ok(items.compact()),
        _ => Err(Mishap::runtime(format!("Reference path \"{shown}\" must point to array."))),
    }
}

/// How many iterations run at once. A number as text is taken too (recorded: max_concurrency_path).
fn concurrency(
    turn: &Execution,
    frame: &Frame,
    state: &State,
    map: &Map,
    effective: &Json,
) -> Result<u32, Mishap> {
    let most = turn.start.limits.map_concurrency;
    let asked = match &map.concurrency {
        None => 0,
        Some(Amount::Fixed(amount)) => i64::from(*amount),
        Some(Amount::Jsonata(template)) => {
            turn.scoped(frame, state, Shown::default(), effective, |scope| {
                jsonata::whole(template, "MaxConcurrency", 0..=i64::MAX, scope)
            })?
        }
        Some(Amount::Path(path)) => {
            let value = turn.scoped(frame, state, Shown::default(), effective, |scope| {
                path.select(scope).map_err(|miss| Mishap::from(QueryError::invalid_path(&miss)))
            })?;
            let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
            number.ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.compact().to_string(), str::to_owned);
                let path = path.as_str();
                Mishap::runtime(format!(
                    "The MaxConcurrencyPath field refers to value \"{shown}\" which is not a valid integer: {path}"
                ))
            })?
        }
    };
    match asked {
        0 => Ok(most),
        1.. => Ok(u32::try_from(asked).unwrap_or(u32::MAX).min(most)),
        // DIFFERENCE: AWS never goes on with such an execution (recorded, and not to be relied on).
        _ => Err(Mishap::runtime("MaxConcurrency cannot be negative.")),
    }
}
