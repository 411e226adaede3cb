//! Reading Parallel and Map states, and what Maps read from and write to.

use super::Reader;
use super::field::{BATCH_BYTES, BATCH_ITEMS, COUNT, PERCENTAGE};
use super::object::Object;
use crate::definition::distributed::{
    CsvHeaderLocation, InputType, ItemBatcher, ItemReader, ReaderConfig, ResultWriter, WriterConfig,
};
use crate::definition::document::Element;
use crate::definition::field::{
    BRANCH, ITEM_BATCHER, ITEM_PROCESSOR, ITEM_READER, ITERATOR, PROCESSOR_CONFIG, READER_CONFIG,
    RESULT_WRITER, Shape, WRITER_CONFIG,
};
use crate::definition::map::{
    Branch, ExecutionType, Map, Mode, Parallel, Processor, ProcessorConfig, ProcessorField,
};
use crate::diagnostic::{Code, Diagnostic, Trail};

/// What a label cannot contain, beside white space and control characters.
const NOT_IN_LABELS: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

impl Reader {
    /// What only a Parallel state has.
    pub(super) fn parallel(&mut self, state: Object<'_>) -> Parallel {
        self.require(state, &["Branches"]);
        Parallel { branches: self.filled_list(state, "Branches", Self::branch).unwrap_or_default() }
    }

    fn branch(&mut self, value: Element<'_>, at: &Trail<'_>) -> Option<Branch> {
        let map = self.object(value, at)?;
        let object = Object { map, at, shape: BRANCH, language: None };
        self.fields(object);
        Some(Branch { comment: self.text(object, "Comment"), block: self.block(object) })
    }

    /// What only a Map state has.
    pub(super) fn map_state(&mut self, state: Object<'_>) -> Map {
        self.exactly_one(state, &["ItemProcessor", "Iterator"]);
        // Two names of the same thing. That AWS refuses both together is not measured; silently taking one
        // would be worse.
        self.at_most_one(state, &["ItemSelector", "Parameters"]);
        let processor = self.processor(state, ProcessorField::ItemProcessor);
        let iterator = self.processor(state, ProcessorField::Iterator);
        Map {
            processor: processor.or(iterator),
            items_path: self.text(state, "ItemsPath"),
            items: self.value(state, "Items"),
            item_selector: self.value(state, "ItemSelector"),
            item_reader: self.item_reader(state),
            item_batcher: self.item_batcher(state),
            result_writer: self.result_writer(state),
            max_concurrency: self.amount_or_path(state, ["MaxConcurrency", "MaxConcurrencyPath"], &COUNT),
            tolerated_failure_count: self.amount_or_path(
                state,
                ["ToleratedFailureCount", "ToleratedFailureCountPath"],
                &COUNT,
            ),
            tolerated_failure_percentage: self.amount_or_path(
                state,
                ["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"],
                &PERCENTAGE,
            ),
            label: self.label(state),
        }
    }

    fn label(&mut self, state: Object<'_>) -> Option<String> {
        let label = self.text(state, "Label")?;
        let at = state.at.key("Label");
        self.check_length(Code::InvalidLabel, &at, &label, self.limits.label_chars, ["label", "Label"]);
        let bad = |c: char| c.is_whitespace() || c.is_control() || NOT_IN_LABELS.contains(c);
        // A placeholder is made of characters that its value will not have.
        if let Some(c) = label.chars().find(|c| bad(*c)).filter(|_| !label.contains("${")) {
            let message = format!("a label cannot contain `{}`", c.escape_debug());
            self.report(Diagnostic::new(Code::InvalidLabel, at.pointer(), message));
        }
        Some(label)
    }

    fn processor(&mut self, state: Object<'_>, field: ProcessorField) -> Option<Processor> {
        let shape = match field {
            ProcessorField::ItemProcessor => ITEM_PROCESSOR,
            ProcessorField::Iterator => ITERATOR,
        };
        let (value, at) = state.get(field.as_str())?;
        let map = self.object(value, &at)?;
        let object = Object { map, at: &at, shape, language: None };
        self.fields(object);
        Some(Processor {
            field,
            comment: self.text(object, "Comment"),
            config: self.processor_config(object),
            block: self.block(object),
        })
    }

    fn processor_config(&mut self, processor: Object<'_>) -> Option<ProcessorConfig> {
        self.part(processor, "ProcessorConfig", PROCESSOR_CONFIG, |reader, object| {
            let mode = reader.keyword(object, "Mode");
            match mode {
                Some(Mode::Distributed) => reader.require(object, &["ExecutionType"]),
                // Nothing to say about a mode that could not be read.
                None if object.has("Mode") => {}
                Some(Mode::Inline) | None if object.has("ExecutionType") => {
                    reader.unknown_here(object, "ExecutionType", "it belongs to the mode `DISTRIBUTED`");
                }
                Some(Mode::Inline) | None => {}
            }
            let execution_type: Option<ExecutionType> = reader.keyword(object, "ExecutionType");
            ProcessorConfig { comment: reader.text(object, "Comment"), mode, execution_type }
        })
    }

    fn item_reader(&mut self, state: Object<'_>) -> Option<ItemReader> {
        self.part(state, "ItemReader", ITEM_READER, |reader, object| {
            reader.require(object, &["Resource"]);
            ItemReader {
                comment: reader.text(object, "Comment"),
                resource: reader.text(object, "Resource"),
                config: reader.reader_config(object),
                parameters: reader.value(object, "Parameters"),
                arguments: reader.value(object, "Arguments"),
            }
        })
    }

    fn reader_config(&mut self, item_reader: Object<'_>) -> Option<ReaderConfig> {
        self.part(item_reader, "ReaderConfig", READER_CONFIG, |reader, object| {
            let config = ReaderConfig {
                comment: reader.text(object, "Comment"),
                input_type: reader.keyword(object, "InputType"),
                transformation: reader.keyword(object, "Transformation"),
                manifest_type: reader.keyword(object, "ManifestType"),
                csv_delimiter: reader.keyword(object, "CSVDelimiter"),
                csv_header_location: reader.keyword(object, "CSVHeaderLocation"),
                csv_headers: reader.list(object, "CSVHeaders", Self::string),
                items_pointer: reader.text(object, "ItemsPointer"),
                max_items: reader.amount_or_path(object, ["MaxItems", "MaxItemsPath"], &COUNT),
            };
            let located = object.has("CSVHeaderLocation");
            match config.input_type {
                Some(InputType::Csv) if !located => {
                    reader.missing(
                        object,
                        &["CSVHeaderLocation"],
                        "The field 'CSVHeaderLocation' is required".into(),
                    );
                }
                Some(InputType::Json | InputType::Jsonl) if located => {
                    reader.unknown_here(object, "CSVHeaderLocation", "it belongs to the input type `CSV`");
                }
                _ => {}
            }
            if config.csv_header_location == Some(CsvHeaderLocation::Given) {
                reader.require(object, &["CSVHeaders"]);
            }
            config
        })
    }

    fn item_batcher(&mut self, state: Object<'_>) -> Option<ItemBatcher> {
        self.part(state, "ItemBatcher", ITEM_BATCHER, |reader, object| ItemBatcher {
            comment: reader.text(object, "Comment"),
            batch_input: reader.value(object, "BatchInput"),
            max_items_per_batch: reader.amount_or_path(
                object,
                ["MaxItemsPerBatch", "MaxItemsPerBatchPath"],
                &BATCH_ITEMS,
            ),
            max_input_bytes_per_batch: reader.amount_or_path(
                object,
                ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"],
                &BATCH_BYTES,
            ),
        })
    }

    fn result_writer(&mut self, state: Object<'_>) -> Option<ResultWriter> {
        self.part(state, "ResultWriter", RESULT_WRITER, |reader, object| {
            if !object.has("WriterConfig") {
                reader.require(object, &["Resource"]);
            }
            ResultWriter {
                comment: reader.text(object, "Comment"),
                resource: reader.text(object, "Resource"),
                parameters: reader.value(object, "Parameters"),
                arguments: reader.value(object, "Arguments"),
                config: reader.writer_config(object),
            }
        })
    }

    fn writer_config(&mut self, writer: Object<'_>) -> Option<WriterConfig> {
        self.part(writer, "WriterConfig", WRITER_CONFIG, |reader, object| {
            reader.require(object, &["Transformation", "OutputType"]);
            WriterConfig {
                comment: reader.text(object, "Comment"),
                transformation: reader.keyword(object, "Transformation"),
                output_type: reader.keyword(object, "OutputType"),
            }
        })
    }

    /// The object in the field `name`, whose fields are checked before `read` reads them.
    fn part<T>(
        &mut self,
        object: Object<'_>,
        name: &str,
        shape: Shape,
        read: impl FnOnce(&mut Self, Object<'_>) -> T,
    ) -> Option<T> {
        let (value, at) = object.get(name)?;
        let map = self.object(value, &at)?;
        let part = Object { map, at: &at, shape, language: object.language };
        self.fields(part);
        Some(read(self, part))
    }

    /// A field that the object does not have because of what its other fields say.
    fn unknown_here(&mut self, object: Object<'_>, name: &str, help: &str) {
        let diagnostic = Diagnostic::new(
            Code::UnknownField,
            object.at.key(name).pointer(),
            format!("`{name}` is of no use here"),
        )
        .at_key()
        .with_help(help);
        self.report(diagnostic.with_aws_at(
            format!("Field '{name}' is not supported"),
            Some(object.at.pointer().aws_location()),
        ));
    }
}
