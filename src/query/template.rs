//! Payload templates: JSON in which a field `x.$` holds an expression whose value becomes that of `x`.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::{QueryError, SyntaxError};
use super::expression::Expression;
use super::java::hash_map_order;
use super::jsonpath::Path;
use super::scope::Scope;
use super::tree::{Compiler, Evaluate, Language, MAX_DEPTH, Misplaced, Node, Place};
use crate::json::Json;
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
    node: Node<Field>,
}

/// A field `x.$`.
#[derive(Clone, Debug)]
struct Field {
    /// The key, as it was written.
    key: Box<str>,
    expression: Expression,
}

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
        Compiler::compile(JsonPath, template).map(|node| Self { node })
    }

    /// The template's value.
    ///
    /// # Errors
    ///
    /// A path in it leads to nothing, or a function does not take its arguments.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        self.node.value(scope)
    }

    /// The template's value, if it is always the same.
    pub fn constant(&self) -> Option<&Json> {
        self.node.constant()
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
        self.node.expressions().into_iter().flat_map(|field| field.expression.paths()).collect()
    }
}

impl Evaluate for Field {
    #[inline]
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        // AWS passes white space on only with a document that is passed on as a whole.
        Ok(self.expression.evaluate(scope, &self.key)?.into_compact())
    }
}

struct JsonPath;

impl Language for JsonPath {
    type Expression = Field;
    type Mistake = Mistake;
    const TOO_DEEP: Mistake = Mistake::TooDeep;

    fn string(_: &mut Compiler<'_, Self>, text: &str) -> Node<Field> {
        Node::Constant(Json::string(text))
    }

    fn object<'v>(compiler: &mut Compiler<'v, Self>, map: &'v Map<String, Value>) -> Node<Field> {
        let (mut keys, mut nodes) = (Vec::with_capacity(map.len()), Vec::with_capacity(map.len()));
        let (mut names, mut dynamic) = (Vec::new(), Vec::new());
        for (key, value) in map {
            let Some(name) = key.strip_suffix(".$") else {
                keys.push(Arc::from(key.as_str()));
                nodes.push(compiler.part(Step::Key(key), value));
                continue;
            };
            let node = compiler.within(Step::Key(key), |compiler| {
                if map.contains_key(name) {
                    compiler.mistake(Mistake::Repeated(name.into()));
                }
                field(compiler, key, value)
            });
            names.push(name);
            dynamic.push(Some(node));
        }
        for at in hash_map_order(names.iter().copied()) {
            keys.push(names[at].into());
            nodes.extend(dynamic[at].take());
        }
        Node::object(keys, nodes)
    }
}

fn field(compiler: &mut Compiler<'_, JsonPath>, key: &str, value: &Value) -> Node<Field> {
    let parsed = match value {
        Value::String(text) => Expression::parse(text).map_err(Mistake::Syntax),
        _ => Err(Mistake::NotText),
    };
    match parsed {
        Ok(expression) => Node::Expression(Field { key: key.into(), expression }),
        Err(mistake) => compiler.mistake(mistake),
    }
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError(Misplaced<Mistake>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mistake {
    Syntax(SyntaxError),
    NotText,
    Repeated(Box<str>),
    TooDeep,
}

impl From<Misplaced<Mistake>> for TemplateError {
    fn from(misplaced: Misplaced<Mistake>) -> Self {
        Self(misplaced)
    }
}

impl TemplateError {
    /// Where in the template it is.
    pub fn place(&self) -> &[Place] {
        &self.0.place
    }

    /// Where in the template it is, as a JSON Pointer.
    pub fn pointer(&self) -> String {
        self.0.pointer()
    }

    /// What is wrong with the expression, if that is what is wrong.
    pub fn syntax(&self) -> Option<&SyntaxError> {
        match &self.0.mistake {
            Mistake::Syntax(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.mistake {
            Mistake::Syntax(error) => {
                write!(f, "this must be a JSONPath or an intrinsic function: {error}")
            }
            Mistake::NotText => f.write_str("this must be a JSONPath or an intrinsic function"),
            Mistake::Repeated(name) => write!(f, "`{name}` and `{name}.$` are the same field"),
            Mistake::TooDeep => {
                write!(f, "the template is nested more than {MAX_DEPTH} levels deep")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests;
