//! The functions that make arrays and look into them.

use std::collections::BTreeSet;

use super::Reason;
use super::call::Arguments;
use crate::json::Json;

/// Items that `States.ArrayRange` makes.
const MAX_RANGE: usize = 1000;

/// `States.Array(value ...)`
pub(super) fn array(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    Ok(Json::array(arguments.values.clone()))
}

/// `States.ArrayContains(array, value)`: compared deeply.
pub(super) fn contains(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let wanted = arguments.value(1);
    Ok(arguments.array(0)?.contains(wanted).into())
}

/// `States.ArrayGetItem(array, index)`
pub(super) fn get_item(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let array = arguments.array(0)?;
    let index = arguments.integer(1)?;
    let item = usize::try_from(index).ok().and_then(|index| array.get(index));
    item.cloned().ok_or_else(|| {
        arguments.refusal(1, &format!("an index of the array, which has {} elements", array.len()))
    })
}

/// `States.ArrayLength(array)`
pub(super) fn length(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    Ok(arguments.array(0)?.len().into())
}

/// `States.ArrayPartition(array, size)`: arrays of `size` elements, the last of what is left.
pub(super) fn partition(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let array = arguments.array(0)?;
    let size = match arguments.integer(1)? {
        size @ 1.. => usize::try_from(size).unwrap_or(usize::MAX),
        _ => return Err(arguments.refusal(1, "a positive integer")),
    };
    Ok(Json::array(array.chunks(size).map(|chunk| Json::array(chunk.to_vec())).collect()))
}

/// `States.ArrayRange(first, last, step)`
pub(super) fn range(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let (first, last) = (arguments.integer(0)?, arguments.integer(1)?);
    let step = match arguments.integer(2)? {
        0 => return Err(arguments.refusal(2, "an integer other than 0")),
        step => step,
    };
    let mut items = Vec::new();
    let mut next = Some(first);
    while let Some(item) = next.filter(|item| if step > 0 { *item <= last } else { *item >= last }) {
        if items.len() == MAX_RANGE {
            return Err(format!("States.ArrayRange makes at most {MAX_RANGE} items"));
        }
        items.push(item.into());
        next = item.checked_add(step);
    }
    Ok(Json::array(items))
}

/// `States.ArrayUnique(array)`: the first of all elements that are equal.
pub(super) fn unique(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let mut seen = BTreeSet::new();
    let items = arguments.array(0)?.iter().filter(|item| {
        let mut key = String::new();
        canonical(item, &mut key);
        seen.insert(key)
    });
    Ok(Json::array(items.cloned().collect()))
}

/// Adds a text that equal values share. It recurses, as deep as documents may be.
fn canonical(json: &Json, key: &mut String) {
    match json {
        Json::Array(_) => {
            key.push('[');
            for item in json.as_array().unwrap_or_default() {
                canonical(item, key);
                key.push(',');
            }
            key.push(']');
        }
        Json::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            key.push('{');
            for (name, value) in entries {
                key.push_str(&Json::String(name.clone()).to_string());
                key.push(':');
                canonical(value, key);
                key.push(',');
            }
            key.push('}');
        }
        // `1.0` equals `1`.
        Json::Number(number) => match number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0)
        {
            Some(float) if float.abs() < 9e15 => key.push_str(&(float as i64).to_string()),
            _ => key.push_str(&number.to_string()),
        },
        scalar => key.push_str(&scalar.to_string()),
    }
}
