//! What `Ref` and `Fn::GetAtt` name. Parameters and pseudo parameters are in `parameter.rs`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::error::TemplateError;
use super::kind::Kind;
use super::place::Place;
use super::resolve::{ERROR_COST, Resolver};
use super::serverless;

/// A resource, as the template has it or as SAM adds it.
pub(super) struct Resource<'t> {
    /// `AWS::SQS::Queue`.
    pub(super) type_name: &'t str,
    properties: Cow<'t, Value>,
}

impl<'t> Resolver<'t> {
    /// What `Ref` of `name` gives; nothing for `AWS::NoValue`.
    pub(super) fn reference(
        &mut self,
        name: &str,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        self.enter(place)?;
        if let Some(pseudo) = name.strip_prefix("AWS::") {
            return self.pseudo(pseudo, place);
        }
        if let Some(given) = self.values.references.get(name) {
            return self.produce(given.clone(), place);
        }
        if let Some(parameter) = self.template.section("Parameters").and_then(|all| all.get(name)) {
            return self.parameter(name, parameter, place);
        }
        if let Some(resource) = self.resource(name) {
            let kind = Kind::of(resource.type_name);
            let values = self.values;
            let given = |attribute| values.attributes.get(&format!("{name}.{attribute}"));
            if let Some(given) = kind.same_as_reference().find_map(given) {
                return self.produce(given.clone(), place);
            }
            let text = self
                .guarded(name, place, |resolver| resolver.expand(kind.reference, name, &resource, place))?;
            return self.produce(text, place);
        }
        // SAM's `!Ref Function.Version`, `Function.Alias`, `Api.Stage`.
        if let Some((id, attribute)) = name.split_once('.')
            && self.resource(id).is_some_and(|resource| resource.is_serverless())
        {
            return self.attribute(id, attribute, place).map(|text| Some(text.into()));
        }
        Err(self.unknown("parameter or resource", name, place))
    }

    /// What `Fn::GetAtt` of `attribute` of the resource `id` gives.
    pub(super) fn attribute(
        &mut self,
        id: &str,
        attribute: &str,
        place: &Place<'_>,
    ) -> Result<String, TemplateError> {
        self.enter(place)?;
        if let Some(given) = self.values.attributes.get(&format!("{id}.{attribute}")) {
            self.spend(given.len(), place)?;
            return Ok(given.clone());
        }
        let Some(resource) = self.resource(id) else {
            return Err(self.unknown("resource", id, place));
        };
        let kind = Kind::of(resource.type_name);
        if let Some(given) = self.values.references.get(id)
            && kind.attribute(attribute) == Some(kind.reference)
        {
            self.spend(given.len(), place)?;
            return Ok(given.clone());
        }
        let text = self.guarded(id, place, |resolver| {
            if let Some(pattern) = kind.attribute(attribute) {
                return resolver.expand(pattern, id, &resource, place);
            }
            // An attribute that is called as a property is, in all that we know, that property's value.
            if let Some(text) = resolver.property(id, &resource, attribute, place)? {
                return Ok(text);
            }
            let pattern = kind.generic_attribute(attribute);
            resolver.expand(&pattern, id, &resource, place)
        })?;
        self.spend(text.len(), place)?;
        Ok(text)
    }

    /// Whether `Ref` of `name` would find something.
    pub(super) fn is_known(&self, name: &str) -> bool {
        name.starts_with("AWS::")
            || self.values.references.contains_key(name)
            || self.template.section("Parameters").is_some_and(|all| all.contains_key(name))
            || self.resource(name).is_some()
    }

    /// The resource `id`: of the template, or of those that SAM adds.
    pub(super) fn resource(&self, id: &str) -> Option<Resource<'t>> {
        let resources = self.template.section("Resources")?;
        match resources.get(id) {
            Some(resource) => Some(Resource {
                type_name: resource.get("Type").and_then(Value::as_str).unwrap_or_default(),
                properties: Cow::Borrowed(resource.get("Properties").unwrap_or(&Value::Null)),
            }),
            None => {
                let (type_name, properties) = serverless::implicit(resources, id)?;
                Some(Resource { type_name, properties: Cow::Owned(properties) })
            }
        }
    }

    /// The name of the resource `id`: given, written down, or its logical id.
    pub(super) fn resource_name(&mut self, id: &str, place: &Place<'_>) -> Result<String, TemplateError> {
        match self.resource(id) {
            Some(resource) => self.guarded(id, place, |resolver| resolver.name(id, &resource, place)),
            None => Err(self.unknown("resource", id, place)),
        }
    }

    fn name(
        &mut self,
        id: &str,
        resource: &Resource<'_>,
        place: &Place<'_>,
    ) -> Result<String, TemplateError> {
        let kind = Kind::of(resource.type_name);
        if kind.reference == "{name}"
            && let Some(given) = self.values.references.get(id)
        {
            return Ok(given.clone());
        }
        let written = match kind.named_by {
            "" => None,
            property => self.property(id, resource, property, place)?,
        };
        let fifo = || {
            ["FifoQueue", "FifoTopic"]
                .iter()
                .any(|key| matches!(resource.properties.get(key), Some(Value::Bool(true))))
        };
        Ok(match written {
            Some(name) if !name.is_empty() => name,
            _ if fifo() => format!("{id}.fifo"),
            _ => id.to_owned(),
        })
    }

    /// The text of a property of the resource `id`; nothing when it has none, or none that is a text.
    ///
    /// A property that cannot be resolved counts as absent, so that one macro does not take the names of
    /// all that refers to it away; circles and sizes are errors all the same.
    fn property(
        &mut self,
        id: &str,
        resource: &Resource<'_>,
        property: &str,
        place: &Place<'_>,
    ) -> Result<Option<String>, TemplateError> {
        let Some(value) = resource.properties.get(property) else {
            return Ok(None);
        };
        let path = ["Resources", id, "Properties", property];
        match self.text(value, &Place::of(&path, place.depth())) {
            Err(error) if error.is_fatal() => Err(error),
            Err(_) => {
                self.spend(ERROR_COST, place)?;
                Ok(None)
            }
            Ok(text) => Ok(text),
        }
    }

    /// `pattern` with its `{...}` filled: see [`Kind`].
    fn expand(
        &mut self,
        pattern: &str,
        id: &str,
        resource: &Resource<'_>,
        place: &Place<'_>,
    ) -> Result<String, TemplateError> {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            rest = after;
            match word {
                "partition" => text.push_str(self.values.partition_name()),
                "region" => text.push_str(&self.values.region),
                "account" => text.push_str(&self.values.account),
                "suffix" => text.push_str(self.values.url_suffix()),
                "name" => text.push_str(&self.name(id, resource, place)?),
                "lower" => text.push_str(&self.name(id, resource, place)?.to_lowercase()),
                _ => {
                    let (property, default) = word.split_once('|').unwrap_or((word, ""));
                    let value = match property.strip_prefix("last ") {
                        // Of a name, an ARN or an URL: the name.
                        Some(property) => self
                            .property(id, resource, property, place)?
                            .map(|text| text.rsplit([':', '/']).next().unwrap_or_default().to_owned()),
                        None => self.property(id, resource, property, place)?,
                    };
                    match value {
                        Some(value) => text.push_str(&value),
                        None if default.is_empty() => text.push_str(id),
                        None => text.push_str(default),
                    }
                }
            }
            self.spend(text.len(), place)?;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn unknown(&self, what: &str, name: &str, place: &Place<'_>) -> TemplateError {
        let known =
            ["Parameters", "Resources"].into_iter().filter_map(|section| self.template.section(section));
        TemplateError::unknown(place, what, name, known.flat_map(Map::keys).map(String::as_str)).or_help(
            format!("give its value with `Values::reference(\"{}\", ...)`", super::error::short(name)),
        )
    }
}

impl Resource<'_> {
    fn is_serverless(&self) -> bool {
        self.type_name.starts_with("AWS::Serverless::")
    }
}
