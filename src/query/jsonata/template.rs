//! JSONata templates: JSON whose strings in `{% %}` are expressions.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{Jsonata, JsonataError};
use crate::json::Json;
use crate::query::error::QueryError;
use crate::query::scope::Scope;
use crate::query::template::Place;

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
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    /// There are no expressions in it.
    Constant(Json),
    Object(Box<[(Arc<str>, Self)]>),
    Array(Box<[Self]>),
    Expression(Box<Located>),
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
pub struct JsonataTemplateError {
    place: Vec<Place>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// An expression is wrong; it starts this many bytes into its string.
    Expression(JsonataError, usize),
    Half,
    TooDeep,
}

/// Containers within containers that a template may have.
const MAX_DEPTH: usize = 128;

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
        let mut compiler = Compiler { fields, field: field.into(), at: Vec::new(), errors: Vec::new() };
        let node = compiler.node(template);
        match compiler.errors.is_empty() {
            true => Ok(Self { node }),
            false => Err(compiler.errors),
        }
    }

    /// The template's value.
    ///
    /// # Errors
    ///
    /// An expression in it has no value, or cannot be evaluated.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        let result = self.node.evaluate(scope)?;
        match result.deeper_than(scope.limits.depth) {
            true => Err(QueryError::too_deep(scope.limits.depth)),
            false => Ok(result),
        }
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
        match &self.node {
            Node::Constant(json) => Some(json),
            _ => None,
        }
    }

    /// The expressions in it.
    pub fn expressions(&self) -> Vec<&Jsonata> {
        let mut expressions = Vec::new();
        self.node.collect(&mut expressions);
        expressions
    }
}

// Recursion over nodes is bounded by the compiler's `MAX_DEPTH`.
impl Node {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        match self {
            Self::Constant(json) => Ok(json.clone()),
            Self::Object(entries) => {
                let mut evaluated = Vec::with_capacity(entries.len());
                for (key, node) in entries {
                    evaluated.push((key.clone(), node.evaluate(scope)?));
                }
                Ok(Json::object(evaluated))
            }
            Self::Array(nodes) => {
                nodes.iter().map(|node| node.evaluate(scope)).collect::<Result<_, _>>().map(Json::array)
            }
            Self::Expression(located) => located.expression.evaluate(scope, &located.field),
        }
    }

    fn collect<'n>(&'n self, expressions: &mut Vec<&'n Jsonata>) {
        match self {
            Self::Constant(_) => {}
            Self::Object(entries) => entries.iter().for_each(|(_, node)| node.collect(expressions)),
            Self::Array(nodes) => nodes.iter().for_each(|node| node.collect(expressions)),
            Self::Expression(located) => expressions.push(&located.expression),
        }
    }
}

struct Compiler<'f> {
    fields: &'f [&'f str],
    /// Where in the state this is, as AWS writes it.
    field: String,
    /// Where in the template this is.
    at: Vec<Place>,
    errors: Vec<JsonataTemplateError>,
}

impl Compiler<'_> {
    fn node(&mut self, value: &Value) -> Node {
        if self.at.len() > MAX_DEPTH {
            self.report(Kind::TooDeep);
            return Node::Constant(Json::Null);
        }
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                let nodes: Vec<Node> =
                    items.iter().enumerate().map(|(n, item)| self.within(Place::Index(n), item)).collect();
                match nodes.iter().all(Node::is_constant) {
                    true => Node::Constant(Json::from(value)),
                    false => Node::Array(nodes.into()),
                }
            }
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| {
                    (Arc::from(key.as_str()), self.within(Place::Key(key.as_str().into()), value))
                };
                let nodes: Vec<(Arc<str>, Node)> = map.iter().map(entry).collect();
                match nodes.iter().all(|(_, node)| node.is_constant()) {
                    true => Node::Constant(Json::from(value)),
                    false => Node::Object(nodes.into()),
                }
            }
            scalar => Node::Constant(Json::from(scalar)),
        }
    }

    fn string(&mut self, text: &str) -> Node {
        let Some(rest) = text.strip_prefix("{%") else { return Node::Constant(Json::string(text)) };
        let Some(inner) = rest.strip_suffix("%}") else {
            self.report(Kind::Half);
            return Node::Constant(Json::Null);
        };
        let expression = inner.trim();
        match Jsonata::parse(expression, self.fields) {
            Ok(expression) => {
                Node::Expression(Box::new(Located { field: self.field.as_str().into(), expression }))
            }
            Err(error) => {
                let before = 2 + inner.len() - inner.trim_start().len();
                self.report(Kind::Expression(error, before));
                Node::Constant(Json::Null)
            }
        }
    }

    fn within(&mut self, place: Place, value: &Value) -> Node {
        let outer = self.field.len();
        match &place {
            Place::Key(key) => self.field.extend(["/", key]),
            Place::Index(index) => self.field += &format!("[{index}]"),
        }
        self.at.push(place);
        let node = self.node(value);
        self.at.pop();
        self.field.truncate(outer);
        node
    }

    fn report(&mut self, kind: Kind) {
        self.errors.push(JsonataTemplateError { place: self.at.clone(), kind });
    }
}

impl Node {
    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }
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

impl JsonataTemplateError {
    /// Where in the template it is.
    pub fn place(&self) -> &[Place] {
        &self.place
    }

    /// Where in the template it is, as a JSON Pointer.
    pub fn pointer(&self) -> String {
        self.place.iter().fold(String::new(), |pointer, place| match place {
            Place::Key(key) => pointer + "/" + &key.replace('~', "~0").replace('/', "~1"),
            Place::Index(index) => format!("{pointer}/{index}"),
        })
    }

    /// What is wrong with the expression, if that is what is wrong.
    pub fn expression(&self) -> Option<&JsonataError> {
        match &self.kind {
            Kind::Expression(error, _) => Some(error),
            Kind::Half | Kind::TooDeep => None,
        }
    }

    /// Whether the `%}` is missing.
    pub fn is_half(&self) -> bool {
        self.kind == Kind::Half
    }

    /// How many bytes into its string the expression is wrong.
    pub fn offset(&self) -> usize {
        match &self.kind {
            Kind::Expression(JsonataError::Syntax(error, _) | JsonataError::Unsupported(error), before) => {
                before + error.offset()
            }
            Kind::Expression(JsonataError::Absent, _) | Kind::Half | Kind::TooDeep => 0,
        }
    }
}

impl fmt::Display for JsonataTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Expression(JsonataError::Syntax(error, _) | JsonataError::Unsupported(error), _) => {
                f.write_str(error.message())
            }
            Kind::Expression(JsonataError::Absent, _) => JsonataError::Absent.fmt(f),
            Kind::Half => f.write_str("the expression starts with `{%` and does not end with `%}`"),
            Kind::TooDeep => write!(f, "the template is nested more than {MAX_DEPTH} levels deep"),
        }
    }
}

impl std::error::Error for JsonataTemplateError {}
