//! How values cross: documents into the engine one level at a time, results out of it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use jlens_core::input::{Sink, Source, Sources};
use jlens_core::output::{Builder, Member};

use crate::json::{Growing, Json, Shapes};
use crate::query::scope::Scope;

/// The arrays and objects that an evaluation has reached, by number. Each is read when an expression looks into
/// it, and one that is passed on as a whole is not read at all.
pub(super) struct Documents<'a> {
    me: Weak<Self>,
    reached: RefCell<Vec<&'a Json>>,
}

impl<'a> Documents<'a> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new_cyclic(|me| Self { me: me.clone(), reached: RefCell::default() })
    }

    fn write(&self, json: &'a Json, sink: &mut Sink<'_, 'a>) {
        match json {
            Json::Null => sink.null(),
            Json::Bool(value) => sink.bool(*value),
            Json::Number(number) => sink.number(number.as_f64().unwrap_or_default()),
            Json::String(text) => sink.string(text),
            Json::Array(_) | Json::Object(_) => {
                let Some(me) = self.me.upgrade() else { return };
                let index = {
                    let mut reached = self.reached.borrow_mut();
                    reached.push(json);
                    (reached.len() - 1) as u32
                };
                match json {
                    Json::Array(_) => sink.array_of(&me, index),
                    _ => sink.object_of(&me, index),
                }
            }
        }
    }

    fn at(&self, index: u32) -> &'a Json {
        self.reached.borrow()[index as usize]
    }
}

impl<'a> Sources<'a> for Documents<'a> {
    fn read(&self, index: u32, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        match self.at(index) {
            json @ Json::Array(_) => {
                let items = json.as_array().unwrap_or_default();
                sink.reserve(items.len());
                items.iter().for_each(|item| self.write(item, sink));
            }
            Json::Object(object) => {
                sink.reserve(object.len());
                for (key, value) in object.iter() {
                    sink.key(key);
                    self.write(value, sink);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_field(&self, index: u32, key: &str, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(value) = self.at(index).get(key) {
            self.write(value, sink);
        }
        Ok(true)
    }

    fn length(&self, index: u32) -> Option<usize> {
        self.at(index).as_array().map(<[Json]>::len)
    }

    fn read_item(&self, index: u32, item: usize, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(value) = self.at(index).at(item) {
            self.write(value, sink);
        }
        Ok(true)
    }
}

/// The engine's input: the scope's own input, or the names that a prelude binds.
pub(super) struct Root<'d, 'a> {
    pub(super) documents: &'d Rc<Documents<'a>>,
    pub(super) scope: Scope<'a>,
    /// The scope's input is the engine's.
    pub(super) whole: bool,
}

impl<'a> Source<'a> for Root<'_, 'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        match self.whole {
            true => self.documents.write(self.scope.input, sink),
            false => sink.object(Names { documents: self.documents.clone(), scope: self.scope }),
        }
        Ok(())
    }
}

/// No input.
pub(super) struct Nothing;

impl<'a> Source<'a> for Nothing {
    fn read(&self, _sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        Ok(())
    }
}

/// `states`, and the variables under their names with the `$`.
struct Names<'a> {
    documents: Rc<Documents<'a>>,
    scope: Scope<'a>,
}

impl<'a> Source<'a> for Names<'a> {
    /// Nothing shows to who looks at the input as a whole: a state's expression has none.
    fn read(&self, _sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        Ok(())
    }

    fn read_field(&self, key: &str, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if key == "states" {
            sink.object(States { documents: self.documents.clone(), scope: self.scope });
        } else if let Some(name) = key.strip_prefix('$')
            && let Some(value) = self.scope.variables.variable(name)
        {
            self.documents.write(value, sink);
        }
        Ok(true)
    }
}

/// `$states`
struct States<'a> {
    documents: Rc<Documents<'a>>,
    scope: Scope<'a>,
}

impl<'a> States<'a> {
    /// In AWS's order (recorded: state_with_variables).
    const FIELDS: [&'static str; 4] = ["input", "context", "result", "errorOutput"];

    fn field(&self, name: &str) -> Option<&'a Json> {
        match name {
            "input" => Some(self.scope.input),
            "context" => Some(self.scope.context.context_object()),
            "result" => self.scope.result,
            "errorOutput" => self.scope.error_output,
            _ => None,
        }
    }
}

impl<'a> Source<'a> for States<'a> {
    fn read(&self, sink: &mut Sink<'_, 'a>) -> Result<(), String> {
        for name in Self::FIELDS {
            if let Some(value) = self.field(name) {
                sink.key(name);
                self.documents.write(value, sink);
            }
        }
        Ok(())
    }

    fn read_field(&self, key: &str, sink: &mut Sink<'_, 'a>) -> Result<bool, String> {
        if let Some(value) = self.field(key) {
            self.documents.write(value, sink);
        }
        Ok(true)
    }
}

/// Writes a result.
pub(super) struct Writer<'d, 'a> {
    documents: &'d Rc<Documents<'a>>,
    shapes: Shapes,
}

impl<'d, 'a> Writer<'d, 'a> {
    pub(super) fn new(documents: &'d Rc<Documents<'a>>) -> Self {
        Self { documents, shapes: Shapes::default() }
    }
}

impl Builder for Writer<'_, '_> {
    type Value = Json;
    type Array = Vec<Json>;
    type Object = Growing;

    fn null(&mut self) -> Json {
        Json::Null
    }

    fn bool(&mut self, value: bool) -> Json {
        Json::Bool(value)
    }

    fn number(&mut self, value: f64) -> Json {
        number(value)
    }

    fn string(&mut self, value: &str) -> Json {
        Json::string(value)
    }

    fn array(&mut self, len: usize) -> Self::Array {
        Vec::with_capacity(len)
    }

    fn push(&mut self, array: &mut Self::Array, item: Json) {
        array.push(item);
    }

    fn end_array(&mut self, array: Self::Array) -> Json {
        Json::array(array)
    }

    fn object(&mut self, len: usize) -> Self::Object {
        Growing::with_capacity(len)
    }

    fn insert(&mut self, object: &mut Self::Object, key: &str, value: Json) {
        object.key(key, &mut self.shapes);
        object.value(value);
    }

    fn end_object(&mut self, object: Self::Object) -> Json {
        Json::Object(Arc::new(object.finish(&mut self.shapes)))
    }

    fn input(&mut self, member: Member) -> Option<Json> {
        member.of(self.documents).then(|| as_result(self.documents.at(member.index())))
    }
}

/// Part of a document as a result: shared, unless a number in it is written otherwise than JSONata writes it.
pub(super) fn as_result(json: &Json) -> Json {
    match json {
        // The engine takes it for a double.
        Json::Number(value) => value.as_f64().map_or(Json::Null, number),
        _ if json.may_be_written_otherwise() => rewritten(json),
        _ => json.compact(),
    }
}

// Recursion over documents is bounded by `Limits::depth`.
fn rewritten(json: &Json) -> Json {
    match json {
        Json::Number(value) if !value.is_i64() => value.as_f64().map_or(Json::Null, number),
        Json::Array(_) => Json::array(json.as_array().unwrap_or_default().iter().map(rewritten).collect()),
        Json::Object(object) => {
            Json::object(object.iter().map(|(key, value)| (key.clone(), rewritten(value))))
        }
        other => other.clone(),
    }
}

/// 2^63: integers below it are written without a fraction.
const INTEGERS: f64 = 9_223_372_036_854_775_808.0;

/// A number as JSONata writes it.
pub(super) fn number(value: f64) -> Json {
    match value.fract() == 0.0 && value.abs() < INTEGERS {
        true => Json::from(value as i64),
        false => Json::from(value),
    }
}
