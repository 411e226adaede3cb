//! Published definitions compile, and a diagnostic for one that somebody broke is at the line that was broken.
//!
//! The definitions are not part of this project. They are in `definitions/` of the folder that `STEPWRIGHT_SHARED`
//! names, else of `../shared`; where there is none, these tests say so and pass.

mod shared;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use shared::{files, shared};

use serde_json::Value;
use stepwright::definition::{Substitutions, placeholders};
use stepwright::diagnostic::{Format, Source};
use stepwright::template::Template;
use stepwright::{Code, Definition, Diagnostics, ExecutionKind, StateMachine};

#[test]
fn published_definitions_compile() {
    let Some(shared) = shared("") else { return };
    let mut tally = Tally::default();
    for source in published(&shared) {
        tally.add(&source);
    }
    for (name, text) in in_templates(&shared) {
        tally.add(&filled(&Source::with_format(name.as_str(), text, Format::Json)));
    }
    println!("{} definitions compile; not executed yet: {:?}", tally.compiled, tally.not_yet);
    for (code, places) in &tally.advice {
        println!("{code} {}: {}", code.name(), places.len());
        places.iter().for_each(|place| println!("    {place}"));
    }
    assert!(tally.refused.is_empty(), "{}", tally.refused.join("\n"));
    assert!(tally.compiled > 40, "only {} compile", tally.compiled);
}

#[test]
fn recorded_definitions_compile() {
    let Some(shared) = shared("") else { return };
    let mut tally = Tally::default();
    for folder in ["executions", "choice", "express", "logs", "local_mocking"] {
        for path in files(&shared.join("recorded").join(folder)) {
            let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let runs = case["runs"].as_array().into_iter().flatten().chain([&case]);
            for definition in runs.filter_map(|run| run.get("definition")) {
                let text = definition.as_str().map_or_else(|| definition.to_string(), String::from);
                tally.add(&Source::with_format(path.to_str().unwrap(), text, Format::Json));
            }
        }
    }
    println!("{} recorded definitions compile; not executed yet: {:?}", tally.compiled, tally.not_yet);
    for (code, places) in &tally.advice {
        println!("{code} {}: {}", code.name(), places.len());
        places.iter().take(12).for_each(|place| println!("    {place}"));
    }
    assert!(tally.refused.is_empty(), "{}", tally.refused.join("\n"));
}

/// Each definition is broken in three ways, one line at a time.
#[test]
fn diagnostics_are_at_the_line_that_was_broken() {
    let Some(shared) = shared("") else { return };
    let mut broken = 0;
    for source in published(&shared).into_iter().filter(|source| compile(source).is_ok()) {
        let lines: Vec<&str> = source.text().lines().collect();
        for (number, line) in lines.iter().enumerate() {
            for (code, mutant) in mutants(line, source.format()) {
                let mut text = lines.clone();
                text[number] = &mutant;
                let broken_source = Source::with_format(source.name(), text.join("\n"), source.format());
                // A word within a payload may be anything.
                if in_payload(&broken_source, &source) {
                    continue;
                }
                let Err(diagnostics) = compile(&broken_source) else {
                    panic!("{}:{}: `{mutant}` compiles", source.name(), number + 1);
                };
                let found = diagnostics.iter().any(|diagnostic| {
                    let line = diagnostic.position().map(|position| position.line);
                    diagnostic.code() == code && line == Some(number + 1)
                });
                assert!(found, "{}:{}: `{mutant}` gives {diagnostics}", source.name(), number + 1);
                broken += 1;
            }
        }
    }
    println!("{broken} mutations are reported at their lines");
    assert!(broken > 300, "only {broken} mutations");
}

/// What a line may be broken into, and the code that says so.
fn mutants(line: &str, format: Format) -> Vec<(Code, String)> {
    let key = |name: &str| match format {
        Format::Yaml => format!("{name}: "),
        _ => format!("\"{name}\": "),
    };
    let mut found = Vec::new();
    // The target of a transition is gone.
    if let Some((before, value)) = line.split_once(&key("Next")) {
        let end = match value.strip_prefix('"') {
            Some(text) => text.find('"').map_or(value.len(), |end| end + 2),
            None => value.len(),
        };
        let quoted = format!("\"Nowhere to be found\"{}", &value[end..]);
        found.push((Code::MissingTarget, format!("{before}{}{quoted}", key("Next"))));
    }
    // A field is misspelt.
    if line.trim_start().starts_with(&key("Resource")) {
        found.push((Code::UnknownField, line.replacen("Resource", "Resourse", 1)));
    }
    // A value is of the wrong type.
    if line.trim_start().starts_with(&key("End")) && line.contains("true") {
        found.push((Code::WrongType, line.replacen("true", "7", 1)));
    }
    found
}

/// Whether the two differ only in what a state passes on as data.
fn in_payload(one: &Source, other: &Source) -> bool {
    let states = |source: &Source| {
        let (definition, diagnostics) = Definition::read(source);
        definition.filter(|_| diagnostics.is_empty()).map(|definition| {
            let mut value = definition.to_value();
            clear(&mut value);
            value
        })
    };
    states(one).is_some_and(|one| Some(one) == states(other))
}

fn clear(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for field in ["Parameters", "Result", "ItemSelector", "Comment"] {
                map.remove(field);
            }
            map.values_mut().for_each(clear);
        }
        Value::Array(items) => items.iter_mut().for_each(clear),
        _ => {}
    }
}

#[derive(Default)]
struct Tally {
    compiled: usize,
    not_yet: BTreeMap<String, usize>,
    refused: Vec<String>,
    advice: BTreeMap<Code, Vec<String>>,
}

impl Tally {
    fn add(&mut self, source: &Source) {
        match compile(source) {
            Ok(machine) => {
                self.compiled += 1;
                for warning in machine.warnings() {
                    self.advice.entry(warning.code()).or_default().push(warning.to_string());
                }
            }
            Err(diagnostics) if diagnostics.iter().all(|found| found.code() == Code::NotExecutedYet) => {
                let reason = diagnostics.iter().next().map(|found| found.message().to_owned());
                *self.not_yet.entry(reason.unwrap_or_default()).or_default() += 1;
            }
            Err(diagnostics) => self.refused.push(diagnostics.to_string()),
        }
    }
}

fn compile(source: &Source) -> Result<StateMachine, Diagnostics> {
    StateMachine::compile(source, ExecutionKind::Standard)
}

/// The definitions in files of their own, with placeholders filled in.
fn published(shared: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in ["definitions/asl", "definitions/aslyaml"] {
        for path in files(&shared.join(folder)) {
            let name = name_of(&path);
            if name.ends_with(".yaml") && cfg!(not(feature = "yaml")) {
                continue;
            }
            sources.push(filled(&Source::new(name, text_of(&path))));
        }
    }
    sources
}

/// The definitions within templates.
fn in_templates(shared: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if cfg!(not(feature = "yaml")) {
        return found;
    }
    for path in files(&shared.join("definitions/template")) {
        let Ok(template) = Template::parse(&text_of(&path)) else { continue };
        let Ok(machines) = template.state_machines() else { continue };
        for machine in machines {
            if let Ok(definition) = machine.definition() {
                let file = name_of(&path);
                found.push((format!("{file}#{}", machine.logical_id), definition.to_string()));
            }
        }
    }
    found
}

/// The source with a plausible value for each placeholder: a number where none is in quotes, an ARN where the
/// name or the field speaks of one, else a name.
fn filled(source: &Source) -> Source {
    let text = source.text();
    let value = |name: &str| {
        let place = format!("${{{name}}}");
        let line = text.lines().find(|line| line.contains(&place)).unwrap_or_default();
        let bare = line.contains(&format!(": {place}")) && source.format() != Format::Yaml;
        let alone = line.contains(&format!("\"{place}\"")) || line.trim_end().ends_with(&place);
        let arn = name.to_lowercase().contains("arn") || alone && line.contains("Resource");
        match (bare, arn) {
            (true, _) => "30".to_owned(),
            (_, true) => format!("arn:aws:lambda:us-east-1:123456789012:function:{}", name.replace('.', "-")),
            _ => name.rsplit([':', '.']).next().unwrap_or(name).to_owned(),
        }
    };
    let values: Substitutions = placeholders(text).into_iter().map(|name| (name, value(name))).collect();
    values.fill(source)
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("published files have plain names")
}

fn text_of(path: &Path) -> String {
    fs::read_to_string(path).expect("published files are text")
}
