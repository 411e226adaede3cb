//! An ordered map that is mostly of one entry: most executions have one frame, one task, one deadline.

use std::collections::BTreeMap;
use std::mem;

/// An ordered map whose only entry needs no memory of its own.
#[derive(Clone, Debug, Default)]
pub(crate) enum Few<K, V> {
    #[default]
    None,
    One(K, V),
    Many(BTreeMap<K, V>),
}

impl<K: Ord + Copy, V> Few<K, V> {
    pub(super) fn get(&self, key: K) -> Option<&V> {
        match self {
            Self::None => None,
            Self::One(only, value) => (*only == key).then_some(value),
            Self::Many(map) => map.get(&key),
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self {
            Self::None => *self = Self::One(key, value),
            Self::One(only, old) if *only == key => *old = value,
            Self::One(..) => {
                let Self::One(only, old) = mem::take(self) else { return };
                *self = Self::Many(BTreeMap::from([(only, old), (key, value)]));
            }
            Self::Many(map) => {
                map.insert(key, value);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        match self {
            Self::None => None,
            Self::One(only, _) if *only != key => None,
            Self::One(..) => match mem::take(self) {
                Self::One(_, value) => Some(value),
                _ => None,
            },
            Self::Many(map) => {
                let removed = map.remove(&key);
                if map.is_empty() {
                    *self = Self::None;
                }
                removed
            }
        }
    }

    #[cfg(feature = "runtime")]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    pub(super) fn first_key(&self) -> Option<K> {
        match self {
            Self::None => None,
            Self::One(only, _) => Some(*only),
            Self::Many(map) => map.first_key_value().map(|(key, _)| *key),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(only, value) => (Some((*only, value)), None),
            Self::Many(map) => (None, Some(map)),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(key, value)| (*key, value)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_does_what_a_map_does(changes in prop::collection::vec((0..4u8, any::<Option<u8>>()), 0..20)) {
            let (mut few, mut map) = (Few::default(), BTreeMap::new());
            for (key, value) in changes {
                match value {
                    Some(value) => {
                        few.insert(key, value);
                        map.insert(key, value);
                    }
                    None => prop_assert_eq!(few.remove(key), map.remove(&key)),
                }
                prop_assert!(few.iter().eq(map.iter().map(|(key, value)| (*key, value))));
                prop_assert_eq!(few.first_key(), map.keys().next().copied());
                prop_assert_eq!(few.get(key), map.get(&key));
            }
        }
    }
}
