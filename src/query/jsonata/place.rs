//! Expressions that only name a place, such as `$states.input.order.id`: the engine is not needed for them.

use jlens_core::ast::{Ast, Attrs, Node, NodeKind};

use super::document::as_result;
use crate::json::Json;
use crate::query::scope::{ContextField, Scope};

/// A place in what an expression sees.
#[derive(Debug)]
pub(super) struct Place {
    root: Root,
    names: Box<[Box<str>]>,
}

#[derive(Debug)]
enum Root {
    Input,
    Result,
    ErrorOutput,
    /// A field that can be told without the whole, and how many names lead to it.
    ContextField(ContextField, usize),
    Context,
    Variable(Box<str>),
}

impl Place {
    /// The place that an expression names, if it does nothing else. What it names instead of `$states` has to be a
    /// variable.
    pub(super) fn of(ast: &Ast) -> Option<Self> {
        let steps = match &ast.root.kind {
            NodeKind::Path { steps, keep_singleton_array: false } if is_bare(&ast.root) => steps.as_slice(),
            NodeKind::Variable { .. } => std::slice::from_ref(&ast.root),
            _ => return None,
        };
        let (first, rest) = steps.split_first()?;
        let NodeKind::Variable { name } = &first.kind else { return None };
        let names = rest.iter().map(|step| match &step.kind {
            NodeKind::Name { name } if is_bare(step) => Some(name.as_str()),
            _ => None,
        });
        let names: Vec<&str> = names.collect::<Option<_>>()?;
        if !is_bare(first) {
            return None;
        }
        let (root, names) = match (name.as_str(), names.split_first()) {
            ("states", Some((&"input", names))) => (Root::Input, names),
            ("states", Some((&"result", names))) => (Root::Result, names),
            ("states", Some((&"errorOutput", names))) => (Root::ErrorOutput, names),
            ("states", Some((&"context", names))) => match ContextField::of(names.iter().copied()) {
                Some((field, count)) => (Root::ContextField(field, count), names),
                None => (Root::Context, names),
            },
            ("states" | "" | "$", _) => return None,
            _ => (Root::Variable(name.as_str().into()), names.as_slice()),
        };
        Some(Self { root, names: names.iter().map(|name| Box::from(*name)).collect() })
    }

    /// What is there. Nothing where the engine has to say what that means: a list is looked into, or there is
    /// nothing.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Option<Json> {
        let document = match &self.root {
            Root::Input => scope.input,
            Root::Result => scope.result?,
            Root::ErrorOutput => scope.error_output?,
            Root::Context => scope.context.context_object(),
            Root::Variable(name) => scope.variables.variable(name)?,
            Root::ContextField(field, count) => {
                let field = scope.context.field(*field)?;
                return follow(&field, &self.names[*count..]).map(as_result);
            }
        };
        follow(document, &self.names).map(as_result)
    }
}

fn follow<'a>(document: &'a Json, names: &[Box<str>]) -> Option<&'a Json> {
    names.iter().try_fold(document, |here, name| here.get(name))
}

/// Whether nothing hangs on a node.
fn is_bare(node: &Node) -> bool {
    let Attrs {
        keep_array,
        cons_array,
        tuple,
        focus,
        index,
        stages,
        predicate,
        group,
        ancestor,
        ancestor_label,
        seeking_parent,
    } = &node.attrs;
    let bound = focus.is_some() || index.is_some() || group.is_some();
    let parents = ancestor.is_some() || ancestor_label.is_some() || !seeking_parent.is_empty();
    !(*keep_array || *cons_array || *tuple || bound || parents || !stages.is_empty() || !predicate.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::Outcome;
    use super::super::engine::Program;
    use super::*;
    use crate::limits::Limits;
    use crate::query::entropy::Entropy;

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            prop_oneof![
                Just(json!(1.0)),
                Just(json!(u64::MAX)),
                Just(json!((1_i64 << 53) + 1)),
                Just(json!(0.5))
            ],
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let key = "[ab]";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..3)
                    .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    fn value(program: &Program, scope: &Scope<'_>) -> Option<String> {
        match program.evaluate(scope) {
            Ok(Outcome::Value(value)) => Some(value.to_string()),
            Ok(_) => None,
            Err(trouble) => panic!("{}", trouble.message),
        }
    }

    proptest! {
        #[test]
        fn the_engine_says_the_same(
            document in document(),
            root in prop::sample::select(&["$states.input", "$states.result", "$states.context", "$v"][..]),
            names in prop::collection::vec("[ab]", 0..4),
        ) {
            let path = names.iter().fold(root.to_owned(), |path, name| path + "." + name);
            let json = Json::from(&document);
            let variables = Json::from(json!({ "v": document }));
            let entropy = Entropy::new([0; 32]);
            let scope = Scope {
                result: Some(&json),
                context: &json,
                variables: &variables,
                ..Scope::new(&json, &entropy, &Limits::AWS)
            };
            let fields = ["input", "result", "context"];
            let program = Program::of_state(&path, &fields).unwrap();
            // In brackets it is no mere place.
            let asked = Program::of_state(&format!("({path})"), &fields).unwrap();
            prop_assert_eq!(value(&program, &scope), value(&asked, &scope));
        }
    }

    #[test]
    fn what_is_more_than_a_place_is_left_to_the_engine() {
        let place = |text: &str| Place::of(jlens_core::Expression::compile(text).unwrap().ast());
        assert!(place("$states.input.order.id").is_some());
        assert!(place("$order").is_some());
        for text in [
            "$states",
            "$",
            "$$.a",
            "$a[0].b",
            "$a.b[]",
            "$a.b.(c)",
            "$a.b{c: d}",
            "$a.*",
            "$a.b ? 1 : 2",
            "($a)",
        ] {
            assert!(place(text).is_none(), "{text}");
        }
    }
}
