//! The list of recorded cases that do not pass yet: reasons, and under each the names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use super::case;
use super::fault::Fault;

/// What stands for a reason that nobody has given yet.
const UNKNOWN: &str = "?";

const HEAD: &str = "\
# Recorded cases that do not pass yet, by the reason. A case that passes may not be listed, and one that
# fails has to be: `STEPWRIGHT_BLESS=1 cargo test --test recorded` writes the list anew, keeps the reasons, and
# puts what is new under \"?\" for you to say why.
";

/// The cases that do not pass yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    reasons: BTreeMap<String, String>,
}

impl Gaps {
    fn path() -> PathBuf {
        case::project().join("tests/recorded/gaps.toml")
    }

    pub(crate) fn read() -> Result<Self, String> {
        Self::parse(&fs::read_to_string(Self::path()).unwrap_or_default())
    }

    /// Reads the list: `reason = "..."` and, after it, lines of quoted names.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut gaps = Self::default();
        let mut reason = None;
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            let quoted =
                || line.trim_end_matches(',').strip_prefix('"')?.strip_suffix('"').map(str::to_owned);
            if let Some(text) = line.strip_prefix("reason = ") {
                let text = serde_json::from_str::<String>(text);
                reason = Some(text.map_err(|error| format!("gaps.toml:{number}: {error}"))?);
            } else if let Some(name) = quoted() {
                let reason =
                    reason.clone().ok_or_else(|| format!("gaps.toml:{number}: there is no reason above"))?;
                if gaps.reasons.insert(name.clone(), reason).is_some() {
                    return Err(format!("gaps.toml:{number}: `{name}` is listed twice"));
                }
            } else if !(line.is_empty()
                || line.starts_with('#')
                || ["[[gap]]", "cases = [", "]"].contains(&line))
            {
                return Err(format!("gaps.toml:{number}: cannot read `{line}`"));
            }
        }
        Ok(gaps)
    }

    /// Why `name` does not pass yet; `None` if it has to pass.
    pub(crate) fn reason(&self, name: &str) -> Option<&str> {
        self.reasons.get(name).map(String::as_str)
    }

    /// What is wrong with the list itself, given the names of all cases.
    pub(crate) fn mistakes(&self, names: &BTreeSet<&str>) -> Vec<String> {
        let strangers = self.reasons.keys().filter(|name| !names.contains(name.as_str()));
        let unexplained = self.reasons.iter().filter(|(_, reason)| *reason == UNKNOWN);
        strangers
            .map(|name| format!("`{name}` is listed, and there is no such case"))
            .chain(unexplained.map(|(name, _)| format!("say why `{name}` does not pass")))
            .collect()
    }

    /// Writes the list of those that fail now, with the reasons known; answers how many have none.
    pub(crate) fn bless(&self, failing: &BTreeMap<String, Fault>) -> Result<usize, String> {
        let (text, unexplained) = self.blessed(failing);
        fs::write(Self::path(), text).map_err(|error| error.to_string())?;
        Ok(unexplained)
    }

    /// The list's new text, and how many of its cases have no reason.
    pub(crate) fn blessed(&self, failing: &BTreeMap<String, Fault>) -> (String, usize) {
        let mut by_reason: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
        for (name, fault) in failing {
            let reason = match (fault, self.reason(name)) {
                (Fault::NoRunner(reason), _) => reason,
                (Fault::Differs(_), Some(reason)) if !Fault::is_of_no_runner(reason) => reason,
                (Fault::Differs(_), _) => UNKNOWN,
            };
            by_reason.entry(reason).or_default().push((name, fault.brief()));
        }
        let mut text = HEAD.to_owned();
        for (reason, names) in &by_reason {
            text += &format!("\n[[gap]]\nreason = {}\ncases = [\n", serde_json::Value::from(*reason));
            for (name, failure) in names {
                if *reason == UNKNOWN {
                    text += &format!("    # {failure}\n");
                }
                text += &format!("    \"{name}\",\n");
            }
            text += "]\n";
        }
        (text, by_reason.get(UNKNOWN).map_or(0, Vec::len))
    }
}
