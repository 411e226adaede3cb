//! Parameters of a template, and the pseudo parameters that every template has.

use serde_json::Value;

use super::error::TemplateError;
use super::place::Place;
use super::resolve::{NODE_COST, Resolver};

impl Resolver<'_> {
    /// The value of `AWS::name`.
    pub(super) fn pseudo(&mut self, name: &str, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let values = self.values;
        let text = match name {
            "NoValue" => return Ok(None),
            "NotificationARNs" => {
                return Ok(Some(values.notification_arns.iter().map(String::as_str).collect()));
            }
            "AccountId" => values.account.clone(),
            "Partition" => values.partition_name().to_owned(),
            "Region" => values.region.clone(),
            "StackName" => values.stack_name.clone(),
            "URLSuffix" => values.url_suffix().to_owned(),
            "StackId" => format!(
                "arn:{}:cloudformation:{}:{}:stack/{}/00000000-0000-0000-0000-000000000000",
                values.partition_name(),
                values.region,
                values.account,
                values.stack_name
            ),
            _ => {
                return Err(TemplateError::unknown(
                    place,
                    "pseudo parameter",
                    &format!("AWS::{name}"),
                    PSEUDO_PARAMETERS.iter().copied(),
                ));
            }
        };
        self.produce(text, place)
    }

    /// The value of a parameter: given, its default, the first it allows, or its name.
    pub(super) fn parameter(
        &mut self,
        name: &str,
        parameter: &Value,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        let type_name = parameter.get("Type").and_then(Value::as_str).unwrap_or("String");
        let written = || {
            let allowed = || parameter.get("AllowedValues").and_then(|allowed| allowed.get(0));
            let smallest = || parameter.get("MinValue");
            parameter.get("Default").or_else(allowed).or_else(smallest)
        };
        let text = match (self.values.parameters.get(name), written()) {
            (Some(given), _) => given.clone(),
            (None, Some(Value::String(text))) => text.clone(),
            (None, Some(Value::Number(number))) => number.to_string(),
            (None, Some(Value::Bool(value))) => value.to_string(),
            (None, Some(Value::Array(items))) => {
                let texts = items.iter().map(|item| item.as_str().map_or(item.to_string(), str::to_owned));
                texts.collect::<Vec<_>>().join(",")
            }
            (None, _) if type_name == "Number" => "1".to_owned(),
            (None, _) => name.to_owned(),
        };
        if type_name == "CommaDelimitedList" || type_name.contains("List<") {
            self.spend(text.len() + text.matches(',').count() * NODE_COST, place)?;
            return Ok(Some(text.split(',').map(str::trim).collect()));
        }
        self.produce(text, place)
    }
}

const PSEUDO_PARAMETERS: &[&str] = &[
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];
