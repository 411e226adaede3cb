//! The intrinsic functions, one method each. Conditions are in `condition.rs`, names in `name.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::error::{TemplateError, TemplateErrorKind, short};
use super::place::Place;
use super::placeholder::{Piece, pieces};
use super::resolve::{NODE_COST, Resolver, shape, text_of};

impl Resolver<'_> {
    /// What the function `name` gives for `argument`, which stands at `place`.
    pub(super) fn call(
        &mut self,
        name: &str,
        argument: &Value,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        match name {
            "Ref" => self.call_ref(argument, place),
            "Fn::GetAtt" => self.call_get_att(argument, place),
            "Fn::Sub" => self.call_sub(argument, place),
            "Fn::Join" => self.call_join(argument, place),
            "Fn::Split" => self.call_split(argument, place),
            "Fn::Select" => self.call_select(argument, place),
            "Fn::If" => self.call_if(argument, place),
            "Fn::FindInMap" => self.call_find_in_map(argument, place),
            "Fn::ImportValue" => self.call_import_value(argument, place),
            "Fn::Base64" => {
                let text = self.needed_text(argument, place)?;
                self.spend(text.len() * 2, place)?;
                Ok(Some(STANDARD.encode(text).into()))
            }
            "Fn::GetAZs" => self.call_get_azs(argument, place),
            "Fn::Length" => {
                let items = self.list(argument, place)?;
                Ok(Some(items.len().into()))
            }
            "Fn::ToJsonString" => match self.evaluate(argument, place)? {
                Some(value) => self.produce(value.to_string(), place),
                None => Ok(None),
            },
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                self.call_condition(name, argument, place).map(|holds| Some(holds.into()))
            }
            "Fn::Transform" => Err(by_cloudformation(place, "`Fn::Transform` calls a macro")),
            "Fn::Cidr"
            | "Fn::Contains"
            | "Fn::EachMemberEquals"
            | "Fn::EachMemberIn"
            | "Fn::RefAll"
            | "Fn::ValueOf"
            | "Fn::ValueOfAll" => {
                Err(TemplateError::unsupported(place, format!("`{name}` is not evaluated here")))
            }
            _ if name.starts_with("Fn::ForEach") => Err(by_cloudformation(place, "`Fn::ForEach` is a loop")),
            _ => Err(TemplateError::unknown(place, "intrinsic function", name, FUNCTIONS.iter().copied())),
        }
    }

    fn call_ref(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        match argument {
            Value::String(name) => self.reference(name, place),
            other => Err(TemplateError::malformed(
                place,
                format!("`Ref` takes the name of a resource or a parameter, not {}", shape(other)),
            )),
        }
    }

    fn call_get_att(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let name = match argument {
            Value::String(name) => name.clone(),
            Value::Array(parts) => {
                let mut texts = Vec::with_capacity(parts.len());
                for (index, part) in parts.iter().enumerate() {
                    texts.push(self.needed_text(part, &place.index(index))?);
                }
                texts.join(".")
            }
            _ => String::new(),
        };
        match name.split_once('.') {
            Some((id, attribute)) if !id.is_empty() && !attribute.is_empty() => {
                self.attribute(id, attribute, place).map(|text| Some(text.into()))
            }
            _ => Err(TemplateError::malformed(
                place,
                "`Fn::GetAtt` takes a resource and an attribute: `[\"Name\", \"Arn\"]` or `Name.Arn`",
            )),
        }
    }

    fn call_sub(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let none = Map::new();
        match argument {
            Value::String(text) => self.substitute(text, &none, place),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(text), Value::Object(own)] => {
                    let names = &place.index(1);
                    let mut resolved = Map::new();
                    for (key, value) in own {
                        let place = &names.key(key);
                        resolved.insert(key.clone(), self.needed_text(value, place)?.into());
                    }
                    self.substitute(text, &resolved, &place.index(0))
                }
                [Value::String(text)] => self.substitute(text, &none, &place.index(0)),
                _ => Err(sub_shape(place)),
            },
            _ => Err(sub_shape(place)),
        }
    }

    /// `text` with its `${...}` filled, from `own` before anything else.
    fn substitute(
        &mut self,
        text: &str,
        own: &Map<String, Value>,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text) {
            let before = filled.len();
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Name(name, _) => match (name.strip_prefix('!'), own.get(name)) {
                    (Some(literal), _) => {
                        filled.push_str("${");
                        filled.push_str(literal);
                        filled.push('}');
                    }
                    (None, Some(Value::String(text))) => filled.push_str(text),
                    _ => filled.push_str(&self.substituted(name, place)?),
                },
            }
            self.spend(filled.len() - before, place)?;
        }
        Ok(Some(filled.into()))
    }

    /// What `${name}` stands for in `Fn::Sub`.
    fn substituted(&mut self, name: &str, place: &Place<'_>) -> Result<String, TemplateError> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c)) {
            let message = format!("`${{{}}}` in `Fn::Sub` is not the name of anything", short(name));
            return Err(TemplateError::malformed(place, message)
                .with_help(format!("write `${{!{}}}` for the text itself", short(name))));
        }
        if !self.is_known(name)
            && let Some((id, attribute)) = name.split_once('.')
        {
            return self.attribute(id, attribute, place);
        }
        match self.reference(name, place)? {
            Some(Value::Array(items)) => {
                let texts = items.into_iter().map(|item| text_of(item, place));
                Ok(texts.collect::<Result<Vec<_>, _>>()?.join(","))
            }
            Some(value) => text_of(value, place),
            None => Err(TemplateError::malformed(place, "`AWS::NoValue` has no text")),
        }
    }

    fn call_join(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let Some([delimiter, items]) = argument.as_array().map(Vec::as_slice) else {
            return Err(takes(place, "`Fn::Join` takes a delimiter and a list: `[\",\", [...]]`"));
        };
        let delimiter = self.needed_text(delimiter, &place.index(0))?;
        let place = &place.index(1);
        let items = self.list(items, place)?;
        let mut joined = String::new();
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.spend(delimiter.len(), place)?;
                joined.push_str(&delimiter);
            }
            let text = text_of(item, &place.index(index))?;
            self.spend(text.len(), place)?;
            joined.push_str(&text);
        }
        Ok(Some(joined.into()))
    }

    fn call_split(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let Some([delimiter, text]) = argument.as_array().map(Vec::as_slice) else {
            return Err(takes(place, "`Fn::Split` takes a delimiter and a text: `[\",\", \"a,b\"]`"));
        };
        let delimiter = self.needed_text(delimiter, &place.index(0))?;
        if delimiter.is_empty() {
            return Err(TemplateError::malformed(&place.index(0), "nothing can be split at an empty text"));
        }
        let text = self.needed_text(text, &place.index(1))?;
        self.spend(text.len() + text.matches(&delimiter).count() * NODE_COST, place)?;
        Ok(Some(text.split(&delimiter).collect()))
    }

    fn call_select(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let Some([index, items]) = argument.as_array().map(Vec::as_slice) else {
            return Err(takes(place, "`Fn::Select` takes an index and a list: `[0, [...]]`"));
        };
        let index = self.needed_text(index, &place.index(0))?;
        let mut items = self.list(items, &place.index(1))?;
        match index.parse::<usize>() {
            Ok(index) if index < items.len() => Ok(Some(items.swap_remove(index))),
            Ok(index) => {
                let message = format!("`Fn::Select` asks for element {index} of a list of {}", items.len());
                Err(TemplateError::malformed(place, message).with_help("the first element is 0"))
            }
            Err(_) => Err(TemplateError::malformed(
                &place.index(0),
                format!("`{}` is not the index of an element", short(&index)),
            )),
        }
    }

    fn call_if(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let Some([condition, then, otherwise]) = argument.as_array().map(Vec::as_slice) else {
            return Err(takes(place, "`Fn::If` takes a condition and two values: `[\"IsLive\", 1, 2]`"));
        };
        match self.condition_or_name(condition, &place.index(0))? {
            true => self.evaluate(then, &place.index(1)),
            false => self.evaluate(otherwise, &place.index(2)),
        }
    }

    fn call_find_in_map(
        &mut self,
        argument: &Value,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        const FORM: &str =
            "`Fn::FindInMap` takes a mapping and two keys: `[\"Sizes\", \"eu-west-1\", \"Small\"]`";
        let (keys, default) = match argument.as_array().map(Vec::as_slice) {
            Some([map, first, second]) => ([map, first, second], None),
            Some([map, first, second, options]) => ([map, first, second], options.get("DefaultValue")),
            _ => return Err(takes(place, FORM)),
        };
        let mut at = self.template.section("Mappings");
        for (index, key) in keys.into_iter().enumerate() {
            let place = &place.index(index);
            let key = self.needed_text(key, place)?;
            at = match (at.and_then(|at| at.get(&key)), default) {
                (Some(found), _) if index == 2 => return self.mapped(found, place),
                (Some(found), _) => found.as_object(),
                (None, Some(default)) => return self.evaluate(default, place),
                (None, None) => {
                    let what = ["mapping", "first key of the mapping", "second key of the mapping"][index];
                    let known = at.into_iter().flatten().map(|(key, _)| key.as_str());
                    return Err(TemplateError::unknown(place, what, &key, known));
                }
            };
        }
        Err(takes(place, FORM))
    }

    /// A value of a mapping: a literal text or a list of them.
    fn mapped(&mut self, found: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        match found {
            Value::Object(_) | Value::Null => Err(TemplateError::malformed(
                place,
                format!("the mapping has {} here, and should have a text or a list", shape(found)),
            )),
            Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) => {
                self.evaluate(found, place)
            }
        }
    }

    fn call_import_value(
        &mut self,
        argument: &Value,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        let name = self.needed_text(argument, place)?;
        let value = self.values.imports.get(&name).unwrap_or(&name);
        self.produce(value.clone(), place)
    }

    fn call_get_azs(&mut self, argument: &Value, place: &Place<'_>) -> Result<Option<Value>, TemplateError> {
        let mut region = self.needed_text(argument, place)?;
        if region.is_empty() {
            region.clone_from(&self.values.region);
        }
        self.spend(region.len() * 3, place)?;
        let zones = ["a", "b", "c"].map(|zone| Value::from(format!("{region}{zone}")));
        Ok(Some(Value::Array(zones.into())))
    }

    /// `text` as a value, counted.
    pub(super) fn produce(
        &mut self,
        text: String,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        self.spend(text.len(), place)?;
        Ok(Some(text.into()))
    }
}

/// What a macro does, only CloudFormation can do.
pub(super) fn by_cloudformation(place: &Place<'_>, what: &str) -> TemplateError {
    TemplateError::unsupported(place, format!("{what}, which only CloudFormation can expand")).with_help(
        "read the processed template instead: `aws cloudformation get-template --template-stage Processed`",
    )
}

fn sub_shape(place: &Place<'_>) -> TemplateError {
    takes(place, "`Fn::Sub` takes a text, or a text and an object of values: `[\"${Name}\", {\"Name\": 1}]`")
}

fn takes(place: &Place<'_>, message: &str) -> TemplateError {
    TemplateError::new(TemplateErrorKind::Malformed, place, message)
}

/// The functions, for advice.
const FUNCTIONS: &[&str] = &[
    "Fn::And",
    "Fn::Base64",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAtt",
    "Fn::GetAZs",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
];
