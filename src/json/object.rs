//! The entries of a JSON object, in the order they were written.

use std::sync::Arc;

use super::{Json, depth_around, print};

/// From this many entries on, an object keeps an index of its keys.
const INDEXED: usize = 16;

/// The entries of a JSON object, in the order they were written.
///
/// Small ones are searched, large ones carry an index sorted by key, so that no choice of keys makes a
/// look-up slow.
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: Vec<(Arc<str>, Json)>,
    /// Bytes of the entries as compact text, without braces and commas.
    content: usize,
    /// The greatest depth of a container around each of the entries; 0 if there never was one.
    depth: u32,
    extra: Option<Box<Extra>>,
}

/// What few objects have.
#[derive(Clone, Debug, Default)]
struct Extra {
    /// Positions of the entries in the order of their keys; empty below [`INDEXED`] entries.
    index: Vec<u32>,
    /// The text it was read from, if that is not the compact one.
    text: Option<Arc<str>>,
}

impl Object {
    pub(crate) fn from_entries(entries: Vec<(Arc<str>, Json)>) -> Self {
        let mut object = Self::default();
        if entries.len() < INDEXED {
            object.entries.reserve_exact(entries.len());
            for (key, value) in entries {
                object.insert(key, value);
            }
            return object;
        }
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        order.sort_by(|a, b| entries[*a as usize].0.cmp(&entries[*b as usize].0).then(a.cmp(b)));
        let repeats = order.windows(2).any(|pair| entries[pair[0] as usize].0 == entries[pair[1] as usize].0);
        if repeats {
            for (key, value) in entries {
                object.insert(key, value);
            }
            return object;
        }
        object.content = entries.iter().map(|(key, value)| entry_size(key, value)).sum();
        object.depth = entries.iter().map(|(_, value)| depth_around(value)).max().unwrap_or(0);
        object.entries = entries;
        object.extra = Some(Box::new(Extra { index: order, text: None }));
        object
    }

    /// An object of `entries` whose keys differ from each other, and take `keys` bytes as compact text.
    pub(crate) fn from_distinct(entries: Vec<(Arc<str>, Json)>, keys: usize) -> Self {
        if entries.len() >= INDEXED {
            return Self::from_entries(entries);
        }
        let (mut content, mut depth) = (keys, 0);
        for (_, value) in &entries {
            content += value.size();
            depth = depth.max(depth_around(value));
        }
        Self { entries, content, depth, extra: None }
    }

    /// Bytes that `key` adds to an object's compact text, with its colon.
    pub(crate) fn key_size(key: &str) -> usize {
        print::string_size(key) + 1
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value under `key`.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    /// Whether there is a value under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Json)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The values, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Json> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// Puts `value` under `key`: in the place of an entry with that key, or at the end.
    pub(crate) fn insert(&mut self, key: Arc<str>, value: Json) {
        if let Some(at) = self.position(&key) {
            return self.update_at(at, |old| *old = value);
        }
        self.push(key, value);
    }

    /// Adds an entry at the end, under a key that there is none of.
    pub(crate) fn push(&mut self, key: Arc<str>, value: Json) {
        self.depth = self.depth.max(depth_around(&value));
        self.content += entry_size(&key, &value);
        if self.entries.len() + 1 >= INDEXED {
            let (entries, index) = (&self.entries, &mut self.extra.get_or_insert_default().index);
            if index.is_empty() {
                index.extend(0..entries.len() as u32);
                index.sort_by(|a, b| entries[*a as usize].0.cmp(&entries[*b as usize].0));
            }
            let at = index.binary_search_by(|at| entries[*at as usize].0.as_ref().cmp(&key));
            index.insert(at.unwrap_or_else(|at| at), entries.len() as u32);
        }
        self.entries.push((key, value));
    }

    /// Lets `change` write the value under `key`; `None` when there is none.
    #[cfg(test)]
    pub(crate) fn update<R>(&mut self, key: &str, change: impl FnOnce(&mut Json) -> R) -> Option<R> {
        self.position(key).map(|at| self.update_at(at, change))
    }

    /// Lets `change` write the value at a [`position`](Self::position).
    pub(crate) fn update_at<R>(&mut self, at: usize, change: impl FnOnce(&mut Json) -> R) -> R {
        let value = &mut self.entries[at].1;
        let before = value.size();
        let result = change(value);
        self.content = self.content - before + value.size();
        self.depth = self.depth.max(depth_around(value));
        result
    }

    /// Bytes as compact text.
    pub(crate) fn size(&self) -> usize {
        2 + self.entries.len().saturating_sub(1) + self.content
    }

    /// The depth as [`Json::depth`] tells it.
    pub(super) fn depth(&self) -> u32 {
        self.depth.max(1)
    }

    /// The position of `key` among the entries.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        match &self.extra {
            Some(extra) if !extra.index.is_empty() => {
                let at = extra.index.binary_search_by(|at| self.entries[*at as usize].0.as_ref().cmp(key));
                at.ok().map(|at| extra.index[at] as usize)
            }
            _ => self.entries.iter().position(|(name, _)| name.as_ref() == key),
        }
    }

    pub(super) fn text(&self) -> Option<&Arc<str>> {
        self.extra.as_ref()?.text.as_ref()
    }

    pub(super) fn set_text(&mut self, text: Arc<str>) {
        self.extra.get_or_insert_default().text = Some(text);
    }

    pub(super) fn forget_text(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.text = None;
        }
    }
}

fn entry_size(key: &str, value: &Json) -> usize {
    Object::key_size(key) + value.size()
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.entries.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_objects_find_replace_and_keep_order() {
        let mut object = Object::default();
        for n in (0..100).rev() {
            object.insert(format!("k{n}").into(), Json::from(n));
        }
        object.insert("k50".into(), Json::string("fifty"));
        assert_eq!(object.len(), 100);
        assert_eq!(object.get("k99").and_then(Json::as_i64), Some(99));
        assert_eq!(object.get("k50").and_then(Json::as_str), Some("fifty"));
        assert_eq!(object.iter().next().unwrap().0.as_ref(), "k99");
        assert!(!object.contains_key("k100"));
    }

    #[test]
    fn of_repeated_keys_the_last_wins_in_the_first_place() {
        for count in [3_u32, 40] {
            let mut entries: Vec<(Arc<str>, Json)> =
                (0..count).map(|n| (format!("k{n}").into(), Json::from(n))).collect();
            entries.push(("k1".into(), Json::Null));
            let object = Object::from_entries(entries);
            assert_eq!(object.len(), count as usize);
            assert!(object.iter().nth(1).unwrap().1.is_null());
        }
    }
}
