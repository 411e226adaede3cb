//! Choice states: their rules, and the comparison operators as a table.

use serde_json::{Map as JsonMap, Value};

/// What only a Choice state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Choice {
    /// `Choices`: the rules, of which the first that holds is taken.
    pub choices: Vec<ChoiceRule>,
    /// `Default`: where to go when no rule holds.
    pub default: Option<String>,
}

/// One entry of `Choices`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ChoiceRule {
    /// What has to hold.
    pub condition: Condition,
    /// `Next`.
    pub next: Option<String>,
    /// `Assign`.
    pub assign: Option<JsonMap<String, Value>>,
    /// `Output` (JSONata).
    pub output: Option<Value>,
}

/// What a rule tests, or a part of it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Condition {
    /// `Comment`.
    pub comment: Option<String>,
    /// The test; `None` when it could not be read.
    pub test: Option<Test>,
}

/// One test.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// `Condition` (JSONata): an expression, `true` or `false`.
    Expression(Value),
    /// `Variable`, compared by one operator (JSONPath).
    Comparison(Comparison),
    /// `And`: all of them hold.
    And(Vec<Condition>),
    /// `Or`: one of them holds.
    Or(Vec<Condition>),
    /// `Not`: it does not hold.
    Not(Box<Condition>),
}

/// `"Variable": "$.age", "NumericGreaterThan": 17`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// `Variable`: a path to what is compared.
    pub variable: Option<String>,
    /// How it is compared.
    pub operator: Operator,
    /// With what: of the operator's type, or a path if the operator takes one.
    pub operand: Value,
}

/// One of the comparison operators.
///
/// ```
/// use stepwright::definition::{Family, Operator, Relation};
///
/// let operator = Operator::from_name("NumericLessThanPath").unwrap();
/// assert_eq!(operator.family, Family::Numeric);
/// assert_eq!(operator.relation, Relation::LessThan);
/// assert!(operator.is_path);
/// assert_eq!(operator.name(), "NumericLessThanPath");
/// assert_eq!(Operator::all().count(), 39);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Operator {
    /// What kind of values it compares.
    pub family: Family,
    /// How it compares them.
    pub relation: Relation,
    /// Whether its operand is a path to the value, not the value.
    pub is_path: bool,
}

/// What kind of values an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Strings.
    String,
    /// Numbers.
    Numeric,
    /// `true` and `false`.
    Boolean,
    /// Timestamps, which are strings.
    Timestamp,
    /// `null`; only [`Relation::Is`].
    Null,
    /// Whether there is anything; only [`Relation::Is`].
    Present,
}

/// How an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Relation {
    /// `=`
    Equals,
    /// `<`
    LessThan,
    /// `>`
    GreaterThan,
    /// `<=`
    LessThanEquals,
    /// `>=`
    GreaterThanEquals,
    /// A string against a pattern with `*`.
    Matches,
    /// Whether the value is of the family.
    Is,
}

/// All operators by name.
const OPERATORS: &[(&str, Operator)] = {
    use Family::{Boolean, Null, Numeric, Present, String, Timestamp};
    use Relation::{Equals, GreaterThan, GreaterThanEquals, Is, LessThan, LessThanEquals, Matches};
    const fn literal(family: Family, relation: Relation) -> Operator {
        Operator { family, relation, is_path: false }
    }
    const fn path(family: Family, relation: Relation) -> Operator {
        Operator { family, relation, is_path: true }
    }
    &[
        ("StringEquals", literal(String, Equals)),
        ("StringEqualsPath", path(String, Equals)),
        ("StringLessThan", literal(String, LessThan)),
        ("StringLessThanPath", path(String, LessThan)),
        ("StringGreaterThan", literal(String, GreaterThan)),
        ("StringGreaterThanPath", path(String, GreaterThan)),
        ("StringLessThanEquals", literal(String, LessThanEquals)),
        ("StringLessThanEqualsPath", path(String, LessThanEquals)),
        ("StringGreaterThanEquals", literal(String, GreaterThanEquals)),
        ("StringGreaterThanEqualsPath", path(String, GreaterThanEquals)),
        ("StringMatches", literal(String, Matches)),
        ("NumericEquals", literal(Numeric, Equals)),
        ("NumericEqualsPath", path(Numeric, Equals)),
        ("NumericLessThan", literal(Numeric, LessThan)),
        ("NumericLessThanPath", path(Numeric, LessThan)),
        ("NumericGreaterThan", literal(Numeric, GreaterThan)),
        ("NumericGreaterThanPath", path(Numeric, GreaterThan)),
        ("NumericLessThanEquals", literal(Numeric, LessThanEquals)),
        ("NumericLessThanEqualsPath", path(Numeric, LessThanEquals)),
        ("NumericGreaterThanEquals", literal(Numeric, GreaterThanEquals)),
        ("NumericGreaterThanEqualsPath", path(Numeric, GreaterThanEquals)),
        ("BooleanEquals", literal(Boolean, Equals)),
        ("BooleanEqualsPath", path(Boolean, Equals)),
        ("TimestampEquals", literal(Timestamp, Equals)),
        ("TimestampEqualsPath", path(Timestamp, Equals)),
        ("TimestampLessThan", literal(Timestamp, LessThan)),
        ("TimestampLessThanPath", path(Timestamp, LessThan)),
        ("TimestampGreaterThan", literal(Timestamp, GreaterThan)),
        ("TimestampGreaterThanPath", path(Timestamp, GreaterThan)),
        ("TimestampLessThanEquals", literal(Timestamp, LessThanEquals)),
        ("TimestampLessThanEqualsPath", path(Timestamp, LessThanEquals)),
        ("TimestampGreaterThanEquals", literal(Timestamp, GreaterThanEquals)),
        ("TimestampGreaterThanEqualsPath", path(Timestamp, GreaterThanEquals)),
        ("IsNull", literal(Null, Is)),
        ("IsPresent", literal(Present, Is)),
        ("IsNumeric", literal(Numeric, Is)),
        ("IsString", literal(String, Is)),
        ("IsBoolean", literal(Boolean, Is)),
        ("IsTimestamp", literal(Timestamp, Is)),
    ]
};

impl Operator {
    /// The operator called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        OPERATORS.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = OPERATORS.iter().find(|(_, operator)| *operator == self);
        found.map_or("", |(name, _)| name)
    }

    /// All operators.
    pub fn all() -> impl Iterator<Item = Self> {
        OPERATORS.iter().map(|(_, operator)| *operator)
    }

    /// The names of all operators.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        OPERATORS.iter().map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_says_what_its_name_says() {
        for (name, operator) in OPERATORS {
            assert_eq!(operator.name(), *name);
            assert_eq!(operator.is_path, name.ends_with("Path"));
            let (family, relation) = (format!("{:?}", operator.family), format!("{:?}", operator.relation));
            let built = match operator.relation {
                Relation::Is => format!("{relation}{family}"),
                _ => format!("{family}{relation}{}", if operator.is_path { "Path" } else { "" }),
            };
            assert_eq!(built, *name);
        }
    }
}
