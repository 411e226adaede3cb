//! The schedules that start a state machine.

use std::time::Duration;

use serde_json::Value;

use super::error::TemplateError;
use super::machine::{StateMachineResource, property};
use super::place::Place;
use super::resolve::{ERROR_COST, Resolver, text_of};

/// A schedule that starts a state machine.
///
/// It comes from a SAM event of the type `Schedule` or `ScheduleV2`, from an `AWS::Events::Rule` that has the
/// machine among its targets, or from an `AWS::Scheduler::Schedule` that has it as its target.
///
/// ```
/// use std::time::Duration;
/// use stepwright::template::{ScheduleInput, Template};
///
/// let template = Template::parse(r#"{ "Resources": { "Sweep": { "Type": "AWS::Serverless::StateMachine",
///     "Properties": {
///         "Definition": { "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } },
///         "Events": { "Often": { "Type": "Schedule", "Properties": {
///             "Schedule": "rate(10 minutes)", "Input": "{\"full\":false}" } } } } } } }"#)?;
/// let schedule = &template.state_machine("Sweep")?.schedules[0];
/// assert_eq!(schedule.name, "SweepOften");
/// assert_eq!(schedule.every(), Some(Duration::from_secs(600)));
/// assert_eq!(schedule.input, ScheduleInput::Text(r#"{"full":false}"#.into()));
/// assert!(schedule.enabled);
/// # Ok::<(), stepwright::template::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// The name of the rule or the schedule.
    pub name: String,
    /// `rate(10 minutes)`, `cron(0 12 * * ? *)`, `at(2030-01-01T00:00:00)`.
    pub expression: String,
    /// What the machine is started with.
    pub input: ScheduleInput,
    /// Whether the schedule is on.
    pub enabled: bool,
}

/// What a [`Schedule`] starts its machine with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleInput {
    /// A text that the template has: JSON.
    Text(String),
    /// The event that EventBridge makes for each time.
    Event,
    /// Something that `InputPath` or `InputTransformer` make of that event.
    Derived,
}

impl Schedule {
    /// The time between two starts, for expressions such as `rate(10 minutes)`.
    ///
    /// Nothing for `cron(...)`, `at(...)` and what is no expression of EventBridge.
    pub fn every(&self) -> Option<Duration> {
        let rate = self.expression.trim().strip_prefix("rate(")?.strip_suffix(')')?;
        let (count, unit) = rate.trim().split_once(' ')?;
        let seconds = match unit.trim() {
            "second" | "seconds" => 1,
            "minute" | "minutes" => 60,
            "hour" | "hours" => 60 * 60,
            "day" | "days" => 24 * 60 * 60,
            _ => return None,
        };
        let count = count.parse::<u64>().ok().filter(|count| *count > 0)?;
        count.checked_mul(seconds).map(Duration::from_secs)
    }
}

impl Resolver<'_> {
    /// All that starts `machine`, which `resource` describes, on a schedule.
    pub(super) fn schedules(
        &mut self,
        machine: &StateMachineResource,
        resource: &Value,
    ) -> Result<Vec<Schedule>, TemplateError> {
        let id = machine.logical_id.as_str();
        let mut schedules = Vec::new();
        let events = property(resource, "Events").and_then(Value::as_object);
        for (name, event) in events.into_iter().flatten() {
            let path = ["Resources", id, "Properties", "Events", name, "Properties"];
            let place = &Place::of(&path, 0);
            let key = match event.get("Type").and_then(Value::as_str) {
                Some("Schedule") => "Schedule",
                Some("ScheduleV2") => "ScheduleExpression",
                _ => continue,
            };
            let rule = format!("{id}{name}");
            schedules.extend(self.schedule(&rule, event, key, event.get("Properties"), place)?);
        }
        for (rule, resource) in self.template.section("Resources").into_iter().flatten() {
            let path = ["Resources", rule, "Properties"];
            let place = &Place::of(&path, 0);
            self.spend(1, place)?;
            let key = match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::Events::Rule") => "Targets",
                Some("AWS::Scheduler::Schedule") => "Target",
                _ => continue,
            };
            let targets = match property(resource, key) {
                Some(Value::Array(targets)) => targets.as_slice(),
                Some(target) => std::slice::from_ref(target),
                None => continue,
            };
            let targets_place = &place.key(key);
            if property(resource, "ScheduleExpression").is_none() || !self.is_created(rule, resource)? {
                continue;
            }
            for (index, target) in targets.iter().enumerate() {
                let target_place = match key {
                    "Targets" => targets_place.index(index),
                    _ => *targets_place,
                };
                if self.starts(target, machine, &target_place)? {
                    let key = "ScheduleExpression";
                    schedules.extend(self.schedule(rule, resource, key, Some(target), place)?);
                }
            }
        }
        Ok(schedules)
    }

    /// Whether `target` is `machine`.
    fn starts(
        &mut self,
        target: &Value,
        machine: &StateMachineResource,
        place: &Place<'_>,
    ) -> Result<bool, TemplateError> {
        let Some(arn) = target.get("Arn") else {
            return Ok(false);
        };
        match self.text(arn, &place.key("Arn")) {
            Ok(arn) => Ok(arn.is_some_and(|arn| arn == machine.arn)),
            // What others are started by does not concern this machine.
            Err(error) if error.is_fatal() || arn.to_string().contains(&machine.logical_id) => Err(error),
            Err(_) => {
                self.spend(ERROR_COST, place)?;
                Ok(false)
            }
        }
    }

    /// The schedule that `resource` describes: its expression under `key`, and its input in `target`.
    fn schedule(
        &mut self,
        default_name: &str,
        resource: &Value,
        key: &str,
        target: Option<&Value>,
        place: &Place<'_>,
    ) -> Result<Option<Schedule>, TemplateError> {
        let Some(expression) = property(resource, key) else {
            return Ok(None);
        };
        let Some(expression) = self.text(expression, &place.key(key))? else {
            return Ok(None);
        };
        let name = match property(resource, "Name") {
            Some(written) => self.text(written, &place.key("Name"))?,
            None => None,
        };
        let state = match property(resource, "State").or_else(|| property(resource, "Enabled")) {
            Some(state) => self.text(state, &place.key("State"))?,
            None => None,
        };
        let target_has = |key: &str| target.is_some_and(|target| target.get(key).is_some());
        let input = match target.and_then(|target| target.get("Input")) {
            Some(input) => match self.evaluate(input, &place.key("Input"))? {
                None => ScheduleInput::Event,
                // SAM's users write objects, too.
                Some(object @ (Value::Object(_) | Value::Array(_))) => {
                    ScheduleInput::Text(object.to_string())
                }
                Some(text) => ScheduleInput::Text(text_of(text, &place.key("Input"))?),
            },
            None if target_has("InputPath") || target_has("InputTransformer") => ScheduleInput::Derived,
            None => ScheduleInput::Event,
        };
        Ok(Some(Schedule {
            name: name.unwrap_or_else(|| default_name.to_owned()),
            expression,
            input,
            enabled: !matches!(state.as_deref(), Some("DISABLED" | "false")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::Template;

    #[test]
    fn rules_and_schedules_find_their_machine() {
        let rule = |properties| json!({ "Type": "AWS::Events::Rule", "Properties": properties });
        let rate = "rate(2 hours)";
        let template = Template::from_value(json!({
            "Conditions": { "Never": { "Fn::Equals": [1, 2] } },
            "Resources": {
                "M": { "Type": "AWS::StepFunctions::StateMachine", "Properties": { "DefinitionString": "{}" } },
                "F": { "Type": "AWS::Lambda::Function" },
                "Off": rule(json!({ "ScheduleExpression": "cron(0 8 * * ? *)", "State": "DISABLED", "Name": "off",
                    "Targets": [{ "Arn": { "Fn::GetAtt": ["F", "Arn"] } }, { "Arn": { "Ref": "M" } }] })),
                "Macro": rule(json!({ "ScheduleExpression": rate,
                    "Targets": [{ "Arn": { "Fn::Transform": { "Name": "Other" } } }] })),
                "Pattern": rule(json!({ "EventPattern": {}, "Targets": [{ "Arn": { "Ref": "M" } }] })),
                "Scheduler": { "Type": "AWS::Scheduler::Schedule", "Properties": { "ScheduleExpression": rate,
                    "Target": { "Arn": { "Fn::Sub": "${M.Arn}" }, "InputPath": "$.time" } } },
                "NotHere": { "Type": "AWS::Events::Rule", "Condition": "Never", "Properties": {
                    "ScheduleExpression": rate, "Targets": [{ "Arn": { "Ref": "M" } }] } },
            },
        }));
        let schedules = template.unwrap().state_machine("M").unwrap().schedules;
        let schedule = |name: &str, expression: &str, input, enabled| Schedule {
            name: name.into(),
            expression: expression.into(),
            input,
            enabled,
        };
        assert_eq!(
            schedules,
            [
                schedule("off", "cron(0 8 * * ? *)", ScheduleInput::Event, false),
                schedule("Scheduler", rate, ScheduleInput::Derived, true),
            ]
        );
        assert_eq!(schedules[0].every(), None);
        assert_eq!(schedules[1].every(), Some(Duration::from_secs(7_200)));
    }
}
