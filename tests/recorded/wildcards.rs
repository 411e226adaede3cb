//! Tokens that stand for what differs from run to run, and what they turned out to be.

use std::collections::BTreeMap;

use serde_json::Value;

/// The wildcards of one case.
///
/// A pattern is literal text with tokens in it, anchored at both ends. A `bind` token is the same text wherever
/// it occurs in the case; an `any` token is another one each time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wildcards {
    /// Longer ones first, so that no token hides one that begins like it.
    tokens: Vec<(String, Kind)>,
    bound: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Bind,
    Any,
}

/// A part of a pattern.
enum Part<'p> {
    Literal(&'p str),
    Token(&'p str, Kind),
}

impl Wildcards {
    /// Those that `wildcards`, a member of a case, lists.
    pub(crate) fn of(wildcards: &Value) -> Self {
        let mut tokens: Vec<(String, Kind)> = wildcards
            .as_object()
            .into_iter()
            .flatten()
            .map(|(token, kind)| (token.clone(), if kind == "any" { Kind::Any } else { Kind::Bind }))
            .collect();
        tokens.sort_by_key(|(token, _)| std::cmp::Reverse(token.len()));
        Self { tokens, bound: BTreeMap::new() }
    }

    /// Whether `pattern` is one `any` token: it stands for a value of any type.
    pub(crate) fn is_any(&self, pattern: &str) -> bool {
        self.tokens.iter().any(|(token, kind)| *kind == Kind::Any && token == pattern)
    }

    /// Whether `text` is what `pattern` says; binds tokens if it is, and forgets its guesses if not.
    pub(crate) fn matches(&mut self, pattern: &str, text: &str) -> bool {
        if self.tokens.is_empty() {
            return pattern == text;
        }
        let parts = self.parts(pattern);
        let mut bound = self.bound.clone();
        let matches = matches_parts(&parts, text, &mut bound);
        if matches {
            self.bound = bound;
        }
        matches
    }

    /// `text` with every token that is bound replaced by what it is bound to.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.replace(text, |token, _| self.bound.get(token).cloned().unwrap_or_else(|| token.into()))
    }

    /// `text` with every token replaced.
    pub(crate) fn replace(&self, text: &str, mut with: impl FnMut(&str, Kind) -> String) -> String {
        let replaced = self.parts(text).into_iter().map(|part| match part {
            Part::Literal(literal) => literal.to_owned(),
            Part::Token(token, kind) => with(token, kind),
        });
        replaced.collect()
    }

    fn parts<'p>(&self, pattern: &'p str) -> Vec<Part<'p>> {
        let mut parts = Vec::new();
        let (mut literal, mut at) = (0, 0);
        while let Some(found) = pattern[at..].find('<') {
            at += found;
            let token = self.tokens.iter().find(|(token, _)| pattern[at..].starts_with(token.as_str()));
            let Some((token, kind)) = token else {
                at += 1;
                continue;
            };
            if literal < at {
                parts.push(Part::Literal(&pattern[literal..at]));
            }
            let end = at + token.len();
            parts.push(Part::Token(&pattern[at..end], *kind));
            (literal, at) = (end, end);
        }
        if literal < pattern.len() {
            parts.push(Part::Literal(&pattern[literal..]));
        }
        parts
    }
}

fn matches_parts(parts: &[Part<'_>], text: &str, bound: &mut BTreeMap<String, String>) -> bool {
    let Some((part, rest)) = parts.split_first() else { return text.is_empty() };
    let (token, kind) = match part {
        Part::Literal(literal) => {
            return text.strip_prefix(literal).is_some_and(|text| matches_parts(rest, text, bound));
        }
        Part::Token(token, kind) => (*token, *kind),
    };
    if let Some(known) = bound.get(token).cloned() {
        return text.strip_prefix(known.as_str()).is_some_and(|text| matches_parts(rest, text, bound));
    }
    // The shortest run first: what follows a token (a colon, a quote) is rarely part of it.
    for end in text.char_indices().map(|(at, c)| at + c.len_utf8()) {
        let ends_here = match rest.first() {
            Some(Part::Literal(literal)) => text[end..].starts_with(literal),
            Some(Part::Token(..)) => true,
            None => end == text.len(),
        };
        if !ends_here {
            continue;
        }
        let before = bound.clone();
        if kind == Kind::Bind {
            bound.insert(token.into(), text[..end].into());
        }
        if matches_parts(rest, &text[end..], bound) {
            return true;
        }
        *bound = before;
    }
    false
}
