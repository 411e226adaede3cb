//! A definition back to the JSON it came from.

use serde::{Serialize, Serializer};
use serde_json::{Map as JsonMap, Value};

use super::choice::{Choice, ChoiceRule, Condition, Test};
use super::distributed::{ItemBatcher, ItemReader, ReaderConfig, ResultWriter, WriterConfig};
use super::keyword::Keyword;
use super::map::{Map, Parallel, Processor, ProcessorConfig};
use super::retry::{Catcher, Retrier};
use super::scalar::{Amount, PathOrNull, Setting};
use super::state::{Block, State, StateKind, Timing};
use super::task::Task;
use super::{Definition, Unfilled};
use crate::span::Step;

impl Definition {
    /// The JSON that the definition was read from; keys may stand in another order.
    pub fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.text("Version", &self.version);
        fields.keyword("QueryLanguage", self.query_language);
        fields.amount("TimeoutSeconds", &self.timeout_seconds);
        fields.block(&self.block);
        let mut value = fields.value();
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

/// An object that is being written. What is absent is not written.
#[derive(Default)]
struct Fields(JsonMap<String, Value>);

impl Fields {
    fn value(self) -> Value {
        Value::Object(self.0)
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    fn any(&mut self, name: &str, value: &Option<Value>) {
        if let Some(value) = value {
            self.put(name, value.clone());
        }
    }

    fn text(&mut self, name: &str, text: &Option<String>) {
        if let Some(text) = text {
            self.put(name, text.as_str());
        }
    }

    fn map(&mut self, name: &str, map: &Option<JsonMap<String, Value>>) {
        if let Some(map) = map {
            self.put(name, map.clone());
        }
    }

    fn keyword(&mut self, name: &str, word: Option<impl Keyword>) {
        if let Some(word) = word {
            self.put(name, word.word());
        }
    }

    fn path(&mut self, name: &str, path: &Option<PathOrNull>) {
        match path {
            Some(PathOrNull::Path(path)) => self.put(name, path.as_str()),
            Some(PathOrNull::Null) => self.put(name, Value::Null),
            None => {}
        }
    }

    fn amount(&mut self, name: &str, amount: &Option<Amount>) {
        match amount {
            Some(Amount::Number(number)) => self.put(name, Value::Number(number.clone())),
            Some(Amount::Expression(text) | Amount::Placeholder(text)) => self.put(name, text.as_str()),
            None => {}
        }
    }

    fn amount_or_path(&mut self, [name, path]: [&str; 2], setting: &Option<Setting<Amount>>) {
        match setting {
            Some(Setting::Value(amount)) => self.amount(name, &Some(amount.clone())),
            Some(Setting::Path(text)) => self.put(path, text.as_str()),
            None => {}
        }
    }

    fn text_or_path(&mut self, [name, path]: [&str; 2], setting: &Option<Setting<String>>) {
        match setting {
            Some(Setting::Value(text)) => self.put(name, text.as_str()),
            Some(Setting::Path(text)) => self.put(path, text.as_str()),
            None => {}
        }
    }

    fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&T) -> Value) {
        self.put(name, items.iter().map(write).collect::<Vec<_>>());
    }

    fn part<T>(&mut self, name: &str, part: &Option<T>, write: impl Fn(&T) -> Value) {
        if let Some(part) = part {
            self.put(name, write(part));
        }
    }

    fn block(&mut self, block: &Block) {
        self.text("StartAt", &block.start_at);
        let states = block.states.iter().map(|state| (state.name.clone(), state.to_value()));
        self.put("States", states.collect::<JsonMap<_, _>>());
    }

    fn kind(&mut self, kind: &StateKind) {
        match kind {
            StateKind::Task(task) => self.task(task),
            StateKind::Parallel(parallel) => self.parallel(parallel),
            StateKind::Map(map) => self.map_state(map),
            StateKind::Pass(pass) => self.any("Result", &pass.result),
            StateKind::Wait(wait) => match &wait.timing {
                Some(Timing::Seconds(seconds)) => self.amount("Seconds", &Some(seconds.clone())),
                Some(Timing::SecondsPath(path)) => self.put("SecondsPath", path.as_str()),
                Some(Timing::Timestamp(timestamp)) => self.put("Timestamp", timestamp.as_str()),
                Some(Timing::TimestampPath(path)) => self.put("TimestampPath", path.as_str()),
                None => {}
            },
            StateKind::Choice(choice) => self.choice(choice),
            StateKind::Fail(fail) => {
                self.text_or_path(["Error", "ErrorPath"], &fail.error);
                self.text_or_path(["Cause", "CausePath"], &fail.cause);
            }
            StateKind::Succeed | StateKind::Unknown(_) => {}
        }
    }

    fn task(&mut self, task: &Task) {
        self.text("Resource", &task.resource);
        self.part("Credentials", &task.credentials, |credentials| credentials.template.clone().into());
        self.amount_or_path(["TimeoutSeconds", "TimeoutSecondsPath"], &task.timeout);
        self.amount_or_path(["HeartbeatSeconds", "HeartbeatSecondsPath"], &task.heartbeat);
    }

    fn parallel(&mut self, parallel: &Parallel) {
        self.list("Branches", &parallel.branches, |branch| {
            let mut fields = Self::default();
            fields.text("Comment", &branch.comment);
            fields.block(&branch.block);
            fields.value()
        });
    }

    fn map_state(&mut self, map: &Map) {
        if let Some(processor) = &map.processor {
            self.put(processor.field.as_str(), processor.to_value());
        }
        self.text("ItemsPath", &map.items_path);
        self.any("Items", &map.items);
        self.any("ItemSelector", &map.item_selector);
        self.part("ItemReader", &map.item_reader, ItemReader::to_value);
        self.part("ItemBatcher", &map.item_batcher, ItemBatcher::to_value);
        self.part("ResultWriter", &map.result_writer, ResultWriter::to_value);
        self.amount_or_path(["MaxConcurrency", "MaxConcurrencyPath"], &map.max_concurrency);
        self.amount_or_path(
            ["ToleratedFailureCount", "ToleratedFailureCountPath"],
            &map.tolerated_failure_count,
        );
        self.amount_or_path(
            ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"],
            &map.tolerated_failure_percentage,
        );
        self.text("Label", &map.label);
    }

    fn choice(&mut self, choice: &Choice) {
        self.list("Choices", &choice.choices, ChoiceRule::to_value);
        self.text("Default", &choice.default);
    }

    fn condition(&mut self, condition: &Condition) {
        self.text("Comment", &condition.comment);
        match &condition.test {
            Some(Test::Expression(value)) => self.put("Condition", value.clone()),
            Some(Test::Comparison(comparison)) => {
                self.text("Variable", &comparison.variable);
                self.put(comparison.operator.name(), comparison.operand.clone());
            }
            Some(Test::And(conditions)) => self.list("And", conditions, Condition::to_value),
            Some(Test::Or(conditions)) => self.list("Or", conditions, Condition::to_value),
            Some(Test::Not(condition)) => self.put("Not", condition.to_value()),
            None => {}
        }
    }
}

impl State {
    /// The JSON that the state was read from; keys may stand in another order.
    pub(crate) fn to_value(&self) -> Value {
        if let StateKind::Unknown(written) = &self.kind {
            return written.clone();
        }
        let mut fields = Fields::default();
        fields.keyword("Type", self.state_type());
        fields.text("Comment", &self.comment);
        fields.keyword("QueryLanguage", self.query_language);
        fields.path("InputPath", &self.input_path);
        fields.any("Parameters", &self.parameters);
        fields.any("Arguments", &self.arguments);
        fields.kind(&self.kind);
        fields.any("ResultSelector", &self.result_selector);
        fields.path("ResultPath", &self.result_path);
        fields.path("OutputPath", &self.output_path);
        fields.any("Output", &self.output);
        fields.map("Assign", &self.assign);
        if let Some(retry) = &self.retry {
            fields.list("Retry", retry, Retrier::to_value);
        }
        if let Some(catch) = &self.catch {
            fields.list("Catch", catch, Catcher::to_value);
        }
        fields.text("Next", &self.next);
        if let Some(end) = self.end {
            fields.put("End", end);
        }
        fields.value()
    }
}

impl Retrier {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.list("ErrorEquals", &self.error_equals, |name| name.as_str().into());
        fields.amount("IntervalSeconds", &self.interval_seconds);
        fields.amount("MaxAttempts", &self.max_attempts);
        fields.amount("BackoffRate", &self.backoff_rate);
        fields.amount("MaxDelaySeconds", &self.max_delay_seconds);
        fields.keyword("JitterStrategy", self.jitter_strategy);
        fields.value()
    }
}

impl Catcher {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.list("ErrorEquals", &self.error_equals, |name| name.as_str().into());
        fields.path("ResultPath", &self.result_path);
        fields.any("Output", &self.output);
        fields.map("Assign", &self.assign);
        fields.text("Next", &self.next);
        fields.value()
    }
}

impl ChoiceRule {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.condition(&self.condition);
        fields.any("Output", &self.output);
        fields.map("Assign", &self.assign);
        fields.text("Next", &self.next);
        fields.value()
    }
}

impl Condition {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.condition(self);
        fields.value()
    }
}

impl Processor {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.part("ProcessorConfig", &self.config, ProcessorConfig::to_value);
        fields.block(&self.block);
        fields.value()
    }
}

impl ProcessorConfig {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.keyword("Mode", self.mode);
        fields.keyword("ExecutionType", self.execution_type);
        fields.value()
    }
}

impl ItemReader {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.text("Resource", &self.resource);
        fields.part("ReaderConfig", &self.config, ReaderConfig::to_value);
        fields.any("Parameters", &self.parameters);
        fields.any("Arguments", &self.arguments);
        fields.value()
    }
}

impl ReaderConfig {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.keyword("InputType", self.input_type);
        fields.keyword("Transformation", self.transformation);
        fields.keyword("ManifestType", self.manifest_type);
        fields.keyword("CSVDelimiter", self.csv_delimiter);
        fields.keyword("CSVHeaderLocation", self.csv_header_location);
        if let Some(headers) = &self.csv_headers {
            fields.list("CSVHeaders", headers, |header| header.as_str().into());
        }
        fields.text("ItemsPointer", &self.items_pointer);
        fields.amount_or_path(["MaxItems", "MaxItemsPath"], &self.max_items);
        fields.value()
    }
}

impl ItemBatcher {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.any("BatchInput", &self.batch_input);
        fields.amount_or_path(["MaxItemsPerBatch", "MaxItemsPerBatchPath"], &self.max_items_per_batch);
        fields.amount_or_path(
            ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"],
            &self.max_input_bytes_per_batch,
        );
        fields.value()
    }
}

impl ResultWriter {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.text("Resource", &self.resource);
        fields.any("Parameters", &self.parameters);
        fields.any("Arguments", &self.arguments);
        fields.part("WriterConfig", &self.config, WriterConfig::to_value);
        fields.value()
    }
}

impl WriterConfig {
    fn to_value(&self) -> Value {
        let mut fields = Fields::default();
        fields.text("Comment", &self.comment);
        fields.keyword("Transformation", self.transformation);
        fields.keyword("OutputType", self.output_type);
        fields.value()
    }
}
