//! Choice rules: operators, their operands, and the boolean nodes around them.

use serde_json::Value;

use crate::compile::{Compiler, Listed, all};
use crate::definition::{self, Family, Operator};
use crate::diagnostic::Trail;
use crate::machine::choice::{Condition, JsonType, Operand, Relation, Rule, Rules, Test};
use crate::machine::state::Choice;
use crate::pattern::Pattern;

impl<'d> Compiler<'_, 'd> {
    pub(super) fn choice(&mut self, listed: &Listed<'_, 'd>, choice: &definition::Choice) -> Option<Choice> {
        let at = listed.at.key("Choices");
        let numbered = choice.choices.iter().enumerate();
        let rules = if self.in_jsonata {
            all(numbered.map(|(n, rule)| self.jsonata_rule(listed.block, n, rule, &at.index(n))))
                .map(Rules::Jsonata)
        } else {
            all(numbered.map(|(n, rule)| self.rule(listed.block, rule, &at.index(n)))).map(Rules::JsonPath)
        };
        let default = match &choice.default {
            Some(default) => Some(self.target(listed.block, default, &listed.at.key("Default"))?),
            None => None,
        };
        Some(Choice { rules: rules?, default })
    }

    fn rule(&mut self, block: usize, rule: &definition::ChoiceRule, at: &Trail<'_>) -> Option<Rule> {
        let condition = self.condition(&rule.condition, at);
        let next = self.target(block, rule.next.as_deref()?, &at.key("Next"));
        let assign = self.assign(rule.assign.as_ref(), &at.key("Assign"));
        Some(Rule { condition: condition?, next: next?, assign: assign? })
    }

    fn condition(&mut self, condition: &definition::Condition, at: &Trail<'_>) -> Option<Condition> {
        match condition.test.as_ref()? {
            definition::Test::And(all) => Some(Condition::And(self.conditions(all, &at.key("And"))?)),
            definition::Test::Or(any) => Some(Condition::Or(self.conditions(any, &at.key("Or"))?)),
            definition::Test::Not(condition) => {
                Some(Condition::Not(Box::new(self.condition(condition, &at.key("Not"))?)))
            }
            definition::Test::Comparison(comparison) => self.comparison(comparison, at),
            // Of a JSONata state; the reader has said that it cannot be here.
            definition::Test::Expression(_) => None,
        }
    }

    fn conditions(
        &mut self,
        conditions: &[definition::Condition],
        at: &Trail<'_>,
    ) -> Option<Box<[Condition]>> {
        all(conditions.iter().enumerate().map(|(n, condition)| self.condition(condition, &at.index(n))))
    }

    fn comparison(&mut self, comparison: &definition::Comparison, at: &Trail<'_>) -> Option<Condition> {
        let variable =
            comparison.variable.as_deref().and_then(|text| self.operand_path(text, &at.key("Variable")));
        let test = self.test(comparison.operator, &comparison.operand, &at.key(comparison.operator.name()));
        Some(Condition::Compare { variable: variable?, test: test? })
    }

    /// The reader has checked the operand's type.
    fn test(&mut self, operator: Operator, operand: &Value, at: &Trail<'_>) -> Option<Test> {
        use definition::Relation::{Is, Matches};
        let relation = match operator.relation {
            Is => return is(operator.family, operand.as_bool()?),
            Matches => return Some(Test::Matches(Pattern::parse(operand.as_str()?))),
            definition::Relation::Equals => Relation::Equals,
            definition::Relation::LessThan => Relation::LessThan,
            definition::Relation::GreaterThan => Relation::GreaterThan,
            definition::Relation::LessThanEquals => Relation::LessThanEquals,
            definition::Relation::GreaterThanEquals => Relation::GreaterThanEquals,
        };
        if operator.is_path {
            let path = self.operand_path(operand.as_str()?, at)?;
            return match operator.family {
                Family::String => Some(Test::String(relation, Operand::Path(path))),
                Family::Numeric => Some(Test::Number(relation, Operand::Path(path))),
                Family::Boolean => Some(Test::Boolean(Operand::Path(path))),
                Family::Timestamp => Some(Test::Timestamp(relation, Operand::Path(path))),
                Family::Null | Family::Present => None,
            };
        }
        match operator.family {
            Family::String => Some(Test::String(relation, Operand::Literal(operand.as_str()?.into()))),
            Family::Numeric => match operand {
                Value::Number(number) => Some(Test::Number(relation, Operand::Literal(number.clone()))),
                _ => None,
            },
            Family::Boolean => Some(Test::Boolean(Operand::Literal(operand.as_bool()?))),
            Family::Timestamp => {
                let nanos = self.nanos(operand.as_str()?, at)?;
                Some(Test::Timestamp(relation, Operand::Literal(nanos)))
            }
            Family::Null | Family::Present => None,
        }
    }
}

fn is(family: Family, expected: bool) -> Option<Test> {
    Some(match family {
        Family::Present => Test::IsPresent(expected),
        Family::Null => Test::Is(JsonType::Null, expected),
        Family::Numeric => Test::Is(JsonType::Numeric, expected),
        Family::String => Test::Is(JsonType::String, expected),
        Family::Boolean => Test::Is(JsonType::Boolean, expected),
        Family::Timestamp => Test::Is(JsonType::Timestamp, expected),
    })
}
