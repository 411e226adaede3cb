//! What an array or object knows of the values in it, so that nobody has to look at them again.

use serde_json::Number;

use super::Json;

/// What is known of the values of an array or object.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contents {
    /// Bytes of the values as compact text.
    pub(super) bytes: usize,
    /// At least how many containers lie within one another here, this one included; see [`Json::depth`].
    depth: u32,
    /// Whether there may be a number here that JavaScript writes otherwise.
    otherwise: bool,
}

impl Contents {
    pub(super) fn of(values: &[Json]) -> Self {
        let mut contents = Self::default();
        values.iter().for_each(|value| contents.add(value));
        contents
    }

    /// Bytes of so many values as compact text, with what is around and between them.
    pub(super) fn size(&self, count: usize) -> usize {
        self.bytes.saturating_add(2 + count.saturating_sub(1))
    }

    /// Takes a value in.
    #[inline]
    pub(super) fn add(&mut self, value: &Json) {
        let bytes = value.size();
        match value {
            Json::Array(array) => self.add_container(bytes, &array.contents),
            Json::Object(object) => self.add_container(bytes, object.contents()),
            Json::Number(number) => self.put(bytes, 1, is_written_otherwise(number)),
            Json::Null | Json::Bool(_) | Json::String(_) => self.put(bytes, 1, false),
        }
    }

    /// Takes in an array or object with these contents, and so many bytes as compact text.
    #[inline]
    pub(super) fn add_container(&mut self, bytes: usize, contents: &Self) {
        self.put(bytes, contents.depth() + 1, contents.otherwise);
    }

    /// Takes in a string of so many bytes as compact text.
    pub(super) fn add_string(&mut self, bytes: usize) {
        self.put(bytes, 1, false);
    }

    #[inline]
    fn put(&mut self, bytes: usize, depth: u32, otherwise: bool) {
        // A document may hold another one many times that does the same.
        self.bytes = self.bytes.saturating_add(bytes);
        self.depth = self.depth.max(depth);
        self.otherwise |= otherwise;
    }

    /// Lets `change` write one of the values.
    pub(super) fn change<R>(&mut self, value: &mut Json, change: impl FnOnce(&mut Json) -> R) -> R {
        let before = value.size();
        let result = change(value);
        if self.bytes < usize::MAX {
            self.bytes -= before;
        }
        self.add(value);
        result
    }

    pub(super) fn depth(&self) -> u32 {
        self.depth.max(1)
    }

    #[cfg(feature = "jsonata")]
    pub(super) fn may_be_written_otherwise(&self) -> bool {
        self.otherwise
    }
}

/// Whether JavaScript, for which every number is a double, writes `number` otherwise: `1.0` as `1`. Integers of 64
/// bits are passed on exactly.
pub(super) fn is_written_otherwise(number: &Number) -> bool {
    /// 2^63: integers below it are written without a fraction.
    const INTEGERS: f64 = 9_223_372_036_854_775_808.0;
    let fraction = |value: f64| value.fract() != 0.0 || value.abs() >= INTEGERS;
    let as_it_is = number.is_i64() || number.is_f64() && number.as_f64().is_some_and(fraction);
    !as_it_is
}
