//! The removal of series, and the operations of calls that still hold a removed one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::removable::{Removable, RemovableTable};
use super::series::Place;
use super::{Family, Info, LabelCountError, Metric, OwnedSeries, Sample, Series, is_overflow, lock};
use crate::metric::sync::atomic::{AtomicUsize, Ordering};
use crate::metric::sync::global;
use crate::schema::{LabelText, OpenLabels, shortened};

/// The removed series that somebody still holds, each with its sample at the last look.
pub(super) type Leaving<M> = Vec<(Arc<Removable<M>>, Sample)>;

/// The series that functions hold and that were removed, by their number, each with its sample at that time.
pub(super) type Hidden = BTreeMap<usize, Sample>;

global! {
    /// The number of removed series of all families.
    static REMOVALS: AtomicUsize = AtomicUsize::new(0);
}

/// Returns a number that changes after each removal, so that whoever stores series can look again only then.
#[inline]
pub(crate) fn removals() -> usize {
    REMOVALS.load(Ordering::Acquire)
}

/// The state of stored series: the number of removals when none of them was removed, or another number.
#[derive(Debug)]
pub(crate) struct Checked(AtomicUsize);

impl Checked {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(removals()))
    }

    /// Returns `true` if none of the series was removed. Calls `is_outdated` after a removal of any series, and after
    /// [`demand`](Self::demand).
    #[inline]
    pub(crate) fn is_current(&self, is_outdated: impl FnOnce() -> bool) -> bool {
        self.0.load(Ordering::Relaxed) == removals() || self.check(is_outdated)
    }

    #[cold]
    fn check(&self, is_outdated: impl FnOnce() -> bool) -> bool {
        // Read first: a removal after it is seen at the next check. So is a series that is stored after the swap, which
        // then replaces the mark.
        let now = removals();
        self.0.swap(!now, Ordering::AcqRel);
        let is_current = !is_outdated();
        if is_current {
            let _ = self.0.compare_exchange(!now, now, Ordering::Relaxed, Ordering::Relaxed);
        }
        is_current
    }

    /// Demands a check, because a series that was stored just now may have been removed since it was looked up.
    pub(crate) fn demand(&self) {
        self.0.swap(usize::MAX, Ordering::AcqRel);
    }
}

impl<M: Metric> Family<M> {
    /// Removes the series of these label values from the page. Returns `false` if there is none.
    ///
    /// See [removal](Family#removal) for handles of the series, and for the effect on `rate`.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs by tenant.").labels(["tenant"]))?;
    /// jobs.get_or_create(&["acme"])?.inc();
    /// assert!(jobs.remove(&["acme"]));
    /// assert!(!jobs.remove(&["acme"]));
    /// assert!(!registry.render().contains("acme"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most callers need only the removal")]
    pub fn remove(&self, values: &[&str]) -> bool {
        if values.len() != self.inner.descriptor.labels.len() {
            return false;
        }
        match self.unlink(values, |_| true) {
            Some(removed) => {
                self.leave(removed);
                true
            }
            None => self.hide_if(values, |_| true),
        }
    }

    /// Removes all series whose label values `keep` declines, as [`remove`](Self::remove) does. The values are in the
    /// order of the declared labels.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let labels = ["tenant", "queue"];
    /// let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(labels))?;
    /// for (tenant, queue) in [("acme", "mails"), ("acme", "pages"), ("other", "mails")] {
    ///     jobs.get_or_create(&[tenant, queue])?.inc();
    /// }
    /// jobs.retain(|values| values[0] != "acme");
    /// assert_eq!(registry.render().matches("\njobs_total{").count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn retain(&self, mut keep: impl FnMut(&[&str]) -> bool) {
        let mut declines = |labels: &LabelText| {
            let values = labels.values();
            let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
            (!keep(&values)).then(|| values.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        // No lock is held while `keep` runs, and no series while one is removed, so that it is released at once.
        let loose = self.inner.loose.get().into_iter().flat_map(|table| table.iter());
        let removed: Vec<_> = loose.filter_map(|entry| declines(&entry.labels)).collect();
        for values in removed {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            if let Some(removed) = self.unlink(&values, |_| true) {
                self.leave(removed);
            }
        }
        for (number, entry) in self.inner.table.iter().enumerate() {
            if declines(&entry.labels).is_some() {
                self.hide(number);
            }
        }
    }

    /// Removes all series, as [`remove`](Self::remove) does, except overflow series.
    pub fn clear(&self) {
        self.retain(|_| false);
    }

    /// Returns the series of these label values, and removes it when this and all other owners are dropped. Creates it
    /// if it is new, as [`get_or_create`](Self::get_or_create) does.
    ///
    /// # Errors
    /// Returns an error if the number of values differs from the number of labels.
    pub fn owned(&self, values: &[&str]) -> Result<OwnedSeries<M>, LabelCountError> {
        self.check_count(values)?;
        Ok(match shortened(values) {
            Some(short) => OwnedSeries::new(self, &short.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
            None => OwnedSeries::new(self, values),
        })
    }

    /// Returns the series, which can be removed unless functions hold it, or `None` if it is new and the limit is
    /// reached. The caller gives one value for each label.
    #[inline]
    pub(super) fn loose_place(&self, values: &[&str], open: OpenLabels) -> Option<Place<'_, M>> {
        self.loose_entry(values).or_else(|| self.create_place(values, open))
    }

    #[inline]
    pub(super) fn loose_entry(&self, values: &[&str]) -> Option<Place<'_, M>> {
        Some(Place::Loose(self.inner.loose.get()?.get(&self.inner.descriptor.labels, values)?))
    }

    fn held_entry(&self, values: &[&str]) -> Option<Place<'_, M>> {
        Some(Place::Held(&*self.inner.table.get(&self.inner.descriptor.labels, values)?.value))
    }

    #[inline(never)]
    fn create_place(&self, values: &[&str], open: OpenLabels) -> Option<Place<'_, M>> {
        if let Some(short) = shortened(values) {
            return self.loose_place(&short.iter().map(AsRef::as_ref).collect::<Vec<_>>(), open);
        }
        if let Some(held) = self.held_entry(values) {
            return Some(held);
        }
        let admits = || values.is_empty() || !is_overflow(values, open) && self.has_room();
        // Without the lock, so that clients that always send new values do not block others. The series may be one of
        // those that were counted.
        if !admits() {
            return self.loose_entry(values).or_else(|| self.held_entry(values));
        }
        let inner = &*self.inner;
        let _creating = lock(&inner.creating);
        // A function may have started to hold the series.
        if let Some(held) = self.held_entry(values) {
            return Some(held);
        }
        let loose = inner.loose.get_or_init(|| Box::new(RemovableTable::new(M::new(&inner.bounds))));
        let create = |_: &[&str]| M::new(&inner.bounds);
        loose.get_or_insert(&inner.descriptor.labels, values, open, |_| admits(), create).map(Place::Loose)
    }

    /// Returns `true` if the limit allows a further series.
    pub(super) fn has_room(&self) -> bool {
        let inner = &*self.inner;
        let held = inner.table.len().saturating_sub(inner.known.load(Ordering::Relaxed));
        held + inner.loose.get().map_or(0, |loose| loose.len()) < inner.limit.get()
    }

    /// Takes a series out of the table.
    pub(super) fn unlink(&self, values: &[&str], is_it: impl Fn(&Removable<M>) -> bool) -> Option<Arc<Removable<M>>> {
        let removed = self.inner.loose.get()?.remove(&self.inner.descriptor.labels, values, is_it);
        REMOVALS.fetch_add(usize::from(removed.is_some()), Ordering::Release);
        removed
    }

    /// Releases a removed series, or watches it for as long as somebody holds it.
    pub(super) fn leave(&self, mut removed: Arc<Removable<M>>) {
        // If nobody else has it, nobody records into it.
        if Arc::get_mut(&mut removed).is_some() {
            self.inner.exemplars.forget(&removed.value);
        } else {
            let sample = removed.value.sample();
            self.watch(removed, sample);
        }
    }

    /// Keeps what is recorded into a removed series after this sample.
    fn watch(&self, removed: Arc<Removable<M>>, sample: Sample) {
        if !M::CARRIES {
            return;
        }
        let mut leaving = lock(&self.inner.leaving);
        leaving.push((removed, sample));
        // Rarely enough that watching takes constant time for each removal.
        let is_many = leaving.len() >= 64 && leaving.len().is_power_of_two();
        drop(leaving);
        if is_many {
            self.settle();
        }
    }

    /// Adds what was recorded into removed series since the last look to the series of the same labels.
    pub(super) fn settle(&self) {
        let leaving = std::mem::take(&mut *lock(&self.inner.leaving));
        let carry = |series: &Removable<M>, before: &Sample| {
            let now = series.value.sample();
            if now != *before {
                self.series_like(series).absorb(before, &now);
            }
            now
        };
        for (mut series, before) in leaving {
            let is_last = Arc::get_mut(&mut series).is_some();
            let now = carry(&series, &before);
            if is_last {
                self.inner.exemplars.forget(&series.value);
            } else {
                lock(&self.inner.leaving).push((series, now));
            }
        }
    }

    /// Returns the series with the labels of a removed one. Creates it if it is new.
    fn series_like(&self, removed: &Removable<M>) -> Series<'_, M> {
        let values = removed.labels.values();
        let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
        self.series_among(&values, removed.open)
    }

    /// Returns the series that replaces a stored one, or `None` if that one was not removed.
    #[cfg(feature = "facade")]
    pub(crate) fn replacement(&self, stored: &super::StoredSeries<M>) -> Option<Series<'_, M>> {
        match stored {
            super::StoredSeries::Loose(entry) if entry.is_removed() => Some(self.series_like(entry)),
            _ => None,
        }
    }

    /// Returns the series of these values, or the overflow series.
    #[inline]
    pub(super) fn any_series(&self, values: &[&str]) -> Series<'_, M> {
        let place = self.loose_place(values, OpenLabels::ALL);
        Series { place: place.unwrap_or_else(|| Place::Held(self.overflow_among(values, OpenLabels::ALL))) }
    }

    /// Returns the series of these values if it is on the page.
    pub(super) fn existing(&self, values: &[&str]) -> Option<Series<'_, M>> {
        if let Some(short) = shortened(values) {
            return self.existing(&short.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        }
        let (inner, names) = (&*self.inner, &self.inner.descriptor.labels);
        // No series moves meanwhile.
        let _creating = lock(&inner.creating);
        if let Some(entry) = inner.loose.get().and_then(|loose| loose.get(names, values)) {
            return Some(Series { place: Place::Loose(entry) });
        }
        let entry = match inner.table.number(names, values) {
            Some(number) if self.hidden().contains(&number) => return None,
            Some(number) => &*inner.table.numbered(number)?.value,
            None => &inner.overflow.get()?.get(names, values)?.value,
        };
        Some(Series::held(entry))
    }

    /// Hides a series that functions hold, if `is_it` accepts it. Returns `false` if there is none.
    pub(super) fn hide_if(&self, values: &[&str], is_it: impl Fn(&M) -> bool) -> bool {
        let number = self.inner.table.number(&self.inner.descriptor.labels, values);
        let series = |number| self.inner.table.numbered(number).filter(|entry| is_it(&entry.value));
        number.filter(|number| series(*number).is_some()).is_some_and(|number| self.hide(number))
    }

    /// Hides a series that functions hold until it changes. Returns `false` if it is hidden already.
    fn hide(&self, number: usize) -> bool {
        let Some(entry) = self.inner.table.numbered(number) else { return false };
        let sample = entry.value.sample();
        let mut hidden = lock(&self.inner.hidden);
        let was_hidden = hidden.get(&number) == Some(&sample);
        hidden.insert(number, sample);
        !was_hidden
    }

    /// Returns the numbers of the series that are hidden, and shows the others again.
    pub(super) fn hidden(&self) -> BTreeSet<usize> {
        let mut hidden = lock(&self.inner.hidden);
        let is_same = |number: usize, before: &Sample| {
            self.inner.table.numbered(number).is_some_and(|entry| entry.value.sample() == *before)
        };
        hidden.retain(|number, before| is_same(*number, before));
        hidden.keys().copied().collect()
    }
}

impl Family<Info> {
    /// Sets the facts: this series replaces all others of the family, for the next page at once.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let leader = registry.info(Descriptor::info("leader_info", "The leader.").labels(["node"]))?;
    /// leader.set(&["a"])?;
    /// leader.set(&["b"])?;
    /// assert!(registry.render().contains("leader_info{node=\"b\"} 1\n"));
    /// assert!(!registry.render().contains("node=\"a\""));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the number of values differs from the number of labels.
    pub fn set(&self, values: &[&str]) -> Result<(), LabelCountError> {
        self.check_count(values)?;
        self.replace_all(values);
        Ok(())
    }

    /// Sets the facts. The caller gives one value for each label.
    pub(crate) fn replace_all(&self, values: &[&str]) {
        let short = shortened(values);
        let short: Option<Vec<_>> = short.as_ref().map(|short| short.iter().map(AsRef::as_ref).collect());
        let values = short.as_deref().unwrap_or(values);
        // A page holds the lock too.
        let _setting = lock(&self.inner.owners);
        self.retain(|other| other == values);
        drop(self.any_series(values));
        if let Some(number) = self.inner.table.number(&self.inner.descriptor.labels, values) {
            lock(&self.inner.hidden).remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exemplars::Exemplar;
    use crate::family::samples;
    use crate::metric::{Counter, Gauge, InFlight};
    use crate::schema::{Descriptor, Source};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    use std::time::SystemTime;

    fn family<M: Metric>(descriptor: Descriptor) -> Family<M> {
        Family::new(descriptor.labels(["queue"]), Source::caller(), Arc::new(AtomicUsize::new(1_000)))
    }

    fn counters() -> Family<Counter> {
        family(Descriptor::counter("x_total", "x"))
    }

    fn value_of<M: Metric>(family: &Family<M>, queue: &str) -> Option<f64> {
        let text = format!("queue=\"{queue}\"");
        let found: Vec<_> = samples(family).into_iter().filter(|(labels, _)| *labels == text).collect();
        assert!(found.len() <= 1, "{queue} is visited {} times", found.len());
        found.first().map(|(_, value)| *value)
    }

    #[test]
    fn nothing_is_lost_when_functions_start_to_hold_a_series() {
        const OPERATIONS: u64 = 20_000;
        let family = counters();
        for queue in (0..20).map(|round| round.to_string()) {
            let handle = family.get_or_create(&[&queue]).unwrap();
            let started = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    started.wait();
                    (0..OPERATIONS).for_each(|_| handle.inc());
                });
                started.wait();
                family.known_series(&[&queue]).inc();
                assert!(value_of(&family, &queue).unwrap() >= 1.0);
            });
            drop(handle);
            assert_eq!(value_of(&family, &queue), Some((OPERATIONS + 1) as f64));
        }
    }

    #[test]
    fn handles_stay_valid_when_functions_start_to_hold_the_series() {
        let depth = family::<Gauge>(Descriptor::gauge("depth", "x"));
        let (handle, owned) = (depth.get_or_create(&["a"]).unwrap(), depth.owned(&["b"]).unwrap());
        handle.set(1.0);
        owned.set(2.0);
        depth.known_series(&["a"]).add(1.0);
        depth.known_series(&["b"]).add(1.0);
        handle.add(5.0);
        owned.add(5.0);
        assert_eq!((value_of(&depth, "a"), value_of(&depth, "b")), (Some(7.0), Some(8.0)));
        drop(owned);
        assert_eq!((value_of(&depth, "a"), value_of(&depth, "b")), (Some(7.0), None));

        let calls = family::<InFlight>(Descriptor::gauge("calls", "x"));
        let handle = calls.get_or_create(&["a"]).unwrap();
        handle.enter();
        calls.known_series(&["a"]).enter();
        handle.exit();
        assert_eq!(value_of(&calls, "a"), Some(1.0));
    }

    #[test]
    fn a_series_that_functions_hold_is_hidden_when_its_last_owner_is_dropped() {
        let depth = family::<Gauge>(Descriptor::gauge("depth", "x"));
        depth.known_series(&["a"]).set(3.0);
        let (first, second) = (depth.owned(&["a"]).unwrap(), depth.owned(&["a"]).unwrap());
        drop(first);
        assert_eq!(value_of(&depth, "a"), Some(3.0));
        drop(second);
        assert_eq!(value_of(&depth, "a"), None);
        let third = depth.owned(&["a"]).unwrap();
        third.set(3.0);
        assert_eq!(value_of(&depth, "a"), Some(3.0));
    }

    #[test]
    fn each_look_has_every_series_while_functions_start_to_hold_them() {
        let family = counters();
        let queues: Vec<String> = (0..200).map(|queue| queue.to_string()).collect();
        for queue in &queues {
            family.get_or_create(&[queue]).unwrap().inc();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for queue in &queues {
                    family.known_series(&[queue]);
                    std::thread::yield_now();
                }
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                assert_eq!(samples(&family).len(), queues.len());
            }
        });
    }

    #[test]
    fn series_come_and_go_while_others_are_looked_at_and_none_is_seen_twice() {
        let family = counters();
        let queues: Vec<String> = (0..100).map(|queue| queue.to_string()).collect();
        for queue in &queues {
            family.get_or_create(&[queue]).unwrap().inc();
        }
        let mut seen = BTreeSet::new();
        family.each_series(|labels, _, _| {
            let own = labels.as_str().trim_start_matches("queue=\"").trim_end_matches('"');
            assert!(seen.insert(own.to_owned()), "{own} is seen twice");
            // Takes the places of removed ones, before this one and after it.
            for queue in ["5", "95", own] {
                assert!(family.remove(&[queue]));
                family.get_or_create(&[&format!("{queue} again")]).unwrap();
                family.get_or_create(&[queue]).unwrap();
                family.known_series(&[&format!("{queue} held")]);
            }
        });
        let expected: BTreeSet<_> =
            queues.iter().filter(|queue| !["5", "95"].contains(&queue.as_str())).cloned().collect();
        assert_eq!(seen, expected, "all but two that were removed before");
        for queue in &queues {
            assert!(value_of(&family, queue).is_some(), "{queue} was created again");
        }
    }

    #[test]
    fn a_look_has_no_series_twice_and_all_that_stay_while_threads_create_remove_and_hold_others() {
        let family = counters();
        for queue in 0..20 {
            family.get_or_create(&[&format!("stays {queue}")]).unwrap();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (family, done) = (&family, &done);
                scope.spawn(move || {
                    for round in 0..3_000 {
                        let queue = (7 * round + thread) % 40;
                        family.get_or_create(&[&queue.to_string()]).unwrap().inc();
                        drop(family.owned(&[&((11 * round) % 40).to_string()]));
                        if round % 3 == 0 {
                            family.remove(&[&queue.to_string()]);
                        }
                        if round % 50 == 0 {
                            let held = format!("held {thread} {round}");
                            family.get_or_create(&[&held]).unwrap().inc();
                            family.known_series(&[&held]).inc();
                        }
                    }
                    done.store(true, Ordering::Relaxed);
                });
            }
            while !done.load(Ordering::Relaxed) {
                let mut seen = BTreeSet::new();
                family.each_series(|labels, _, _| {
                    assert!(seen.insert(labels.as_str().to_owned()), "{labels:?} is seen twice");
                });
                assert_eq!(seen.iter().filter(|labels| labels.contains("stays")).count(), 20);
            }
        });
        assert_eq!(value_of(&family, "held 0 0"), Some(2.0));
    }

    #[test]
    fn a_new_series_has_no_exemplar_of_a_removed_one() {
        let family = counters();
        let exemplar = (Exemplar::trace(1, 2), SystemTime::UNIX_EPOCH);
        for round in 0..1_000 {
            let queue = round.to_string();
            let series = family.get_or_create(&[&queue]).unwrap();
            let has_exemplar = |series: &Counter| {
                let exemplars = family.inner.exemplars.read();
                exemplars.is_some_and(|exemplars| !exemplars.of(series).is_empty())
            };
            assert!(!has_exemplar(&series));
            family.exemplify(&series, 1.0, &exemplar);
            assert!(has_exemplar(&series));
            assert!(family.remove(&[&queue]));
            if round % 2 == 0 {
                // Recorded by a call that still holds the series.
                family.exemplify(&series, 1.0, &exemplar);
            }
            drop(series);
            family.settle();
        }
        assert!(family.inner.exemplars.read().is_none());
    }
}
