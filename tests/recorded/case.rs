//! The folder of recorded cases: what is in it, and reading one.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::compare::Comparer;
use super::histories::Mode;
use super::wildcards::Wildcards;

/// The kinds of recordings, one folder each.
pub(crate) const CORPORA: [&str; 9] =
    ["executions", "choice", "validation", "teststate", "express", "local_mocking", "logs", "events", "api"];

/// A recorded case that was found, and not yet read.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) corpus: &'static str,
    pub(crate) group: String,
    /// Unique in the folder: `executions/base/state_fail_empty`, `choice/and`.
    pub(crate) name: String,
    path: PathBuf,
}

/// A recorded case.
#[derive(Debug)]
pub(crate) struct Case {
    value: Value,
}

/// Where recordings are: the folder that `STEPWRIGHT_RECORDED` names, or the one beside the project.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Whether `STEPWRIGHT_RECORDED` names it: then nothing is judged.
    pub(crate) named: bool,
}

impl Folder {
    pub(crate) fn choose() -> Self {
        match std::env::var_os("STEPWRIGHT_RECORDED") {
            Some(path) if !path.is_empty() => Self { path: path.into(), named: true },
            _ => Self { path: project().join("../shared/recorded"), named: false },
        }
    }

    /// All cases, in the order of their names within each corpus.
    pub(crate) fn cases(&self) -> Vec<Found> {
        let mut cases = Vec::new();
        for corpus in CORPORA {
            let folder = self.path.join(corpus);
            if corpus == "executions" {
                for group in files(&folder).into_iter().filter(|path| path.is_dir()) {
                    let name = stem(&group);
                    cases
                        .extend(files(&group).into_iter().filter_map(|path| Found::new(corpus, &name, path)));
                }
            } else {
                cases.extend(files(&folder).into_iter().filter_map(|path| Found::new(corpus, corpus, path)));
            }
        }
        cases
    }
}

/// The project's folder; the tests of a copy that was moved look beside the copy.
pub(crate) fn project() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Found {
    fn new(corpus: &'static str, group: &str, path: PathBuf) -> Option<Self> {
        if path.extension()? != "json" {
            return None;
        }
        let name = match corpus == group {
            true => format!("{corpus}/{}", stem(&path)),
            false => format!("{corpus}/{group}/{}", stem(&path)),
        };
        Some(Self { corpus, group: group.into(), name, path })
    }

    pub(crate) fn read(&self) -> Result<Case, String> {
        let broken = |error: &dyn fmt::Display| format!("{}: {error}", self.path.display());
        let text = fs::read_to_string(&self.path).map_err(|error| broken(&error))?;
        let value = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        Ok(Case::new(value))
    }
}

impl Case {
    pub(crate) fn new(value: Value) -> Self {
        Self { value }
    }

    /// The member `name`; `null` if there is none.
    pub(crate) fn get(&self, name: &str) -> &Value {
        &self.value[name]
    }

    /// The member `name` of what is expected; `null` if there is none.
    pub(crate) fn expected(&self, name: &str) -> &Value {
        &self.value["expected"][name]
    }

    /// A comparer that knows the case's wildcards.
    pub(crate) fn comparer(&self) -> Comparer {
        let wildcards = Wildcards::of(self.get("wildcards"));
        match std::env::var_os("STEPWRIGHT_STRICT") {
            Some(_) => Comparer::strict(wildcards),
            None => Comparer::new(wildcards),
        }
    }

    /// How to read the expected history.
    pub(crate) fn mode(&self) -> Mode {
        let concurrent = self.get("concurrent") == true;
        match self.expected("historyMode").as_str() {
            Some("lossyParallel") => Mode::LossyParallel { concurrent },
            _ if concurrent => Mode::Concurrent,
            _ => Mode::Ordered,
        }
    }

    /// The expected history, if one was recorded.
    pub(crate) fn history(&self) -> Option<&[Value]> {
        self.expected("history").as_array().map(Vec::as_slice)
    }
}

/// A definition as it was sent: text, or a value in whatever spelling.
pub(crate) fn definition(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
