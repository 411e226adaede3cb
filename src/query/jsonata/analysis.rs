//! What an expression refers to: the variables it reads, and what states do not have.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jlens_core::ast::{Ast, BinaryOp, Node, NodeKind, Span, Stage};
use jlens_core::stack;

use super::JsonataError;
use crate::query::error::SyntaxError;

/// What an expression refers to.
#[derive(Debug, Default)]
pub(super) struct Analysis {
    /// Variables of the workflow.
    pub(super) free: BTreeSet<Box<str>>,
    /// Functions of the language.
    pub(super) functions: BTreeSet<Box<str>>,
    pub(super) reads_states: bool,
    /// `$states.context`, or `$states` as a whole.
    pub(super) reads_context: bool,
    /// Whether it draws random numbers.
    pub(super) random: bool,
    /// The operands of its divisions, inner ones last.
    pub(super) divisions: Vec<(Span, Span)>,
}

/// Functions that AWS adds.
pub(super) const ADDED: [&str; 6] = ["hash", "parse", "partition", "random", "range", "uuid"];

/// Analyses the expression of a state, where `$states` has `fields`.
pub(super) fn of_state(ast: &Ast, fields: &[&str], nesting: usize) -> Result<Analysis, JsonataError> {
    Walker { fields: Some(fields), nesting, ..Walker::default() }.walk(ast)
}

/// Analyses an expression that has a document of its own.
pub(super) fn standalone(ast: &Ast, nesting: usize) -> Result<Analysis, JsonataError> {
    Walker { nesting, ..Walker::default() }.walk(ast)
}

#[derive(Default)]
struct Walker<'f> {
    /// The fields of `$states`; `None` outside of states.
    fields: Option<&'f [&'f str]>,
    /// How deep nodes may lie within one another.
    nesting: usize,
    depth: usize,
    found: Analysis,
    /// Parameters of the lambdas around a node.
    bound: Vec<String>,
    problem: Option<SyntaxError>,
}

impl Walker<'_> {
    fn walk(mut self, ast: &Ast) -> Result<Analysis, JsonataError> {
        self.node(&ast.root, true);
        match self.problem {
            Some(problem) => Err(JsonataError::Unsupported(problem)),
            None => Ok(self.found),
        }
    }

    /// `top`: there is no context here that a name could be looked up in.
    fn node(&mut self, node: &Node, top: bool) {
        if self.problem.is_some() {
            return;
        }
        if self.depth == self.nesting {
            return self.report(
                format!("The expression is nested more than {} levels deep.", self.nesting),
                node.span,
            );
        }
        self.depth += 1;
        stack::grow(|| self.enter(node, top));
        self.depth -= 1;
    }

    fn enter(&mut self, node: &Node, top: bool) {
        match &node.kind {
            NodeKind::Path { steps, .. } => self.path(steps, top),
            NodeKind::Name { name } => self.reference(name, top, node.span),
            NodeKind::Wildcard => self.reference("*", top, node.span),
            NodeKind::Descendant => self.reference("**", top, node.span),
            NodeKind::Parent { .. } => self.reference("%", top, node.span),
            NodeKind::Variable { name } => self.variable(name, top, node.span),
            NodeKind::Lambda(lambda) => {
                let outer = self.bound.len();
                self.bound.extend(lambda.params.iter().cloned());
                self.node(&lambda.body, top);
                self.bound.truncate(outer);
            }
            NodeKind::Transform(transform) => {
                self.node(&transform.pattern, false);
                self.node(&transform.update, false);
                transform.delete.iter().for_each(|delete| self.node(delete, false));
            }
            NodeKind::Sort { terms } => terms.iter().for_each(|term| self.node(&term.expr, false)),
            NodeKind::Binary { op, lhs, rhs } => {
                if *op == BinaryOp::Div {
                    self.found.divisions.push((lhs.span, rhs.span));
                }
                self.node(lhs, top);
                self.node(rhs, top);
            }
            // What is bound is not read.
            NodeKind::Bind { rhs, .. } => self.node(rhs, top),
            NodeKind::Fallback { lhs, rhs, .. } | NodeKind::Apply { lhs, rhs } => {
                self.node(lhs, top);
                self.node(rhs, top);
            }
            NodeKind::Negate { expr } => self.node(expr, top),
            NodeKind::Array { items } => items.iter().for_each(|node| self.node(node, top)),
            NodeKind::Block { exprs, .. } => self.block(exprs, top),
            NodeKind::Object { pairs } => self.pairs(pairs, top),
            NodeKind::Condition { condition, then, otherwise } => {
                self.node(condition, top);
                self.node(then, top);
                otherwise.iter().for_each(|node| self.node(node, top));
            }
            NodeKind::Function { procedure, args } | NodeKind::Partial { procedure, args } => {
                self.node(procedure, top);
                args.iter().for_each(|node| self.node(node, top));
            }
            NodeKind::String { .. }
            | NodeKind::Number { .. }
            | NodeKind::Bool { .. }
            | NodeKind::Null
            | NodeKind::Regex { .. }
            | NodeKind::Placeholder
            | NodeKind::Error { .. } => {}
        }
        for stage in node.attrs.stages.iter().chain(&node.attrs.predicate) {
            match stage {
                Stage::Filter { expr, .. } => self.node(expr, false),
                Stage::Index { var, .. } => self.bound.push(var.clone()),
            }
        }
        self.bound.extend(node.attrs.focus.iter().chain(&node.attrs.index).cloned());
        if let Some(group) = &node.attrs.group {
            self.pairs(&group.pairs, false);
        }
    }

    /// Each expression sees what those before it have bound; functions see one another.
    fn block(&mut self, nodes: &[Node], top: bool) {
        let outer = self.bound.len();
        let bound = |node: &Node, function: bool| match &node.kind {
            NodeKind::Bind { lhs, rhs } => match &lhs.kind {
                NodeKind::Variable { name } if matches!(rhs.kind, NodeKind::Lambda(_)) == function => {
                    Some(name.clone())
                }
                _ => None,
            },
            _ => None,
        };
        self.bound.extend(nodes.iter().filter_map(|node| bound(node, true)));
        for node in nodes {
            self.node(node, top);
            self.bound.extend(bound(node, false));
        }
        self.bound.truncate(outer);
    }

    fn path(&mut self, steps: &[Node], top: bool) {
        let outer = self.bound.len();
        for (n, step) in steps.iter().enumerate() {
            self.node(step, top && n == 0);
        }
        // Later steps see what earlier ones bound, and nobody else does.
        self.bound.truncate(outer);
        let Some(NodeKind::Variable { name }) = steps.first().map(|step| &step.kind) else { return };
        if name != "states" || self.fields.is_none() {
            return;
        }
        match steps.get(1).map(|step| (&step.kind, step.span)) {
            Some((NodeKind::Name { name }, span)) => {
                self.found.reads_context |= name == "context";
                if !self.fields.unwrap_or_default().contains(&name.as_str()) {
                    self.report(format!("Field '$states.{name}' does not exist."), span);
                }
            }
            _ => self.found.reads_context = true,
        }
    }

    fn pairs(&mut self, pairs: &[(Node, Node)], top: bool) {
        for (key, value) in pairs {
            self.node(key, top);
            self.node(value, top);
        }
    }

    fn reference(&mut self, name: &str, top: bool, span: Span) {
        if top && self.fields.is_some() {
            self.report(format!("Reference to '{name}' at the top level is not supported."), span);
        }
    }

    fn variable(&mut self, name: &str, top: bool, span: Span) {
        match name {
            "" => self.reference("$", top, span),
            "$" if self.fields.is_some() => self.report("Reference to '$$' is not supported.".into(), span),
            "$" => {}
            "states" if self.fields.is_some() => self.found.reads_states = true,
            _ if self.bound.iter().any(|bound| bound == name) => {}
            _ => {
                self.found.random |= matches!(name, "random" | "shuffle" | "uuid");
                match FUNCTIONS.contains(name) {
                    true => self.found.functions.insert(name.into()),
                    false => self.found.free.insert(name.into()),
                };
            }
        }
    }

    fn report(&mut self, message: String, span: Span) {
        self.problem.get_or_insert_with(|| SyntaxError::new(message, span.start));
    }
}

/// The functions of the language, with those that AWS adds.
static FUNCTIONS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    jlens_core::function_catalog().iter().map(|function| function.name).chain(ADDED).collect()
});
