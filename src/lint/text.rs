//! Texts that mean something in JSONata, wherever in a state they stand.

use serde_json::{Map, Value};

use crate::definition::{Placed, Sink};
use crate::diagnostic::Trail;
use crate::span::Step;

/// A text that one of the query languages gives a meaning.
#[derive(Clone, Copy)]
pub(super) enum Text<'d> {
    /// The name of a field, with `.$` at its end.
    Key(&'d str),
    /// A string in `{% %}`.
    Expression(&'d str),
}

/// Shows the texts of a state that are, or look like, one of JSONata; not those of the states in it.
pub(super) fn texts<'d>(placed: &Placed<'d>, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, Text<'d>)) {
    let mut texts = Texts { jsonata: placed.jsonata, at, open: Vec::new(), show };
    placed.state.show(&mut texts);
}

/// Looks at all texts of a state.
struct Texts<'d, 's> {
    /// Whether the state is in JSONata. In JSONPath the names of fields mean what they should.
    jsonata: bool,
    at: &'s Trail<'s>,
    /// The steps from there on to what is open.
    open: Vec<Step<'d>>,
    show: &'s mut dyn FnMut(&Trail<'_>, Text<'d>),
}

/// The fields of a state whose texts are not its own, or mean nothing.
const PASSED_OVER: [&str; 4] = ["Branches", "Comment", "ItemProcessor", "Iterator"];

impl<'d> Texts<'d, '_> {
    fn passes_over(&self, step: Step<'d>) -> bool {
        self.open.is_empty() && matches!(step, Step::Key(key) if PASSED_OVER.contains(&key))
    }

    /// Looks into what is one step down. The way there is made only where something is found.
    fn look(&mut self, step: Step<'d>, look: impl Fn(&Trail<'_>, &mut dyn FnMut(&Trail<'_>, Text<'d>))) {
        self.open.push(step);
        descend(self.at, &self.open, &mut |at| look(at, self.show));
        self.open.pop();
    }
}

fn descend(at: &Trail<'_>, steps: &[Step<'_>], arrive: &mut dyn FnMut(&Trail<'_>)) {
    match steps {
        [] => arrive(at),
        [step, steps @ ..] => descend(&Trail::Below(at, *step), steps, arrive),
    }
}

impl<'d> Sink<'d> for Texts<'d, '_> {
    fn text(&mut self, step: Step<'d>, text: &'d str) {
        if is_expression(text) && !self.passes_over(step) {
            self.look(step, |at, show| show(at, Text::Expression(text)));
        }
    }

    fn value(&mut self, step: Step<'d>, value: &'d Value) {
        if holds_text(value, self.jsonata) && !self.passes_over(step) {
            let jsonata = self.jsonata;
            self.look(step, |at, show| texts_in(value, jsonata, at, show));
        }
    }

    fn map(&mut self, step: Step<'d>, map: &'d Map<String, Value>) {
        if map_holds_text(map, self.jsonata) {
            let jsonata = self.jsonata;
            self.look(step, |at, show| texts_in_map(map, jsonata, at, show));
        }
    }

    fn scalar(&mut self, _: Step<'d>, _: Value) {}

    fn open(&mut self, step: Step<'d>, _: bool) -> bool {
        let enters = !self.passes_over(step);
        if enters {
            self.open.push(step);
        }
        enters
    }

    fn close(&mut self) {
        self.open.pop();
    }
}

fn is_expression(text: &str) -> bool {
    text.starts_with("{%") && text.ends_with("%}") && text.len() > 3
}

// Recursion is bounded by how deep the reader lets a document be.
fn holds_text(value: &Value, keys: bool) -> bool {
    match value {
        Value::String(text) => is_expression(text),
        Value::Array(items) => items.iter().any(|item| holds_text(item, keys)),
        Value::Object(map) => map_holds_text(map, keys),
        _ => false,
    }
}

fn map_holds_text(map: &Map<String, Value>, keys: bool) -> bool {
    map.iter().any(|(key, value)| keys && key.ends_with(".$") || holds_text(value, keys))
}

fn texts_in<'d>(value: &'d Value, keys: bool, at: &Trail<'_>, show: &mut dyn FnMut(&Trail<'_>, Text<'d>)) {
    match value {
        Value::String(text) if is_expression(text) => show(at, Text::Expression(text)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| texts_in(item, keys, &at.index(n), show));
        }
        Value::Object(map) => texts_in_map(map, keys, at, show),
        _ => {}
    }
}

fn texts_in_map<'d>(
    map: &'d Map<String, Value>,
    keys: bool,
    at: &Trail<'_>,
    show: &mut dyn FnMut(&Trail<'_>, Text<'d>),
) {
    for (key, value) in map {
        let at = at.key(key);
        if keys && key.ends_with(".$") {
            show(&at, Text::Key(key));
        }
        texts_in(value, keys, &at, show);
    }
}
