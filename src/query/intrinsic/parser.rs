//! Reading calls.

use super::call::{Argument, Call};
use super::string::Piece;
use super::{FUNCTIONS, Function};
use crate::json::Json;
use crate::query::cursor::Cursor;
use crate::query::error::SyntaxError;
use crate::query::jsonpath::Path;

/// Calls within calls, the outermost included.
const MAX_NESTING: usize = 10;

pub(super) fn intrinsic(text: &str) -> Result<Call, SyntaxError> {
    let mut cursor = Cursor::new(text);
    cursor.skip_blanks();
    let call = call(&mut cursor, 1)?;
    cursor.skip_blanks();
    match cursor.at_end() {
        true => Ok(call),
        false => Err(cursor.error("the call should end here")),
    }
}

fn call(cursor: &mut Cursor<'_>, nesting: usize) -> Result<Call, SyntaxError> {
    if nesting > MAX_NESTING {
        return Err(cursor.error(format!("calls are nested more than {MAX_NESTING} levels deep")));
    }
    let start = cursor.clone();
    let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
    let function = FUNCTIONS
        .iter()
        .find(|function| function.name == name)
        .ok_or_else(|| start.error(format!("there is no intrinsic function `{name}`")))?;
    cursor.skip_blanks();
    cursor.expect("(")?;
    cursor.skip_blanks();
    let mut arguments = Vec::new();
    if !cursor.eat(")") {
        loop {
            arguments.push(argument(cursor, function, arguments.len(), nesting)?);
            cursor.skip_blanks();
            if cursor.eat(")") {
                break;
            }
            if !cursor.eat(",") {
                return Err(cursor.error("`,` or `)` is expected here"));
            }
            cursor.skip_blanks();
        }
    }
    Ok(Call { function, arguments: arguments.into() })
}

fn argument(
    cursor: &mut Cursor<'_>,
    function: &'static Function,
    position: usize,
    nesting: usize,
) -> Result<Argument, SyntaxError> {
    match cursor.peek() {
        Some('$') => Path::parse_prefix(cursor).map(Argument::Path),
        Some('\'') => {
            let pieces = text(cursor)?;
            match position == 0 && function.name == "States.Format" {
                true => Ok(Argument::Format(pieces.into())),
                false => Ok(Argument::Literal(Piece::plain(&pieces).into())),
            }
        }
        Some('0'..='9' | '-') => number(cursor).map(Argument::Literal),
        _ if cursor.rest().starts_with("States.") => call(cursor, nesting + 1).map(Argument::Call),
        _ => {
            let start = cursor.clone();
            match cursor.take_while(|c| c.is_ascii_alphanumeric()) {
                "true" => Ok(Argument::Literal(true.into())),
                "false" => Ok(Argument::Literal(false.into())),
                "null" => Ok(Argument::Literal(Json::Null)),
                _ => Err(start.error("an argument is expected here: a path, a call, `'text'`, a number ...")),
            }
        }
    }
}

fn number(cursor: &mut Cursor<'_>) -> Result<Json, SyntaxError> {
    let start = cursor.clone();
    let digits = cursor.take_while(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    match digits.parse::<Json>() {
        Ok(number) => Ok(number),
        Err(_) => Err(start.error("this is not a number")),
    }
}

/// A text in single quotes. `\` escapes quotes, braces and itself; AWS refuses it before anything else.
fn text(cursor: &mut Cursor<'_>) -> Result<Vec<Piece>, SyntaxError> {
    let start = cursor.clone();
    cursor.expect("'")?;
    let mut pieces = Vec::new();
    let mut plain = String::new();
    loop {
        if cursor.eat("{}") {
            Piece::push_text(&mut pieces, &mut plain);
            pieces.push(Piece::Placeholder);
            continue;
        }
        let here = cursor.clone();
        match cursor.next() {
            None => return Err(start.error("the quote is never closed")),
            Some('\'') => break,
            Some('\\') => match cursor.next() {
                Some(escaped @ ('\'' | '{' | '}' | '\\')) => plain.push(escaped),
                _ => return Err(here.error(r"`\` may stand before `'`, `{`, `}` and `\` only")),
            },
            Some(c) => plain.push(c),
        }
    }
    Piece::push_text(&mut pieces, &mut plain);
    Ok(pieces)
}
