//! The floors of the crate, as a test: imports look down, every file says what it is, nothing below floor 6
//! knows the world, and no file grows beyond measure.

mod architecture {
    pub(crate) mod rules;
    pub(crate) mod source;
}

use std::fs;
use std::path::{Path, PathBuf};

use architecture::rules::check;
use architecture::source::Source;

/// All Rust files below `folder`, by their paths from the root of the project.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_keeps_the_rules() {
    let sources = files("src");
    assert!(sources.len() > 50, "the sources are where they were");
    let folders = ["tests", "benches", "examples"];
    let all = sources.into_iter().chain(folders.into_iter().flat_map(files));
    let mistakes: Vec<String> = all.flat_map(|(path, text)| check(&Source::read(&path, &text))).collect();
    assert!(mistakes.is_empty(), "\n{}\n", mistakes.join("\n"));
}

/// What is wrong with a made-up file.
fn mistakes(path: &str, text: &str) -> Vec<String> {
    check(&Source::read(path, text))
}

#[test]
fn imports_that_look_up_are_found() {
    for (path, code, upper) in [
        ("src/execution/event.rs", "use crate::runtime::Runtime;", "runtime"),
        ("src/execution/event.rs", "use crate::lint::lint;", "lint"),
        ("src/machine/mod.rs", "pub use crate::dataflow;", "dataflow"),
        ("src/query/mod.rs", "use crate::{id::TaskId, machine::state::{State, Task}};", "machine"),
        ("src/query/jsonpath/mod.rs", "use super::super::machine::State;", "machine"),
        ("src/query/mod.rs", "use super::history::HistoryEvent;", "history"),
        ("src/query/path.rs", "use super::{Scope, super::execution::Event};", "execution"),
        ("src/time.rs", "fn f() { crate::store::open() }", "store"),
        ("src/time.rs", "mod inner { use super::super::store::Store; }", "store"),
        ("src/time.rs", "macro_rules! m { () => { $crate::json::Json } }", "json"),
        ("src/arn.rs", "fn f<'a>(x: &'a str) -> char { let _ = '\"'; crate::machine::g(x) }", "machine"),
    ] {
        let module = path.split('/').nth(1).unwrap().trim_end_matches(".rs");
        let expected = format!("{path}:2: `{module}` may not name `crate::{upper}`");
        assert_eq!(mistakes(path, &format!("//! A file.\n{code}\n")), [expected]);
    }
}

#[test]
fn imports_that_look_down_are_left_alone() {
    for (path, code) in [
        ("src/execution/event.rs", "use crate::failure::Failure;\nuse crate::execution::Step;"),
        ("src/execution/states/wait.rs", "use super::super::frame::Frame;\nuse super::pass_on;"),
        ("src/machine/mod.rs", "use crate::{diagnostic::Code, query::{Path, Scope}};"),
        (
            "src/time.rs",
            "// use crate::runtime::Runtime;\n/* crate::store */ const A: &str = \"crate::store\";",
        ),
        ("src/time.rs", "const A: &str = r#\"crate::store \"quoted\" \"#; const B: u8 = b'\"';"),
        ("src/time.rs", "/// ```\n/// use stepwright::testing::Simulator;\n/// ```\nfn f() {}"),
        ("src/time.rs", "#[cfg(test)]\nmod tests {\n    use crate::runtime::Runtime;\n    fn f() { {} }\n}"),
        ("src/query/jsonpath/tests.rs", "use crate::runtime::Runtime;"),
        ("src/time.rs", "struct Other;\nmod inner {\n    use super::{Other, json_of};\n}"),
        ("src/lib.rs", "pub use runtime::Runtime;\nuse crate::store::Store;"),
        ("tests/runtime.rs", "use stepwright::Runtime;\nuse std::sync::Mutex;"),
    ] {
        assert_eq!(mistakes(path, &format!("//! A file.\n{code}\n")), Vec::<String>::new(), "{path} {code}");
    }
}

#[test]
fn nobody_imports_through_the_facade_and_every_module_has_a_floor() {
    assert_eq!(
        mistakes("src/execution/mod.rs", "//! A file.\nuse crate::{Failure, id::TaskId};\n"),
        ["src/execution/mod.rs:2: `crate::Failure` is the facade: name its module"]
    );
    assert_eq!(
        mistakes("src/utils.rs", "//! A file.\n"),
        ["src/utils.rs:1: `utils` has no floor: give it one in tests/architecture/rules.rs"]
    );
}

#[test]
fn words_of_the_world_are_found_below_floor_6() {
    for (code, word) in [
        ("use std::collections::HashMap;", "HashMap"),
        ("use std::collections::{BTreeMap, HashMap};", "HashMap"),
        ("use std::sync::{Arc, Mutex};", "Mutex"),
        ("static A: std::sync::RwLock<u8> = B;", "RwLock"),
        ("async fn f() { g().await }", ".await"),
        ("fn f() { tokio::spawn(g()) }", "tokio"),
        ("fn f() { SystemTime::now() }", "SystemTime::now"),
        ("fn f() { std::time::Instant::now() }", "Instant::now"),
        ("use std::fs;", "std::fs"),
        ("use std::{fmt, net::TcpStream};", "std::net"),
        ("fn f() { std::thread::sleep(d) }", "std::thread"),
    ] {
        let expected = format!("src/machine/mod.rs:2: no `{word}` in `machine`");
        assert_eq!(mistakes("src/machine/mod.rs", &format!("//! A file.\n{code}\n")), [expected], "{code}");
        let above = mistakes("src/store/mod.rs", &format!("//! A file.\n{code}\n"));
        assert_eq!(above, Vec::<String>::new(), "{code}");
    }
    for code in
        ["// a HashMap", "struct HashMapOrder;", "const A: &str = \"tokio\";", "use std::{fmt, ops::Add};"]
    {
        assert_eq!(mistakes("src/machine/mod.rs", &format!("//! A file.\n{code}\n")), Vec::<String>::new());
    }
}

#[test]
fn a_file_says_what_it_is_and_stays_short() {
    let missing = "says nothing: begin it with a `//!` line";
    assert_eq!(mistakes("src/time.rs", "use std::fmt;\n"), [format!("src/time.rs:1: {missing}")]);
    assert_eq!(mistakes("tests/a.rs", "\n// A file.\n"), [format!("tests/a.rs:1: {missing}")]);
    let lines = |n| "const A: u8 = 0;\n// not code\n\n".repeat(n);
    let tests = "#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
    assert_eq!(mistakes("src/time.rs", &format!("//! A file.\n{}{tests}", lines(600))), Vec::<String>::new());
    assert_eq!(
        mistakes("src/time.rs", &format!("//! A file.\n{}{tests}", lines(601))),
        ["src/time.rs:1: 601 lines of code: look for the second noun at 600"]
    );
}
