//! Parallel and Map states: those that have states inside.

use serde_json::Value;

use super::distributed::{ItemBatcher, ItemReader, ResultWriter};
use super::keyword::keyword;
use super::scalar::{Amount, Setting};
use super::state::Block;

/// What only a Parallel state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Parallel {
    /// `Branches`.
    pub branches: Vec<Branch>,
}

/// One entry of `Branches`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Branch {
    /// `Comment`.
    pub comment: Option<String>,
    /// `StartAt` and `States`.
    pub block: Block,
}

/// What only a Map state has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Map {
    /// `ItemProcessor` or `Iterator`: what to do with each item.
    pub processor: Option<Processor>,
    /// `ItemsPath` (JSONPath).
    pub items_path: Option<String>,
    /// `Items` (JSONata).
    pub items: Option<Value>,
    /// `ItemSelector`. (`Parameters`, its older name in JSONPath, is a field of the state.)
    pub item_selector: Option<Value>,
    /// `ItemReader`.
    pub item_reader: Option<ItemReader>,
    /// `ItemBatcher`.
    pub item_batcher: Option<ItemBatcher>,
    /// `ResultWriter`.
    pub result_writer: Option<ResultWriter>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`.
    pub max_concurrency: Option<Setting<Amount>>,
    /// `ToleratedFailureCount` or `ToleratedFailureCountPath`.
    pub tolerated_failure_count: Option<Setting<Amount>>,
    /// `ToleratedFailurePercentage` or `ToleratedFailurePercentagePath`.
    pub tolerated_failure_percentage: Option<Setting<Amount>>,
    /// `Label`.
    pub label: Option<String>,
}

/// The states that a Map runs for each item.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Processor {
    /// The field it was written in.
    pub field: ProcessorField,
    /// `Comment`.
    pub comment: Option<String>,
    /// `ProcessorConfig`.
    pub config: Option<ProcessorConfig>,
    /// `StartAt` and `States`.
    pub block: Block,
}

keyword! {
    /// The field in which a Map has its states.
    ProcessorField {
        /// The current one.
        ItemProcessor = "ItemProcessor",
        /// The older one.
        Iterator = "Iterator",
    }
}

/// `ProcessorConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ProcessorConfig {
    /// `Comment`.
    pub comment: Option<String>,
    /// `Mode`; absent means inline.
    pub mode: Option<Mode>,
    /// `ExecutionType`, of distributed Maps.
    pub execution_type: Option<ExecutionType>,
}

keyword! {
    /// How a Map runs its iterations.
    Mode {
        /// Within the execution.
        Inline = "INLINE",
        /// As executions of their own.
        Distributed = "DISTRIBUTED",
    }
}

keyword! {
    /// The type of a distributed Map's executions.
    ExecutionType {
        /// Long, durable.
        Standard = "STANDARD",
        /// Short.
        Express = "EXPRESS",
    }
}

impl Map {
    /// How it runs its iterations.
    pub fn mode(&self) -> Mode {
        let config = self.processor.as_ref().and_then(|processor| processor.config.as_ref());
        config.and_then(|config| config.mode).unwrap_or(Mode::Inline)
    }
}
