//! What the world answered to the tasks of a recorded execution.

use serde_json::Value;

use super::case::Case;
use super::compare::Comparer;
use super::histories;

/// The recorded outcomes of an execution's tasks, each to be used once.
#[derive(Debug)]
pub(crate) struct Outcomes {
    unused: Vec<Value>,
    expected: Vec<Value>,
    /// Whether the history's order is recorded, so that its events can be matched as they come.
    ordered: bool,
    /// Whether an outcome is found by its parameters instead of its place.
    by_parameters: bool,
    /// How many events of the history have been looked at.
    seen: usize,
    comparer: Comparer,
}

/// A task that an execution asks for.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) state: &'a str,
    /// The inline iterations around it, outermost first: the Map's name and the index.
    pub(crate) path: &'a [(String, u64)],
    /// Parameters or input.
    pub(crate) parameters: &'a Value,
}

/// How a task goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A worker takes the activity's task.
    Started { worker: Option<String> },
    /// The call is answered; the task goes on.
    Submitted { output: String },
    /// The result, as text; by whoever holds the token, or by the integration itself.
    Succeeded { output: String, by_token: bool },
    /// It failed.
    Failed { error: Option<String>, cause: Option<String>, by_token: bool },
    /// The integration refuses to start it.
    Rejected { error: Option<String>, cause: Option<String> },
}

impl Outcomes {
    pub(crate) fn of(case: &Case) -> Self {
        let mode = case.mode();
        Self {
            unused: case.get("outcomes").as_array().cloned().unwrap_or_default(),
            expected: case.history().unwrap_or_default().to_vec(),
            ordered: mode == histories::Mode::Ordered,
            by_parameters: matches!(mode, histories::Mode::LossyParallel { .. }),
            seen: 0,
            comparer: case.comparer(),
        }
    }

    /// Looks at the history so far, to learn what tokens stand for.
    pub(crate) fn observe(&mut self, history: &[Value]) {
        if !self.ordered {
            return;
        }
        for (expected, actual) in self.expected.iter().zip(history).skip(self.seen) {
            // What differs is told when the histories are compared.
            let _ = self.comparer.event(expected, actual);
        }
        self.seen = history.len();
    }

    /// The answers to a task, in order; none for a task that nobody answers.
    ///
    /// # Errors
    ///
    /// When no such task was recorded.
    pub(crate) fn answer(&mut self, asked: &Asked<'_>) -> Result<Vec<Answer>, String> {
        let at = (0..self.unused.len()).find(|at| self.is_for(*at, asked)).ok_or_else(|| {
            let Asked { state, path, parameters } = asked;
            format!("no outcome is left for a task of state `{state}` at {path:?} with {parameters}")
        })?;
        let outcome = self.unused.remove(at);
        if let Some(expected) = outcome.get("parameters") {
            let _ = self.comparer.document(expected, asked.parameters);
        }
        let text = |value: &Value| value.as_str().map(|text| self.comparer.wildcards.fill(text));
        let result = &outcome["result"];
        let failed = (text(&result["error"]), text(&result["cause"]));
        let mut answers = Vec::new();
        match outcome["kind"].as_str() {
            Some("rejected") => {
                return Ok(vec![Answer::Rejected { error: failed.0, cause: failed.1 }]);
            }
            Some("activity") if outcome["started"] == true => {
                answers.push(Answer::Started { worker: text(&outcome["workerName"]) });
            }
            _ => {}
        }
        if let Some(output) = text(&outcome["submitted"]) {
            answers.push(Answer::Submitted { output });
        }
        let event = result["event"].as_str().unwrap_or("");
        let by_token = outcome["viaCallback"] == true;
        if event.ends_with("Succeeded") {
            let output = text(&result["output"]).ok_or("an outcome has no output")?;
            answers.push(Answer::Succeeded { output, by_token });
        } else if event.ends_with("Failed") {
            answers.push(Answer::Failed { error: failed.0, cause: failed.1, by_token });
        }
        // A timeout comes by itself, and what nobody answered stays unanswered.
        Ok(answers)
    }

    /// Whether the outcome at `at` is the one for `asked`.
    fn is_for(&self, at: usize, asked: &Asked<'_>) -> bool {
        let outcome = &self.unused[at];
        if outcome["state"] != asked.state {
            return false;
        }
        if self.by_parameters || outcome.get("derived").is_some() && outcome.get("parameters").is_some() {
            let mut comparer = self.comparer.clone();
            return comparer.document(&outcome["parameters"], asked.parameters).is_ok();
        }
        let path = outcome["path"].as_array().map_or(&[][..], Vec::as_slice);
        path.len() == asked.path.len()
            && path
                .iter()
                .zip(asked.path)
                .all(|(step, (map, index))| step["map"] == **map && step["index"] == *index)
    }
}
