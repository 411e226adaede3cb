//! Reading paths: our own parser of AWS's dialect.

use std::borrow::Cow;
use std::sync::Arc;

use super::{MAX_SEGMENTS, Root, Segment};
use crate::query::cursor::Cursor;
use crate::query::error::SyntaxError;

/// `$`, `$$` or `$name`.
pub(super) fn root(cursor: &mut Cursor<'_>) -> Result<Root, SyntaxError> {
    if !cursor.eat("$") {
        return Err(cursor.error("a path starts with `$`"));
    }
    if cursor.eat("$") {
        return Ok(Root::Context);
    }
    let start = cursor.clone();
    match cursor.take_while(|c| c.is_alphanumeric() || c == '_') {
        "" => Ok(Root::Input),
        name if name.starts_with(|c: char| c.is_numeric()) => {
            Err(start.error("the name of a variable starts with a letter"))
        }
        name => Ok(Root::Variable(name.into())),
    }
}

/// The steps of a path from its root on.
pub(super) fn segments(cursor: &mut Cursor<'_>) -> Result<Box<[Segment]>, SyntaxError> {
    Reader { cursor, filters: 0 }.segments()
}

/// Reads steps; `filters` says within how many filters.
pub(super) struct Reader<'c, 't> {
    pub(super) cursor: &'c mut Cursor<'t>,
    pub(super) filters: usize,
}

impl Reader<'_, '_> {
    pub(super) fn segments(&mut self) -> Result<Box<[Segment]>, SyntaxError> {
        // Each step has a dot or a bracket in front, so that this is seldom too many.
        let ahead = self.cursor.rest().bytes().take_while(|byte| !matches!(byte, b',' | b')'));
        let steps = ahead.filter(|byte| matches!(byte, b'.' | b'[')).count();
        let mut segments = Vec::with_capacity(steps.min(MAX_SEGMENTS));
        loop {
            match self.cursor.peek() {
                Some('.') => {
                    if self.cursor.eat("..") {
                        segments.push(Segment::Descend);
                    } else {
                        self.cursor.next();
                    }
                    segments.push(match self.cursor.peek() {
                        Some('[') => self.bracket()?,
                        _ => self.dotted()?,
                    });
                }
                Some('[') => segments.push(self.bracket()?),
                _ => break,
            }
            if segments.len() > MAX_SEGMENTS {
                return Err(self.cursor.error("the path has too many steps"));
            }
        }
        let inner = segments.len().saturating_sub(1);
        for segment in &mut segments[..inner] {
            if *segment == Segment::Length {
                *segment = Segment::Name(LENGTH.into());
            }
        }
        Ok(segments.into())
    }

    /// What follows a dot: `*`, `name` or `length()`.
    fn dotted(&mut self) -> Result<Segment, SyntaxError> {
        if self.cursor.eat("*") {
            return Ok(Segment::Wildcard);
        }
        let in_filter = self.filters > 0;
        let mut name = Cow::Borrowed(self.cursor.take_while(|c| is_name(c, in_filter)));
        while self.cursor.eat("\\") {
            let name = name.to_mut();
            name.push(self.cursor.next().ok_or_else(|| self.cursor.error("nothing is escaped here"))?);
            name.push_str(self.cursor.take_while(|c| is_name(c, in_filter)));
        }
        if name.is_empty() {
            return Err(self.cursor.error("a name is expected here"));
        }
        if self.cursor.eat("()") {
            name.to_mut().push_str("()");
        }
        Ok(match name.as_ref() {
            // Other functions are names of members to Jayway 2.0, and to AWS.
            LENGTH => Segment::Length,
            name => Segment::Name(name.into()),
        })
    }

    /// What stands in brackets.
    fn bracket(&mut self) -> Result<Segment, SyntaxError> {
        self.cursor.expect("[")?;
        self.cursor.skip_blanks();
        let segment = match self.cursor.peek() {
            Some('*') => {
                self.cursor.next();
                Segment::Wildcard
            }
            Some('\'' | '"') => self.names()?,
            Some('?') => Segment::Filter(self.filter()?),
            Some('0'..='9' | '-' | ':') => self.indices()?,
            None => return Err(self.cursor.error("the bracket is never closed")),
            Some(_) => return Err(self.cursor.error("this cannot stand in brackets")),
        };
        self.cursor.skip_blanks();
        self.cursor.expect("]")?;
        Ok(segment)
    }

    fn names(&mut self) -> Result<Segment, SyntaxError> {
        let mut names: Vec<Arc<str>> = vec![quoted(self.cursor)?.into()];
        while self.comma() {
            names.push(quoted(self.cursor)?.into());
        }
        Ok(match names.as_slice() {
            [name] => Segment::Name(name.clone()),
            _ => Segment::Names(names.into()),
        })
    }

    fn indices(&mut self) -> Result<Segment, SyntaxError> {
        let first = match self.cursor.peek() {
            Some(':') => None,
            _ => Some(self.integer()?),
        };
        self.cursor.skip_blanks();
        if self.cursor.eat(":") {
            let end = self.slice_end()?;
            if self.cursor.eat(":") {
                // DIFFERENCE: RFC 9535 takes every n-th element; Jayway does not look at the number.
                self.slice_end()?;
            }
            return Ok(Segment::Slice(first, end));
        }
        let Some(first) = first else { return Err(self.cursor.error("a number is expected here")) };
        let mut indices = vec![first];
        while self.comma() {
            indices.push(self.integer()?);
        }
        Ok(match indices.as_slice() {
            [index] => Segment::Index(*index),
            _ => Segment::Indices(indices.into()),
        })
    }

    fn slice_end(&mut self) -> Result<Option<i32>, SyntaxError> {
        self.cursor.skip_blanks();
        let end = match self.cursor.peek() {
            Some('0'..='9' | '-') => Some(self.integer()?),
            _ => None,
        };
        self.cursor.skip_blanks();
        Ok(end)
    }

    fn integer(&mut self) -> Result<i32, SyntaxError> {
        let start = self.cursor.clone();
        self.cursor.eat("-");
        self.cursor.take_while(|c| c.is_ascii_digit());
        self.cursor
            .since(start.offset())
            .parse()
            .map_err(|_| start.error("a number from -2147483648 to 2147483647 is expected here"))
    }

    pub(super) fn comma(&mut self) -> bool {
        self.cursor.skip_blanks();
        let comma = self.cursor.eat(",");
        if comma {
            self.cursor.skip_blanks();
        }
        comma
    }
}

/// The only function that is known to work.
const LENGTH: &str = "length()";

/// Whether `c` may be part of a name after a dot.
fn is_name(c: char, in_filter: bool) -> bool {
    if c.is_ascii_alphanumeric() {
        return true;
    }
    let ends = match c {
        '.' | '[' | ']' | '(' | ')' | ',' | '*' | '?' | '\'' | '"' | '\\' => true,
        '=' | '!' | '<' | '>' | '~' | '&' | '|' => in_filter,
        _ => c.is_whitespace() || c.is_control(),
    };
    !ends
}

/// A text in single or double quotes.
///
/// `\` in it escapes the quote and itself; before anything else it stands for itself, as recorded for
/// `$['Test\""Name"']`.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    let start = cursor.clone();
    let Some(quote @ ('\'' | '"')) = cursor.next() else {
        return Err(start.error("a quoted name is expected here"));
    };
    let mut text = String::new();
    while let Some(c) = cursor.next() {
        match c {
            c if c == quote => return Ok(text),
            '\\' => match cursor.peek() {
                Some(escaped) if escaped == quote || escaped == '\\' => {
                    cursor.next();
                    text.push(escaped);
                }
                _ => text.push(c),
            },
            c => text.push(c),
        }
    }
    Err(start.error("the quote is never closed"))
}
