//! Reading filters.

use regex::{Regex, RegexBuilder};

use super::compare::Operator;
use super::definite;
use super::filter::{Filter, Operand, Steps, Test};
use super::parser::{Reader, quoted};
use crate::json::Json;
use crate::query::error::SyntaxError;

/// Filters within filters, and parentheses within parentheses, that a filter may have.
const MAX_NESTING: usize = 16;

impl Reader<'_, '_> {
    /// `?( ... )`
    pub(super) fn filter(&mut self) -> Result<Filter, SyntaxError> {
        self.cursor.expect("?")?;
        self.cursor.skip_blanks();
        self.cursor.expect("(")?;
        let start = self.cursor.offset();
        let test = self.nested(Self::alternatives)?;
        let text = self.cursor.since(start).trim().into();
        self.cursor.expect(")")?;
        Ok(Filter { text, test })
    }

    /// Reads something that may hold more of its kind.
    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T, SyntaxError>) -> Result<T, SyntaxError> {
        if self.filters == MAX_NESTING {
            return Err(self.cursor.error("the filter is nested too deep"));
        }
        self.filters += 1;
        let result = read(self);
        self.filters -= 1;
        result
    }

    fn alternatives(&mut self) -> Result<Test, SyntaxError> {
        let mut tests = vec![self.conjunction()?];
        while self.sign("||") {
            tests.push(self.conjunction()?);
        }
        Ok(only(tests, Test::Or))
    }

    fn conjunction(&mut self) -> Result<Test, SyntaxError> {
        let mut tests = vec![self.negation()?];
        while self.sign("&&") {
            tests.push(self.negation()?);
        }
        Ok(only(tests, Test::And))
    }

    fn negation(&mut self) -> Result<Test, SyntaxError> {
        let mut negated = false;
        while self.sign("!") {
            negated = !negated;
        }
        let test = if self.sign("(") {
            let test = self.nested(Self::alternatives)?;
            self.cursor.expect(")")?;
            test
        } else {
            self.comparison()?
        };
        self.cursor.skip_blanks();
        Ok(if negated { Test::Not(Box::new(test)) } else { test })
    }

    fn comparison(&mut self) -> Result<Test, SyntaxError> {
        let left = self.operand()?;
        let Some(operator) = self.operator() else { return Ok(Test::Exists(left)) };
        self.cursor.skip_blanks();
        if operator == Operator::Empty && matches!(self.cursor.peek(), None | Some(')' | '&' | '|')) {
            return Ok(Test::Compare(left, operator, Operand::Literal(true.into())));
        }
        let right = self.operand()?;
        let pattern = matches!(left, Operand::Pattern(_)) || matches!(right, Operand::Pattern(_));
        if pattern != (operator == Operator::Matches) {
            return Err(self.cursor.error("`=~` compares with a pattern, as in `=~ /a.*/`"));
        }
        Ok(Test::Compare(left, operator, right))
    }

    fn operator(&mut self) -> Option<Operator> {
        self.cursor.skip_blanks();
        if let Some((_, operator)) = Operator::SIGNS.iter().find(|(sign, _)| self.cursor.eat(sign)) {
            return Some(*operator);
        }
        let mut ahead = self.cursor.clone();
        let word = ahead.take_while(char::is_alphabetic);
        let (_, operator) = Operator::WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        *self.cursor = ahead;
        Some(*operator)
    }

    fn operand(&mut self) -> Result<Operand, SyntaxError> {
        self.cursor.skip_blanks();
        match self.cursor.peek() {
            Some('@') => {
                self.cursor.next();
                Ok(Operand::Current(self.steps()?))
            }
            Some('$') => {
                self.cursor.next();
                Ok(Operand::Root(self.steps()?))
            }
            Some('/') => self.pattern().map(Operand::Pattern),
            Some('[') => self.list().map(Operand::Literal),
            _ => self.literal().map(Operand::Literal),
        }
    }

    fn steps(&mut self) -> Result<Steps, SyntaxError> {
        let segments = self.segments()?;
        let definite = definite(&segments);
        Ok(Steps { segments, definite })
    }

    /// `[1, 'two', three]`
    fn list(&mut self) -> Result<Json, SyntaxError> {
        self.cursor.expect("[")?;
        self.cursor.skip_blanks();
        let mut items = Vec::new();
        if self.cursor.eat("]") {
            return Ok(Json::array(items));
        }
        items.push(self.literal()?);
        while self.comma() {
            items.push(self.literal()?);
        }
        self.cursor.expect("]")?;
        Ok(Json::array(items))
    }

    /// A quoted text, a number, `true`, `false`, `null`, or a text without quotes.
    fn literal(&mut self) -> Result<Json, SyntaxError> {
        if let Some('\'' | '"') = self.cursor.peek() {
            return quoted(self.cursor).map(Json::from);
        }
        let ends = |c: char| c.is_whitespace() || "()[],'\"&|=!<>~@$".contains(c);
        match self.cursor.take_while(|c| !ends(c)) {
            "" => Err(self.cursor.error("a value is expected here")),
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            "null" => Ok(Json::Null),
            word => Ok(match word.parse::<serde_json::Number>() {
                Ok(number) => Json::Number(number),
                Err(_) => word.into(),
            }),
        }
    }

    /// `/text/i`
    fn pattern(&mut self) -> Result<Regex, SyntaxError> {
        let start = self.cursor.clone();
        self.cursor.expect("/")?;
        let mut pattern = String::new();
        loop {
            match self.cursor.next() {
                None => return Err(start.error("the pattern is never closed")),
                Some('/') => break,
                Some('\\') if self.cursor.eat("/") => pattern.push('/'),
                Some('\\') => escape(&mut pattern, self.cursor.next()),
                Some(c) => pattern.push(c),
            }
        }
        // Java's `matches` wants the whole text.
        let mut builder = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"));
        for flag in self.cursor.take_while(char::is_alphabetic).chars() {
            match flag {
                'i' => builder.case_insensitive(true),
                'm' => builder.multi_line(true),
                's' => builder.dot_matches_new_line(true),
                'u' | 'U' => &mut builder,
                _ => return Err(self.cursor.error(format!("`{flag}` is not a flag of patterns"))),
            };
        }
        // DIFFERENCE: Java's look-around and back references are refused; they have no bound in time.
        builder
            .size_limit(MAX_PATTERN)
            .nest_limit(64)
            .build()
            .map_err(|_| start.error("this is not a pattern"))
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.cursor.skip_blanks();
        self.cursor.eat(sign)
    }
}

/// Bytes of a compiled pattern.
const MAX_PATTERN: usize = 1 << 16;

/// Adds what Java means by `\` and `escaped`: its classes of characters are ASCII.
fn escape(pattern: &mut String, escaped: Option<char>) {
    match escaped {
        Some('d') => pattern.push_str("[0-9]"),
        Some('D') => pattern.push_str("[^0-9]"),
        Some('w') => pattern.push_str("[0-9A-Za-z_]"),
        Some('W') => pattern.push_str("[^0-9A-Za-z_]"),
        Some('s') => pattern.push_str(r"[ \t\n\x0B\f\r]"),
        Some('S') => pattern.push_str(r"[^ \t\n\x0B\f\r]"),
        Some('b') => pattern.push_str(r"(?-u:\b)"),
        escaped => {
            pattern.push('\\');
            pattern.extend(escaped);
        }
    }
}

fn only(mut tests: Vec<Test>, several: fn(Vec<Test>) -> Test) -> Test {
    match tests.len() {
        1 => tests.remove(0),
        _ => several(tests),
    }
}
