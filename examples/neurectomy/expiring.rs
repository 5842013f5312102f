//! A map whose entries expire.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

/// A map from identifiers to values with an end.
#[derive(Debug)]
pub(crate) struct Expiring<V> {
    entries: HashMap<String, (V, Instant)>,
    /// The identifiers, ordered by the end of their entries.
    ends: BTreeSet<(Instant, String)>,
}

impl<V> Default for Expiring<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), ends: BTreeSet::new() }
    }
}

impl<V> Expiring<V> {
    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns a value.
    pub(crate) fn get(&self, id: &str) -> Option<&V> {
        self.entries.get(id).map(|(value, _)| value)
    }

    /// Adds an entry.
    pub(crate) fn insert(&mut self, id: String, value: V, end: Instant) {
        self.ends.insert((end, id.clone()));
        self.entries.insert(id, (value, end));
    }

    /// Moves the end of an entry.
    pub(crate) fn extend(&mut self, id: &str, end: Instant) {
        if let Some(value) = self.remove(id) {
            self.insert(id.to_owned(), value, end);
        }
    }

    /// Removes an entry and returns its value.
    pub(crate) fn remove(&mut self, id: &str) -> Option<V> {
        let (value, end) = self.entries.remove(id)?;
        self.ends.remove(&(end, id.to_owned()));
        Some(value)
    }

    /// Returns the first end of an entry.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Returns an entry that has ended by `now`.
    pub(crate) fn ended(&self, now: Instant) -> Option<String> {
        self.ends.first().filter(|(end, _)| *end <= now).map(|(_, id)| id.clone())
    }

    /// Returns all entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.entries.iter().map(|(id, (value, _))| (id, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn entries_end_in_order() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut map = Expiring::default();
        for (id, end) in [("b", 2), ("a", 1), ("c", 3)] {
            map.insert(id.to_owned(), id, at(end));
        }
        map.extend("a", at(4));
        map.extend("none", at(9));
        assert_eq!(map.ended(at(1)), None);
        assert_eq!(map.ended(at(2)).as_deref(), Some("b"));
        assert_eq!((map.remove("b"), map.remove("b")), (Some("b"), None));
        assert_eq!(map.next_end(), Some(at(3)));
        assert_eq!((map.len(), map.get("a"), map.get("b")), (2, Some(&"a"), None));
    }
}
