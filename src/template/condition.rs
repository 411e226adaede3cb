//! Conditions: the section of that name, and the functions that make them.

use serde_json::Value;

use super::error::{TemplateError, short};
use super::place::Place;
use super::resolve::{Resolver, intrinsic, shape};

impl Resolver<'_> {
    /// Whether the condition called `name` holds.
    pub(super) fn named_condition(&mut self, name: &str, place: &Place<'_>) -> Result<bool, TemplateError> {
        let conditions = self.template.section("Conditions");
        let Some(condition) = conditions.and_then(|conditions| conditions.get(name)) else {
            let known = conditions.into_iter().flatten().map(|(name, _)| name.as_str());
            return Err(TemplateError::unknown(place, "condition", name, known));
        };
        self.guarded(&format!("Condition {name}"), place, |resolver| {
            resolver.condition(condition, &Place::of(&["Conditions", name], place.depth()))
        })
    }

    /// The first argument of `Fn::If`: a condition's name, or a condition.
    pub(super) fn condition_or_name(
        &mut self,
        value: &Value,
        place: &Place<'_>,
    ) -> Result<bool, TemplateError> {
        match value {
            Value::String(name) => self.named_condition(name, place),
            _ => self.condition(value, place),
        }
    }

    /// Whether `value` holds: a function, a reference to a condition, or a literal.
    fn condition(&mut self, value: &Value, place: &Place<'_>) -> Result<bool, TemplateError> {
        self.enter(place)?;
        if let Value::Object(members) = value {
            if let Some((name @ ("Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not"), argument)) =
                intrinsic(members)
            {
                return self.call_condition(name, argument, &place.key(name));
            }
            if let (1, Some(Value::String(name))) = (members.len(), members.get("Condition")) {
                return self.named_condition(name, &place.key("Condition"));
            }
        }
        match self.evaluate(value, place)? {
            Some(Value::Bool(holds)) => Ok(holds),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            other => Err(TemplateError::malformed(
                place,
                format!("a condition is needed here, not {}", other.as_ref().map_or("nothing", shape)),
            )
            .with_help("use `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` or `Condition`")),
        }
    }

    /// The functions that make conditions.
    pub(super) fn call_condition(
        &mut self,
        name: &str,
        argument: &Value,
        place: &Place<'_>,
    ) -> Result<bool, TemplateError> {
        let Value::Array(arguments) = argument else {
            return Err(TemplateError::malformed(
                place,
                format!("`{}` takes a list, not {}", short(name), shape(argument)),
            ));
        };
        match (name, arguments.as_slice()) {
            ("Fn::Equals", [a, b]) => {
                let a = self.evaluate(a, &place.index(0))?;
                let b = self.evaluate(b, &place.index(1))?;
                Ok(comparable(a) == comparable(b))
            }
            ("Fn::Not", [condition]) => Ok(!self.condition(condition, &place.index(0))?),
            ("Fn::And" | "Fn::Or", conditions @ [_, ..]) => {
                // The first that decides ends it: `Or` at true, `And` at false.
                let decisive = name == "Fn::Or";
                for (index, condition) in conditions.iter().enumerate() {
                    if self.condition(condition, &place.index(index))? == decisive {
                        return Ok(decisive);
                    }
                }
                Ok(!decisive)
            }
            (_, arguments) => Err(TemplateError::malformed(
                place,
                format!("`{}` does not take {} arguments", short(name), arguments.len()),
            )),
        }
    }
}

/// Values compare as the texts that CloudFormation makes of them: `1` equals `"1"`.
fn comparable(value: Option<Value>) -> Option<Value> {
    match value {
        Some(Value::Number(number)) => Some(number.to_string().into()),
        Some(Value::Bool(value)) => Some(value.to_string().into()),
        other => other,
    }
}
