//! What is beside the project and not part of it: published definitions, recordings, the suite of JSONata.

use std::fs;
use std::path::{Path, PathBuf};

/// `part` of the folder that `STEPWRIGHT_SHARED` names, else of `../shared`; `None`, and a word about it, where it
/// is not.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let named = std::env::var_os("STEPWRIGHT_SHARED").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared")).join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there is no {}", folder.display());
    None
}

/// All files in a folder and its folders, in a fixed order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder that is there can be read");
            pending.extend(entries.map(|entry| entry.expect("so can its entries").path()));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
