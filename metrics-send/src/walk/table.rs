//! The samples that are sent, with the identities that were prepared when each was first seen.

use std::collections::HashMap;

use super::Protocol;
use crate::sample::Millis;

/// All series of the last walk, by name and labels.
#[derive(Debug)]
pub(crate) struct Table<P: Protocol> {
    entries: HashMap<Box<str>, Entry<P>, foldhash::fast::RandomState>,
    walk: u64,
}

/// A series of a family, with the parts that are sent.
#[derive(Debug)]
pub(crate) struct Entry<P: Protocol> {
    parts: Vec<Part<P>>,
    /// The place of the part after the last one that was looked up.
    next: usize,
    /// The time at which the series was created, and the start of its samples.
    started: Option<[Millis; 2]>,
}

/// A part of a series: one sample of each walk.
#[derive(Debug)]
pub(crate) struct Part<P: Protocol> {
    role: P::Part,
    /// `None` if a rule drops it.
    identity: Option<P::Identity>,
    /// The last walk that had it.
    walk: u64,
    /// The time of its last sample.
    last: Option<Millis>,
    /// `true` if a collector sets the times of its samples. Such a series is not marked as stale, as in Prometheus.
    has_times: bool,
}

/// A part that is gone and needs a stale marker.
#[derive(Debug)]
pub(crate) struct Vanished<P: Protocol> {
    /// The name and labels of its series.
    key: Box<str>,
    pub(crate) part: P::Part,
    pub(crate) identity: P::Identity,
}

impl<P: Protocol> Default for Table<P> {
    fn default() -> Self {
        Self { entries: HashMap::default(), walk: 0 }
    }
}

impl<P: Protocol> Default for Entry<P> {
    fn default() -> Self {
        Self { parts: Vec::new(), next: 0, started: None }
    }
}

impl<P: Protocol> Table<P> {
    /// Starts a walk.
    pub(crate) fn start(&mut self) {
        self.walk += 1;
    }

    /// Calls `write` with the series of this key, and with the number of this walk.
    pub(crate) fn visit(&mut self, key: &str, write: impl FnOnce(&mut Entry<P>, u64)) {
        // The key is only copied for a new series.
        let entry = match self.entries.get_mut(key) {
            Some(entry) => entry,
            None => self.entries.entry(key.into()).or_default(),
        };
        entry.next = 0;
        write(entry, self.walk);
    }

    #[cfg(all(test, feature = "otlp", feature = "remote-write"))]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Ends a walk: removes the parts that it did not have, and returns those that need a stale marker, by name and labels.
    pub(crate) fn end(&mut self) -> Vec<Vanished<P>> {
        let walk = self.walk;
        let mut vanished = Vec::new();
        self.entries.retain(|key, entry| {
            vanished.extend(entry.parts.extract_if(.., |part| part.walk != walk).filter_map(|part| part.vanish(key)));
            !entry.parts.is_empty()
        });
        sorted(vanished)
    }

    /// Removes all parts, and returns those that need a stale marker, by name and labels.
    pub(crate) fn clear(&mut self) -> Vec<Vanished<P>> {
        let entries = self.entries.drain();
        let vanished =
            entries.flat_map(|(key, entry)| entry.parts.into_iter().filter_map(move |part| part.vanish(&key)));
        sorted(vanished.collect())
    }
}

fn sorted<P: Protocol>(mut vanished: Vec<Vanished<P>>) -> Vec<Vanished<P>> {
    vanished.sort_by(|a, b| a.key.cmp(&b.key));
    vanished
}

impl<P: Protocol> Entry<P> {
    /// Returns the time at which a series started that was created at this time and has a sample at another.
    ///
    /// A series can be created during the walk, which is after the time of its first sample. That sample then is the first
    /// one after the start, and all later ones have the same start: with another, receivers would count it twice.
    pub(crate) fn start(&mut self, created: Millis, time: Millis) -> Millis {
        let new = [created, created.min(time.saturating_sub(1))];
        let known = self.started.filter(|[known, _]| *known == created);
        let [_, start] = *self.started.insert(known.unwrap_or(new));
        start
    }

    /// Returns this part, with `prepare` for a new one.
    pub(crate) fn part(
        &mut self,
        part: P::Part,
        walk: u64,
        prepare: impl FnOnce() -> Option<P::Identity>,
    ) -> &mut Part<P> {
        // A series usually has the same parts in the same order.
        let is_next = self.parts.get(self.next).is_some_and(|next| next.role == part);
        let found = if is_next { Some(self.next) } else { self.parts.iter().position(|other| other.role == part) };
        let at = found.unwrap_or(self.parts.len());
        if found.is_none() {
            self.parts.push(Part { role: part, identity: prepare(), walk, last: None, has_times: false });
        }
        self.next = at + 1;
        let part = &mut self.parts[at];
        part.walk = walk;
        part
    }
}

impl<P: Protocol> Part<P> {
    /// Returns the identity for a sample at this time, or `None` if it is not sent: a rule drops the series, or a sample of
    /// this or of a later time was sent already.
    pub(crate) fn at(&mut self, time: Millis, has_times: bool) -> Option<&mut P::Identity> {
        self.has_times = has_times;
        if self.last.is_some_and(|last| time <= last) {
            return None;
        }
        self.last = Some(time);
        self.identity.as_mut()
    }

    /// Returns the part if it needs a stale marker.
    fn vanish(self, key: &str) -> Option<Vanished<P>> {
        let identity = self.identity.filter(|_| !self.has_times)?;
        Some(Vanished { key: key.into(), part: self.role, identity })
    }
}
