//! Resolving a value of a template: intrinsic functions go, plain JSON stays.

use serde_json::{Map, Value};

use super::error::{TemplateError, TemplateErrorKind, short};
use super::place::Place;
use super::{Template, Values};

/// How many steps evaluation goes down, followed references included.
pub(super) const MAX_DEPTH: usize = 160;

/// How much one resolution may produce: each byte of text costs 1, each value [`NODE_COST`].
const FUEL: usize = 64 << 20;
pub(super) const NODE_COST: usize = 8;

/// What an error costs that a default stands in for: looking for advice is dear.
pub(super) const ERROR_COST: usize = 2_000;

/// One resolution against a template and the caller's values.
///
/// Evaluating gives `None` where `AWS::NoValue` says that there is nothing.
pub(super) struct Resolver<'t> {
    pub(super) template: &'t Template,
    pub(super) values: &'t Values,
    /// The resources and conditions that are being worked out, outermost first.
    active: Vec<String>,
    fuel: usize,
}

impl<'t> Resolver<'t> {
    pub(super) fn new(template: &'t Template) -> Self {
        Self { template, values: &template.values, active: Vec::new(), fuel: FUEL }
    }

    /// `value` with all of its intrinsic functions resolved.
    pub(super) fn evaluate(
        &mut self,
        value: &Value,
        place: &Place<'_>,
    ) -> Result<Option<Value>, TemplateError> {
        self.enter(place)?;
        match value {
            Value::Object(members) => match intrinsic(members) {
                Some((name, argument)) => self.call(name, argument, &place.key(name)),
                None => self.members(members, place).map(Some),
            },
            Value::Array(items) => self.items(items, place).map(|items| Some(Value::Array(items))),
            Value::String(text) => {
                self.spend(text.len(), place)?;
                Ok(Some(value.clone()))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Some(value.clone())),
        }
    }

    /// The elements of an array, without those that are `AWS::NoValue`.
    pub(super) fn items(&mut self, items: &[Value], place: &Place<'_>) -> Result<Vec<Value>, TemplateError> {
        let mut resolved = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            resolved.extend(self.evaluate(item, &place.index(index))?);
        }
        Ok(resolved)
    }

    fn members(&mut self, members: &Map<String, Value>, place: &Place<'_>) -> Result<Value, TemplateError> {
        let mut resolved = Map::new();
        for (key, member) in members {
            let place = place.key(key);
            self.spend(key.len(), &place)?;
            if let Some(member) = self.evaluate(member, &place)? {
                resolved.insert(key.clone(), member);
            }
        }
        Ok(Value::Object(resolved))
    }

    /// `value` as text; numbers and truth values print, as CloudFormation has it.
    pub(super) fn text(&mut self, value: &Value, place: &Place<'_>) -> Result<Option<String>, TemplateError> {
        self.evaluate(value, place)?.map(|value| text_of(value, place)).transpose()
    }

    /// `value` as text that has to be there.
    pub(super) fn needed_text(&mut self, value: &Value, place: &Place<'_>) -> Result<String, TemplateError> {
        self.text(value, place)?.ok_or_else(|| {
            TemplateError::malformed(place, "a text is needed here, and `AWS::NoValue` is none")
        })
    }

    /// `value` as a list.
    pub(super) fn list(&mut self, value: &Value, place: &Place<'_>) -> Result<Vec<Value>, TemplateError> {
        match self.evaluate(value, place)? {
            Some(Value::Array(items)) => Ok(items),
            None => Ok(Vec::new()),
            Some(other) => {
                Err(TemplateError::malformed(place, format!("a list is needed here, not {}", shape(&other))))
            }
        }
    }

    /// Counts one value at `place`, and how far down it is.
    pub(super) fn enter(&mut self, place: &Place<'_>) -> Result<(), TemplateError> {
        if place.depth() > MAX_DEPTH {
            // A pointer this long helps nobody, so the error names the whole template.
            let message = format!("a value of the template is more than {MAX_DEPTH} steps deep");
            return Err(TemplateError::new(TemplateErrorKind::TooLarge, &Place::ROOT, message)
                .with_help("nest less, or give the values of the resources that refer to each other"));
        }
        self.spend(NODE_COST, place)
    }

    /// Counts `amount` of produced text.
    pub(super) fn spend(&mut self, amount: usize, place: &Place<'_>) -> Result<(), TemplateError> {
        match self.fuel.checked_sub(amount) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                let message = "the template resolves to more text than any definition may have";
                Err(TemplateError::new(TemplateErrorKind::TooLarge, place, message))
            }
        }
    }

    /// Lets `work` resolve `what`, which may not need itself.
    pub(super) fn guarded<R>(
        &mut self,
        what: &str,
        place: &Place<'_>,
        work: impl FnOnce(&mut Self) -> Result<R, TemplateError>,
    ) -> Result<R, TemplateError> {
        if let Some(start) = self.active.iter().position(|active| active == what) {
            let round = self.active[start..].iter().map(|name| format!("`{}`", short(name)));
            let round = round.collect::<Vec<_>>().join(" needs ");
            let message = format!("a circle: {round} needs `{}`", short(what));
            return Err(TemplateError::new(TemplateErrorKind::Cycle, place, message)
                .with_help("give one of the values yourself"));
        }
        self.active.push(what.to_owned());
        let result = work(self);
        self.active.pop();
        result
    }
}

/// The intrinsic function that an object stands for, with its argument.
pub(super) fn intrinsic(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    // A transform may have neighbours, which it changes; every other function is alone.
    let transform = members.get_key_value("Fn::Transform");
    let alone = members
        .iter()
        .next()
        .filter(|(key, _)| members.len() == 1 && (key.as_str() == "Ref" || key.starts_with("Fn::")));
    transform.or(alone).map(|(key, argument)| (key.as_str(), argument))
}

/// A resolved value as text.
pub(super) fn text_of(value: Value, place: &Place<'_>) -> Result<String, TemplateError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(TemplateError::malformed(place, format!("a text is needed here, not {}", shape(&value))))
        }
    }
}

/// What `value` is, in words.
pub(super) fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
