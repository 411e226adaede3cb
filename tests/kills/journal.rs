//! What the children were told: lines in a file, each written at once, so that a kill loses none.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Something that a child did or was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// It has recovered, and begins to work.
    Ready { seed: u64 },
    /// It is about to start an execution.
    Starts { name: String },
    /// The execution was started.
    Started { name: String },
    /// A handler saw a token.
    Asked { name: String, token: String },
    /// It is about to answer.
    Answers { name: String, value: u64 },
    /// The answer was acknowledged.
    Answered { name: String, value: u64 },
    /// A handler was called with this key.
    Worked { key: String },
}

pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Goes on after the last whole line: a kill in the middle of one leaves a part of it.
    pub(crate) fn open(folder: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(folder.join("journal")).unwrap();
        file.set_len(Self::text(folder).len() as u64).unwrap();
        Self { file }
    }

    pub(crate) fn write(&self, entry: &Entry) {
        let line = serde_json::to_string(entry).unwrap() + "\n";
        // The kernel has it when this returns: who is killed then has written it.
        (&self.file).write_all(line.as_bytes()).unwrap();
    }

    pub(crate) fn read(folder: &Path) -> Vec<Entry> {
        Self::text(folder).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines that are whole: somebody may be writing another.
    fn text(folder: &Path) -> String {
        let mut text = std::fs::read_to_string(folder.join("journal")).unwrap_or_default();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }
}
