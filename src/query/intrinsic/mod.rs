//! Intrinsic functions: `States.Format('{}', $.x)` and its seventeen sisters.

mod array;
mod call;
mod encode;
mod json;
mod math;
mod parser;
mod string;

use std::fmt;
use std::ops::RangeInclusive;

use self::call::{Arguments, Call};
#[cfg(feature = "jsonata")]
pub(super) use self::encode::algorithm;
use super::error::{QueryError, SyntaxError};
use super::jsonpath::Path;
use super::scope::Scope;
use crate::json::Json;

/// A compiled call of an intrinsic function, with the calls in its arguments.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Intrinsic, Scope};
/// use stepwright::{Json, Limits};
///
/// let call = Intrinsic::parse("States.ArrayGetItem(States.StringSplit($.arn, ':'), 3)").unwrap();
/// let input = Json::from(json!({ "arn": "arn:aws:sqs:eu-west-1:111111111111:orders" }));
/// let entropy = Entropy::new([0; 32]);
/// let region = call.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)).unwrap();
/// assert_eq!(region, json!("eu-west-1"));
/// ```
#[derive(Clone, Debug)]
pub struct Intrinsic {
    text: Box<str>,
    call: Call,
}

impl Intrinsic {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// The text is not a call, there is no such function, or calls are nested deeper than ten levels. How many
    /// arguments a function takes, and of what type, is found out when it is called.
    ///
    /// ```
    /// use stepwright::query::Intrinsic;
    ///
    /// let error = Intrinsic::parse("States.Fromat('{}')").unwrap_err();
    /// assert_eq!(error.message(), "there is no intrinsic function `States.Fromat`");
    /// assert!(Intrinsic::parse(r#"States.StringToJson('\"')"#).is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { text: text.into(), call: parser::intrinsic(text)? })
    }

    /// The call as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The call's value.
    ///
    /// # Errors
    ///
    /// `States.Runtime` if a path in it leads to nothing, `States.IntrinsicFailure` if a function does not take
    /// its arguments.
    ///
    /// ```
    /// use stepwright::query::{Entropy, Intrinsic, Scope};
    /// use stepwright::{ErrorName, Json, Limits};
    ///
    /// let call = Intrinsic::parse("States.ArrayLength(States.Hash('x', 'MD4'))").unwrap();
    /// let entropy = Entropy::new([0; 32]);
    /// let error = call.evaluate(&Scope::new(&Json::Null, &entropy, &Limits::AWS)).unwrap_err();
    /// assert_eq!(error.name(), &ErrorName::INTRINSIC_FAILURE);
    /// ```
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        self.call.evaluate(scope, &self.text)
    }

    /// The paths among the arguments, and among those of inner calls.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.call.collect_paths(&mut paths);
        paths
    }
}

/// Equal in meaning: however they were written.
impl PartialEq for Intrinsic {
    fn eq(&self, other: &Self) -> bool {
        self.call == other.call
    }
}

impl fmt::Display for Intrinsic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An intrinsic function.
#[derive(Debug)]
struct Function {
    name: &'static str,
    /// How many arguments it takes.
    arity: RangeInclusive<usize>,
    body: fn(&Arguments<'_>) -> Result<Json, Reason>,
}

/// Why a function does not take its arguments.
type Reason = String;

const fn function(
    name: &'static str,
    arity: RangeInclusive<usize>,
    body: fn(&Arguments<'_>) -> Result<Json, Reason>,
) -> Function {
    Function { name, arity, body }
}

/// All functions.
static FUNCTIONS: [Function; 18] = [
    function("States.Array", 0..=usize::MAX, array::array),
    function("States.ArrayContains", 2..=2, array::contains),
    function("States.ArrayGetItem", 2..=2, array::get_item),
    function("States.ArrayLength", 1..=1, array::length),
    function("States.ArrayPartition", 2..=2, array::partition),
    function("States.ArrayRange", 3..=3, array::range),
    function("States.ArrayUnique", 1..=1, array::unique),
    function("States.Base64Decode", 1..=1, encode::base64_decode),
    function("States.Base64Encode", 1..=1, encode::base64_encode),
    function("States.Format", 1..=usize::MAX, string::format),
    function("States.Hash", 2..=2, encode::hash),
    function("States.JsonMerge", 3..=3, json::merge),
    function("States.JsonToString", 1..=1, json::to_text),
    function("States.MathAdd", 2..=2, math::add),
    function("States.MathRandom", 2..=3, math::random),
    function("States.StringSplit", 2..=2, string::split),
    function("States.StringToJson", 1..=1, json::from_text),
    function("States.UUID", 0..=0, math::uuid),
];

#[cfg(test)]
mod tests;
