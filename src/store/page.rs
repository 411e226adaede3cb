//! Long lists, a page at a time.

use std::collections::BTreeMap;

/// Which page of a list to return.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// Where to go on: the `next` of the page before, which only the store understands.
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

    /// The page of a list, for stores that have it in memory.
    ///
    /// ```
    /// use stepwright::store::PageRequest;
    ///
    /// let page = PageRequest::first(2).of(["a", "b", "c"].into_iter());
    /// assert_eq!((page.items, page.next), (vec!["a", "b"], Some(2)));
    /// ```
    pub fn of<T>(&self, items: impl ExactSizeIterator<Item = T> + DoubleEndedIterator) -> Page<T> {
        self.of_passing(items, |_| true)
    }

    /// The page of those entries of a list that pass a filter.
    ///
    /// A cursor is a position in the whole list, which may only grow at its end: so an entry that passes is on
    /// exactly one page, whatever is added meanwhile and whatever else stops passing.
    pub fn of_passing<T>(
        &self,
        items: impl ExactSizeIterator<Item = T> + DoubleEndedIterator,
        passes: impl Fn(&T) -> bool,
    ) -> Page<T> {
        let length = items.len();
        let after = self.after.map(|after| usize::try_from(after).unwrap_or(usize::MAX).min(length));
        match self.reverse {
            false => {
                let start = after.unwrap_or(0);
                let numbered = items.skip(start).zip(start..);
                self.take(numbered.filter(|(item, _)| passes(item)))
            }
            true => {
                let end = after.unwrap_or(length);
                let numbered = items.rev().skip(length - end).zip((1..=end).rev());
                self.take(numbered.filter(|(item, _)| passes(item)))
            }
        }
    }

    /// The page of what is found by entries that are numbered, in the order of their numbers, and in several maps; the
    /// numbers begin at 1.
    pub(super) fn of_numbered<'a, T: 'a, R>(
        &self,
        maps: impl Iterator<Item = &'a BTreeMap<u64, T>>,
        find: impl Fn(&'a T) -> Option<R>,
    ) -> Page<R> {
        let most = self.limit.saturating_add(1);
        let find = |(number, entry): (&u64, &'a T)| Some((find(entry)?, *number as usize));
        let mut found = Vec::new();
        for map in maps {
            match self.reverse {
                false => found.extend(map.range(self.after.unwrap_or(0)..).filter_map(&find).take(most)),
                true => {
                    let entries = map.range(..=self.after.unwrap_or(u64::MAX)).rev();
                    found.extend(entries.filter_map(&find).take(most));
                }
            }
        }
        found.sort_unstable_by_key(|(_, number)| *number);
        if self.reverse {
            found.reverse();
        }
        self.take(found.into_iter())
    }

    /// The first entries, and where the one after them would be.
    fn take<T>(&self, mut passing: impl Iterator<Item = (T, usize)>) -> Page<T> {
        let items = passing.by_ref().take(self.limit).map(|(item, _)| item).collect();
        Page { items, next: passing.next().map(|(_, position)| position as u64) }
    }
}

impl<T> Page<T> {
    /// A page, and where the next one begins.
    pub fn new(items: Vec<T>, next: Option<u64>) -> Self {
        Self { items, next }
    }

    /// The same page of other entries.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
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

    #[test]
    fn an_entry_that_passes_is_on_one_page_whatever_happens_to_others() {
        for reverse in [false, true] {
            let request = PageRequest { reverse, ..PageRequest::first(2) };
            let mut list = vec![(1, true), (2, true), (3, true), (4, true), (5, true)];
            let first = request.of_passing(list.iter().copied(), |(_, passes)| *passes);
            // One that was seen passes no longer, and there is a new one at the end.
            let seen = first.items[0].0;
            list[seen - 1].1 = false;
            list.push((6, true));
            let rest = PageRequest { limit: 9, ..request.after(first.next.unwrap()) };
            let rest = rest.of_passing(list.iter().copied(), |(_, passes)| *passes);
            let rest: Vec<usize> = rest.items.into_iter().map(|(number, _)| number).collect();
            assert_eq!(rest, if reverse { vec![3, 2, 1] } else { vec![3, 4, 5, 6] });
        }
    }

    #[test]
    fn numbers_in_several_maps_are_one_list() {
        for (reverse, limit) in [(false, 1), (false, 2), (true, 2), (true, 9)] {
            let mut maps = vec![BTreeMap::new(); 3];
            for number in 1..=8 {
                maps[number as usize * 5 % 3].insert(number, number);
            }
            let mut request = PageRequest { reverse, ..PageRequest::first(limit) };
            let mut seen = Vec::new();
            loop {
                let page = request.of_numbered(maps.iter(), |number| (number % 4 != 0).then_some(*number));
                seen.extend(page.items);
                let Some(next) = page.next else { break };
                request = request.after(next);
            }
            if reverse {
                seen.reverse();
            }
            assert_eq!(seen, [1, 2, 3, 5, 6, 7]);
        }
    }
}
