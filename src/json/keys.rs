//! The keys of a document that is being made: a key that many of its objects have is held once.

use std::sync::Arc;

/// How many keys are remembered.
const REMEMBERED: usize = 32;

/// Keys that were made lately.
#[derive(Default)]
pub(super) struct Keys {
    /// By what is seen of a key at a glance, so that each has one place.
    recent: [Option<Arc<str>>; REMEMBERED],
}

impl Keys {
    /// `key`, to own.
    pub(super) fn share(&mut self, key: &str) -> Arc<str> {
        let [first, last] = [key.as_bytes().first(), key.as_bytes().last()];
        let glance =
            [first, last].into_iter().flatten().fold(key.len(), |sum, byte| 31 * sum + usize::from(*byte));
        match &mut self.recent[glance % REMEMBERED] {
            Some(recent) if **recent == *key => recent.clone(),
            place => place.insert(key.into()).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_are_one() {
        let mut keys = Keys::default();
        let first = keys.share("sku");
        assert_eq!([&*keys.share(""), &*keys.share("price")], ["", "price"]);
        assert!(Arc::ptr_eq(&first, &keys.share("sku")));
        assert_eq!(&*keys.share("sXu"), "sXu");
        assert_eq!(&*keys.share("sku"), "sku");
    }
}
