//! A state machine among the resources of a template.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::MAX_BYTES;
use super::error::{TemplateError, TemplateErrorKind, short};
use super::name::Resource;
use super::place::Place;
use super::placeholder::{Piece, pieces};
use super::resolve::{Resolver, shape, text_of};
use super::schedule::Schedule;

/// A state machine as a template describes it, with all values resolved.
///
/// ```
/// use stepwright::template::{MachineType, Template};
///
/// let template = Template::parse(r#"{
///     "Transform": "AWS::Serverless-2016-10-31",
///     "Resources": {
///         "Notes": { "Type": "AWS::SNS::Topic" },
///         "Notify": { "Type": "AWS::Serverless::StateMachine", "Properties": {
///             "Type": "EXPRESS",
///             "DefinitionUri": "machines/notify.asl.json",
///             "DefinitionSubstitutions": { "Topic": { "Ref": "Notes" } } } } } }"#)?;
/// let machine = template.state_machine("Notify")?;
/// assert_eq!(machine.machine_type, MachineType::Express);
/// assert_eq!(machine.definition_file(), Some("machines/notify.asl.json"));
///
/// // The caller reads the file, wherever it is.
/// let machine = machine.with_definition(r#"{ "Comment": "tells ${Topic}; ${Other} stays" }"#)?;
/// assert_eq!(
///     machine.definition()?,
///     r#"{ "Comment": "tells arn:aws:sns:us-east-1:123456789012:Notes; ${Other} stays" }"#
/// );
/// # Ok::<(), stepwright::template::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateMachineResource {
    /// The name of the resource in the template.
    pub logical_id: String,
    /// The machine's name; the logical id when the template leaves naming to CloudFormation.
    pub name: String,
    /// The machine's ARN.
    pub arn: String,
    /// STANDARD or EXPRESS.
    pub machine_type: MachineType,
    /// The ARN of the role it runs as.
    pub role_arn: Option<String>,
    /// The schedules that start it: SAM's events, and rules and schedules of EventBridge.
    pub schedules: Vec<Schedule>,
    definition: Source,
    substitutions: BTreeMap<String, String>,
}

/// The two types of state machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MachineType {
    /// Durable, with a history: what a machine is that says nothing.
    #[default]
    Standard,
    /// Short and many.
    Express,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Text(String),
    File(String),
}

impl StateMachineResource {
    /// The definition, with its `DefinitionSubstitutions` filled.
    ///
    /// Placeholders that the template has no value for stay as they are. A definition that the template has
    /// as an object is given as JSON text.
    ///
    /// # Errors
    ///
    /// When the definition is in a file, and [`with_definition`](Self::with_definition) has not given it:
    ///
    /// ```
    /// use stepwright::template::{Template, TemplateErrorKind};
    ///
    /// let template = Template::parse(r#"{ "Resources": { "M": { "Type": "AWS::Serverless::StateMachine",
    ///     "Properties": { "DefinitionUri": "m.asl.json" } } } }"#)?;
    /// let error = template.state_machine("M")?.definition().unwrap_err();
    /// assert_eq!(error.kind(), TemplateErrorKind::DefinitionElsewhere);
    /// assert_eq!(error.message(), "the definition of `M` is in `m.asl.json`");
    /// # Ok::<(), stepwright::template::TemplateError>(())
    /// ```
    pub fn definition(&self) -> Result<&str, TemplateError> {
        match &self.definition {
            Source::Text(text) => Ok(text),
            Source::File(file) => Err(TemplateError::new(
                TemplateErrorKind::DefinitionElsewhere,
                &Place::of(&["Resources", &self.logical_id], 0),
                format!("the definition of `{}` is in `{}`", short(&self.logical_id), short(file)),
            )
            .with_help("read it, and hand the text over with `with_definition`")),
        }
    }

    /// The file that has the definition, when the template does not have it itself: a path relative to the
    /// template's, or `s3://bucket/key`.
    pub fn definition_file(&self) -> Option<&str> {
        match &self.definition {
            Source::Text(_) => None,
            Source::File(file) => Some(file),
        }
    }

    /// With `text` as its definition, in which the `DefinitionSubstitutions` are filled.
    ///
    /// # Errors
    ///
    /// When the text grows beyond all that a definition may be.
    pub fn with_definition(mut self, text: &str) -> Result<Self, TemplateError> {
        self.definition = Source::Text(self.filled(text)?);
        Ok(self)
    }

    /// The `DefinitionSubstitutions`, resolved.
    pub fn substitutions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.substitutions.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `text` with each `${Name}` that has a substitution replaced, once and as it is.
    fn filled(&self, text: &str) -> Result<String, TemplateError> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            filled.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Name(name, whole) => self.substitutions.get(name).map_or(whole, String::as_str),
            });
            if filled.len() > MAX_BYTES {
                let message = format!("the definition has more than {MAX_BYTES} bytes");
                let path = ["Resources", &self.logical_id, "Properties", "DefinitionSubstitutions"];
                let place = &Place::of(&path, 0);
                return Err(TemplateError::new(TemplateErrorKind::TooLarge, place, message));
            }
        }
        Ok(filled)
    }
}

impl MachineType {
    /// `STANDARD` or `EXPRESS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

impl fmt::Display for MachineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether `resource` is a state machine.
pub(super) fn is_state_machine(resource: &Value) -> bool {
    matches!(
        resource.get("Type").and_then(Value::as_str),
        Some("AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine")
    )
}

impl Resolver<'_> {
    /// Whether the condition of the resource `id` holds; most resources have none.
    pub(super) fn is_created(&mut self, id: &str, resource: &Value) -> Result<bool, TemplateError> {
        match resource.get("Condition").and_then(Value::as_str) {
            Some(name) => self.named_condition(name, &Place::of(&["Resources", id, "Condition"], 0)),
            None => Ok(true),
        }
    }

    /// The state machine that `resource`, called `id`, describes.
    pub(super) fn state_machine(
        &mut self,
        id: &str,
        resource: &Value,
    ) -> Result<StateMachineResource, TemplateError> {
        let path = ["Resources", id, "Properties"];
        let place = &Place::of(&path, 0);
        let name = self.resource_name(id, place)?;
        let arn = match self.reference(id, place)? {
            Some(arn) => text_of(arn, place)?,
            None => String::new(),
        };
        let mut machine = StateMachineResource {
            logical_id: id.to_owned(),
            name,
            arn,
            machine_type: self.machine_type(resource, place)?,
            role_arn: self.role_arn(id, resource, place)?,
            schedules: Vec::new(),
            definition: self.definition(id, resource, place)?,
            substitutions: self.substitutions(resource, place)?,
        };
        if let Source::Text(text) = &machine.definition {
            machine.definition = Source::Text(machine.filled(text)?);
        }
        machine.schedules = self.schedules(&machine, resource)?;
        Ok(machine)
    }

    fn machine_type(&mut self, resource: &Value, place: &Place<'_>) -> Result<MachineType, TemplateError> {
        for key in ["StateMachineType", "Type"] {
            let Some(value) = property(resource, key) else { continue };
            let place = &place.key(key);
            return match self.text(value, place)?.as_deref() {
                Some("STANDARD") | None => Ok(MachineType::Standard),
                Some("EXPRESS") => Ok(MachineType::Express),
                Some(other) => Err(TemplateError::unknown(
                    place,
                    "type of state machines",
                    other,
                    ["STANDARD", "EXPRESS"],
                )
                .or_help("a state machine is STANDARD or EXPRESS")),
            };
        }
        Ok(MachineType::Standard)
    }

    fn role_arn(
        &mut self,
        id: &str,
        resource: &Value,
        place: &Place<'_>,
    ) -> Result<Option<String>, TemplateError> {
        for key in ["RoleArn", "Role"] {
            if let Some(value) = property(resource, key) {
                return self.text(value, &place.key(key));
            }
        }
        // SAM makes a role where the template names none.
        let role = format!("{id}Role");
        match self.resource(&role).as_ref().map(|role: &Resource<'_>| role.type_name) {
            Some("AWS::IAM::Role") => self.attribute(&role, "Arn", place).map(Some),
            _ => Ok(None),
        }
    }

    fn definition(&mut self, id: &str, resource: &Value, place: &Place<'_>) -> Result<Source, TemplateError> {
        const KEYS: [&str; 4] = ["DefinitionString", "Definition", "DefinitionUri", "DefinitionS3Location"];
        for key in KEYS {
            let Some(value) = property(resource, key) else { continue };
            let place = &place.key(key);
            let value = self.evaluate(value, place)?;
            return match (key, value) {
                (_, None) => continue,
                ("DefinitionString" | "Definition", Some(Value::String(text))) => Ok(Source::Text(text)),
                ("Definition", Some(Value::Object(object))) => {
                    Ok(Source::Text(format!("{:#}", Value::Object(object))))
                }
                ("DefinitionUri", Some(Value::String(path))) => Ok(Source::File(path)),
                ("DefinitionUri" | "DefinitionS3Location", Some(Value::Object(location))) => {
                    let part = |key| match location.get(key) {
                        Some(part) => text_of(part.clone(), &place.key(key)),
                        None => Err(TemplateError::malformed(place, format!("`{key}` is missing"))),
                    };
                    Ok(Source::File(format!("s3://{}/{}", part("Bucket")?, part("Key")?)))
                }
                ("DefinitionString", Some(Value::Object(_))) => {
                    Err(TemplateError::malformed(place, "`DefinitionString` takes a text, not an object")
                        .with_help("call it `Definition`"))
                }
                (_, Some(other)) => {
                    Err(TemplateError::malformed(place, format!("`{key}` does not take {}", shape(&other))))
                }
            };
        }
        Err(TemplateError::malformed(place, format!("the state machine `{}` has no definition", short(id)))
            .with_help("a state machine has one of `DefinitionString`, `Definition`, `DefinitionUri` and `DefinitionS3Location`"))
    }

    fn substitutions(
        &mut self,
        resource: &Value,
        place: &Place<'_>,
    ) -> Result<BTreeMap<String, String>, TemplateError> {
        const KEY: &str = "DefinitionSubstitutions";
        let Some(value) = property(resource, KEY) else {
            return Ok(BTreeMap::new());
        };
        let place = &place.key(KEY);
        match self.evaluate(value, place)? {
            Some(Value::Object(members)) => {
                let text = |(name, value): (String, Value)| {
                    let text = text_of(value, &place.key(&name))?;
                    Ok((name, text))
                };
                members.into_iter().map(text).collect()
            }
            None => Ok(BTreeMap::new()),
            Some(other) => Err(TemplateError::malformed(
                place,
                format!("`{KEY}` takes an object of texts, not {}", shape(&other)),
            )),
        }
    }
}

/// The property `key` of `resource`, as it is written.
pub(super) fn property<'r>(resource: &'r Value, key: &str) -> Option<&'r Value> {
    resource.get("Properties")?.get(key)
}
