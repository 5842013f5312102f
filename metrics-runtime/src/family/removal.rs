//! The removal of series, and the operations of calls that still hold a removed one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::removable::{Removable, RemovableTable};
use super::series::Place;
use super::{Family, Info, LabelCountError, Metric, OVERFLOW, OwnedSeries, Sample, Series, lock};
use crate::schema::{LabelText, OpenLabels, shortened};

/// The removed series that somebody still holds, each with its sample at the last look.
pub(super) type Leaving<M> = Vec<(Arc<Removable<M>>, Sample)>;

/// The series that functions hold and that were removed, by their number, each with its sample at that time.
pub(super) type Hidden = BTreeMap<usize, Sample>;

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
        let names = &self.inner.descriptor.labels;
        // No lock is held while `keep` runs, and no series either, so that a removed one is released at once.
        let loose = self.inner.loose.get().into_iter().flat_map(|table| table.iter());
        let loose: Vec<_> = loose.map(|entry| entry.labels.clone()).collect();
        let mut declines = |labels: &LabelText| {
            let values = labels.values(names);
            let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
            (!keep(&values)).then(|| values.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        for values in loose.iter().filter_map(&mut declines) {
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

    /// Returns the place of the series, or `None` if it is new and the limit is reached. The caller gives one value for
    /// each label.
    #[inline]
    pub(super) fn get_or_create_place(&self, values: &[&str]) -> Option<Place<'_, M>> {
        match self.inner.table.get(&self.inner.descriptor.labels, values) {
            Some(entry) => Some(Place::Held(&*entry.value)),
            None => self.get_or_create_loose(values),
        }
    }

    fn get_or_create_loose(&self, values: &[&str]) -> Option<Place<'_, M>> {
        let inner = &*self.inner;
        let names = &inner.descriptor.labels;
        if let Some(short) = shortened(values) {
            return self.get_or_create_place(&short.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        }
        let loose = inner.loose.get_or_init(|| Box::new(RemovableTable::new(M::new(&inner.bounds))));
        if let Some(entry) = loose.get(names, values) {
            return Some(Place::Loose(entry));
        }
        let _creating = lock(&inner.creating);
        // A function may have started to hold the series.
        if let Some(entry) = inner.table.get(names, values) {
            return Some(Place::Held(&*entry.value));
        }
        let admit = |_| values.is_empty() || values.iter().any(|value| *value != OVERFLOW) && self.has_room();
        loose.get_or_insert(names, values, admit, || M::new(&inner.bounds)).map(Place::Loose)
    }

    /// Returns `true` if the limit allows a further series.
    pub(super) fn has_room(&self) -> bool {
        let inner = &*self.inner;
        let held = inner.table.len().saturating_sub(inner.known.load(Ordering::Relaxed));
        held + inner.loose.get().map_or(0, |loose| loose.len()) < inner.limit.get()
    }

    /// Takes a series out of the table.
    pub(super) fn unlink(&self, values: &[&str], is_it: impl Fn(&Removable<M>) -> bool) -> Option<Arc<Removable<M>>> {
        self.inner.loose.get()?.remove(&self.inner.descriptor.labels, values, is_it)
    }

    /// Releases a removed series, or watches it for as long as somebody holds it.
    pub(super) fn leave(&self, removed: Arc<Removable<M>>) {
        // If nobody else has it, nobody records into it.
        if let Err(removed) = Arc::try_unwrap(removed) {
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
                let values = series.labels.values(&self.inner.descriptor.labels);
                let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
                self.any_series(&values).absorb(before, &now);
            }
            now
        };
        for (series, before) in leaving {
            match Arc::try_unwrap(series) {
                Ok(series) => drop(carry(&series, &before)),
                Err(series) => {
                    let now = carry(&series, &before);
                    lock(&self.inner.leaving).push((series, now));
                }
            }
        }
    }

    /// Returns the series of these values, or the overflow series.
    #[inline]
    pub(super) fn any_series(&self, values: &[&str]) -> Series<'_, M> {
        let place = self.get_or_create_place(values);
        Series { place: place.unwrap_or_else(|| Place::Held(self.overflow_among(values, OpenLabels::ALL))) }
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
