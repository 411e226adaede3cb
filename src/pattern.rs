//! Text patterns with `*`: those of `StringMatches`, and those of resources.

use std::fmt;

use memchr::memmem::Finder;

/// A pattern: literal runs with `*` between them, which stands for any run of characters.
#[derive(Clone)]
pub(crate) struct Pattern {
    runs: Box<[Finder<'static>]>,
}

impl Pattern {
    /// Reads a pattern; `\*` and `\\` stand for themselves.
    pub(crate) fn parse(text: &str) -> Self {
        let mut runs = vec![String::new()];
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let run = runs.last_mut().expect("there is always a run");
            match c {
                '*' => runs.push(String::new()),
                '\\' => run.push(rest.next_if(|next| matches!(next, '*' | '\\')).unwrap_or('\\')),
                _ => run.push(c),
            }
        }
        Self { runs: runs.iter().map(|run| Finder::new(run).into_owned()).collect() }
    }

    /// Whether the whole of `text` matches. Linear: the leftmost place of each run is as good as any.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let (first, others) = self.runs.split_first().expect("there is always a run");
        let Some((last, middle)) = others.split_last() else {
            return text.as_bytes() == first.needle();
        };
        let Some(mut rest) = text.as_bytes().strip_prefix(first.needle()) else { return false };
        for run in middle {
            match run.find(rest) {
                Some(at) => rest = &rest[at + run.needle().len()..],
                None => return false,
            }
        }
        rest.ends_with(last.needle())
    }

    /// How much of it is literal, in bytes: of two patterns that match, the one with more is more specific.
    #[cfg(any(feature = "runtime", feature = "testing"))]
    pub(crate) fn literal_size(&self) -> usize {
        self.needles().map(<[u8]>::len).sum()
    }

    fn needles(&self) -> impl Iterator<Item = &[u8]> {
        self.runs.iter().map(Finder::needle)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.needles().eq(other.needles())
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs: Vec<_> = self.needles().map(String::from_utf8_lossy).collect();
        fmt::Debug::fmt(&runs.join("*"), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("log-*.txt", "log-a.txt", true),
            ("log-*.txt", "log-.txt", true),
            ("log-*.txt", "log-a.txt2", false),
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("aa*aa", "aaa", false),
            (r"a\*b", "a*b", true),
            (r"a\*b", "aXb", false),
            (r"a\\b", r"a\b", true),
            (r"a\b", r"a\b", true),
            ("", "", true),
            ("", "x", false),
            ("*:sqs:*Token", "arn:aws:states:::sqs:sendMessage.waitForTaskToken", true),
        ] {
            assert_eq!(Pattern::parse(pattern).matches(text), expected, "{pattern} {text}");
        }
    }
}
