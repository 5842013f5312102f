//! The series that are sent, with the labels that were prepared when each was first seen.

use std::collections::HashMap;

use metrics_runtime::visit::NativeBuckets;

use crate::request::{Labels, Millis, STALE, Value};

/// All series of the last walk, by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: HashMap<Box<str>, Entry, foldhash::fast::RandomState>,
    walk: u64,
}

/// A series of a family, with its series of samples.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    parts: Vec<Part>,
    /// The place of the part after the last one that was looked up.
    next: usize,
}

/// A series of samples.
#[derive(Debug)]
pub(crate) struct Part {
    role: Role,
    /// `None` if a rule drops it.
    labels: Option<Labels>,
    /// The last walk that had it.
    walk: u64,
    /// The time of its last sample.
    last: Option<Millis>,
    /// `true` if a collector sets the times of its samples. Such a series is not marked as stale, as in Prometheus.
    has_times: bool,
}

/// The part of a series that a series of samples has: a bucket or quantile by the bits of its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Value,
    Native,
    Bucket(u64),
    Quantile(u64),
    Sum,
    Count,
}

impl Table {
    /// Starts a walk.
    pub(crate) fn start(&mut self) {
        self.walk += 1;
    }

    /// Calls `write` with the series of this key, and with the number of this walk.
    pub(crate) fn visit(&mut self, key: &str, write: impl FnOnce(&mut Entry, u64)) {
        // The key is only copied for a new series.
        let entry = match self.entries.get_mut(key) {
            Some(entry) => entry,
            None => self.entries.entry(key.into()).or_default(),
        };
        entry.next = 0;
        write(entry, self.walk);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Ends a walk: removes the series that it did not have. Calls `vanished` for those that need a stale marker.
    pub(crate) fn end(&mut self, mut vanished: impl FnMut(&Labels, Value<'_>)) {
        let walk = self.walk;
        self.entries.retain(|_, entry| {
            entry.parts.retain(|part| {
                if part.walk != walk {
                    part.mark(&mut vanished);
                }
                part.walk == walk
            });
            !entry.parts.is_empty()
        });
    }

    /// Removes all series. Calls `vanished` for those that need a stale marker.
    pub(crate) fn clear(&mut self, mut vanished: impl FnMut(&Labels, Value<'_>)) {
        for part in self.entries.drain().flat_map(|(_, entry)| entry.parts) {
            part.mark(&mut vanished);
        }
    }
}

impl Entry {
    /// Returns the part of this role, with `prepare` for a new one.
    pub(crate) fn part(&mut self, role: Role, walk: u64, prepare: impl FnOnce() -> Option<Labels>) -> &mut Part {
        // A series usually has the same parts in the same order.
        let is_next = self.parts.get(self.next).is_some_and(|part| part.role == role);
        let found = if is_next { Some(self.next) } else { self.parts.iter().position(|part| part.role == role) };
        let at = found.unwrap_or(self.parts.len());
        if found.is_none() {
            self.parts.push(Part { role, labels: prepare(), walk, last: None, has_times: false });
        }
        self.next = at + 1;
        let part = &mut self.parts[at];
        part.walk = walk;
        part
    }
}

impl Part {
    /// Returns the labels for a sample at this time, or `None` if it is not sent: a rule drops the series, or a sample of
    /// this or of a later time was sent already.
    pub(crate) fn at(&mut self, time: Millis, has_times: bool) -> Option<&Labels> {
        self.has_times = has_times;
        if self.last.is_some_and(|last| time <= last) {
            return None;
        }
        self.last = Some(time);
        self.labels.as_ref()
    }

    fn mark(&self, vanished: &mut impl FnMut(&Labels, Value<'_>)) {
        let empty = NativeBuckets::default();
        let value = match self.role {
            Role::Native => Value::Native { count: 0, sum: STALE, buckets: &empty },
            _ => Value::Number(STALE),
        };
        if let (Some(labels), false) = (&self.labels, self.has_times) {
            vanished(labels, value);
        }
    }
}
