//! Map states: their items, where items come from and results go to, and labels.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::arn::Arn;
use crate::compile::expression::number;
use crate::compile::{Compiler, Listed, Use, jsonata};
use crate::definition::{self, Mode, Setting, StateKind, has_placeholder};
use crate::diagnostic::{Code, Diagnostic, JsonPointer, Trail};
use crate::machine::io::Payload;
use crate::machine::state::{Distribution, Items, Map, Percentage};
use crate::machine::{BlockId, ExecutionKind};
use crate::query::Template;

/// What an ItemReader may call.
const READERS: &[&str] = &["s3:getObject", "s3:listObjectsV2"];

/// What a ResultWriter may call.
const WRITERS: &[&str] = &["s3:putObject"];

impl<'d> Compiler<'_, 'd> {
    pub(super) fn map(&mut self, listed: &Listed<'_, 'd>, map: &definition::Map) -> Option<Map> {
        let at = &listed.at;
        let items = match &map.items_path {
            _ if self.in_jsonata => self
                .jsonata_or_none(map.items.as_ref(), "Items", jsonata::INPUT, at)
                .map(|items| items.map(Items::Jsonata)),
            Some(text) if text != "$" => {
                self.single_path(text, &at.key("ItemsPath")).map(|path| Some(Items::Path(path)))
            }
            _ => Some(None),
        };
        // `Parameters` is the older name of `ItemSelector`.
        let selector = match (&map.item_selector, &listed.state.parameters) {
            (Some(_), _) if self.in_jsonata => self
                .jsonata_or_none(map.item_selector.as_ref(), "ItemSelector", jsonata::INPUT, at)
                .map(|selector| selector.map(Payload::Jsonata)),
            (Some(selector), _) => self.template(selector, &at.key("ItemSelector")).map(path_payload),
            (None, Some(selector)) => self.template(selector, &at.key("Parameters")).map(path_payload),
            (None, None) => Some(None),
        };
        let concurrency =
            self.setting(map.max_concurrency.as_ref(), ["MaxConcurrency", "MaxConcurrencyPath"], at);
        let fields = ["ToleratedFailureCount", "ToleratedFailureCountPath"];
        let tolerated_count = self.setting(map.tolerated_failure_count.as_ref(), fields, at);
        let tolerated_percentage = self.percentage(map.tolerated_failure_percentage.as_ref(), at);
        self.check_distribution(map, at);
        match self.in_jsonata {
            true => self.check_expressions(map, at),
            false => self.check_templates(map, at),
        }
        self.check_thresholds(map, at);
        if self.purpose == Use::Execution
            && let Some((at, what)) = distribution(map, at)
        {
            self.not_yet(at, &what);
            return None;
        }
        let (tolerated_count, tolerated_percentage) = (tolerated_count?, tolerated_percentage?);
        let (reads, writes) = (map.item_reader.is_some(), map.result_writer.is_some());
        let distributed = reads || writes || tolerated_count.is_some() || tolerated_percentage.is_some();
        let distribution = distributed
            .then(|| Box::new(Distribution { reads, writes, tolerated_count, tolerated_percentage }));
        let processor = BlockId(*self.tree.inner(listed.number).first()? as u32);
        Some(Map { processor, items: items?, selector: selector?, concurrency: concurrency?, distribution })
    }

    /// `ToleratedFailurePercentage` or its twin; the outer `None` when it is wrong.
    fn percentage(
        &mut self,
        setting: Option<&Setting<definition::Amount>>,
        at: &Trail<'_>,
    ) -> Option<Option<Percentage>> {
        let field = "ToleratedFailurePercentage";
        Some(match setting {
            None => None,
            Some(Setting::Value(definition::Amount::Expression(text))) => {
                Some(Percentage::Jsonata(self.jsonata_text(text, field, &at.key(field))?))
            }
            Some(Setting::Value(amount)) => Some(Percentage::Fixed(number(amount)?.as_f64()?)),
            Some(Setting::Path(text)) => {
                Some(Percentage::Path(self.single_path(text, &at.key("ToleratedFailurePercentagePath"))?))
            }
        })
    }

    /// What a Map reads from and writes to, in both query languages; and where it may be distributed.
    pub(super) fn check_distribution(&mut self, map: &definition::Map, at: &Trail<'_>) {
        if self.kind == ExecutionKind::Express && map.mode() == Mode::Distributed {
            // unverified: the location.
            let aws =
                "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines";
            let message = "express executions do not support distributed Maps";
            let diagnostic = Diagnostic::new(Code::ExpressUnsupported, mode(map, at), message).with_aws(aws);
            self.report(diagnostic);
        }
        if let Some(reader) = &map.item_reader {
            self.check_partner(reader.resource.as_deref(), READERS, "read items", &at.key("ItemReader"));
        }
        if let Some(writer) = &map.result_writer {
            self.check_partner(writer.resource.as_deref(), WRITERS, "write results", &at.key("ResultWriter"));
        }
    }

    fn check_partner(&mut self, resource: Option<&str>, allowed: &[&str], what: &str, at: &Trail<'_>) {
        let Some(text) = resource else { return };
        let at = at.key("Resource");
        if has_placeholder(text) {
            return self.unfilled(text, at.pointer());
        }
        let arn = text
            .parse::<Arn>()
            .ok()
            .filter(|arn| arn.service() == "states" && arn.region().is_empty() && arn.account().is_empty());
        if arn.is_some_and(|arn| allowed.contains(&arn.resource())) {
            return;
        }
        let words: Vec<String> = allowed.iter().map(|name| format!("`arn:aws:states:::{name}`")).collect();
        let diagnostic =
            Diagnostic::new(Code::ReaderResource, at.pointer(), format!("`{text}` cannot {what}"))
                .with_aws("The field 'Resource' does not match any of the allowed values")
                .with_help(format!("it may be {}", words.join(" or ")));
        self.report(diagnostic);
    }

    /// What only a distributed Map reads: the templates of one in JSONPath.
    fn check_templates(&mut self, map: &definition::Map, at: &Trail<'_>) {
        if let Some(reader) = &map.item_reader {
            self.check_template(reader.parameters.as_ref(), &at.key("ItemReader").key("Parameters"));
        }
        if let Some(batcher) = &map.item_batcher {
            self.check_template(batcher.batch_input.as_ref(), &at.key("ItemBatcher").key("BatchInput"));
        }
        if let Some(writer) = &map.result_writer {
            self.check_template(writer.parameters.as_ref(), &at.key("ResultWriter").key("Parameters"));
        }
    }

    /// The same of one in JSONata.
    fn check_expressions(&mut self, map: &definition::Map, at: &Trail<'_>) {
        if let Some(reader) = &map.item_reader {
            let at = at.key("ItemReader");
            self.check_jsonata(reader.arguments.as_ref(), "ItemReader/Arguments", &at.key("Arguments"));
        }
        if let Some(batcher) = &map.item_batcher {
            let at = at.key("ItemBatcher");
            self.check_jsonata(batcher.batch_input.as_ref(), "ItemBatcher/BatchInput", &at.key("BatchInput"));
        }
        if let Some(writer) = &map.result_writer {
            let at = at.key("ResultWriter");
            self.check_jsonata(writer.arguments.as_ref(), "ResultWriter/Arguments", &at.key("Arguments"));
        }
    }

    /// And its numbers, in both languages.
    fn check_thresholds(&mut self, map: &definition::Map, at: &Trail<'_>) {
        if let Some(config) = map.item_reader.as_ref().and_then(|reader| reader.config.as_ref()) {
            let at = at.key("ItemReader");
            let fields = ["MaxItems", "MaxItemsPath"];
            self.threshold(config.max_items.as_ref(), fields, &at.key("ReaderConfig"));
        }
        if let Some(batcher) = &map.item_batcher {
            let at = at.key("ItemBatcher");
            let fields = ["MaxItemsPerBatch", "MaxItemsPerBatchPath"];
            self.threshold(batcher.max_items_per_batch.as_ref(), fields, &at);
            let fields = ["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"];
            self.threshold(batcher.max_input_bytes_per_batch.as_ref(), fields, &at);
        }
    }

    fn check_jsonata(&mut self, value: Option<&Value>, field: &str, at: &Trail<'_>) {
        if let Some(value) = value {
            self.jsonata(value, field, jsonata::INPUT, at);
        }
    }

    fn check_template(&mut self, template: Option<&Value>, at: &Trail<'_>) {
        if let Some(template) = template {
            self.template(template, at);
        }
    }

    /// A number that is written down or looked up, and not needed yet.
    fn threshold(
        &mut self,
        setting: Option<&Setting<definition::Amount>>,
        [field, path]: [&str; 2],
        at: &Trail<'_>,
    ) {
        match setting {
            Some(Setting::Path(text)) => {
                self.single_path(text, &at.key(path));
            }
            Some(Setting::Value(definition::Amount::Expression(text))) => {
                self.jsonata_text(text, field, &at.key(field));
            }
            _ => {}
        }
    }

    /// Labels are part of the ARNs of executions, so no two Maps share one.
    pub(super) fn check_labels(&mut self) {
        let tree = self.tree;
        let mut seen = BTreeSet::new();
        for (number, placed) in tree.states.iter().enumerate() {
            if let StateKind::Map(map) = &placed.state.kind
                && let Some(label) = &map.label
                && !has_placeholder(label)
                && !seen.insert(label.as_str())
            {
                // unverified: the location.
                let message = format!("another Map has the label `{label}`");
                let at = tree.at(number).key("Label").pointer();
                let aws = format!("Duplicate Label name: {label}");
                self.report(Diagnostic::new(Code::DuplicateLabel, at, message).with_aws(aws));
            }
        }
    }
}

fn path_payload(template: Template) -> Option<Payload> {
    Some(Payload::JsonPath(template))
}

/// The first part of a Map that only a distributed one has, and what to call it.
fn distribution(map: &definition::Map, at: &Trail<'_>) -> Option<(JsonPointer, String)> {
    if map.mode() == Mode::Distributed {
        return Some((mode(map, at), "a distributed Map".into()));
    }
    let fields = [
        ("ItemReader", map.item_reader.is_some()),
        ("ItemBatcher", map.item_batcher.is_some()),
        ("ResultWriter", map.result_writer.is_some()),
    ];
    let (field, _) = fields.into_iter().find(|(_, present)| *present)?;
    Some((at.key(field).pointer(), format!("`{field}`")))
}

fn mode(map: &definition::Map, at: &Trail<'_>) -> JsonPointer {
    let field = map.processor.as_ref().map_or("ItemProcessor", |processor| processor.field.as_str());
    at.key(field).key("ProcessorConfig").key("Mode").pointer()
}
