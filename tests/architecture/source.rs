//! A source file without its comments, texts and tests, and the paths that are named in what is left.

/// A source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the project: `src/execution/event.rs`.
    pub(crate) path: String,
    pub(crate) first_line: String,
    /// The text without comments, texts and tests; its lines are where they were.
    code: String,
}

/// A name, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let first_line = text.lines().next().unwrap_or_default().into();
        let code = if is_test_file(path) { String::new() } else { without_tests(&blank(text)) };
        Self { path: path.into(), first_line, code }
    }

    /// The module at the crate's root that the file belongs to; nothing for the root itself and for tests.
    pub(crate) fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let module = inside.split('/').next()?.trim_end_matches(".rs");
        (!["lib", "main"].contains(&module)).then_some(module)
    }

    pub(crate) fn code_lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// The names at the crate's root that its paths name, by `crate::` or by way of `super`.
    pub(crate) fn named_modules(&self) -> Vec<Word> {
        let mut words = Vec::new();
        let mut supers: Vec<usize> = Vec::new();
        let names = names(&self.code);
        for (at, name) in names.iter().enumerate() {
            let path_goes_on = self.code[name.end..].trim_start().starts_with("::");
            if !path_goes_on {
                continue;
            }
            let follows =
                |at: usize| at > 0 && between(&self.code, names[at - 1].end, names[at].start) == "::";
            let depth = self.depth() + inline_modules(&self.code, name.start);
            let up = match name.text {
                "crate" => depth,
                // How far up `super::super` leads, also when the second one stands in a group after the first.
                "super" => {
                    let before = at.checked_sub(1).filter(|_| follows(at)).map_or(0, |before| {
                        if names[before].text == "super" {
                            supers.get(before).copied().unwrap_or(0)
                        } else {
                            0
                        }
                    });
                    let around = enclosing(&self.code, name.start, &names).map_or(0, |around| {
                        if names[around].text == "super" {
                            supers.get(around).copied().unwrap_or(0)
                        } else {
                            0
                        }
                    });
                    1 + before.max(around)
                }
                _ => 0,
            };
            supers.resize(at, 0);
            supers.push(up);
            if up == depth {
                let after = self.code[name.end..].trim_start();
                let start = self.code.len() - after.len() + 2;
                for (start, text) in heads(&self.code, start) {
                    if !["self", "super", "crate"].contains(&text) {
                        words.push(Word { line: line_of(&self.code, start), text: text.into() });
                    }
                }
            }
        }
        words.sort();
        words.dedup();
        words
    }

    /// The lines in which `word` stands as a whole; one of `std` also as a part of a group.
    pub(crate) fn lines_with(&self, word: &str) -> Vec<usize> {
        let mut lines: Vec<usize> =
            whole(&self.code, word).into_iter().map(|at| line_of(&self.code, at)).collect();
        if let Some(part) = word.strip_prefix("std::") {
            for at in whole(&self.code, "std") {
                let after = self.code[at + 3..].trim_start();
                if let Some(rest) = after.strip_prefix("::") {
                    let start = self.code.len() - rest.len();
                    let heads = heads(&self.code, start);
                    lines.extend(
                        heads
                            .into_iter()
                            .filter(|(_, text)| *text == part)
                            .map(|(at, _)| line_of(&self.code, at)),
                    );
                }
            }
        }
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    /// How many times `super` leads to the crate's root.
    fn depth(&self) -> usize {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').filter(|part| *part != "mod").count()
    }
}

struct Name<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn is_part_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// All names in the code, in order.
fn names(code: &str) -> Vec<Name<'_>> {
    let mut names = Vec::new();
    let mut start = None;
    for (at, c) in code.char_indices().chain([(code.len(), ' ')]) {
        match (start, is_part_of_name(c)) {
            (None, true) => start = Some(at),
            (Some(begin), false) => {
                names.push(Name { start: begin, end: at, text: &code[begin..at] });
                start = None;
            }
            _ => {}
        }
    }
    names
}

fn between(code: &str, start: usize, end: usize) -> String {
    code[start..end].split_whitespace().collect()
}

/// The name before the group `{` in which `at` is, if it is the head of that group: `super` in `super::{a, b}`.
fn enclosing(code: &str, at: usize, names: &[Name<'_>]) -> Option<usize> {
    let mut open = 0;
    for (place, c) in code[..at].char_indices().rev() {
        match c {
            '}' => open += 1,
            '{' if open > 0 => open -= 1,
            '{' => {
                let before = code[..place].trim_end().strip_suffix("::")?.trim_end();
                return names.iter().rposition(|name| name.end == before.len());
            }
            ';' => return None,
            _ => {}
        }
    }
    None
}

/// In how many modules that are written out in this file `at` is.
fn inline_modules(code: &str, at: usize) -> usize {
    let mut blocks = Vec::new();
    for (place, c) in code[..at].char_indices() {
        match c {
            '{' => {
                let mut before = code[..place].split_whitespace().rev();
                blocks.push(before.next().is_some() && before.next() == Some("mod"));
            }
            '}' => drop(blocks.pop()),
            _ => {}
        }
    }
    blocks.into_iter().filter(|module| *module).count()
}

/// The first names of the paths at `start`: one, or those of a group.
fn heads(code: &str, start: usize) -> Vec<(usize, &str)> {
    let rest = &code[start..];
    let begin = start + (rest.len() - rest.trim_start().len());
    let name_at = |at: usize| {
        let end = code[at..].find(|c| !is_part_of_name(c)).map_or(code.len(), |end| at + end);
        (at, &code[at..end])
    };
    if !code[begin..].starts_with('{') {
        return vec![name_at(begin)];
    }
    let (mut heads, mut open, mut fresh) = (Vec::new(), 0, false);
    for (at, c) in code[begin..].char_indices() {
        match c {
            '{' => {
                open += 1;
                fresh = open == 1;
            }
            '}' if open == 1 => break,
            '}' => open -= 1,
            ',' if open == 1 => fresh = true,
            c if c.is_whitespace() => {}
            _ if fresh && open == 1 => {
                heads.push(name_at(begin + at));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

/// Where `word` stands as a whole.
fn whole(code: &str, word: &str) -> Vec<usize> {
    let borders = |at: usize| {
        let before = code[..at].chars().next_back().is_some_and(is_part_of_name);
        let after = code[at + word.len()..].chars().next().is_some_and(is_part_of_name);
        (!before || word.starts_with('.')) && !after
    };
    code.match_indices(word).map(|(at, _)| at).filter(|at| borders(*at)).collect()
}

fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

/// The text with blanks for comments, texts and characters; lines stay.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    while at < chars.len() {
        let end = if starts(at, "//") {
            (at..chars.len()).find(|at| chars[*at] == '\n').unwrap_or(chars.len())
        } else if starts(at, "/*") {
            end_of_comment(&chars, at)
        } else if let Some(end) = end_of_raw(&chars, at) {
            end
        } else if chars[at] == '"' {
            end_of_quoted(&chars, at, '"')
        } else if chars[at] == '\'' && is_char(&chars, at) {
            end_of_quoted(&chars, at, '\'')
        } else {
            out.push(chars[at]);
            at += 1;
            continue;
        };
        // A text is something, but not a word: code lines are counted.
        if !starts(at, "/") {
            out.push('"');
        }
        out.extend(chars[at..end].iter().filter(|c| **c == '\n'));
        at = end;
    }
    out
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut open) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                open += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                open -= 1;
                at += 2;
                if open == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The end of a raw text (`r#"..."#`) that begins here.
fn end_of_raw(chars: &[char], start: usize) -> Option<usize> {
    if start > 0 && is_part_of_name(chars[start - 1]) && chars[start - 1] != 'b' || chars[start] != 'r' {
        return None;
    }
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: usize| chars[at] == '"' && (1..=hashes).all(|n| chars.get(at + n) == Some(&'#'));
    Some((open + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes))
}

fn end_of_quoted(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Whether a quote begins a character and not the name of a lifetime.
fn is_char(chars: &[char], at: usize) -> bool {
    chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'')
}

/// The code without the items that only tests have.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let (mut open, mut end) = (0, item.len());
        for (place, c) in item.char_indices() {
            match c {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            if open == 0 && matches!(c, '}' | ';') {
                end = place + 1;
                break;
            }
        }
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}
