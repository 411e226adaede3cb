//! Templates in YAML, as CloudFormation reads them. The loader itself is `crate::yaml`.

use std::borrow::Cow;

use serde_json::Value;

use crate::yaml::{Problem, load};

use super::error::{TemplateError, TemplateErrorKind};
use super::place::Place;
use super::{MAX_BYTES, syntax};

/// How deep a template may be; JSON is read down to the same depth.
const DEPTH: usize = 128;

/// How much text all attempts may read together.
const MOST_READING: usize = 4 * MAX_BYTES;

/// How far a line is moved to the right: further than any block that it could stand in.
const FAR: &str = "                                                                ";

/// The document in `text`, with the long form of every short tag.
pub(super) fn read(text: &str) -> Result<Value, TemplateError> {
    let mut text = Cow::Borrowed(text);
    let mut reading = 0;
    loop {
        let loaded = load(&text, DEPTH, MAX_BYTES);
        // Of a key that is written twice the later value counts, as in JSON.
        let grave = |(problem, _): &&(Problem, _)| !matches!(problem, Problem::DuplicateKey(_));
        let Some((problem, span)) = loaded.problems.iter().find(grave) else {
            return Ok(loaded.value.unwrap_or_default());
        };
        let before = text.get(..span.start).unwrap_or_default();
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        reading += text.len();
        if is_outdented(problem) && !text[line..].starts_with(FAR) && reading < MOST_READING {
            // A bracket that closes to the left of what it belongs to: CloudFormation and SAM read it, and
            // people write it. White space between brackets has no meaning, so more of it does no harm.
            text = Cow::Owned(format!("{}{FAR}{}", &text[..line], &text[line..]));
            continue;
        }
        let (line, column) = (before.matches('\n').count() + 1, before[line..].chars().count() + 1);
        return Err(error(problem, line, column));
    }
}

/// Whether `problem` is a line between brackets that starts left of the block that they stand in; outside of
/// brackets, the parser does not call anything so.
fn is_outdented(problem: &Problem) -> bool {
    let whats = ["invalid indentation", "invalid indentation in flow construct"];
    matches!(problem, Problem::Syntax(what) if whats.contains(&what.as_str()))
}

fn error(problem: &Problem, line: usize, column: usize) -> TemplateError {
    let at = format!("at line {line} column {column}");
    let too_large =
        |what: &str| TemplateError::new(TemplateErrorKind::TooLarge, &Place::ROOT, format!("{what} {at}"));
    match problem {
        Problem::Syntax(what) => syntax("YAML", &format!("{what} {at}")),
        Problem::Unsupported(what) => {
            TemplateError::new(TemplateErrorKind::Syntax, &Place::ROOT, format!("{what} {at}"))
        }
        Problem::DuplicateKey(key) => {
            syntax("YAML", &format!("`{}` is there twice {at}", super::error::short(key)))
        }
        Problem::TooDeep => too_large(&format!("the template is more than {DEPTH} steps deep")),
        Problem::TooManyAliases => too_large("the aliases stand for more than a template may have"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_may_close_on_the_left() {
        let text = "Resources:\n    Key:\n        Policy: {\n  \"a\": [\n1, x\n  ]\n }\n    Other: 2\n";
        assert_eq!(
            read(text),
            Ok(json!({ "Resources": { "Key": { "Policy": { "a": [1, "x"] } }, "Other": 2 } }))
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        let error = |text| read(text).unwrap_err().to_string();
        assert_eq!(error("a: 1\nb: !Nonsense 2\n"), "the tag `!Nonsense` is not known at line 2 column 4");
        assert!(error("a:\n  b: 1\n c: 2\n").starts_with("the text is not YAML: "));
        assert!(error("a: [\n1\n").starts_with("the text is not YAML: "));
    }
}
