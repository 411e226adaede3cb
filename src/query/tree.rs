//! The tree of a template, in either query language: JSON in which some values are those of expressions.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::QueryError;
use super::scope::Scope;
use crate::json::{Json, Object, Shape};
use crate::span::Step;

/// Containers within containers that a template may have.
pub(super) const MAX_DEPTH: usize = 128;

/// A part of a template, with expressions `E`. Parts without any are made when the template is compiled.
#[derive(Clone, Debug)]
pub(super) enum Node<E> {
    /// There are no expressions in it.
    Constant(Json),
    Object {
        keys: Arc<Shape>,
        nodes: Box<[Self]>,
    },
    Array(Box<[Self]>),
    Expression(E),
}

/// An expression of a template.
pub(super) trait Evaluate {
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError>;
}

impl<E: Evaluate> Node<E> {
    /// The template's value.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        let result = self.evaluate(scope)?;
        match result.deeper_than(scope.limits.depth) {
            true => Err(QueryError::too_deep(scope.limits.depth)),
            false => Ok(result),
        }
    }

    // Recursion over nodes is bounded by the compiler's `MAX_DEPTH`.
    fn evaluate(&self, scope: &Scope<'_>) -> Result<Json, QueryError> {
        match self {
            Self::Constant(json) => Ok(json.clone()),
            Self::Object { keys, nodes } => {
                let values = all(nodes, scope)?;
                Ok(Json::Object(Arc::new(Object::shaped(keys.clone(), values))))
            }
            Self::Array(nodes) => all(nodes, scope).map(Json::array),
            Self::Expression(expression) => expression.evaluate(scope),
        }
    }
}

fn all<E: Evaluate>(nodes: &[Node<E>], scope: &Scope<'_>) -> Result<Vec<Json>, QueryError> {
    let mut values = Vec::with_capacity(nodes.len());
    for node in nodes {
        values.push(node.evaluate(scope)?);
    }
    Ok(values)
}

impl<E> Node<E> {
    /// Its value, if that is always the same.
    pub(super) fn constant(&self) -> Option<&Json> {
        match self {
            Self::Constant(json) => Some(json),
            _ => None,
        }
    }

    /// The expressions in it.
    pub(super) fn expressions(&self) -> Vec<&E> {
        let (mut found, mut nodes) = (Vec::new(), vec![self]);
        while let Some(node) = nodes.pop() {
            match node {
                Self::Constant(_) => {}
                Self::Object { nodes: inner, .. } | Self::Array(inner) => nodes.extend(inner.iter().rev()),
                Self::Expression(expression) => found.push(expression),
            }
        }
        found
    }

    /// An object of `nodes`; keys that are there twice make no object.
    pub(super) fn object(keys: Vec<Arc<str>>, nodes: Vec<Self>) -> Self {
        match constants(nodes) {
            Ok(values) => Self::Constant(Json::object(keys.into_iter().zip(values))),
            Err(nodes) => {
                Self::Object { keys: Arc::new(Shape::of(keys).unwrap_or_default()), nodes: nodes.into() }
            }
        }
    }

    fn array(nodes: Vec<Self>) -> Self {
        match constants(nodes) {
            Ok(values) => Self::Constant(Json::array(values)),
            Err(nodes) => Self::Array(nodes.into()),
        }
    }
}

/// The values of `nodes` if all of them are constant.
fn constants<E>(nodes: Vec<Node<E>>) -> Result<Vec<Json>, Vec<Node<E>>> {
    if nodes.iter().any(|node| node.constant().is_none()) {
        return Err(nodes);
    }
    let value = |node| match node {
        Node::Constant(json) => Some(json),
        _ => None,
    };
    Ok(nodes.into_iter().filter_map(value).collect())
}

/// How a query language marks its expressions.
pub(super) trait Language: Sized {
    type Expression;
    /// What may be wrong with a part of a template.
    type Mistake;
    /// There are more than [`MAX_DEPTH`] containers within one another.
    const TOO_DEEP: Self::Mistake;

    /// What a string is.
    fn string(compiler: &mut Compiler<'_, Self>, text: &str) -> Node<Self::Expression>;

    /// What an object is.
    fn object<'v>(compiler: &mut Compiler<'v, Self>, map: &'v Map<String, Value>) -> Node<Self::Expression>;
}

/// Compiles templates, and goes on when it finds a mistake.
pub(super) struct Compiler<'v, L: Language> {
    pub(super) language: L,
    /// Where in the template this is.
    at: Vec<Step<'v>>,
    mistakes: Vec<Misplaced<L::Mistake>>,
}

/// What is wrong with a part of a template, and where that part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misplaced<M> {
    pub(super) place: Vec<Place>,
    pub(super) mistake: M,
}

/// A step from a template into one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To the value of a key, as it was written.
    Key(Box<str>),
    /// To an element.
    Index(usize),
}

impl<'v, L: Language> Compiler<'v, L> {
    /// Compiles a template, or tells all that is wrong with it.
    pub(super) fn compile<M: From<Misplaced<L::Mistake>>>(
        language: L,
        template: &'v Value,
    ) -> Result<Node<L::Expression>, Vec<M>> {
        let mut compiler = Self { language, at: Vec::new(), mistakes: Vec::new() };
        let node = compiler.node(template);
        match compiler.mistakes.is_empty() {
            true => Ok(node),
            false => Err(compiler.mistakes.into_iter().map(M::from).collect()),
        }
    }

    fn node(&mut self, value: &'v Value) -> Node<L::Expression> {
        if self.at.len() > MAX_DEPTH {
            return self.mistake(L::TOO_DEEP);
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Node::array(items.map(|(index, item)| self.part(Step::Index(index), item)).collect())
            }
            Value::Object(map) => L::object(self, map),
            Value::String(text) => L::string(self, text),
            scalar => Node::Constant(Json::from(scalar)),
        }
    }

    /// The part that `step` leads to.
    pub(super) fn part(&mut self, step: Step<'v>, value: &'v Value) -> Node<L::Expression> {
        self.within(step, |compiler| compiler.node(value))
    }

    /// What `read` makes of the part that `step` leads to.
    pub(super) fn within<R>(&mut self, step: Step<'v>, read: impl FnOnce(&mut Self) -> R) -> R {
        self.at.push(step);
        let result = read(self);
        self.at.pop();
        result
    }

    /// Where in the template this is.
    pub(super) fn place(&self) -> &[Step<'v>] {
        &self.at
    }

    /// Notes a mistake, and gives something to go on with.
    pub(super) fn mistake(&mut self, mistake: L::Mistake) -> Node<L::Expression> {
        let place = |step: &Step<'_>| match *step {
            Step::Key(key) => Place::Key(key.into()),
            Step::Index(index) => Place::Index(index),
        };
        self.mistakes.push(Misplaced { place: self.at.iter().map(place).collect(), mistake });
        Node::Constant(Json::Null)
    }
}

impl<M> Misplaced<M> {
    /// The place as a JSON Pointer.
    pub(super) fn pointer(&self) -> String {
        self.place.iter().fold(String::new(), |pointer, place| match place {
            Place::Key(key) => pointer + "/" + &key.replace('~', "~0").replace('/', "~1"),
            Place::Index(index) => format!("{pointer}/{index}"),
        })
    }
}
