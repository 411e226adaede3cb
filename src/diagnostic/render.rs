//! Diagnostics as plain text: the message, the place, the line with a caret, and advice.

use std::fmt::Write;

use super::{Diagnostic, Place, Source};
use crate::span::Span;

/// How many columns of a line are shown; longer ones are cut around the caret.
const WIDTH: usize = 100;

/// How many columns are shown in front of the caret in a line that is cut.
const BEFORE: usize = 40;

/// How far a tab is moved in.
const TAB: &str = "    ";

impl Diagnostic {
    /// The problem with its line and a caret, as a compiler prints it, ending in a line break.
    ///
    /// ```
    /// use stepwright::Definition;
    ///
    /// let diagnostics = Definition::parse("{\n  \"StartAt\": 7,\n  \"States\": {}\n}").unwrap_err();
    /// assert_eq!(diagnostics.iter().next().unwrap().render(), r#"
    /// error[E0105]: `StartAt` has to be a string, and is a number
    ///  --> definition:2:14   /StartAt
    ///   |
    /// 2 |   "StartAt": 7,
    ///   |              ^
    ///   = explain: stepwright explain E0105
    /// "#.trim_start());
    /// ```
    pub fn render(&self) -> String {
        let mut out = format!("{}[{}]: {}\n", self.severity(), self.code(), self.message());
        let span = self.span();
        let margin = match (self.source(), &span) {
            (Some(source), Some(span)) => {
                let position = source.position(span.start);
                let margin = position.line.to_string().len();
                line(&mut out, format_args!("{:margin$}--> {}", "", self.place(&self.0.place)));
                line(&mut out, format_args!("{:margin$} |", ""));
                let (text, indent, carets) = excerpt(source, position.line, span);
                line(&mut out, format_args!("{} | {text}", position.line));
                line(&mut out, format_args!("{:margin$} | {:indent$}{}", "", "", "^".repeat(carets)));
                margin
            }
            _ => {
                if !self.pointer().is_root() {
                    line(&mut out, format_args!(" --> {}", self.pointer()));
                }
                1
            }
        };
        for (note, place) in &self.0.notes {
            line(&mut out, format_args!("{:margin$} = note: {note}: {}", "", self.place(place)));
        }
        for help in self.help() {
            line(&mut out, format_args!("{:margin$} = help: {help}", ""));
        }
        line(&mut out, format_args!("{:margin$} = explain: stepwright explain {}", "", self.code()));
        out
    }

    /// `order.asl.json:14:17   /States/Pay/Next`.
    fn place(&self, place: &Place) -> String {
        let text = match (self.source(), self.span_of(place)) {
            (Some(source), Some(span)) => format!("{}:{}", source.name(), source.position(span.start)),
            _ => return place.pointer.to_string(),
        };
        match place.pointer.is_root() {
            true => text,
            false => format!("{text}   {}", place.pointer),
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

/// What to print of a line, how far the caret is moved in, and how many carets there are.
fn excerpt(source: &Source, line: usize, span: &Span) -> (String, usize, usize) {
    let whole = source.line(line);
    let text = &source.text()[whole.clone()];
    let start = span.start.saturating_sub(whole.start).min(text.len());
    // Of what goes on in the next line, the first line is shown; of an object or an array the bracket.
    let end = match text[start..].starts_with(['{', '[']) {
        true => start + 1,
        false => span.end.saturating_sub(whole.start).clamp(start, text.len()),
    };
    // A line may have a megabyte; what is farther away than a line's width cannot be shown anyway.
    let far = text[..start].char_indices().rev().nth(WIDTH).map_or(0, |(at, _)| at);
    let near = text[end..].char_indices().nth(WIDTH).map_or(text.len(), |(at, _)| end + at);
    let (before, marked, after) = (show(&text[far..start]), show(&text[start..end]), show(&text[end..near]));

    let total = width(&before) + width(&marked) + width(&after);
    if total <= WIDTH {
        return (format!("{before}{marked}{after}"), width(&before), width(&marked).max(1));
    }
    let before = match width(&before) > BEFORE {
        true => format!("...{}", last(&before, BEFORE)),
        false => before,
    };
    let room = WIDTH - width(&before);
    let (marked, cut) = first(&marked, room);
    let mut out = format!("{before}{marked}");
    if cut {
        out.push_str("...");
    } else {
        let (after, cut) = first(&after, room - width(marked));
        out.push_str(after);
        out.push_str(if cut { "..." } else { "" });
    }
    (out, width(&before), width(marked).max(1))
}

/// `text` as a terminal can show it on one line.
fn show(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str(TAB),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// As much of the beginning of `text` as fits, and whether that is not all.
fn first(text: &str, room: usize) -> (&str, bool) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns(c);
        if used > room {
            return (&text[..at], true);
        }
    }
    (text, false)
}

/// As much of the end of `text` as fits.
fn last(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices().rev() {
        used += columns(c);
        if used > room {
            return &text[at + c.len_utf8()..];
        }
    }
    text
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// How many columns a terminal gives a character: roughly, for the caret's sake.
fn columns(c: char) -> usize {
    match u32::from(c) {
        // combining marks, joiners and variation selectors
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        // Hangul, CJK, full-width forms, emoji
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{Code, JsonPointer};

    fn render(text: &str, pointer: &str) -> String {
        let mut diagnostic = Diagnostic::new(Code::MissingTarget, pointer.parse().unwrap(), "no such state");
        diagnostic.attach(&Source::new("x.json", text));
        diagnostic.render()
    }

    fn lines(text: &str, pointer: &str) -> (String, String) {
        let text = render(text, pointer);
        let mut lines = text.lines().skip(3).map(|line| line.split_once(" | ").unwrap().1.to_owned());
        (lines.next().unwrap(), lines.next().unwrap())
    }

    #[test]
    fn tabs_and_wide_characters_keep_the_caret_in_place() {
        let (text, carets) = lines("{\n\t\"名前\": \"テ\", \"Next\": \"B\"\n}", "/Next");
        assert_eq!(text, "    \"名前\": \"テ\", \"Next\": \"B\"");
        assert_eq!(carets, "                          ^^^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let filler = "x".repeat(20_000);
        let json = format!("{{\"a\":\"{filler}\",\"Next\":\"Shipp\",\"b\":\"{filler}\"}}");
        let (text, carets) = lines(&json, "/Next");
        assert!(text.starts_with("...xxx") && text.ends_with("xxx..."), "{text}");
        assert!(text.len() <= WIDTH + 3, "{text}");
        let at = carets.find('^').unwrap();
        assert_eq!(&text[at..at + carets.trim().len()], "\"Shipp\"");
    }

    #[test]
    fn a_long_value_is_marked_as_far_as_it_is_shown() {
        let (text, carets) = lines(&format!("{{\"Next\":\"{}\"}}", "x".repeat(500)), "/Next");
        assert!(text.ends_with("xxx..."), "{text}");
        assert_eq!(carets.len(), WIDTH);
    }

    #[test]
    fn without_a_source_the_pointer_is_the_place() {
        let diagnostic = Diagnostic::new(Code::MissingTarget, JsonPointer::root().key("StartAt"), "no");
        assert_eq!(
            diagnostic.with_note("first", JsonPointer::root().key("A")).render(),
            "error[E0203]: no\n --> /StartAt\n  = note: first: /A\n  = explain: stepwright explain E0203\n"
        );
    }

    proptest! {
        #[test]
        fn any_place_in_any_text_renders(text in "\\PC*|[\\[\\]{}\",:é\t0a \r\n]*", start in 0_usize..40, length in 0_usize..40) {
            let clip = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let span = clip(start)..clip(start + length);
            let mut diagnostic = Diagnostic::new(Code::NotJson, JsonPointer::root(), "x").at_span(span);
            diagnostic.attach(&Source::new("x", text));
            prop_assert!(diagnostic.render().ends_with('\n'));
        }
    }
}
