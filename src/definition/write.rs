//! A definition back to the JSON it came from: part by part to whoever wants to see it, or as a whole.

use serde::{Serialize, Serializer};
use serde_json::{Map as JsonMap, Value};

use super::choice::{Choice, ChoiceRule, Condition, Test};
use super::distributed::{ItemBatcher, ItemReader, ReaderConfig, ResultWriter, WriterConfig};
use super::keyword::Keyword;
use super::map::{Branch, Map, Parallel, Processor, ProcessorConfig};
use super::retry::{Catcher, Retrier};
use super::scalar::{Amount, PathOrNull, Setting};
use super::state::{Block, State, StateKind, Timing};
use super::task::Task;
use super::{Definition, Unfilled};
use crate::span::Step;

impl Definition {
    /// The JSON that the definition was read from; keys may stand in another order.
    pub fn to_value(&self) -> Value {
        let mut whole = Whole { open: Vec::new(), here: empty(true) };
        let mut fields = Fields(&mut whole);
        fields.text("Comment", self.comment.as_deref());
        fields.text("Version", self.version.as_deref());
        fields.keyword("QueryLanguage", self.query_language);
        fields.amount("TimeoutSeconds", self.timeout_seconds.as_ref());
        fields.block(&self.block);
        let mut value = whole.here;
        for unfilled in &self.unfilled {
            put_back(&mut value, unfilled);
        }
        value
    }
}

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

/// Puts a placeholder where it stood. They come in the order of the document, so that elements of an array
/// find their index.
fn put_back(value: &mut Value, unfilled: &Unfilled) {
    let steps: Vec<_> = unfilled.pointer.steps().collect();
    let Some((last, steps)) = steps.split_last() else { return };
    let mut parent = value;
    for step in steps {
        let child = match (parent, *step) {
            (Value::Object(map), Step::Key(key)) => map.get_mut(key),
            (Value::Array(items), Step::Index(index)) => items.get_mut(index),
            _ => None,
        };
        match child {
            Some(child) => parent = child,
            None => return,
        }
    }
    let text = Value::String(unfilled.text.clone());
    match (parent, *last) {
        (Value::Object(map), Step::Key(key)) => {
            map.insert(key.into(), text);
        }
        (Value::Array(items), Step::Index(index)) => items.insert(index.min(items.len()), text),
        _ => {}
    }
}

/// Sees the JSON of a definition part by part, in the order in which it is written.
pub(crate) trait Sink<'d> {
    /// A string.
    fn text(&mut self, step: Step<'d>, text: &'d str);

    /// What the definition keeps as it is: templates, results.
    fn value(&mut self, step: Step<'d>, value: &'d Value);

    /// The same, where it can only be an object.
    fn map(&mut self, step: Step<'d>, map: &'d JsonMap<String, Value>);

    /// A number, a truth value or `null`.
    fn scalar(&mut self, step: Step<'d>, value: Value);

    /// An object or array begins, unless this says that nobody wants to see it.
    fn open(&mut self, step: Step<'d>, object: bool) -> bool;

    /// It ends.
    fn close(&mut self);
}

/// Puts the whole together.
struct Whole<'d> {
    /// What is around the container that is being filled, and where in there it belongs.
    open: Vec<(Value, Step<'d>)>,
    here: Value,
}

fn empty(object: bool) -> Value {
    if object { Value::Object(JsonMap::new()) } else { Value::Array(Vec::new()) }
}

impl<'d> Sink<'d> for Whole<'d> {
    fn text(&mut self, step: Step<'d>, text: &'d str) {
        self.scalar(step, text.into());
    }

    fn value(&mut self, step: Step<'d>, value: &'d Value) {
        self.scalar(step, value.clone());
    }

    fn map(&mut self, step: Step<'d>, map: &'d JsonMap<String, Value>) {
        self.scalar(step, map.clone().into());
    }

    fn scalar(&mut self, step: Step<'d>, value: Value) {
        match (&mut self.here, step) {
            (Value::Object(map), Step::Key(key)) => {
                map.insert(key.into(), value);
            }
            (Value::Array(items), _) => items.push(value),
            _ => {}
        }
    }

    fn open(&mut self, step: Step<'d>, object: bool) -> bool {
        let around = std::mem::replace(&mut self.here, empty(object));
        self.open.push((around, step));
        true
    }

    fn close(&mut self) {
        if let Some((around, step)) = self.open.pop() {
            let value = std::mem::replace(&mut self.here, around);
            self.scalar(step, value);
        }
    }
}

/// An object that is being written. What is absent is not written.
struct Fields<'s, S>(&'s mut S);

impl<'d, S: Sink<'d>> Fields<'_, S> {
    fn any(&mut self, name: &'d str, value: Option<&'d Value>) {
        if let Some(value) = value {
            self.0.value(Step::Key(name), value);
        }
    }

    fn text(&mut self, name: &'d str, text: Option<&'d str>) {
        if let Some(text) = text {
            self.0.text(Step::Key(name), text);
        }
    }

    fn map(&mut self, name: &'d str, map: Option<&'d JsonMap<String, Value>>) {
        if let Some(map) = map {
            self.0.map(Step::Key(name), map);
        }
    }

    fn keyword(&mut self, name: &'d str, word: Option<impl Keyword>) {
        self.text(name, word.map(Keyword::word));
    }

    fn path(&mut self, name: &'d str, path: Option<&'d PathOrNull>) {
        match path {
            Some(PathOrNull::Path(path)) => self.0.text(Step::Key(name), path),
            Some(PathOrNull::Null) => self.0.scalar(Step::Key(name), Value::Null),
            None => {}
        }
    }

    fn amount(&mut self, name: &'d str, amount: Option<&'d Amount>) {
        match amount {
            Some(Amount::Number(number)) => self.0.scalar(Step::Key(name), Value::Number(number.clone())),
            Some(Amount::Expression(text) | Amount::Placeholder(text)) => self.0.text(Step::Key(name), text),
            None => {}
        }
    }

    fn amount_or_path(&mut self, [name, path]: [&'d str; 2], setting: Option<&'d Setting<Amount>>) {
        match setting {
            Some(Setting::Value(amount)) => self.amount(name, Some(amount)),
            Some(Setting::Path(text)) => self.0.text(Step::Key(path), text),
            None => {}
        }
    }

    fn text_or_path(&mut self, [name, path]: [&'d str; 2], setting: Option<&'d Setting<String>>) {
        match setting {
            Some(Setting::Value(text)) => self.0.text(Step::Key(name), text),
            Some(Setting::Path(text)) => self.0.text(Step::Key(path), text),
            None => {}
        }
    }

    fn texts(&mut self, name: &'d str, texts: &'d [String]) {
        self.within(Step::Key(name), false, |array| {
            texts.iter().enumerate().for_each(|(n, text)| array.0.text(Step::Index(n), text));
        });
    }

    fn list<T>(&mut self, name: &'d str, items: &'d [T], write: impl Fn(&'d T, &mut Self)) {
        self.within(Step::Key(name), false, |array| {
            for (n, item) in items.iter().enumerate() {
                array.within(Step::Index(n), true, |fields| write(item, fields));
            }
        });
    }

    fn part<T>(&mut self, name: &'d str, part: Option<&'d T>, write: impl FnOnce(&'d T, &mut Self)) {
        if let Some(part) = part {
            self.within(Step::Key(name), true, |fields| write(part, fields));
        }
    }

    fn within(&mut self, step: Step<'d>, object: bool, write: impl FnOnce(&mut Self)) {
        if self.0.open(step, object) {
            write(self);
            self.0.close();
        }
    }

    fn block(&mut self, block: &'d Block) {
        self.text("StartAt", block.start_at.as_deref());
        self.within(Step::Key("States"), true, |states| {
            for state in &block.states {
                let step = Step::Key(&state.name);
                match &state.kind {
                    StateKind::Unknown(written) => states.0.value(step, written),
                    _ => states.within(step, true, |fields| fields.state(state)),
                }
            }
        });
    }

    fn state(&mut self, state: &'d State) {
        self.keyword("Type", state.state_type());
        self.text("Comment", state.comment.as_deref());
        self.keyword("QueryLanguage", state.query_language);
        self.path("InputPath", state.input_path.as_ref());
        self.any("Parameters", state.parameters.as_ref());
        self.any("Arguments", state.arguments.as_ref());
        self.kind(&state.kind);
        self.any("ResultSelector", state.result_selector.as_ref());
        self.path("ResultPath", state.result_path.as_ref());
        self.path("OutputPath", state.output_path.as_ref());
        self.any("Output", state.output.as_ref());
        self.map("Assign", state.assign.as_ref());
        if let Some(retry) = &state.retry {
            self.list("Retry", retry, Retrier::write);
        }
        if let Some(catch) = &state.catch {
            self.list("Catch", catch, Catcher::write);
        }
        self.text("Next", state.next.as_deref());
        if let Some(end) = state.end {
            self.0.scalar(Step::Key("End"), end.into());
        }
    }

    fn kind(&mut self, kind: &'d StateKind) {
        match kind {
            StateKind::Task(task) => self.task(task),
            StateKind::Parallel(parallel) => self.parallel(parallel),
            StateKind::Map(map) => self.map_state(map),
            StateKind::Pass(pass) => self.any("Result", pass.result.as_ref()),
            StateKind::Wait(wait) => match &wait.timing {
                Some(Timing::Seconds(seconds)) => self.amount("Seconds", Some(seconds)),
                Some(Timing::SecondsPath(path)) => self.text("SecondsPath", Some(path)),
                Some(Timing::Timestamp(timestamp)) => self.text("Timestamp", Some(timestamp)),
                Some(Timing::TimestampPath(path)) => self.text("TimestampPath", Some(path)),
                None => {}
            },
            StateKind::Choice(choice) => self.choice(choice),
            StateKind::Fail(fail) => {
                self.text_or_path(["Error", "ErrorPath"], fail.error.as_ref());
                self.text_or_path(["Cause", "CausePath"], fail.cause.as_ref());
            }
            StateKind::Succeed | StateKind::Unknown(_) => {}
        }
    }

    fn task(&mut self, task: &'d Task) {
        self.text("Resource", task.resource.as_deref());
        self.map("Credentials", task.credentials.as_ref().map(|credentials| &credentials.template));
        self.amount_or_path(["TimeoutSeconds", "TimeoutSecondsPath"], task.timeout.as_ref());
        self.amount_or_path(["HeartbeatSeconds", "HeartbeatSecondsPath"], task.heartbeat.as_ref());
    }

    fn parallel(&mut self, parallel: &'d Parallel) {
        self.list("Branches", &parallel.branches, Branch::write);
    }

    fn map_state(&mut self, map: &'d Map) {
        if let Some(processor) = &map.processor {
            self.part(processor.field.as_str(), Some(processor), Processor::write);
        }
        self.text("ItemsPath", map.items_path.as_deref());
        self.any("Items", map.items.as_ref());
        self.any("ItemSelector", map.item_selector.as_ref());
        self.part("ItemReader", map.item_reader.as_ref(), ItemReader::write);
        self.part("ItemBatcher", map.item_batcher.as_ref(), ItemBatcher::write);
        self.part("ResultWriter", map.result_writer.as_ref(), ResultWriter::write);
        self.amount_or_path(["MaxConcurrency", "MaxConcurrencyPath"], map.max_concurrency.as_ref());
        self.amount_or_path(
            ["ToleratedFailureCount", "ToleratedFailureCountPath"],
            map.tolerated_failure_count.as_ref(),
        );
        self.amount_or_path(
            ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"],
            map.tolerated_failure_percentage.as_ref(),
        );
        self.text("Label", map.label.as_deref());
    }

    fn choice(&mut self, choice: &'d Choice) {
        self.list("Choices", &choice.choices, ChoiceRule::write);
        self.text("Default", choice.default.as_deref());
    }
}

impl State {
    /// Shows the JSON that the state was read from.
    pub(crate) fn show<'d>(&'d self, sink: &mut impl Sink<'d>) {
        match &self.kind {
            StateKind::Unknown(Value::Object(written)) => {
                written.iter().for_each(|(key, value)| sink.value(Step::Key(key), value));
            }
            _ => Fields(sink).state(self),
        }
    }
}

impl Retrier {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.texts("ErrorEquals", &self.error_equals);
        fields.amount("IntervalSeconds", self.interval_seconds.as_ref());
        fields.amount("MaxAttempts", self.max_attempts.as_ref());
        fields.amount("BackoffRate", self.backoff_rate.as_ref());
        fields.amount("MaxDelaySeconds", self.max_delay_seconds.as_ref());
        fields.keyword("JitterStrategy", self.jitter_strategy);
    }
}

impl Catcher {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.texts("ErrorEquals", &self.error_equals);
        fields.path("ResultPath", self.result_path.as_ref());
        fields.any("Output", self.output.as_ref());
        fields.map("Assign", self.assign.as_ref());
        fields.text("Next", self.next.as_deref());
    }
}

impl ChoiceRule {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        self.condition.write(fields);
        fields.any("Output", self.output.as_ref());
        fields.map("Assign", self.assign.as_ref());
        fields.text("Next", self.next.as_deref());
    }
}

impl Condition {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        match &self.test {
            Some(Test::Expression(value)) => fields.any("Condition", Some(value)),
            Some(Test::Comparison(comparison)) => {
                fields.text("Variable", comparison.variable.as_deref());
                fields.any(comparison.operator.name(), Some(&comparison.operand));
            }
            Some(Test::And(conditions)) => fields.list("And", conditions, Self::write),
            Some(Test::Or(conditions)) => fields.list("Or", conditions, Self::write),
            Some(Test::Not(condition)) => fields.part("Not", Some(&**condition), Self::write),
            None => {}
        }
    }
}

impl Branch {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.block(&self.block);
    }
}

impl Processor {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.part("ProcessorConfig", self.config.as_ref(), ProcessorConfig::write);
        fields.block(&self.block);
    }
}

impl ProcessorConfig {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.keyword("Mode", self.mode);
        fields.keyword("ExecutionType", self.execution_type);
    }
}

impl ItemReader {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.text("Resource", self.resource.as_deref());
        fields.part("ReaderConfig", self.config.as_ref(), ReaderConfig::write);
        fields.any("Parameters", self.parameters.as_ref());
        fields.any("Arguments", self.arguments.as_ref());
    }
}

impl ReaderConfig {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.keyword("InputType", self.input_type);
        fields.keyword("Transformation", self.transformation);
        fields.keyword("ManifestType", self.manifest_type);
        fields.keyword("CSVDelimiter", self.csv_delimiter);
        fields.keyword("CSVHeaderLocation", self.csv_header_location);
        if let Some(headers) = &self.csv_headers {
            fields.texts("CSVHeaders", headers);
        }
        fields.text("ItemsPointer", self.items_pointer.as_deref());
        fields.amount_or_path(["MaxItems", "MaxItemsPath"], self.max_items.as_ref());
    }
}

impl ItemBatcher {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.any("BatchInput", self.batch_input.as_ref());
        fields
            .amount_or_path(["MaxItemsPerBatch", "MaxItemsPerBatchPath"], self.max_items_per_batch.as_ref());
        fields.amount_or_path(
            ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"],
            self.max_input_bytes_per_batch.as_ref(),
        );
    }
}

impl ResultWriter {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.text("Resource", self.resource.as_deref());
        fields.any("Parameters", self.parameters.as_ref());
        fields.any("Arguments", self.arguments.as_ref());
        fields.part("WriterConfig", self.config.as_ref(), WriterConfig::write);
    }
}

impl WriterConfig {
    fn write<'d, S: Sink<'d>>(&'d self, fields: &mut Fields<'_, S>) {
        fields.text("Comment", self.comment.as_deref());
        fields.keyword("Transformation", self.transformation);
        fields.keyword("OutputType", self.output_type);
    }
}
