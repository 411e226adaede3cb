//! Choices that fall through, rules that are never taken, loops that lead nowhere, Waits that do not wait.

use super::read::{expressions, reads_context};
use crate::definition::{
    Amount, Choice, Comparison, Edges, Family, Operator, Placed, Relation, State, StateKind, Test, Timing,
    Tree,
};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Trail};
use crate::query::Expression;

/// How many rules of one Choice are looked at.
const RULES: usize = 500;

pub(super) fn lint(tree: &Tree<'_>, found: &mut Diagnostics) {
    for (number, placed) in tree.states.iter().enumerate().filter(|(_, placed)| !placed.jsonata) {
        let at = tree.at(number);
        match &placed.state.kind {
            StateKind::Choice(choice) => choice_lints(placed.state, choice, &at, found),
            StateKind::Wait(wait) => {
                if let Some(Timing::Seconds(Amount::Number(seconds))) = &wait.timing
                    && seconds.as_u64() == Some(0)
                {
                    let at = at.key("Seconds").pointer();
                    found.push(Diagnostic::new(Code::WaitOfZero, at, "no seconds are no wait"));
                }
            }
            _ => {}
        }
    }
    let ends = (0..tree.states.len()).filter(|number| tree.states[*number].state.is_terminal());
    let ending = tree.successors.reversed().reached(ends);
    let looping = idle_loops(tree);
    for block in 0..tree.blocks.len() {
        let first = |odd: &dyn Fn(usize) -> bool| tree.of_block(block).find(|number| odd(*number));
        if let Some(number) = first(&|number| !ending[number]) {
            let message = format!("no transition leads from `{}` to an end", tree.states[number].state.name);
            found.push(Diagnostic::new(Code::NeverEnds, tree.at(number).pointer(), message).at_key());
        }
        if let Some(number) = first(&|number| looping[number]) {
            let name = &tree.states[number].state.name;
            let message = format!("the loop through `{name}` changes nothing and waits for nothing");
            let diagnostic = Diagnostic::new(Code::IdleLoop, tree.at(number).pointer(), message).at_key();
            found.push(diagnostic.with_help("whoever goes round once goes round for ever"));
        }
    }
}

fn choice_lints(state: &State, choice: &Choice, at: &Trail<'_>, found: &mut Diagnostics) {
    // Rules are compared with each other; nobody writes so many.
    if choice.choices.len() > RULES {
        return;
    }
    let rules = at.key("Choices");
    let test = |n: usize| choice.choices[n].condition.test.as_ref();
    for n in 0..choice.choices.len() {
        if let Some(first) = (0..n).find(|earlier| test(n).is_some() && test(*earlier) == test(n)) {
            let message = "an earlier rule tests the same, so this one is never taken";
            let diagnostic = Diagnostic::new(Code::RuleNeverTaken, rules.index(n).pointer(), message);
            found.push(diagnostic.with_note("the earlier rule", rules.index(first).pointer()));
        }
    }
    let tests = || choice.choices.iter().map(|rule| rule.condition.test.as_ref());
    if choice.default.is_none() && !covers_all(&tests().collect::<Vec<_>>()) {
        let message = format!("`{}` has no `Default` for what no rule takes", state.name);
        let diagnostic = Diagnostic::new(Code::ChoiceWithoutDefault, at.pointer(), message).at_key();
        found.push(diagnostic.with_help("when no rule holds, the execution fails"));
    }
}

/// Whether two of the rules visibly leave nothing to a default.
fn covers_all(tests: &[Option<&Test>]) -> bool {
    let pairs = tests.iter().flat_map(|one| tests.iter().map(move |other| (*one, *other)));
    pairs.into_iter().any(|pair| match pair {
        (Some(one), Some(Test::Not(negated))) => negated.test.as_ref() == Some(one),
        (Some(Test::Comparison(one)), Some(Test::Comparison(other))) => opposite(one, other),
        _ => false,
    })
}

fn opposite(one: &Comparison, other: &Comparison) -> bool {
    use Relation::{GreaterThan, GreaterThanEquals, LessThan, LessThanEquals};
    let Operator { family, relation, is_path, .. } = one.operator;
    if one.variable != other.variable || family != other.operator.family || is_path != other.operator.is_path
    {
        return false;
    }
    let truths =
        || one.operand.as_bool().zip(other.operand.as_bool()).is_some_and(|(one, other)| one != other);
    match (relation, other.operator.relation) {
        (Relation::Is, Relation::Is) => truths(),
        (Relation::Equals, Relation::Equals) if family == Family::Boolean && !is_path => truths(),
        (LessThan, GreaterThanEquals)
        | (GreaterThan, LessThanEquals)
        | (LessThanEquals, GreaterThanEquals) => one.operand == other.operand,
        _ => false,
    }
}

/// The states in loops of states that neither change anything nor wait for anything.
fn idle_loops(tree: &Tree<'_>) -> Vec<bool> {
    let mut edges = Edges::default();
    for (number, placed) in tree.states.iter().enumerate() {
        let at = tree.at(number);
        let idle = idle_successors(placed, &at);
        edges.push(idle.filter_map(|name| tree.find(placed.block, name)));
    }
    // What leads to a loop and what comes after one is not in it.
    let (leading, following) = (edges.endless(), edges.reversed().endless());
    leading.into_iter().zip(following).map(|(leading, following)| leading && following).collect()
}

/// Where a state leads without having changed anything, and without having waited.
fn idle_successors<'d>(placed: &Placed<'d>, at: &Trail<'_>) -> impl Iterator<Item = &'d str> {
    let state = placed.state;
    let passes_on = !placed.jsonata
        && state.input_path.is_none()
        && state.output_path.is_none()
        && state.result_path.is_none();
    let (rules, other) = match &state.kind {
        StateKind::Pass(pass) if passes_on => {
            let idle = pass.result.is_none() && state.parameters.is_none() && state.assign.is_none();
            (&[][..], state.next.as_deref().filter(|_| idle))
        }
        // The Context Object has the time in it.
        StateKind::Choice(choice) if passes_on && !sees_time(state, at) => {
            (&*choice.choices, choice.default.as_deref().filter(|_| state.assign.is_none()))
        }
        _ => (&[][..], None),
    };
    let rules = rules.iter().filter(|rule| rule.assign.is_none()).filter_map(|rule| rule.next.as_deref());
    rules.chain(other)
}

fn sees_time(state: &State, at: &Trail<'_>) -> bool {
    let mut sees = false;
    expressions(state, at, &mut |_, text| {
        sees |= reads_context(text)
            && Expression::parse(text)
                .is_ok_and(|expression| expression.paths().iter().any(|path| path.reads_context()));
    });
    sees
}
