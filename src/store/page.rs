//! Long lists, a page at a time.

/// Which page of a list to return.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// Where to go on: the `next` of the page before.
    pub after: Option<u64>,
    /// How many entries at most.
    pub limit: usize,
    /// The last entries first.
    pub reverse: bool,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
}

impl Default for PageRequest {
    /// AWS's default: the first 100.
    fn default() -> Self {
        Self::first(100)
    }
}

impl PageRequest {
    /// The first `limit` entries.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit, reverse: false }
    }

    /// The page that begins where the one before ended.
    #[must_use]
    pub fn after(mut self, next: u64) -> Self {
        self.after = Some(next);
        self
    }

    /// The same from the end of the list.
    #[must_use]
    pub fn reverse(mut self) -> Self {
        self.reverse = true;
        self
    }

    /// The page of a list whose entries are numbered from 0, for stores that have it in memory.
    pub fn of<T>(&self, items: impl ExactSizeIterator<Item = T> + DoubleEndedIterator) -> Page<T> {
        let length = items.len() as u64;
        let skip = self.after.unwrap_or(0);
        let (take, start) = (self.limit, usize::try_from(skip).unwrap_or(usize::MAX));
        let items: Vec<T> = match self.reverse {
            true => items.rev().skip(start).take(take).collect(),
            false => items.skip(start).take(take).collect(),
        };
        let end = skip.saturating_add(items.len() as u64);
        Page { items, next: (end < length).then_some(end) }
    }
}

impl<T> Page<T> {
    /// A page, and where the next one begins.
    pub fn new(items: Vec<T>, next: Option<u64>) -> Self {
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_a_list_once() {
        let list: Vec<u32> = (0..7).collect();
        for reverse in [false, true] {
            let mut request = PageRequest { reverse, ..PageRequest::first(3) };
            let mut seen = Vec::new();
            loop {
                let page = request.of(list.iter().copied());
                seen.extend(page.items);
                let Some(next) = page.next else { break };
                request = request.after(next);
            }
            if reverse {
                seen.reverse();
            }
            assert_eq!(seen, list);
        }
    }
}
