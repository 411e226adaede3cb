//! Runs the cases of `validation/`: definitions that AWS refused or accepted, and its words.

use super::case::Case;
use super::fault::Fault;

pub(crate) fn run(_case: &Case) -> Result<(), Fault> {
    Err(Fault::NoRunner("no diagnostics yet"))
}
