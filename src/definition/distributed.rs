//! Where a Map's items come from, how they are grouped, and where its results go.

use serde_json::Value;

use super::keyword::keyword;
use super::scalar::{Amount, Setting};

/// `ItemReader`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ItemReader {
    /// `Comment`.
    pub comment: Option<String>,
    /// `Resource`: what reads.
    pub resource: Option<String>,
    /// `ReaderConfig`.
    pub config: Option<ReaderConfig>,
    /// `Parameters` (JSONPath).
    pub parameters: Option<Value>,
    /// `Arguments` (JSONata).
    pub arguments: Option<Value>,
}

/// `ReaderConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReaderConfig {
    /// `Comment`.
    pub comment: Option<String>,
    /// `InputType`.
    pub input_type: Option<InputType>,
    /// `Transformation`.
    pub transformation: Option<ReaderTransformation>,
    /// `ManifestType`.
    pub manifest_type: Option<ManifestType>,
    /// `CSVDelimiter`.
    pub csv_delimiter: Option<CsvDelimiter>,
    /// `CSVHeaderLocation`.
    pub csv_header_location: Option<CsvHeaderLocation>,
    /// `CSVHeaders`.
    pub csv_headers: Option<Vec<String>>,
    /// `ItemsPointer`: a JSON Pointer to the items.
    pub items_pointer: Option<String>,
    /// `MaxItems` or `MaxItemsPath`.
    pub max_items: Option<Setting<Amount>>,
}

keyword! {
    /// What a reader reads.
    InputType {
        /// Lines of fields.
        Csv = "CSV",
        /// One JSON document.
        Json = "JSON",
        /// One JSON document in each line.
        Jsonl = "JSONL",
        /// A Parquet file.
        Parquet = "PARQUET",
        /// A list of files.
        Manifest = "MANIFEST",
    }
}

keyword! {
    /// What a reader does with the objects that it lists.
    ReaderTransformation {
        /// Nothing: the items are the objects' descriptions.
        None = "NONE",
        /// Reads them: the items are what is in them.
        LoadAndFlatten = "LOAD_AND_FLATTEN",
    }
}

keyword! {
    /// Who wrote a manifest.
    ManifestType {
        /// Athena.
        AthenaData = "ATHENA_DATA",
        /// S3 Inventory.
        S3Inventory = "S3_INVENTORY",
    }
}

keyword! {
    /// What stands between the fields of a CSV file.
    CsvDelimiter {
        /// `,`
        Comma = "COMMA",
        /// `|`
        Pipe = "PIPE",
        /// `;`
        Semicolon = "SEMICOLON",
        /// A space.
        Space = "SPACE",
        /// A tab.
        Tab = "TAB",
    }
}

keyword! {
    /// Where the names of a CSV file's columns are.
    CsvHeaderLocation {
        /// In its first line.
        FirstRow = "FIRST_ROW",
        /// In `CSVHeaders`.
        Given = "GIVEN",
    }
}

/// `ItemBatcher`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ItemBatcher {
    /// `Comment`.
    pub comment: Option<String>,
    /// `BatchInput`.
    pub batch_input: Option<Value>,
    /// `MaxItemsPerBatch` or `MaxItemsPerBatchPath`.
    pub max_items_per_batch: Option<Setting<Amount>>,
    /// `MaxInputBytesPerBatch` or `MaxInputBytesPerBatchPath`.
    pub max_input_bytes_per_batch: Option<Setting<Amount>>,
}

/// `ResultWriter`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ResultWriter {
    /// `Comment`.
    pub comment: Option<String>,
    /// `Resource`: what writes.
    pub resource: Option<String>,
    /// `Parameters` (JSONPath).
    pub parameters: Option<Value>,
    /// `Arguments` (JSONata).
    pub arguments: Option<Value>,
    /// `WriterConfig`.
    pub config: Option<WriterConfig>,
}

/// `WriterConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WriterConfig {
    /// `Comment`.
    pub comment: Option<String>,
    /// `Transformation`.
    pub transformation: Option<WriterTransformation>,
    /// `OutputType`.
    pub output_type: Option<OutputType>,
}

keyword! {
    /// What a writer does with the results.
    WriterTransformation {
        /// Writes all there is to know about each execution.
        None = "NONE",
        /// Writes the outputs, in the structure of the input.
        Compact = "COMPACT",
        /// Writes the outputs, arrays merged into one.
        Flatten = "FLATTEN",
    }
}

keyword! {
    /// How a writer writes.
    OutputType {
        /// One array.
        Json = "JSON",
        /// One document in each line.
        Jsonl = "JSONL",
    }
}
