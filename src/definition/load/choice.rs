//! Reading Choice rules.

use serde_json::Value;

use super::Reader;
use super::object::Object;
use crate::definition::choice::{
    Choice, ChoiceRule, Comparison, Condition, Family, Operator, Relation, Test,
};
use crate::definition::document::Element;
use crate::definition::field::Shape;
use crate::diagnostic::{Code, Diagnostic, Trail};

/// What a rule may test; exactly one of them, as AWS lists them.
const SELECTORS: [&str; 5] = ["And", "Or", "Not", "Variable", "Condition"];

impl Reader {
    /// What only a Choice state has.
    pub(super) fn choice(&mut self, state: Object<'_>) -> Choice {
        self.require(state, &["Choices"]);
        let choices = self.filled_list(state, "Choices", |reader, value, at| reader.rule(state, value, at));
        Choice { choices: choices.unwrap_or_default(), default: self.text(state, "Default") }
    }

    fn rule(&mut self, state: Object<'_>, value: Element<'_>, at: &Trail<'_>) -> Option<ChoiceRule> {
        let map = self.object(value, at)?;
        let object = Object { map, at, shape: Shape::ChoiceRule, language: state.language };
        let condition = self.condition(object);
        self.require(object, &["Next"]);
        Some(ChoiceRule {
            condition,
            next: self.text(object, "Next"),
            assign: self.map(object, "Assign"),
            output: self.value(object, "Output"),
        })
    }

    fn nested(&mut self, rule: Object<'_>, value: Element<'_>, at: &Trail<'_>) -> Option<Condition> {
        let map = self.object(value, at)?;
        Some(self.condition(Object { map, at, shape: Shape::NestedRule, language: rule.language }))
    }

    fn condition(&mut self, object: Object<'_>) -> Condition {
        self.fields(object);
        let mut present = SELECTORS.into_iter().filter(|name| object.has(name));
        let (first, second) = (present.next(), present.next());
        if first.is_none() || second.is_some() {
            self.selectors(object, first.zip(second));
        }
        let test = match first {
            Some("And") => self.operands(object, "And").map(Test::And),
            Some("Or") => self.operands(object, "Or").map(Test::Or),
            Some("Not") => object
                .get("Not")
                .and_then(|(value, at)| self.nested(object, value, &at))
                .map(|condition| Test::Not(Box::new(condition))),
            Some("Variable") => self.comparison(object).map(Test::Comparison),
            Some(_) => self.expression(object).map(Test::Expression),
            None => None,
        };
        Condition { comment: self.text(object, "Comment"), test }
    }

    fn operands(&mut self, rule: Object<'_>, name: &str) -> Option<Vec<Condition>> {
        self.filled_list(rule, name, |reader, value, at| reader.nested(rule, value, at))
    }

    fn selectors(&mut self, object: Object<'_>, present: Option<(&str, &str)>) {
        let operator = object.map.keys().find(|name| Operator::from_name(name).is_some());
        let (pointer, message) = match present {
            Some((first, second)) => {
                (object.at.key(second).pointer(), format!("`{second}` and `{first}` exclude each other"))
            }
            None => (
                object.at.pointer(),
                match operator {
                    Some(operator) => format!("`{operator}` needs a `Variable` to compare"),
                    None => "a rule needs something to test".into(),
                },
            ),
        };
        let aws =
            format!("The object must have only one of the following fields, [{}]", SELECTORS.join(", "));
        let diagnostic = Diagnostic::new(Code::ChoiceRule, pointer, message).at_key();
        self.report(diagnostic.with_aws_at(aws, Some(object.at.pointer().aws_location())));
    }

    fn expression(&mut self, object: Object<'_>) -> Option<Value> {
        let (value, at) = object.get("Condition")?;
        match value {
            Element::String(_) | Element::Bool(_) => Some(value.to_value()),
            _ => {
                self.wrong_type(value, &at, "an expression, `true` or `false`", "String");
                None
            }
        }
    }

    fn comparison(&mut self, object: Object<'_>) -> Option<Comparison> {
        let variable = self.text(object, "Variable");
        let mut operators =
            object.map.iter().filter_map(|(name, value)| Some((name, Operator::from_name(name)?, value)));
        let first = operators.next();
        let second = operators.next();
        if first.is_none() || second.is_some() {
            let (pointer, message) = match (first, second) {
                (Some((first, ..)), Some((second, ..))) => {
                    (object.at.key(second).pointer(), format!("`{second}` and `{first}` exclude each other"))
                }
                _ => (object.at.key("Variable").pointer(), "`Variable` is not compared with anything".into()),
            };
            let names: Vec<_> = Operator::names().collect();
            let aws = format!("There should only be one of the following fields: [{}]", names.join(", "));
            let diagnostic = Diagnostic::new(Code::Comparison, pointer, message).at_key();
            self.report(diagnostic.with_aws_at(aws, Some(object.at.pointer().aws_location())));
        }
        let (name, operator, operand) = first?;
        self.operand(operator, operand, &object.at.key(name));
        Some(Comparison { variable, operator, operand: operand.to_value() })
    }

    /// Reports an operand of another type than the operator takes.
    fn operand(&mut self, operator: Operator, value: Element<'_>, at: &Trail<'_>) {
        let boolean = operator.relation == Relation::Is || operator.family == Family::Boolean;
        let is_string = value.as_str().is_some();
        let (fits, expected, aws) = match operator.family {
            _ if operator.is_path => (is_string, "a path", "String"),
            _ if boolean => (value.as_bool().is_some(), "`true` or `false`", "Boolean"),
            Family::Numeric => (matches!(value, Element::Number(_)), "a number", "Number"),
            Family::Timestamp => (is_string, "a timestamp", "String"),
            _ => (is_string, "a string", "String"),
        };
        let placeholder = match value {
            Element::String(text) if !fits => self.placeholder(text, at),
            _ => false,
        };
        if !fits && !placeholder {
            self.wrong_type(value, at, expected, aws);
        }
    }
}
