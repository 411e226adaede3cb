//! `States.JsonMerge`, `States.StringToJson` and `States.JsonToString`.

use super::Reason;
use super::call::Arguments;
use crate::json::{Json, Object};
use crate::query::java::hash_map_order;

/// `States.JsonMerge(first, second, false)`: members of the second replace those of the first, as a whole. The
/// keys come out in the order of a hash map of Java.
pub(super) fn merge(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let (first, second) = (object(arguments, 0)?, object(arguments, 1)?);
    if arguments.boolean(2)? {
        return Err(arguments.refusal(2, "false: objects are not merged deeply"));
    }
    let mut merged = first.clone();
    for (key, value) in second.iter() {
        merged.insert(key.clone(), value.clone());
    }
    let entries: Vec<_> = merged.iter().collect();
    let order = hash_map_order(entries.iter().map(|(key, _)| key.as_ref()));
    Ok(Json::object(order.into_iter().map(|at| (entries[at].0.clone(), entries[at].1.clone()))))
}

/// `States.StringToJson(text)`; nothing is `null`.
pub(super) fn from_text(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    match arguments.text(0)?.trim() {
        "" => Ok(Json::Null),
        // Java has no negative zero among its integers.
        "-0" => Ok(0.into()),
        text => match text.parse::<Json>() {
            Ok(json) => Ok(json.compact()),
            Err(error) => Err(format!("{}: {error}", arguments.refusal(0, "JSON"))),
        },
    }
}

/// `States.JsonToString(value)`: compact.
pub(super) fn to_text(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let json = arguments.value(0).compact();
    arguments.check_size(json.size())?;
    Ok(json.to_string().into())
}

fn object<'a>(arguments: &'a Arguments<'_>, at: usize) -> Result<&'a Object, Reason> {
    arguments.value(at).as_object().ok_or_else(|| arguments.refusal(at, "an object"))
}
