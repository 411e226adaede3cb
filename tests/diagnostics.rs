//! Every code has a page and a fixture, and what is printed for each fixture is what stands beside it.
//!
//! A fixture is a broken definition, `E0203-missing-target.asl.json`, with the expected text beside it,
//! `E0203-missing-target.txt`. `STEPWRIGHT_BLESS=1 cargo test --test diagnostics` writes the texts anew.
//!
//! The recordings of what AWS answered, and real definitions, are not part of this project. Where they are
//! (the folder that `STEPWRIGHT_SHARED` names, else `../shared`) they are read too.

mod shared;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shared::{files, shared};

use serde_json::Value;
use stepwright::diagnostic::{Format, Source};
use stepwright::{Code, Definition, Diagnostics, ExecutionKind, StateMachine};

/// Codes that nothing raises yet, or that no fixture can show. The list may only become shorter.
const WITHOUT_FIXTURE: &[Code] = &[
    // A megabyte is too long for a fixture too; `definition/text.rs` tests it.
    Code::TooLong,
];

/// All that is wrong with a definition, or odd. Those for express executions say so in their names.
fn diagnose(source: &Source) -> Diagnostics {
    let kind = match source.name().contains("express") {
        true => ExecutionKind::Express,
        false => ExecutionKind::Standard,
    };
    match StateMachine::compile(source, kind) {
        Ok(machine) => machine.warnings().clone(),
        Err(diagnostics) => diagnostics,
    }
}

#[test]
fn fixtures_print_what_stands_beside_them() {
    let bless = std::env::var_os("STEPWRIGHT_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in fixtures() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".yaml") && cfg!(not(feature = "yaml")) {
            continue;
        }
        let diagnostics = diagnose(&Source::new(name.as_str(), fs::read_to_string(&path).unwrap()));
        let shown = match diagnostics.has_errors() {
            true => format!("{diagnostics}\nAWS: {}\n", diagnostics.invalid_definition()),
            false => diagnostics.to_string(),
        };
        assert!(
            diagnostics.iter().any(|diagnostic| name.starts_with(diagnostic.code().number())),
            "{name} does not show its code:\n{shown}"
        );
        let expected = path.with_file_name(format!("{}.txt", name.split_once('.').unwrap().0));
        if bless {
            fs::write(&expected, &shown).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != shown {
            wrong.push(format!("{name} prints:\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "STEPWRIGHT_BLESS=1 accepts this:\n{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_page_and_a_fixture() {
    let fixtures = fixtures();
    let shown: BTreeSet<_> =
        fixtures.iter().map(|path| &path.file_name().unwrap().to_str().unwrap()[..5]).collect();
    for code in Code::ALL {
        assert!(code.explain().lines().count() > 2, "{code} has no page");
        let excused = WITHOUT_FIXTURE.contains(code);
        let fixture = shown.contains(code.number());
        assert!(fixture || excused, "{code} has no fixture");
        assert!(!(fixture && excused), "{code} has a fixture: take it from the list of those without");
    }
}

#[test]
fn real_definitions_have_the_right_shape() {
    let Some(shared) = shared("") else { return };
    let mut read = 0;
    for folder in ["definitions/asl", "definitions/aslyaml"] {
        for path in files(&shared.join(folder)) {
            if path.extension().is_some_and(|extension| extension == "yaml") && cfg!(not(feature = "yaml")) {
                continue;
            }
            let source =
                Source::new(path.file_name().unwrap().to_str().unwrap(), fs::read_to_string(&path).unwrap());
            let (definition, diagnostics) = Definition::read(&source);
            assert!(diagnostics.is_empty(), "{diagnostics}");
            if let Ok(value) = serde_json::from_str::<Value>(source.text()) {
                assert_eq!(definition.unwrap().to_value(), value, "{path:?}");
            }
            read += 1;
        }
    }
    println!("read {read} real definitions");
}

/// Templates are no definitions, and still YAML that can be read to its end. Two of them are not: other
/// parsers refuse them too.
#[test]
#[cfg(feature = "yaml")]
fn real_templates_are_yaml() {
    let Some(shared) = shared("") else { return };
    let (mut read, mut broken) = (0, Vec::new());
    for path in files(&shared.join("definitions/template")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (_, diagnostics) = Definition::read(&Source::new(name, fs::read_to_string(&path).unwrap()));
        match diagnostics
            .iter()
            .any(|diagnostic| [Code::NotYaml, Code::UnsupportedYaml].contains(&diagnostic.code()))
        {
            true => broken.push(name.to_owned()),
            false => read += 1,
        }
    }
    assert_eq!(broken.len(), 2, "{broken:?}");
    println!("read {read} real templates; not YAML: {broken:?}");
}

#[test]
fn recorded_definitions_have_the_right_shape() {
    let Some(shared) = shared("") else { return };
    let mut read = 0;
    for folder in ["executions", "choice", "express", "logs", "local_mocking"] {
        for path in files(&shared.join("recorded").join(folder)) {
            let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let runs = case["runs"].as_array().into_iter().flatten().chain([&case]);
            for definition in runs.filter_map(|run| run.get("definition")) {
                let written = match definition {
                    Value::String(text) => serde_json::from_str(text).unwrap(),
                    other => other.clone(),
                };
                let source = Source::with_format(path.to_str().unwrap(), written.to_string(), Format::Json);
                let (definition, diagnostics) = Definition::read(&source);
                assert!(diagnostics.is_empty(), "{diagnostics}");
                assert_eq!(definition.unwrap().to_value(), written, "{path:?}");
                read += 1;
            }
        }
    }
    println!("read {read} recorded definitions");
}

/// What AWS said to each definition that was sent to it, to the letter. What it accepted may be refused only
/// because it cannot be executed yet.
#[test]
fn recorded_complaints_are_ours() {
    let Some(shared) = shared("") else { return };
    let (mut exact, mut not_yet) = (0, 0);
    for path in files(&shared.join("recorded/validation")) {
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let text = case["definition"].as_str().unwrap();
        let name = if case["type"] == "EXPRESS" { "express" } else { "standard" };
        let diagnostics = diagnose(&Source::with_format(name, text, Format::Json));
        let expected = &case["expected"];
        let accepted = expected.get("accepted").is_some() || expected["result"] == "OK";
        let same = match expected["error"]["message"].as_str() {
            Some(message) => diagnostics.invalid_definition() == message,
            None if accepted => !diagnostics.has_errors(),
            None => {
                serde_json::to_value(diagnostics.aws().collect::<Vec<_>>()).unwrap()
                    == expected["diagnostics"]
            }
        };
        let only_not_yet = diagnostics.iter().all(|diagnostic| diagnostic.code() == Code::NotExecutedYet);
        match same {
            true => exact += 1,
            false if accepted && only_not_yet => not_yet += 1,
            false => panic!("{path:?}\nexpected {expected:#}\nfound {}", diagnostics.invalid_definition()),
        }
    }
    println!("{exact} answers are AWS's to the letter; accepted by AWS and not executed yet: {not_yet}");
}

fn fixtures() -> Vec<PathBuf> {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("asl-fixtures/diagnostics"));
    let definition = |path: &PathBuf| path.to_str().is_some_and(|path| path.contains(".asl."));
    all.into_iter().filter(definition).collect()
}
