//! State machines out of CloudFormation templates: as CDK synthesizes them, as SAM and people write them.
//!
//! A template is read as a stack would be made from it: intrinsic functions (`Fn::Join`, `Fn::Sub`, `Ref`,
//! `Fn::GetAtt`, `Fn::If`, ...) are resolved against [`Values`] that the caller gives, and what the caller
//! does not give has a readable default. Nothing is called, and no file is opened.
//!
//! ```
//! use stepwright::template::Template;
//!
//! let template = Template::parse(r#"{ "Resources": {
//!     "Greet": { "Type": "AWS::Lambda::Function" },
//!     "Welcome": { "Type": "AWS::StepFunctions::StateMachine", "Properties": {
//!         "DefinitionString": { "Fn::Join": ["", [
//!             "{\"StartAt\":\"Greet\",\"States\":{\"Greet\":{\"Type\":\"Task\",\"End\":true,\"Resource\":\"",
//!             { "Fn::GetAtt": ["Greet", "Arn"] },
//!             "\"}}}"] ] } } },
//!     "Daily": { "Type": "AWS::Events::Rule", "Properties": {
//!         "ScheduleExpression": "rate(1 day)",
//!         "Targets": [{ "Id": "welcome", "Arn": { "Ref": "Welcome" }, "Input": "{}" }] } } } }"#)?;
//!
//! let machine = template.state_machine("Welcome")?;
//! assert_eq!(machine.arn, "arn:aws:states:us-east-1:123456789012:stateMachine:Welcome");
//! assert!(machine.definition()?.contains("arn:aws:lambda:us-east-1:123456789012:function:Greet"));
//! assert_eq!(machine.schedules[0].expression, "rate(1 day)");
//! # Ok::<(), stepwright::template::TemplateError>(())
//! ```
//!
//! # What is not read
//!
//! Macros (`Fn::Transform`, `AWS::Include`) and loops (`Fn::ForEach`) only CloudFormation can expand: where
//! such a value is needed, the error names the place. SAM's own transform is understood as far as names and
//! state machines go. Dynamic references (`{{resolve:ssm:...}}`) stay as they are.

mod condition;
mod error;
mod intrinsic;
mod kind;
mod machine;
mod name;
mod parameter;
mod place;
mod placeholder;
mod resolve;
mod schedule;
mod serverless;
#[cfg(test)]
mod tests;
mod values;
#[cfg(feature = "yaml")]
mod yaml;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use error::{TemplateError, TemplateErrorKind};
pub use machine::{MachineType, StateMachineResource};
pub use schedule::{Schedule, ScheduleInput};
pub use values::Values;

use place::Place;
use resolve::{MAX_DEPTH, Resolver};

/// The longest text that is read as a template or made into a definition; CloudFormation takes 1 MB.
const MAX_BYTES: usize = 8 << 20;

/// A template, and the values it is resolved against.
///
/// It is cheap to clone: the document is shared.
#[derive(Clone, Debug)]
pub struct Template {
    document: Arc<Map<String, Value>>,
    values: Values,
}

impl Template {
    /// Reads a template from JSON or, with the feature `yaml`, YAML with CloudFormation's short tags.
    ///
    /// Text whose first character is `{` is JSON.
    ///
    /// # Errors
    ///
    /// When the text is neither, or is something else than a template:
    ///
    /// ```
    /// use stepwright::template::Template;
    ///
    /// let error = Template::parse(r#"{ "StartAt": "A", "States": {} }"#).unwrap_err();
    /// assert_eq!(error.to_string(), "this is a state machine's definition, and not a template with `Resources` \
    ///     (help: parse it as a definition)");
    /// ```
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.len() > MAX_BYTES {
            let message = format!("the text has {} bytes, more than any template may have", text.len());
            return Err(TemplateError::new(TemplateErrorKind::TooLarge, &Place::ROOT, message));
        }
        let document = match text.starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| syntax("JSON", &error.to_string()))?,
            false => yaml::read(text)?,
        };
        Self::from_value(document)
    }

    /// A template that has been read already, with the long form of every intrinsic function.
    ///
    /// # Errors
    ///
    /// When the document is something else:
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::template::{Template, TemplateErrorKind};
    ///
    /// let error = Template::from_value(json!([1, 2])).unwrap_err();
    /// assert_eq!(error.kind(), TemplateErrorKind::NotATemplate);
    /// ```
    pub fn from_value(document: Value) -> Result<Self, TemplateError> {
        let not = |what: &str| {
            let message = format!("this is {what}, and not a template with `Resources`");
            TemplateError::new(TemplateErrorKind::NotATemplate, &Place::ROOT, message)
        };
        if is_deeper(&document, MAX_DEPTH) {
            let message = format!("the template is more than {MAX_DEPTH} steps deep");
            return Err(TemplateError::new(TemplateErrorKind::TooLarge, &Place::ROOT, message));
        }
        let Value::Object(document) = document else {
            return Err(not(resolve::shape(&document)));
        };
        match document.get("Resources") {
            Some(Value::Object(_)) => Ok(Self { document: Arc::new(document), values: Values::default() }),
            Some(other) => Err(TemplateError::malformed(
                &Place::of(&["Resources"], 0),
                format!("`Resources` is {}, and should be an object", resolve::shape(other)),
            )),
            None if document.contains_key("StartAt") && document.contains_key("States") => {
                Err(not("a state machine's definition").with_help("parse it as a definition"))
            }
            None => Err(not("an object")),
        }
    }

    /// The same template, resolved against `values`.
    #[must_use]
    pub fn with_values(self, values: Values) -> Self {
        Self { values, ..self }
    }

    /// The state machines of the template, in its order: the resources of the types
    /// `AWS::StepFunctions::StateMachine` and `AWS::Serverless::StateMachine` whose condition holds.
    ///
    /// # Errors
    ///
    /// When one of them does not resolve; [`Template::state_machine`] reads one alone.
    ///
    /// ```
    /// use stepwright::template::{Template, TemplateErrorKind};
    ///
    /// let template = Template::parse(r#"{ "Resources": { "Machine": {
    ///     "Type": "AWS::StepFunctions::StateMachine",
    ///     "Properties": { "Definition": { "Fn::Transform": { "Name": "AWS::Include" } } } } } }"#)?;
    /// let error = template.state_machines().unwrap_err();
    /// assert_eq!(error.kind(), TemplateErrorKind::Unsupported);
    /// assert_eq!(error.pointer(), "/Resources/Machine/Properties/Definition/Fn::Transform");
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    pub fn state_machines(&self) -> Result<Vec<StateMachineResource>, TemplateError> {
        let mut machines = Vec::new();
        // One for all, so that many machines are not many times as much work.
        let mut resolver = Resolver::new(self);
        for (id, resource) in self.section("Resources").into_iter().flatten() {
            if machine::is_state_machine(resource) && resolver.is_created(id, resource)? {
                machines.push(resolver.state_machine(id, resource)?);
            }
        }
        Ok(machines)
    }

    /// The state machine with the logical id `id`, whether or not its condition holds.
    ///
    /// # Errors
    ///
    /// When it does not resolve, or there is none of that id:
    ///
    /// ```
    /// use stepwright::template::Template;
    ///
    /// let template = Template::parse(r#"{ "Resources": { "Queue": { "Type": "AWS::SQS::Queue" } } }"#)?;
    /// let error = template.state_machine("Machine").unwrap_err();
    /// assert_eq!(error.to_string(), "/Resources: no state machine is named `Machine`");
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    pub fn state_machine(&self, id: &str) -> Result<StateMachineResource, TemplateError> {
        let resources = self.section("Resources");
        match resources.and_then(|resources| resources.get(id)) {
            Some(resource) if machine::is_state_machine(resource) => {
                Resolver::new(self).state_machine(id, resource)
            }
            _ => {
                let entries = resources.into_iter().flatten();
                let known =
                    entries.filter(|(_, it)| machine::is_state_machine(it)).map(|(id, _)| id.as_str());
                let error = TemplateError::unknown(&Place::of(&["Resources"], 0), "state machine", id, known);
                match resources.into_iter().flatten().find(|(key, _)| key.starts_with("Fn::")) {
                    Some((key, _)) => Err(error.or_help(format!(
                        "`{}` may add resources, which only CloudFormation can expand",
                        error::short(key)
                    ))),
                    None => Err(error),
                }
            }
        }
    }

    /// What `Ref` of `name` gives: a parameter, a pseudo parameter, a queue's URL, a function's name.
    ///
    /// # Errors
    ///
    /// When nothing has that name, or its value is not a text:
    ///
    /// ```
    /// use stepwright::template::Template;
    ///
    /// let template = Template::parse(r#"{ "Resources": { "Queue": { "Type": "AWS::SQS::Queue" } } }"#)?;
    /// assert_eq!(template.reference("AWS::Region")?, "us-east-1");
    /// assert!(template.reference("Quark").is_err());
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    pub fn reference(&self, name: &str) -> Result<String, TemplateError> {
        let place = &Place::ROOT;
        match Resolver::new(self).reference(name, place)? {
            Some(value) => resolve::text_of(value, place),
            None => Err(TemplateError::malformed(place, "`AWS::NoValue` has no text")),
        }
    }

    /// What `Fn::GetAtt` of `LogicalId.Attribute` gives, such as a function's ARN.
    ///
    /// # Errors
    ///
    /// When no resource has that logical id:
    ///
    /// ```
    /// use stepwright::template::Template;
    ///
    /// let template = Template::parse(r#"{ "Resources": { "Greet": { "Type": "AWS::Lambda::Function" } } }"#)?;
    /// assert_eq!(template.attribute("Greet.Arn")?, "arn:aws:lambda:us-east-1:123456789012:function:Greet");
    /// let error = template.attribute("Great.Arn").unwrap_err();
    /// assert_eq!(error.help(), Some("did you mean `Greet`?"));
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    pub fn attribute(&self, name: &str) -> Result<String, TemplateError> {
        let (id, attribute) = name.split_once('.').unwrap_or((name, "Arn"));
        Resolver::new(self).attribute(id, attribute, &Place::ROOT)
    }

    /// The value of the output `name`.
    ///
    /// # Errors
    ///
    /// When there is no such output, or it does not resolve to a text:
    ///
    /// ```
    /// use stepwright::template::Template;
    ///
    /// let template = Template::parse(r#"{ "Resources": {}, "Outputs": {
    ///     "Where": { "Value": { "Fn::Sub": "https://shop.${AWS::Region}.example.com" } } } }"#)?;
    /// assert_eq!(template.output("Where")?, "https://shop.us-east-1.example.com");
    /// assert!(template.output("When").is_err());
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    pub fn output(&self, name: &str) -> Result<String, TemplateError> {
        let outputs = self.section("Outputs");
        let Some(output) = outputs.and_then(|outputs| outputs.get(name)) else {
            let known = outputs.into_iter().flatten().map(|(name, _)| name.as_str());
            return Err(TemplateError::unknown(&Place::of(&["Outputs"], 0), "output", name, known));
        };
        let path = ["Outputs", name, "Value"];
        let place = &Place::of(&path, 0);
        Resolver::new(self).needed_text(output.get("Value").unwrap_or(&Value::Null), place)
    }

    /// The members of a section such as `Resources`.
    fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        self.document.get(name).and_then(Value::as_object)
    }
}

/// Whether `value` has more than `depth` containers within containers.
fn is_deeper(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, below)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn syntax(language: &str, error: &str) -> TemplateError {
    let message = format!("the text is not {language}: {error}");
    TemplateError::new(TemplateErrorKind::Syntax, &Place::ROOT, message)
}

#[cfg(not(feature = "yaml"))]
mod yaml {
    use super::{TemplateError, Value, syntax};

    /// Without the feature, JSON is all there is.
    pub(super) fn read(text: &str) -> Result<Value, TemplateError> {
        serde_json::from_str(text).map_err(|error| {
            syntax("JSON", &error.to_string())
                .with_help("templates in YAML need the feature `yaml` of this crate")
        })
    }
}
