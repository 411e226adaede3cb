//! Our own walk along a path: all of AWS's dialect, without copies and without recursion into documents.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use super::Segment;
use super::miss::MissKind;
use crate::json::Json;
use crate::limits::Limits;

/// Follows `segments`, all of which are definite, from `json` on.
///
/// # Errors
///
/// Which segment leads nowhere, and why.
pub(super) fn follow<'a>(json: &'a Json, segments: &[Segment]) -> Result<Cow<'a, Json>, (usize, MissKind)> {
    let mut here = json;
    for (at, segment) in segments.iter().enumerate() {
        here = match segment {
            Segment::Name(name) => match here {
                Json::Object(object) => object.get(name).ok_or((at, MissKind::NoMember))?,
                _ => return Err((at, MissKind::NotObject)),
            },
            Segment::Index(index) => match here {
                Json::Array(_) => element(here, *index).ok_or((at, MissKind::PastEnd))?,
                _ => return Err((at, MissKind::NotArray(here.clone()))),
            },
            Segment::Names(names) => {
                return pick(here, names).map(Cow::Owned).ok_or((at, MissKind::NotObject));
            }
            Segment::Length => return length(here).map(Cow::Owned).ok_or((at, MissKind::NoLength)),
            _ => return Err((at, MissKind::NoMember)),
        };
    }
    Ok(Cow::Borrowed(here))
}

/// What keeps `segment`, the first that is not definite, from `json`, which is there.
pub(super) fn refusal(json: &Json, segment: &Segment) -> Option<MissKind> {
    let of_arrays = matches!(segment, Segment::Slice(..) | Segment::Indices(_));
    (of_arrays && json.as_array().is_none()).then(|| MissKind::NotArray(json.clone()))
}

/// A walk to all places that a path leads to.
pub(super) struct Walk<'a> {
    /// What `$` means in filters.
    pub(super) document: &'a Json,
    /// How much more may be visited.
    budget: Cell<usize>,
}

/// A walk visited too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

impl<'a> Walk<'a> {
    pub(super) fn new(document: &'a Json, limits: &Limits) -> Self {
        // Enough to visit everything in the largest document several times. Without it, `$..*..*..*` would
        // visit the combinations of its places.
        Self { document, budget: Cell::new(limits.payload_bytes.saturating_mul(8)) }
    }

    /// Everything that `segments` lead to from `json` on.
    pub(super) fn all(&self, json: &Json, segments: &[Segment]) -> Result<Vec<Json>, Exhausted> {
        let mut places = vec![json];
        let mut picked = Vec::new();
        let mut segments = segments.iter();
        while let Some(segment) = segments.next() {
            let mut next = Vec::new();
            match segment {
                Segment::Descend => {
                    let Some(chooser) = segments.next() else { break };
                    let last = segments.len() == 0;
                    for place in places {
                        let containers = self.containers(place)?;
                        if let (Segment::Names(names), true) = (chooser, last) {
                            self.charge(containers.len().saturating_mul(names.len()))?;
                            let picks = containers.into_iter().filter_map(|json| pick(json, names));
                            picked.extend(
                                picks.filter(|picked| picked.as_object().is_some_and(|o| !o.is_empty())),
                            );
                            continue;
                        }
                        for container in containers {
                            self.choose(container, chooser, true, &mut next)?;
                        }
                    }
                }
                Segment::Names(names) if segments.len() == 0 => {
                    self.charge(places.len().saturating_mul(names.len()))?;
                    return Ok(places.into_iter().filter_map(|place| pick(place, names)).collect());
                }
                Segment::Length => return Ok(places.into_iter().filter_map(length).collect()),
                segment => {
                    for place in places {
                        self.choose(place, segment, false, &mut next)?;
                    }
                }
            }
            places = next;
        }
        // Of a document that is selected itself, nothing but the value: not the white space it was read with.
        picked.extend(places.into_iter().map(Json::compact));
        Ok(picked)
    }

    /// Adds to `chosen` what `segment` selects in `json`; after `..` a filter selects objects only, each once.
    fn choose<'j>(
        &self,
        json: &'j Json,
        segment: &Segment,
        descending: bool,
        chosen: &mut Vec<&'j Json>,
    ) -> Result<(), Exhausted> {
        let before = chosen.len();
        // Each is looked for, found or not.
        self.charge(match segment {
            Segment::Names(names) => names.len(),
            Segment::Indices(indices) => indices.len(),
            _ => 1,
        })?;
        match segment {
            Segment::Name(name) => chosen.extend(json.get(name)),
            Segment::Names(names) => chosen.extend(names.iter().filter_map(|name| json.get(name))),
            Segment::Index(index) => chosen.extend(element(json, *index)),
            Segment::Indices(indices) => {
                chosen.extend(indices.iter().filter_map(|index| element(json, *index)));
            }
            Segment::Slice(from, to) => slice(json, *from, *to, chosen),
            Segment::Wildcard => match json {
                Json::Array(_) => chosen.extend(json.as_array().unwrap_or_default()),
                Json::Object(object) => chosen.extend(object.values()),
                _ => {}
            },
            Segment::Filter(filter) => match json {
                Json::Array(_) if descending => {}
                Json::Array(_) => {
                    for item in json.as_array().unwrap_or_default() {
                        if filter.accepts(item, self)? {
                            chosen.push(item);
                        }
                    }
                }
                // Jayway filters an object itself, not its members.
                Json::Object(_) if filter.accepts(json, self)? => chosen.push(json),
                _ => {}
            },
            Segment::Descend | Segment::Length => {}
        }
        self.charge(chosen.len() - before)
    }

    /// `json` and all arrays and objects in it, each before those in it.
    fn containers<'j>(&self, json: &'j Json) -> Result<Vec<&'j Json>, Exhausted> {
        let mut found = Vec::new();
        let mut stack = vec![json];
        while let Some(json) = stack.pop() {
            self.charge(1)?;
            match json {
                Json::Array(_) => stack.extend(json.as_array().unwrap_or_default().iter().rev()),
                Json::Object(object) => {
                    let before = stack.len();
                    stack.extend(object.values());
                    stack[before..].reverse();
                }
                _ => continue,
            }
            found.push(json);
        }
        Ok(found)
    }

    /// Pays for `visits` visits.
    pub(super) fn charge(&self, visits: usize) -> Result<(), Exhausted> {
        self.budget.set(self.budget.get().checked_sub(visits).ok_or(Exhausted)?);
        Ok(())
    }
}

/// The element at `index`, counted from the end if negative.
fn element(json: &Json, index: i32) -> Option<&Json> {
    let items = json.as_array()?;
    let distance = index.unsigned_abs() as usize;
    items.get(if index < 0 { items.len().checked_sub(distance)? } else { distance })
}

fn slice<'j>(json: &'j Json, from: Option<i32>, to: Option<i32>, chosen: &mut Vec<&'j Json>) {
    let items = json.as_array().unwrap_or_default();
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let from_end = |index: i32| i64::from(index) + if index < 0 { count } else { 0 };
    let (from, to) = match (from, to) {
        (None, None) => (0, count),
        (Some(from), None) => (from_end(from), count),
        (None, Some(to)) => (0, from_end(to)),
        // unverified: with two ends Jayway counts from the one to the other before it looks whether they are
        // negative, so that `[1:-1]` is empty and `[-2:1]` goes on from the end to the start.
        (Some(from), Some(to)) if from < 0 && to >= 0 => {
            chosen.extend(items.iter().skip(usize::try_from(from_end(from)).unwrap_or(0)));
            (0, to.into())
        }
        (Some(from), Some(to)) if from >= 0 && to < 0 => (from.into(), 0),
        (Some(from), Some(to)) => (from_end(from), from_end(to)),
    };
    let clamp = |index: i64| usize::try_from(index.clamp(0, count)).unwrap_or(0);
    chosen.extend(items.get(clamp(from)..clamp(to)).unwrap_or_default());
}

/// An object of those of `names` that `json` has.
fn pick(json: &Json, names: &[Arc<str>]) -> Option<Json> {
    let object = json.as_object()?;
    Some(Json::object(names.iter().filter_map(|name| Some((name.clone(), object.get(name)?.clone())))))
}

/// How many elements an array has, or members an object.
fn length(json: &Json) -> Option<Json> {
    match json {
        Json::Array(_) => json.as_array().map(|items| items.len().into()),
        Json::Object(object) => Some(object.len().into()),
        _ => None,
    }
}
