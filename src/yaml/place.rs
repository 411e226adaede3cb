//! Places in YAML text: from the parser's marks to bytes, and around lines that had to be moved in.

use std::borrow::Cow;

use saphyr_parser::Span as Marks;

use crate::span::Span;

/// Turns the parser's marks, which count characters, into bytes. Most marks come in order.
pub(super) struct Places<'t> {
    text: &'t str,
    index: usize,
    offset: usize,
}

impl<'t> Places<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, index: 0, offset: 0 }
    }

    /// Where the last mark was.
    pub(super) fn last(&self) -> usize {
        self.offset
    }

    pub(super) fn span(&mut self, marks: Marks) -> Span {
        let start = self.offset(marks.start.index());
        let end = self.offset(marks.end.index()).max(start);
        start..self.trim_end(start, end)
    }

    pub(super) fn offset(&mut self, index: usize) -> usize {
        if index < self.index {
            let back = self.text[..self.offset].char_indices().rev().nth(self.index - index - 1);
            self.offset = back.map_or(0, |(offset, _)| offset);
        } else {
            let rest = &self.text[self.offset..];
            let ahead = rest.char_indices().nth(index - self.index).map_or(rest.len(), |(offset, _)| offset);
            self.offset += ahead;
        }
        self.index = index;
        self.offset
    }

    /// The end without the white space that the parser counts to a block.
    pub(super) fn trim_end(&self, start: usize, end: usize) -> usize {
        start + self.text[start..end.max(start)].trim_end().len()
    }
}

/// The text as the parser gets it.
///
/// Inside of brackets other parsers, CloudFormation's among them, do not care how far a line is moved in.
/// Ours does, so a line that it refuses is moved in for it.
pub(super) struct Padded<'t> {
    text: Cow<'t, str>,
    /// Where spaces were put in, in the text before any were; in order.
    pads: Vec<usize>,
    /// How many bytes may be read again because of it.
    budget: usize,
}

/// How far a line is moved in.
const PAD: usize = 100;

impl<'t> Padded<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text: Cow::Borrowed(text), pads: Vec::new(), budget: 32 << 20 }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Moves in the line in which `offset` is; `false` when that was done too often.
    pub(super) fn move_in(&mut self, offset: usize) -> bool {
        let Some(budget) = self.budget.checked_sub(self.text.len()) else { return false };
        self.budget = budget;
        let line = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let original = self.original(line);
        self.text.to_mut().insert_str(line, &" ".repeat(PAD));
        self.pads.insert(self.pads.partition_point(|pad| *pad < original), original);
        true
    }

    /// Where the byte at `offset` was before lines were moved in.
    pub(super) fn original(&self, offset: usize) -> usize {
        // The i-th pad stands behind i others.
        let (mut low, mut high) = (0, self.pads.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.pads[middle] + middle * PAD < offset {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        match low.checked_sub(1) {
            None => offset,
            Some(last) => {
                let start = self.pads[last] + last * PAD;
                offset - last * PAD - PAD.min(offset - start)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_before_and_after_padding() {
        let mut padded = Padded::new("ab\ncd\nef\n");
        assert!(padded.move_in(7));
        assert!(padded.move_in(3));
        assert!(padded.move_in(3));
        let found: Vec<_> = padded.text().match_indices(char::is_alphabetic).collect();
        let places: Vec<_> = found.iter().map(|(at, _)| padded.original(*at)).collect();
        assert_eq!(places, [0, 1, 3, 4, 6, 7]);
        assert_eq!(padded.original(padded.text().len()), 9);
    }
}
