//! The parts of JSON text, one after the other, each with its place; values are built elsewhere.
//!
//! Strict JSON with one exception: an unfilled placeholder (`${Timeout}`) may stand where a value stands.

use std::borrow::Cow;

use serde_json::Number;

use crate::span::{Span, SpanTree};

/// One part of JSON text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part<'t> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Key(Cow<'t, str>),
    String(Cow<'t, str>),
    Number(Number),
    Bool(bool),
    Null,
    /// A placeholder that stands outside of any string.
    Placeholder(&'t str),
}

/// Why text is not JSON, and where it stops being JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// The part that is wrong.
    pub(crate) span: Span,
    /// What is wrong, in our words.
    pub(crate) message: String,
    /// What helps, if we can guess.
    pub(crate) help: Option<&'static str>,
    /// What AWS's parser (Jackson) says, up to the place.
    pub(crate) aws: String,
    /// Up to where AWS's parser has read when it says so.
    pub(crate) read: usize,
}

/// Reads JSON text part by part. It keeps a list of open containers, not a stack of calls.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Open>,
    expect: Expect,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    object: bool,
    start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    Value,
    /// After `[`: a value or `]`.
    FirstElement,
    /// After `{`: a key or `}`.
    FirstKey,
    /// After a comma in an object.
    Key,
    /// After a value: a comma or the end of the container.
    Next,
}

/// The bytes that stand for themselves in a string.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut control = 0;
    while control < 0x20 {
        plain[control] = false;
        control += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        // Editors on Windows put a byte order mark in front; it says nothing.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, open: Vec::new(), expect: Expect::Value }
    }

    /// How many containers are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next part and its place; `None` at the end of a whole document.
    pub(crate) fn next(&mut self) -> Result<Option<(Part<'t>, Span)>, SyntaxError> {
        self.skip_space();
        if self.expect == Expect::Next {
            let Some(container) = self.open.last().copied() else {
                return self.end();
            };
            match self.byte() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_space();
                    self.expect = if container.object { Expect::Key } else { Expect::Value };
                }
                Some(close @ (b'}' | b']')) if (close == b'}') == container.object => {
                    return Ok(Some(self.close()));
                }
                _ => return Err(self.no_comma(container)),
            }
        }
        match (self.expect, self.byte()) {
            (Expect::FirstKey, Some(b'}')) | (Expect::FirstElement, Some(b']')) => Ok(Some(self.close())),
            (Expect::FirstKey | Expect::Key, Some(b'"')) => {
                let start = self.at;
                let key = self.string("in field name")?;
                let span = start..self.at;
                self.skip_space();
                if self.byte() != Some(b':') {
                    return Err(self.unexpected(
                        "a colon after the key",
                        "was expecting a colon to separate field name and value",
                    ));
                }
                self.at += 1;
                self.expect = Expect::Value;
                Ok(Some((Part::Key(key), span)))
            }
            (Expect::FirstKey | Expect::Key, _) => {
                Err(self
                    .unexpected("a key in double quotes", "was expecting double-quote to start field name"))
            }
            _ => self.value().map(Some),
        }
    }

    fn end(&mut self) -> Result<Option<(Part<'t>, Span)>, SyntaxError> {
        match self.peek() {
            None => Ok(None),
            Some(_) => {
                let mut error = self.unexpected("the end of the text", "was expecting the end of the input");
                error.help = Some("a definition is one JSON object with nothing after it");
                Err(error)
            }
        }
    }

    fn close(&mut self) -> (Part<'t>, Span) {
        let container = self.open.pop().expect("a container is open where one may end");
        self.at += 1;
        self.expect = Expect::Next;
        let part = if container.object { Part::ObjectEnd } else { Part::ArrayEnd };
        (part, self.at - 1..self.at)
    }

    fn value(&mut self) -> Result<(Part<'t>, Span), SyntaxError> {
        let start = self.at;
        let part = match self.byte() {
            Some(open @ (b'{' | b'[')) => {
                let object = open == b'{';
                self.at += 1;
                self.open.push(Open { object, start });
                self.expect = if object { Expect::FirstKey } else { Expect::FirstElement };
                let part = if object { Part::ObjectStart } else { Part::ArrayStart };
                return Ok((part, start..self.at));
            }
            Some(b'"') => Part::String(self.string(": was expecting closing quote for a string value")?),
            Some(b'$') if self.text[self.at..].starts_with("${") => Part::Placeholder(self.placeholder()?),
            Some(b'-' | b'0'..=b'9') => Part::Number(self.number()?),
            Some(_) if self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') => self.word()?,
            _ => {
                let mut error = self.unexpected("a value", &format!("expected a valid value {VALUES}"));
                error.help = match self.peek() {
                    Some(']' | '}') => Some("JSON allows no comma after the last entry"),
                    Some('\'') => Some("JSON knows only double quotes"),
                    other => error.help.filter(|_| other.is_some()),
                };
                return Err(error);
            }
        };
        self.expect = Expect::Next;
        Ok((part, start..self.at))
    }

    /// Reads the string that starts here.
    fn string(&mut self, unclosed: &str) -> Result<Cow<'t, str>, SyntaxError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        let mut at = start + 1;
        loop {
            at += bytes[at..].iter().position(|byte| !PLAIN[usize::from(*byte)]).unwrap_or(bytes.len() - at);
            match bytes.get(at) {
                None => {
                    return Err(SyntaxError {
                        span: start..first_line_end(self.text, start),
                        message: "this string has no closing quote".into(),
                        help: None,
                        aws: format!(
                            "Unexpected end-of-input{}{unclosed}",
                            if unclosed.starts_with(':') { "" } else { " " }
                        ),
                        read: self.text.len(),
                    });
                }
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 1;
                    match bytes.get(at) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') | None => {}
                        Some(_) => {
                            let c =
                                self.text[at..].chars().next().expect("a character starts after a backslash");
                            return Err(SyntaxError {
                                span: at - 1..at + c.len_utf8(),
                                message: format!("`\\{c}` is not an escape sequence of JSON"),
                                help: Some("write `\\\\` for a backslash"),
                                aws: format!("Unrecognized character escape '{c}' (code {})", u32::from(c)),
                                read: at + c.len_utf8(),
                            });
                        }
                    }
                    at += usize::from(at < bytes.len());
                }
                Some(control) => {
                    return Err(SyntaxError {
                        span: at..at + 1,
                        message: match control {
                            b'\n' | b'\r' => "a string has to end on its line".into(),
                            _ => format!("a string cannot hold the control character U+{control:04X}"),
                        },
                        help: Some("write `\\n` for a line break and `\\t` for a tab"),
                        aws: format!(
                            "Illegal unquoted character ((CTRL-CHAR, code {control})): has to be escaped using backslash to be included in string value"
                        ),
                        read: at + 1,
                    });
                }
            }
        }
        self.at = at + 1;
        if !escaped {
            return Ok(Cow::Borrowed(&self.text[start + 1..at]));
        }
        match serde_json::from_str(&self.text[start..self.at]) {
            Ok(decoded) => Ok(Cow::Owned(decoded)),
            Err(_) => Err(SyntaxError {
                span: start..self.at,
                message: "this string has an escape sequence that names no character".into(),
                help: Some("`\\u` takes four hexadecimal digits, and surrogates come in pairs"),
                aws:
                    "Unexpected character in string value: expected a hex-digit for character escape sequence"
                        .into(),
                read: self.at,
            }),
        }
    }

    /// Reads the placeholder that starts here: `${Timeout}`, `${Days}00`.
    fn placeholder(&mut self) -> Result<&'t str, SyntaxError> {
        let start = self.at;
        let mut depth = 0_usize;
        for (offset, c) in self.text[start..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                '\n' | '\r' if depth > 0 => break,
                ',' | ']' | '}' | ' ' | '\t' | '\n' | '\r' if depth == 0 => {
                    self.at = start + offset;
                    return Ok(&self.text[start..self.at]);
                }
                _ => {}
            }
        }
        if depth == 0 {
            self.at = self.text.len();
            return Ok(&self.text[start..]);
        }
        Err(SyntaxError {
            span: start..first_line_end(self.text, start),
            message: "this placeholder has no closing brace".into(),
            help: None,
            aws: format!("Unrecognized token '$': was expecting {VALUES}"),
            read: start + 1,
        })
    }

    fn number(&mut self) -> Result<Number, SyntaxError> {
        let start = self.at;
        let rest = &self.text[start..];
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let end = rest.bytes().take_while(part).count();
        let written = &rest[..end];
        // What most numbers are: nothing but digits.
        let plain = written.len() == 1 || !written.starts_with('0');
        if let Some(number) = written.parse::<u64>().ok().filter(|_| plain) {
            self.at += end;
            return Ok(number.into());
        }
        match serde_json::from_str::<Number>(written) {
            Ok(number) => {
                self.at += end;
                // Without its feature `float_roundtrip`, serde_json misses the last bit of some numbers.
                let exact = if number.is_f64() { written.parse().ok() } else { None };
                Ok(exact.and_then(Number::from_f64).unwrap_or(number))
            }
            Err(_) => Err(SyntaxError {
                span: start..start + end,
                message: format!("`{written}` is not a number in JSON"),
                help: rest.starts_with('0').then_some("JSON allows no leading zeros"),
                aws: "Invalid numeric value".into(),
                read: start + end,
            }),
        }
    }

    fn word(&mut self) -> Result<Part<'t>, SyntaxError> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        self.at += end;
        Ok(match &rest[..end] {
            "true" => Part::Bool(true),
            "false" => Part::Bool(false),
            "null" => Part::Null,
            word => {
                return Err(SyntaxError {
                    span: start..self.at,
                    message: format!("`{word}` is not a value in JSON"),
                    help: Some("text stands in double quotes"),
                    aws: format!("Unrecognized token '{word}': was expecting {VALUES}"),
                    read: self.at,
                });
            }
        })
    }

    fn no_comma(&self, container: Open) -> SyntaxError {
        let (name, close) = if container.object { ("Object", '}') } else { ("Array", ']') };
        self.unexpected(
            &format!("a comma or `{close}`"),
            &format!("was expecting comma to separate {name} entries"),
        )
    }

    /// That something else stands here than what is expected, in our words and in Jackson's.
    fn unexpected(&self, expected: &str, aws: &str) -> SyntaxError {
        let Some(c) = self.peek() else {
            let (span, aws) = match self.open.last() {
                None => (self.at..self.at, "No content to map due to end-of-input".into()),
                Some(open) => {
                    let name = if open.object { "Object" } else { "Array" };
                    let marker = jackson_place(self.text, open.start);
                    let aws = format!(
                        "Unexpected end-of-input: expected close marker for {name} (start marker at {marker})"
                    );
                    (open.start..open.start + 1, aws)
                }
            };
            let message = match self.open.last() {
                Some(Open { object: true, .. }) => "this object is never closed".into(),
                Some(_) => "this array is never closed".into(),
                None => format!("the text ends where {expected} should stand"),
            };
            return SyntaxError { span, message, help: None, aws, read: self.text.len() };
        };
        let help = match (self.expect, c) {
            (Expect::Key, '}') => Some("JSON allows no comma after the last entry"),
            (_, '/' | '#') => Some("JSON has no comments: use a `Comment` field"),
            (Expect::Key | Expect::FirstKey, '\'') => Some("JSON knows only double quotes"),
            _ => None,
        };
        SyntaxError {
            span: self.at..self.at + c.len_utf8(),
            message: format!("expected {expected}, found `{}`", c.escape_debug()),
            help,
            aws: format!("Unexpected character ('{c}' (code {})): {aws}", u32::from(c)),
            read: self.at + c.len_utf8(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }
}

/// The place of all parts of JSON text, as far as it is JSON.
pub(crate) fn span_tree(text: &str) -> SpanTree {
    let mut tree = SpanTree::default();
    let mut open = Vec::new();
    let mut key: Option<(Cow<'_, str>, Span)> = None;
    let mut scanner = Scanner::new(text);
    while let Ok(Some((part, span))) = scanner.next() {
        match part {
            Part::Key(name) => key = Some((name, span)),
            Part::ObjectEnd | Part::ArrayEnd => {
                let node = open.pop().expect("a container ends after it started");
                tree.close(node, span.end);
            }
            _ => {
                let named = key.take();
                let named = named.as_ref().map(|(name, span)| (name.as_ref(), span.clone()));
                let node = tree.open(open.last().copied(), named, span.start);
                tree.close(node, span.end);
                if matches!(part, Part::ObjectStart | Part::ArrayStart) {
                    open.push(node);
                }
            }
        }
    }
    tree
}

/// What AWS's parser (Jackson) says of text that is not JSON, without the place.
#[cfg(any(feature = "runtime", feature = "testing"))]
fn jackson_complaint(text: &str) -> Option<String> {
    let mut scanner = Scanner::new(text);
    loop {
        match scanner.next() {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(error) => return Some(error.aws),
        }
    }
}

/// The message with which AWS refuses `text` as an execution's input, which cannot be read for `reason` (recorded:
/// invalid_start_execution_input).
#[cfg(any(feature = "runtime", feature = "testing"))]
pub(crate) fn invalid_execution_input(text: &str, reason: &dyn std::fmt::Display) -> String {
    let complaint = match text.trim().is_empty() {
        true => "Invalid execution input.".into(),
        // What AWS reads and we do not: too deep, too large a number.
        false => jackson_complaint(text).unwrap_or_else(|| reason.to_string()),
    };
    format!("Invalid State Machine Execution Input: '{complaint}'")
}

/// A place as AWS's parser (Jackson) prints it: `[Source: (String)"..."; line: 1, column: 4]`.
pub(crate) fn jackson_place(text: &str, offset: usize) -> String {
    /// How much of the text Jackson quotes.
    const SNIPPET: usize = 500;
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before[before.rfind('\n').map_or(0, |at| at + 1)..].encode_utf16().count() + 1;
    let quoted: String = text.chars().take(SNIPPET).collect();
    let truncated = match text.chars().skip(SNIPPET).count() {
        0 => String::new(),
        more => format!("[truncated {more} chars]"),
    };
    format!("[Source: (String)\"{quoted}\"{truncated}; line: {line}, column: {column}]")
}

fn first_line_end(text: &str, start: usize) -> usize {
    text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> SyntaxError {
        let mut scanner = Scanner::new(text);
        loop {
            match scanner.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{text} is JSON"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn jackson_words_are_those_recorded() {
        let error = error("not a definition");
        assert_eq!(
            format!("{}\n at {}", error.aws, jackson_place("not a definition", error.read)),
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', \
             'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]"
        );
    }

    #[cfg(any(feature = "runtime", feature = "testing"))]
    #[test]
    fn inputs_are_refused_in_the_recorded_words() {
        for (text, complaint) in [
            ("", "Invalid execution input."),
            (
                "{'not': 'json'",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            ),
            (
                "not some json",
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', \
                 'true' or 'false')",
            ),
        ] {
            let message = invalid_execution_input(text, &"-");
            assert_eq!(message, format!("Invalid State Machine Execution Input: '{complaint}'"));
        }
        assert!(invalid_execution_input("1", &"too large").ends_with(": 'too large'"));
    }

    #[test]
    fn placeholders_may_stand_bare() {
        let mut scanner = Scanner::new(r#"{"a":${Timeout},"b":[${x.y},${Days}00 ]}"#);
        let mut found = Vec::new();
        while let Some((part, _)) = scanner.next().unwrap() {
            if let Part::Placeholder(text) = part {
                found.push(text);
            }
        }
        assert_eq!(found, ["${Timeout}", "${x.y}", "${Days}00"]);
        assert_eq!(error("{\"a\": ${Timeout\n}").message, "this placeholder has no closing brace");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message, at) in [
            ("{\"a\":1,}", "expected a key in double quotes, found `}`", 7),
            ("{\"a\" 1}", "expected a colon after the key, found `1`", 5),
            ("[1 2]", "expected a comma or `]`, found `2`", 3),
            ("[1", "this array is never closed", 0),
            ("[01]", "`01` is not a number in JSON", 1),
            ("{} x", "expected the end of the text, found `x`", 3),
            ("[\"a\nb\"]", "a string has to end on its line", 3),
            ("[\"\\q\"]", "`\\q` is not an escape sequence of JSON", 2),
            ("[\"\\", "this string has no closing quote", 1),
            ("[\"\\ud800\"]", "this string has an escape sequence that names no character", 1),
            ("", "the text ends where a value should stand", 0),
        ] {
            let error = error(text);
            assert_eq!((error.message.as_str(), error.span.start), (message, at), "{text}");
        }
    }
}
