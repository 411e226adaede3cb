//! Choice rules: comparisons and boolean nodes, their paths parsed.

use std::sync::Arc;

use crate::json::Number;
use crate::machine::StateId;
use crate::machine::io::Exit;
use crate::pattern::Pattern;
use crate::query::{JsonataTemplate, Path, Template};

/// The rules of a Choice state, in its query language.
#[derive(Debug)]
pub(crate) enum Rules {
    JsonPath(Box<[Rule]>),
    Jsonata(Box<[JsonataRule]>),
}

/// A rule of a JSONata state.
#[derive(Debug)]
pub(crate) struct JsonataRule {
    /// `Condition`
    pub(crate) condition: JsonataTemplate,
    pub(crate) next: StateId,
    pub(crate) exit: Exit,
}

/// A top-level rule: where to go when its condition holds.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    pub(crate) next: StateId,
    pub(crate) assign: Option<Template>,
}

/// What holds or does not.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "comparisons, which most conditions are, pay for no indirection"
)]
pub(crate) enum Condition {
    And(Box<[Self]>),
    Or(Box<[Self]>),
    Not(Box<Self>),
    Compare { variable: Path, test: Test },
}

/// One of the 39 comparison operators, with its operand.
#[derive(Debug)]
pub(crate) enum Test {
    IsPresent(bool),
    Is(JsonType, bool),
    Matches(Pattern),
    Boolean(Operand<bool>),
    String(Relation, Operand<Arc<str>>),
    Number(Relation, Operand<Number>),
    /// Nanoseconds since 1970.
    Timestamp(Relation, Operand<i128>),
}

/// The right-hand side of a comparison.
#[derive(Debug)]
pub(crate) enum Operand<T> {
    Literal(T),
    Path(Path),
}

/// What the `Is...` operators ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonType {
    Null,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

/// How two values of one type are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

impl Relation {
    /// Whether values that compare as `ordering` are in this relation.
    pub(crate) fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::GreaterThan => ordering.is_gt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThanEquals => ordering.is_ge(),
        }
    }
}
