//! Choices that fall through, rules that are never taken, loops that lead nowhere, Waits that do not wait.

use std::collections::{BTreeMap, BTreeSet};

use super::read::expressions;
use super::tree::{Tree, Visit, Within};
use crate::definition::{
    Amount, Choice, ChoiceRule, Comparison, Family, Operator, Relation, StateKind, Test, Timing,
};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// How many rules of one Choice are looked at.
const RULES: usize = 500;

pub(super) fn lint(tree: &Tree<'_>) -> Diagnostics {
    let mut found = Diagnostics::default();
    for visit in tree.jsonpath() {
        match &visit.state.kind {
            StateKind::Choice(choice) => found.extend(choice_lints(visit, choice)),
            StateKind::Wait(wait) => {
                if let Some(Timing::Seconds(Amount::Number(seconds))) = &wait.timing
                    && seconds.as_u64() == Some(0)
                {
                    let at = visit.at.key("Seconds");
                    found.push(Diagnostic::new(Code::WaitOfZero, at, "no seconds are no wait"));
                }
            }
            _ => {}
        }
    }
    for (number, within) in tree.blocks.iter().enumerate() {
        found.extend(never_ends(within));
        found.extend(idle_loop(tree, number));
    }
    found
}

fn choice_lints(visit: &Visit<'_>, choice: &Choice) -> Diagnostics {
    let mut found = Diagnostics::default();
    // Rules are compared with each other; nobody writes so many.
    if choice.choices.len() > RULES {
        return found;
    }
    let tests: Vec<Option<&Test>> = choice.choices.iter().map(|rule| rule.condition.test.as_ref()).collect();
    for (n, test) in tests.iter().enumerate() {
        if let Some(first) = tests[..n].iter().position(|earlier| earlier == test && test.is_some()) {
            let rules = visit.at.key("Choices");
            let message = "an earlier rule tests the same, so this one is never taken";
            let diagnostic = Diagnostic::new(Code::RuleNeverTaken, rules.index(n), message);
            found.push(diagnostic.with_note("the earlier rule", rules.index(first)));
        }
    }
    if choice.default.is_none() && !covers_all(&tests) {
        let message = format!("`{}` has no `Default` for what no rule takes", visit.state.name);
        let diagnostic = Diagnostic::new(Code::ChoiceWithoutDefault, visit.at.clone(), message).at_key();
        found.push(diagnostic.with_help("when no rule holds, the execution fails"));
    }
    found
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

/// The first state from which no transition leads to an end.
fn never_ends(within: &Within<'_>) -> Option<Diagnostic> {
    let states = &within.block.states;
    let mut before: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for state in states {
        state.successors().for_each(|next| before.entry(next).or_default().push(&state.name));
    }
    let mut ending = BTreeSet::new();
    let ends = states.iter().filter(|state| state.is_terminal());
    let mut queue: Vec<&str> = ends.map(|state| state.name.as_str()).collect();
    while let Some(name) = queue.pop() {
        if ending.insert(name) {
            queue.extend(before.get(name).into_iter().flatten());
        }
    }
    let state = states.iter().find(|state| !ending.contains(state.name.as_str()))?;
    let at = within.at.key("States").key(state.name.as_str());
    let message = format!("no transition leads from `{}` to an end", state.name);
    Some(Diagnostic::new(Code::NeverEnds, at, message).at_key())
}

/// The first loop of states that neither change anything nor wait for anything.
fn idle_loop(tree: &Tree<'_>, block: usize) -> Option<Diagnostic> {
    let here = tree.jsonpath().filter(|visit| visit.block == block);
    let edges: Vec<(&str, Vec<&str>)> =
        here.filter_map(|visit| Some((visit.state.name.as_str(), idle_successors(visit)?))).collect();
    let edges: Vec<(&str, &str)> =
        edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (*from, *to))).collect();
    // What leads to a loop and what comes after one is not in it.
    let backward: Vec<(&str, &str)> = edges.iter().map(|(from, to)| (*to, *from)).collect();
    let (leading, following) = (endless(&edges), endless(&backward));
    let looping: BTreeSet<&str> = leading.intersection(&following).copied().collect();
    let within = &tree.blocks[block];
    let first = within.block.states.iter().find(|state| looping.contains(state.name.as_str()))?;
    let at = within.at.key("States").key(first.name.as_str());
    let message = format!("the loop through `{}` changes nothing and waits for nothing", first.name);
    let help = "whoever goes round once goes round for ever";
    Some(Diagnostic::new(Code::IdleLoop, at, message).at_key().with_help(help))
}

/// The names from which one can go on for ever.
fn endless<'n>(edges: &[(&'n str, &'n str)]) -> BTreeSet<&'n str> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    let mut before: BTreeMap<&str, Vec<&'n str>> = BTreeMap::new();
    for (from, to) in edges {
        *left.entry(from).or_default() += 1;
        left.entry(to).or_default();
        before.entry(to).or_default().push(from);
    }
    let mut queue: Vec<&str> = left.iter().filter(|(_, left)| **left == 0).map(|(name, _)| *name).collect();
    while let Some(name) = queue.pop() {
        for from in before.get(name).into_iter().flatten() {
            if let Some(left) = left.get_mut(from) {
                *left -= 1;
                if *left == 0 {
                    queue.push(from);
                }
            }
        }
    }
    edges.iter().map(|(from, _)| *from).filter(|from| left.get(from).is_some_and(|left| *left > 0)).collect()
}

/// Where a state leads without having changed anything; `None` if it always changes something, or waits.
fn idle_successors<'d>(visit: &Visit<'d>) -> Option<Vec<&'d str>> {
    let state = visit.state;
    if state.input_path.is_some() || state.output_path.is_some() || state.result_path.is_some() {
        return None;
    }
    match &state.kind {
        StateKind::Pass(pass) => {
            let idle = pass.result.is_none() && state.parameters.is_none() && state.assign.is_none();
            idle.then(|| state.next.as_deref().into_iter().collect())
        }
        StateKind::Choice(choice) => {
            // The Context Object has the time in it.
            let mut read = expressions(visit).into_iter();
            if read.any(|(_, expression)| expression.paths().iter().any(|path| path.reads_context())) {
                return None;
            }
            let idle = |rule: &&'d ChoiceRule| rule.assign.is_none();
            let rules = choice.choices.iter().filter(idle).filter_map(|rule| rule.next.as_deref());
            Some(rules.chain(choice.default.as_deref().filter(|_| state.assign.is_none())).collect())
        }
        _ => None,
    }
}
