//! Payload templates: JSON in which a field `x.$` holds an expression whose value becomes that of `x`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::error::{QueryError, SyntaxError};
use super::expression::Expression;
use super::java::hash_map_order;
use super::jsonpath::Path;
use super::scope::Scope;
use crate::json::{Json, Object, Shape};
use crate::span::Step;

/// A compiled payload template, as in `Parameters`, `ItemSelector`, `ResultSelector` and `Assign`.
///
/// Parts without expressions are made when the template is compiled, and shared by all its results. The order
/// of keys is that of AWS: the fields without expressions as written, then the others in the order in which a
/// hash map of Java lists them.
///
/// ```
/// use serde_json::json;
/// use stepwright::query::{Entropy, Scope, Template};
/// use stepwright::{Json, Limits};
///
/// let template =
///     Template::compile(&json!({ "Name.$": "$.name", "Secret.$": "$.secret", "Kind": "token" })).unwrap();
/// let input = Json::from(json!({ "name": "n", "secret": "s" }));
/// let entropy = Entropy::new([0; 32]);
/// let result = template.evaluate(&Scope::new(&input, &entropy, &Limits::AWS)).unwrap();
/// assert_eq!(result.to_string(), r#"{"Kind":"token","Secret":"s","Name":"n"}"#);
/// ```
#[derive(Clone, Debug)]
pub struct Template {
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    /// There are no expressions in it.
    Constant(Json),
    Object {
        keys: Arc<Shape>,
        nodes: Box<[Self]>,
    },
    Array(Box<[Self]>),
    Expression {
        /// The key, as it was written.
        field: Box<str>,
        expression: Expression,
    },
}

/// Containers within containers that a template may have.
const MAX_DEPTH: usize = 128;

impl Template {
    /// Compiles the value of a template's field.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its place in the template.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::query::Template;
    ///
    /// let errors = Template::compile(&json!({ "orders": [{ "id.$": "order.id" }] })).unwrap_err();
    /// assert_eq!(errors.len(), 1);
    /// assert_eq!(errors[0].pointer(), "/orders/0/id.$");
    /// ```
    pub fn compile(template: &Value) -> Result<Self, Vec<TemplateError>> {
        let mut compiler = Compiler { at: Vec::new(), errors: Vec::new() };
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
    /// A path in it leads to nothing, or a function does not take its arguments.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        let result = self.node.evaluate(scope)?;
        match result.deeper_than(scope.limits.depth) {
            true => Err(QueryError::too_deep(scope.limits.depth)),
            false => Ok(result),
        }
    }

    /// The template's value, if it is always the same.
    pub fn constant(&self) -> Option<&Json> {
        match &self.node {
            Node::Constant(json) => Some(json),
            _ => None,
        }
    }

    /// The paths that the template reads.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwright::query::Template;
    ///
    /// let template = Template::compile(&json!({ "a": [{ "b.$": "States.Array($x, $$.Task.Token)" }] })).unwrap();
    /// let variables: Vec<_> = template.paths().into_iter().filter_map(|path| path.variable()).collect();
    /// assert_eq!(variables, ["x"]);
    /// assert!(template.paths().iter().any(|path| path.may_read_task_token()));
    /// ```
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.node.collect_paths(&mut paths);
        paths
    }
}

// Recursion over nodes is bounded by the compiler's `MAX_DEPTH`.
impl Node {
    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    fn into_constant(self) -> Option<Json> {
        match self {
            Self::Constant(json) => Some(json),
            _ => None,
        }
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        match self {
            Self::Constant(json) => Ok(json.clone()),
            Self::Object { keys, nodes } => {
                let mut values = Vec::with_capacity(nodes.len());
                for node in nodes {
                    values.push(node.evaluate(scope)?);
                }
                Ok(Json::Object(Arc::new(Object::shaped(keys.clone(), values))))
            }
            Self::Array(nodes) => {
                nodes.iter().map(|node| node.evaluate(scope)).collect::<Result<_, _>>().map(Json::array)
            }
            // AWS passes white space on only with a document that is passed on as a whole.
            Self::Expression { field, expression } => Ok(expression.evaluate(scope, field)?.into_compact()),
        }
    }

    fn collect_paths<'n>(&'n self, paths: &mut Vec<&'n Path>) {
        match self {
            Self::Constant(_) => {}
            Self::Object { nodes, .. } | Self::Array(nodes) => {
                nodes.iter().for_each(|node| node.collect_paths(paths))
            }
            Self::Expression { expression, .. } => paths.extend(expression.paths()),
        }
    }
}

struct Compiler<'v> {
    /// Where in the template this is.
    at: Vec<Step<'v>>,
    errors: Vec<TemplateError>,
}

impl<'v> Compiler<'v> {
    fn node(&mut self, value: &'v Value) -> Node {
        if self.at.len() > MAX_DEPTH {
            self.report(TemplateErrorKind::TooDeep);
            return Node::Constant(Json::Null);
        }
        match value {
            Value::Array(items) => {
                let nodes = items.iter().enumerate();
                let nodes: Vec<_> =
                    nodes.map(|(index, item)| self.within(Step::Index(index), |it| it.node(item))).collect();
                match nodes.iter().all(Node::is_constant) {
                    true => Node::Constant(Json::array(
                        nodes.into_iter().filter_map(Node::into_constant).collect(),
                    )),
                    false => Node::Array(nodes.into()),
                }
            }
            Value::Object(map) => self.object(map),
            scalar => Node::Constant(Json::from(scalar)),
        }
    }

    fn object(&mut self, map: &'v serde_json::Map<String, Value>) -> Node {
        let mut entries: Vec<(Arc<str>, Node)> = Vec::with_capacity(map.len());
        let mut dynamic: Vec<Option<(Arc<str>, Node)>> = Vec::new();
        for (key, value) in map {
            let step = Step::Key(key);
            let Some(name) = key.strip_suffix(".$") else {
                let node = self.within(step, |it| it.node(value));
                entries.push((key.as_str().into(), node));
                continue;
            };
            let node = self.within(step, |it| {
                if map.contains_key(name) {
                    it.report(TemplateErrorKind::Repeated(name.into()));
                }
                it.expression(key, value)
            });
            dynamic.push(Some((name.into(), node)));
        }
        if dynamic.is_empty() && entries.iter().all(|(_, node)| node.is_constant()) {
            let constant = |(key, node): (Arc<str>, Node)| Some((key, node.into_constant()?));
            return Node::Constant(Json::object(entries.into_iter().filter_map(constant)));
        }
        let order = hash_map_order(dynamic.iter().flatten().map(|(name, _)| name.as_ref()));
        entries.extend(order.into_iter().filter_map(|at| dynamic[at].take()));
        let (keys, nodes): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        // Keys that are there twice have been reported.
        Node::Object { keys: Arc::new(Shape::of(keys).unwrap_or_default()), nodes: nodes.into() }
    }

    fn expression(&mut self, key: &str, value: &Value) -> Node {
        let parsed = match value {
            Value::String(text) => Expression::parse(text).map_err(TemplateErrorKind::Syntax),
            _ => Err(TemplateErrorKind::NotText),
        };
        match parsed {
            Ok(expression) => Node::Expression { field: key.into(), expression },
            Err(kind) => {
                self.report(kind);
                Node::Constant(Json::Null)
            }
        }
    }

    fn within<T>(&mut self, step: Step<'v>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.at.push(step);
        let result = read(self);
        self.at.pop();
        result
    }

    fn report(&mut self, kind: TemplateErrorKind) {
        let place = |step: &Step<'_>| match *step {
            Step::Key(key) => Place::Key(key.into()),
            Step::Index(index) => Place::Index(index),
        };
        self.errors.push(TemplateError { place: self.at.iter().map(place).collect(), kind });
    }
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    place: Vec<Place>,
    kind: TemplateErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplateErrorKind {
    Syntax(SyntaxError),
    NotText,
    Repeated(Box<str>),
    TooDeep,
}

/// A step from a template into one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To the value of a key, as it was written.
    Key(Box<str>),
    /// To an element.
    Index(usize),
}

impl TemplateError {
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
    pub fn syntax(&self) -> Option<&SyntaxError> {
        match &self.kind {
            TemplateErrorKind::Syntax(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TemplateErrorKind::Syntax(error) => {
                write!(f, "this must be a JSONPath or an intrinsic function: {error}")
            }
            TemplateErrorKind::NotText => f.write_str("this must be a JSONPath or an intrinsic function"),
            TemplateErrorKind::Repeated(name) => write!(f, "`{name}` and `{name}.$` are the same field"),
            TemplateErrorKind::TooDeep => {
                write!(f, "the template is nested more than {MAX_DEPTH} levels deep")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests;
