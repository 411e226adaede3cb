//! Filters, `[?(...)]`: what they consist of, and which values they accept.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

use super::Segment;
use super::compare::{self, Operator};
use super::select::{Exhausted, Walk, follow};
use crate::json::Json;

/// A filter. It prints as it was written.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) text: Box<str>,
    pub(super) test: Test,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
    /// The operand is there, whatever it is.
    Exists(Operand),
    Compare(Operand, Operator, Operand),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// `@` and what follows
    Current(Steps),
    /// `$` and what follows
    Root(Steps),
    Literal(Json),
    /// `/text/i`
    Pattern(Regex),
}

#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub(super) segments: Box<[Segment]>,
    /// How many of them are definite.
    pub(super) definite: usize,
}

impl Filter {
    /// Whether the filter lets `json` through.
    pub(super) fn accepts(&self, json: &Json, walk: &Walk<'_>) -> Result<bool, Exhausted> {
        self.test.holds(json, walk)
    }
}

impl Test {
    fn holds(&self, json: &Json, walk: &Walk<'_>) -> Result<bool, Exhausted> {
        walk.charge(1)?;
        Ok(match self {
            Self::Or(tests) => {
                for test in tests {
                    if test.holds(json, walk)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::And(tests) => {
                for test in tests {
                    if !test.holds(json, walk)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Not(test) => !test.holds(json, walk)?,
            Self::Exists(operand) => operand.value(json, walk)?.is_some(),
            Self::Compare(left, operator, Operand::Pattern(pattern))
            | Self::Compare(Operand::Pattern(pattern), operator, left) => {
                let Some(value) = left.value(json, walk)? else { return Ok(false) };
                let Some(text) = value.as_str() else { return Ok(false) };
                walk.charge(text.len() / 16)?;
                *operator == Operator::Matches && pattern.is_match(text)
            }
            Self::Compare(left, operator, right) => {
                // DIFFERENCE: to RFC 9535, what is not there is unequal to everything. To Jayway 2.0 nothing
                // holds of it, not even `!=`.
                let (Some(left), Some(right)) = (left.value(json, walk)?, right.value(json, walk)?) else {
                    return Ok(false);
                };
                walk.charge(compare::cost(*operator, &left, &right))?;
                compare::holds(&left, *operator, &right)
            }
        })
    }
}

impl Operand {
    fn value<'j>(&'j self, json: &'j Json, walk: &Walk<'j>) -> Result<Option<Cow<'j, Json>>, Exhausted> {
        match self {
            Self::Current(steps) => steps.value(json, walk),
            Self::Root(steps) => steps.value(walk.document, walk),
            Self::Literal(json) => Ok(Some(Cow::Borrowed(json))),
            Self::Pattern(_) => Ok(None),
        }
    }
}

impl Steps {
    /// What the steps lead to; for indefinite ones an array, unless it would be empty.
    fn value<'j>(&self, json: &'j Json, walk: &Walk<'_>) -> Result<Option<Cow<'j, Json>>, Exhausted> {
        walk.charge(self.segments.len())?;
        let (first, rest) = self.segments.split_at(self.definite);
        let Ok(found) = follow(json, first) else { return Ok(None) };
        if rest.is_empty() {
            return Ok(Some(found));
        }
        let items = walk.all(&found, rest)?;
        Ok((!items.is_empty()).then(|| Cow::Owned(Json::array(items))))
    }
}

/// Filters are equal if they are written alike.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
