//! JSONata templates: JSON whose strings in `{% %}` are expressions.

use std::fmt;

use serde_json::{Map, Value};

use super::{Jsonata, JsonataError};
use crate::json::Json;
use crate::query::error::QueryError;
use crate::query::scope::Scope;
use crate::query::tree::{Compiler, Evaluate, Language, MAX_DEPTH, Misplaced, Node, Place};
use crate::span::Step;

/// A compiled JSONata template: the value of `Output`, `Arguments`, `Assign` or any other field that takes
/// expressions. A single expression is a template too.
///
/// Parts without expressions are made when the template is compiled, and shared by all its results.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, JsonataTemplate, Scope};
/// use stepwright::{Json, Limits};
///
/// let template = json!({ "kind": "order", "ids": ["{% $states.input.id %}"] });
/// let template = JsonataTemplate::compile(&template, "Output", &["input"]).unwrap();
/// let entropy = Entropy::new([0; 32]);
/// let input = Json::from(json!({ "id": 7 }));
/// let output = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)).unwrap();
/// assert_eq!(output, json!({ "kind": "order", "ids": [7] }));
///
/// let input = Json::from(json!({}));
/// let error = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)).unwrap_err();
/// assert_eq!(error.location(), Some("Output/ids[0]"));
/// ```
#[derive(Clone, Debug)]
pub struct JsonataTemplate {
    node: Node<Box<Located>>,
}

/// An expression, and where AWS says that it is.
#[derive(Clone, Debug)]
struct Located {
    field: Box<str>,
    expression: Jsonata,
}

/// What a field's value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// An array.
    Array,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A string.
    String,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonataTemplateError(Misplaced<Mistake>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mistake {
    /// An expression is wrong; it starts this many bytes into its string.
    Expression(JsonataError, usize),
    Half,
    TooDeep,
}

impl JsonataTemplate {
    /// Compiles the value of `field`; `fields` are those that `$states` has there.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place in the template.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::query::JsonataTemplate;
    ///
    /// let template = json!({ "a": ["{% 1 + %}"], "b": "{% $x" });
    /// let errors = JsonataTemplate::compile(&template, "Output", &[]).unwrap_err();
    /// assert_eq!(errors[0].pointer(), "/a/0");
    /// assert_eq!(errors[0].to_string(), "Unexpected end of expression");
    /// assert_eq!(errors[1].to_string(), "the expression starts with `{%` and does not end with `%}`");
    /// ```
    pub fn compile(
        template: &Value,
        field: &str,
        fields: &[&str],
    ) -> Result<Self, Vec<JsonataTemplateError>> {
        Compiler::compile(Expressions { field, fields }, template).map(|node| Self { node })
    }

    /// The template's value.
    ///
    /// # Errors
    ///
    /// An expression in it has no value, or cannot be evaluated.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        self.node.value(scope)
    }

    /// The template's value, which has to be of a type.
    ///
    /// # Errors
    ///
    /// It is not; or an expression in it has no value, or cannot be evaluated.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::query::{Entropy, Expected, JsonataTemplate, Scope};
    /// use stepwright::{Json, Limits};
    ///
    /// let template = JsonataTemplate::compile(&json!("{% 1 %}"), "Items", &[]).unwrap();
    /// let entropy = Entropy::new([0; 32]);
    /// let scope = Scope::new(&Json::Null, &entropy, &Limits::AWS);
    /// let error = template.evaluate_as(Expected::Array, &scope).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "The JSONata expression '1' specified for the field 'Items' returned an unexpected result type. \
    ///      Expected 'array', but was 'number' for value: 1",
    /// );
    /// ```
    pub fn evaluate_as(&self, expected: Expected, scope: &Scope<'_>) -> Result<Json, QueryError> {
        let value = self.evaluate(scope)?;
        if expected.accepts(&value) {
            return Ok(value);
        }
        Err(match &self.node {
            Node::Expression(located) => QueryError::jsonata_type(
                located.expression.as_str(),
                &located.field,
                expected.as_str(),
                type_of(&value),
                &value,
            ),
            _ => QueryError::wrong_type(expected.as_str(), type_of(&value), &value),
        })
    }

    /// The template's value, if it is always the same.
    pub fn constant(&self) -> Option<&Json> {
        self.node.constant()
    }

    /// The expressions in it.
    pub fn expressions(&self) -> Vec<&Jsonata> {
        self.node.expressions().into_iter().map(|located| &located.expression).collect()
    }
}

impl Evaluate for Box<Located> {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        self.expression.evaluate(scope, &self.field)
    }
}

/// Strings in `{% %}`.
struct Expressions<'f> {
    /// The field that the template is the value of.
    field: &'f str,
    /// Those that `$states` has there.
    fields: &'f [&'f str],
}

impl Language for Expressions<'_> {
    type Expression = Box<Located>;
    type Mistake = Mistake;
    const TOO_DEEP: Mistake = Mistake::TooDeep;

    fn string(compiler: &mut Compiler<'_, Self>, text: &str) -> Node<Box<Located>> {
        let Some(rest) = text.strip_prefix("{%") else { return Node::Constant(Json::string(text)) };
        let Some(inner) = rest.strip_suffix("%}") else { return compiler.mistake(Mistake::Half) };
        match Jsonata::parse(inner.trim(), compiler.language.fields) {
            Ok(expression) => {
                let field = location(compiler.language.field, compiler.place()).into();
                Node::Expression(Box::new(Located { field, expression }))
            }
            Err(error) => {
                let before = 2 + inner.len() - inner.trim_start().len();
                compiler.mistake(Mistake::Expression(error, before))
            }
        }
    }

    fn object<'v>(compiler: &mut Compiler<'v, Self>, map: &'v Map<String, Value>) -> Node<Box<Located>> {
        let keys = map.keys().map(|key| key.as_str().into()).collect();
        let nodes = map.iter().map(|(key, value)| compiler.part(Step::Key(key), value)).collect();
        Node::object(keys, nodes)
    }
}

/// The place in the value of `field`, as AWS writes it.
fn location(field: &str, place: &[Step<'_>]) -> String {
    place.iter().fold(field.to_owned(), |location, step| match step {
        Step::Key(key) => location + "/" + key,
        Step::Index(index) => format!("{location}[{index}]"),
    })
}

impl Expected {
    fn accepts(self, value: &Json) -> bool {
        match self {
            Self::Array => value.as_array().is_some(),
            Self::Boolean => value.as_bool().is_some(),
            Self::Integer => value.as_i64().is_some(),
            Self::Number => value.as_number().is_some(),
            Self::String => value.as_str().is_some(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
        }
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

impl From<Misplaced<Mistake>> for JsonataTemplateError {
    fn from(misplaced: Misplaced<Mistake>) -> Self {
        Self(misplaced)
    }
}

impl JsonataTemplateError {
    /// Where in the template it is.
    pub fn place(&self) -> &[Place] {
        &self.0.place
    }

    /// Where in the template it is, as a JSON Pointer.
    pub fn pointer(&self) -> String {
        self.0.pointer()
    }

    /// What is wrong with the expression, if that is what is wrong.
    pub fn expression(&self) -> Option<&JsonataError> {
        match &self.0.mistake {
            Mistake::Expression(error, _) => Some(error),
            Mistake::Half | Mistake::TooDeep => None,
        }
    }

    /// Whether the `%}` is missing.
    pub fn is_half(&self) -> bool {
        self.0.mistake == Mistake::Half
    }

    /// How many bytes into its string the expression is wrong.
    pub fn offset(&self) -> usize {
        match &self.0.mistake {
            Mistake::Expression(
                JsonataError::Syntax(error, _) | JsonataError::Unsupported(error),
                before,
            ) => before + error.offset(),
            Mistake::Expression(JsonataError::Absent, _) | Mistake::Half | Mistake::TooDeep => 0,
        }
    }
}

impl fmt::Display for JsonataTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.mistake {
            Mistake::Expression(JsonataError::Syntax(error, _) | JsonataError::Unsupported(error), _) => {
                f.write_str(error.message())
            }
            Mistake::Expression(JsonataError::Absent, _) => JsonataError::Absent.fmt(f),
            Mistake::Half => f.write_str("the expression starts with `{%` and does not end with `%}`"),
            Mistake::TooDeep => write!(f, "the template is nested more than {MAX_DEPTH} levels deep"),
        }
    }
}

impl std::error::Error for JsonataTemplateError {}
