//! `States.Format` and `States.StringSplit`.

use std::fmt::Write as _;

use super::Reason;
use super::call::Arguments;
use crate::json::Json;

/// A part of the text that `States.Format` fills in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(Box<str>),
    /// `{}`
    Placeholder,
}

impl Piece {
    /// Ends the text that has been collected in `plain`.
    pub(super) fn push_text(pieces: &mut Vec<Self>, plain: &mut String) {
        if !plain.is_empty() {
            pieces.push(Self::Text(std::mem::take(plain).into()));
        }
    }

    /// What the pieces are to functions other than `States.Format`.
    pub(super) fn plain(pieces: &[Self]) -> String {
        let texts = pieces.iter().map(|piece| match piece {
            Self::Text(text) => text,
            Self::Placeholder => "{}",
        });
        texts.collect()
    }

    /// The pieces of a text that came as data: braces and backslashes in it may be escaped.
    fn of(text: &str) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' if chars.next_if_eq(&'}').is_some() => {
                    Self::push_text(&mut pieces, &mut plain);
                    pieces.push(Self::Placeholder);
                }
                '\\' => plain.push(chars.next_if(|c| matches!(c, '\'' | '{' | '}' | '\\')).unwrap_or(c)),
                c => plain.push(c),
            }
        }
        Self::push_text(&mut pieces, &mut plain);
        pieces
    }
}

/// `States.Format(text, value ...)`: the text with a value for each `{}`.
pub(super) fn format(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let parsed;
    let pieces = match arguments.format {
        Some(pieces) => pieces,
        None => {
            parsed = Piece::of(arguments.text(0)?);
            &parsed
        }
    };
    let mut values = arguments.values[1..].iter();
    let placeholders = pieces.iter().filter(|piece| **piece == Piece::Placeholder).count();
    if placeholders != values.len() {
        return Err(format!(
            "States.Format has {placeholders} placeholders but {} values for them",
            values.len()
        ));
    }
    let mut text = String::new();
    for piece in pieces {
        let value = match piece {
            Piece::Text(part) => {
                text.push_str(part);
                None
            }
            Piece::Placeholder => values.next(),
        };
        if let Some(value) = value {
            arguments.check_size(text.len().saturating_add(value.size()))?;
            push(&mut text, value);
        }
        arguments.check_size(text.len())?;
    }
    Ok(text.into())
}

/// Adds `value` as Java prints it: `{a=1, b=[x, y]}`. It recurses, as deep as documents may be.
fn push(text: &mut String, value: &Json) {
    match value {
        Json::String(part) => text.push_str(part),
        Json::Array(_) => {
            text.push('[');
            for (n, item) in value.as_array().unwrap_or_default().iter().enumerate() {
                text.push_str(if n > 0 { ", " } else { "" });
                push(text, item);
            }
            text.push(']');
        }
        Json::Object(object) => {
            text.push('{');
            for (n, (key, member)) in object.iter().enumerate() {
                text.push_str(if n > 0 { ", " } else { "" });
                text.push_str(key);
                text.push('=');
                push(text, member);
            }
            text.push('}');
        }
        scalar => {
            // Writing to a `String` does not fail.
            let _ = write!(text, "{scalar}");
        }
    }
}

/// `States.StringSplit(text, delimiters)`: the parts of the text between any of the delimiters' characters,
/// without the empty ones.
pub(super) fn split(arguments: &Arguments<'_>) -> Result<Json, Reason> {
    let (text, delimiters) = (arguments.text(0)?, arguments.text(1)?);
    let mut set: Vec<char> = delimiters.chars().collect();
    set.sort_unstable();
    set.dedup();
    let parts = text.split(|c| set.binary_search(&c).is_ok()).filter(|part| !part.is_empty());
    Ok(Json::array(parts.map(Json::from).collect()))
}
