//! The rules: floors, words of the world, first lines, lengths.

use super::source::{Source, Word};

/// Which module is on which floor. A module may name those on lower floors, and itself.
const FLOORS: &[&[&str]] = &[
    &["arn", "failure", "id", "json", "limits", "pattern", "span", "time"],
    &["diagnostic", "function", "registry", "yaml"],
    &["definition", "history", "query"],
    &["machine"],
    &["compile", "dataflow", "graph", "template"],
    &["execution", "lint"],
    &["store"],
    &["runtime"],
    &["http", "testing"],
];

/// From this floor on there is a world: time passes, threads meet, files are read.
const WORLD: usize = 6;

/// What does not occur below it. Those of `std` are found in groups, too.
const WORDS: [&str; 10] = [
    ".await",
    "tokio",
    "SystemTime::now",
    "Instant::now",
    "std::fs",
    "std::net",
    "std::thread",
    "Mutex",
    "RwLock",
    "HashMap",
];

/// From this many lines of code on, a file holds more than one noun.
const LONGEST: usize = 600;

/// What is wrong with a file, each with its place.
pub(crate) fn check(source: &Source) -> Vec<String> {
    let mut mistakes = Vec::new();
    // The crate's front page is the README.
    let says = source.first_line.starts_with("//!") || source.first_line.starts_with("#![doc = include_str!");
    if !says {
        mistakes.push(format!("{}:1: says nothing: begin it with a `//!` line", source.path));
    }
    let Some(module) = source.module() else { return mistakes };
    let lines = source.code_lines();
    if lines > LONGEST {
        mistakes
            .push(format!("{}:1: {lines} lines of code: look for the second noun at {LONGEST}", source.path));
    }
    let Some(floor) = floor_of(module) else {
        mistakes.push(format!(
            "{}:1: `{module}` has no floor: give it one in tests/architecture/rules.rs",
            source.path
        ));
        return mistakes;
    };
    for Word { line, text } in source.named_modules() {
        let mistake = match floor_of(&text) {
            _ if text == module => continue,
            Some(other) if other < floor => continue,
            Some(_) => format!("`{module}` may not name `crate::{text}`"),
            None => format!("`crate::{text}` is the facade: name its module"),
        };
        mistakes.push(format!("{}:{line}: {mistake}", source.path));
    }
    if floor < WORLD {
        for word in WORDS {
            let found = source.lines_with(word);
            mistakes.extend(
                found.into_iter().map(|line| format!("{}:{line}: no `{word}` in `{module}`", source.path)),
            );
        }
    }
    mistakes
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}
