//! Which handler or mock serves which resource.

use crate::pattern::Pattern;

/// Handlers by resource pattern, and one for what no pattern matches.
#[derive(Debug)]
pub(crate) struct Registry<H> {
    /// The most specific first.
    entries: Vec<(Pattern, H)>,
    fallback: Option<H>,
}

impl<H> Default for Registry<H> {
    fn default() -> Self {
        Self { entries: Vec::new(), fallback: None }
    }
}

impl<H> Registry<H> {
    /// Adds a handler; `false` when there is one for the same pattern already.
    pub(crate) fn add(&mut self, pattern: &str, handler: H) -> bool {
        let pattern = Pattern::parse(pattern);
        let fresh = self.entries.iter().all(|(other, _)| *other != pattern);
        if fresh {
            let size = pattern.literal_size();
            let at = self.entries.partition_point(|(other, _)| other.literal_size() >= size);
            self.entries.insert(at, (pattern, handler));
        }
        fresh
    }

    #[cfg(feature = "runtime")]
    pub(crate) fn set_fallback(&mut self, handler: H) {
        self.fallback = Some(handler);
    }

    #[cfg(feature = "runtime")]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The handler of the most specific pattern that matches; of equally specific ones the first.
    pub(crate) fn matching(&self, resource: &str) -> Option<&H> {
        let matching = self.entries.iter().find(|(pattern, _)| pattern.matches(resource));
        matching.map(|(_, handler)| handler)
    }

    /// The handler for what no pattern matches.
    pub(crate) fn fallback(&self) -> Option<&H> {
        self.fallback.as_ref()
    }

    /// The handler that matches, or else the fallback.
    pub(crate) fn find(&self, resource: &str) -> Option<&H> {
        self.matching(resource).or(self.fallback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_pattern_wins() {
        let mut registry = Registry::default();
        assert!(registry.add("arn:*", 1));
        assert!(registry.add("arn:aws:states:::sqs:*", 2));
        assert!(registry.add("arn:aws:states:::sqs:sendMessage.sync", 5));
        assert!(!registry.add("arn:*", 3));
        assert_eq!(registry.find("arn:aws:states:::sqs:sendMessage"), Some(&2));
        assert_eq!(registry.find("arn:aws:states:::sqs:sendMessage.sync"), Some(&5));
        assert_eq!(registry.find("arn:aws:lambda:x"), Some(&1));
        assert_eq!(registry.find("urn:x"), None);
        registry.fallback = Some(4);
        assert_eq!(registry.find("urn:x"), Some(&4));
    }
}
