//! `States.MathAdd`, `States.MathRandom` and `States.UUID`.

use super::Reason;
use super::call::Arguments;
use crate::json::Json;
use crate::query::java::Random;

/// `States.MathAdd(a, b)`: each rounded to the nearest integer first.
pub(super) fn add(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let sum = arguments.integer(0)?.checked_add(arguments.integer(1)?);
    // unverified: what AWS does when the sum does not fit.
    sum.map(Json::from).ok_or_else(|| "The result of States.MathAdd is too large".into())
}

/// `States.MathRandom(start, end)` and `States.MathRandom(start, end, seed)`: from `start` to below `end`.
pub(super) fn random(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let (start, end) = (arguments.integer(0)?, arguments.integer(1)?);
    let width = match end.checked_sub(start) {
        Some(width @ 1..) => width,
        Some(_) => return Err(arguments.refusal(1, "greater than the first")),
        None => return Err(arguments.refusal(1, "nearer to the first")),
    };
    let offset = match arguments.values.len() > 2 {
        // unverified: that it is the generator of `java.util.Random`, as it is for JSONata's `$random(seed)`.
        true => Random::new(arguments.integer(2)?).below(width),
        false => arguments.scope.entropy.below(width.unsigned_abs()).cast_signed(),
    };
    Ok((start + offset).into())
}

/// `States.UUID()`
pub(super) fn uuid(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    Ok(arguments.scope.entropy.uuid().into())
}
