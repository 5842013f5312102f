//! The families that the calls of one call site record into, and the index of their series.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::recent;
use super::series::{FoundSeries, Series};
use super::site::{LabelSource, MAX_LABELS, Signal, Site, each_known_series};
use crate::family::{AnyFamily, Family, KNOWN_SERIES_LIMIT, Metric, OVERFLOW, RemovableTable, StoredSeries, removals};
use crate::metric::{Counter, Histogram, InFlight};
use crate::registry::{Registry, RegistryError};
use crate::schema::label::INVALID;
use crate::schema::{OpenLabels, Outcome, Source, each_tuple, shortened};

/// The families of one call site, and the series that its calls have used.
#[derive(Debug)]
pub(super) struct SiteFamilies {
    pub(super) calls: Option<SiteFamily<Counter>>,
    pub(super) duration: Option<SiteFamily<Histogram>>,
    pub(super) observed: Option<SiteFamily<Histogram>>,
    pub(super) added: Option<SiteFamily<Counter>>,
    pub(super) in_flight: Option<SiteFamily<InFlight>>,
    pub(super) overdue: Option<SiteFamily<Counter>>,
    /// The seconds from which on a cancelled call is overdue.
    pub(super) promised: f64,
    pub(super) entry_labels: Vec<&'static str>,
    entry_values: Vec<Vec<&'static str>>,
    pub(super) all_labels: Vec<&'static str>,
    /// The entry labels whose values are not known.
    open_entries: OpenLabels,
    /// The labels whose values are not known, in the order of `all_labels`.
    open_labels: OpenLabels,
    /// Those of them that only the counter of calls has.
    open_to_counter: OpenLabels,
    /// The series by the entry values. Boxed, like the next field, because most call sites have no such labels.
    by_entry: OnceLock<Box<SeriesTable>>,
    /// The series by the entry values, followed by the values of labels evaluated on the result.
    by_all: OnceLock<Box<SeriesTable>>,
    /// The series of calls beyond the capacity of a table.
    full: OnceLock<Box<Series>>,
}

/// The series of a call site by label values. An entry without current series goes when the next one of its values is
/// needed, or when the table has doubled. Until then it takes no room from others.
#[derive(Debug)]
struct SeriesTable {
    table: RemovableTable<Series>,
    /// The number of series that do not count against the limit: the program bounds their values, or they stand for
    /// those beyond the limit.
    known: AtomicUsize,
    /// The number of removals at the last sweep.
    swept_at: AtomicUsize,
    /// The number of entries that the table may have before the next sweep.
    next_sweep: AtomicUsize,
}

/// The number of entries from which on a table is swept.
const FIRST_SWEEP: usize = 64;

impl SeriesTable {
    /// Removes the entries whose series were removed from their families, and those that can be created again without a
    /// loss. Does nothing if no series was removed since the last time.
    fn sweep(&self, names: &[&str]) {
        let now = removals();
        if self.swept_at.swap(now, Ordering::Relaxed) == now {
            return;
        }
        let stale = self.table.iter().filter(|entry| entry.value.is_dispensable());
        let stale: Vec<_> = stale.map(|entry| entry.labels.clone()).collect();
        for labels in stale {
            let values = labels.values();
            let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
            self.table.remove(names, &values, |entry| entry.value.is_dispensable());
        }
        self.next_sweep.store((2 * self.table.len()).max(FIRST_SWEEP), Ordering::Relaxed);
    }

    /// Returns `true` if entries may have lost their series since the last sweep.
    fn may_be_stale(&self) -> bool {
        self.swept_at.load(Ordering::Relaxed) != removals()
    }
}

/// The largest number of combinations of entry values that are found by their ordinals.
const ORDINALS: usize = 2_000;

/// One family of a call site, with the sources of its label values.
#[derive(Debug)]
pub(super) struct SiteFamily<M: 'static> {
    pub(super) family: &'static Family<M>,
    signal: Signal,
    /// One source for each label of the family, in the order of the family.
    sources: Vec<LabelSource>,
}

/// Up to [`MAX_LABELS`] label values and a status, without an allocation.
#[derive(Clone, Copy)]
struct Values<'a> {
    values: [&'a str; MAX_LABELS + 1],
    len: usize,
}

impl<'a> Values<'a> {
    fn collect(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut out = Self { values: [""; MAX_LABELS + 1], len: 0 };
        for (slot, value) in out.values.iter_mut().zip(values) {
            *slot = value;
            out.len += 1;
        }
        out
    }

    fn as_slice(&self) -> &[&'a str] {
        &self.values[..self.len]
    }
}

impl<M: Metric> SiteFamily<M> {
    fn new(site: &Site, signal: Signal, registry: &Registry) -> Option<Self> {
        let instrument = site.instrument(signal).filter(|instrument| instrument.kind == M::KIND)?;
        let family = registry.family_or_detached::<M>(&site.descriptor(signal, &instrument), site.source);
        let sources = site.label_sources(signal, &instrument);
        let labels = &family.descriptor().labels;
        // Another place may have declared the family with its labels in another order.
        let sources = labels.iter().filter_map(|label| sources.iter().find(|(name, _)| name == label));
        let sources = sources.map(|(_, source)| *source).collect();
        // Call sites are static, so the family is needed until the program ends.
        Some(Self { family: Box::leak(Box::new(family)), signal, sources })
    }

    /// Returns the series for the entry values and the values of the result, and `true` if it is an overflow series,
    /// which counts no look-up. `entries` is the number of entry values.
    pub(super) fn find(&self, values: &[Box<str>], entries: usize, outcome: Outcome) -> (StoredSeries<M>, bool) {
        let family: &'static Family<M> = self.family;
        let value = |i: usize| values.get(i).map(AsRef::as_ref);
        let values = Values::collect(self.sources.iter().map(|source| match *source {
            LabelSource::Literal(value) => value,
            LabelSource::Entry(i, _) => value(i).unwrap_or_default(),
            // A call without a result has the outcome as the value.
            LabelSource::Returned(i, _) => value(entries + i).unwrap_or(outcome.as_str()),
            LabelSource::Status => outcome.as_str(),
        }));
        let open = self.sources.iter().enumerate().filter(|(_, source)| source.is_open(outcome));
        let open = open.fold(OpenLabels::NONE, |open, (label, _)| open.with(label));
        family.stored_among(values.as_slice(), open)
    }

    /// Returns `true` if a label of the family has the run-time value with this index, of which the first `entries` are
    /// evaluated before the body.
    fn has(&self, index: usize, entries: usize) -> bool {
        self.sources.iter().any(|source| match *source {
            LabelSource::Entry(i, _) => i == index,
            LabelSource::Returned(i, _) => entries + i == index,
            LabelSource::Literal(_) | LabelSource::Status => false,
        })
    }

    /// Creates the series whose label values are known, at zero. If these are too many, returns their number and creates
    /// none.
    fn declare_known_series(&self) -> Result<(), usize> {
        let known = each_known_series(&self.sources, self.signal, KNOWN_SERIES_LIMIT, &mut |tuple| {
            self.family.known_series(tuple);
        });
        if known > KNOWN_SERIES_LIMIT { Err(known) } else { Ok(()) }
    }

    /// Creates the series whose label values are known, at zero. Too many are a problem of the registry.
    pub(super) fn declare(&self, registry: &Registry, source: Source) {
        if let Err(series) = self.declare_known_series() {
            registry.keep_problem(RegistryError::TooManySeries {
                metric: self.family.descriptor().name.to_string(),
                series,
                limit: KNOWN_SERIES_LIMIT,
                source_place: source,
            });
        }
    }
}

impl SiteFamilies {
    pub(super) fn new(site: &Site, registry: &Registry) -> Self {
        let (entry_labels, returned_labels) = site.run_time_labels();
        let all_labels = [entry_labels.as_slice(), &returned_labels].concat();
        let (open_entries, open_labels) = site.open_labels();
        let duration = SiteFamily::new(site, Signal::Duration, registry);
        if let (Some(duration), Some(_)) = (&duration, site.latency()) {
            duration.family.keep_classic();
        }
        let mut families = Self {
            calls: SiteFamily::new(site, Signal::Calls, registry),
            duration,
            observed: SiteFamily::new(site, Signal::Value, registry),
            added: SiteFamily::new(site, Signal::Value, registry),
            in_flight: SiteFamily::new(site, Signal::InFlight, registry),
            overdue: SiteFamily::new(site, Signal::Overdue, registry),
            promised: site.latency().unwrap_or(f64::INFINITY),
            entry_labels,
            entry_values: site.entry_values(),
            all_labels,
            open_entries,
            open_labels,
            open_to_counter: OpenLabels::NONE,
            by_entry: OnceLock::new(),
            by_all: OnceLock::new(),
            full: OnceLock::new(),
        };
        let of_counter = (0..families.all_labels.len()).filter(|label| !families.is_beside_the_counter(*label));
        families.open_to_counter =
            of_counter.fold(
                OpenLabels::NONE,
                |labels, label| {
                    if open_labels.contains(label) { labels.with(label) } else { labels }
                },
            );
        families
    }

    /// Returns `true` if a metric other than the counter of calls has this label.
    fn is_beside_the_counter(&self, label: usize) -> bool {
        fn has<M: Metric>(family: Option<&SiteFamily<M>>, label: usize, entries: usize) -> bool {
            family.is_some_and(|family| family.has(label, entries))
        }
        let entries = self.entry_labels.len();
        [&self.duration, &self.observed].iter().any(|family| has(family.as_ref(), label, entries))
            || [&self.added, &self.overdue].iter().any(|family| has(family.as_ref(), label, entries))
            || has(self.in_flight.as_ref(), label, entries)
    }

    /// Creates the series of all tuples of entry values (the values of labels evaluated before the body), in the order of
    /// their ordinals. Creates none if a label is unbounded or there are too many combinations.
    pub(super) fn all_bounded(&'static self) -> Box<[Series]> {
        let mut all = Vec::new();
        each_tuple(&self.entry_values, ORDINALS, &mut |tuple| all.push(Series::kept(self, tuple)));
        all.into_boxed_slice()
    }

    /// Returns the series for the entry values.
    pub(super) fn entered(&'static self, values: &[&str]) -> FoundSeries {
        self.find(&self.by_entry, &self.entry_labels, values, self.open_entries)
    }

    /// Returns the series of calls whose entry values could not be determined.
    #[cold]
    pub(super) fn invalid(&'static self) -> FoundSeries {
        self.entered(&vec![INVALID; self.entry_labels.len()])
    }

    /// Returns the series for the entry values and the values of the result.
    pub(super) fn returned(&'static self, entry: &[Box<str>], returned: &[&str]) -> FoundSeries {
        let values = Values::collect(entry.iter().map(AsRef::as_ref).chain(returned.iter().copied()));
        self.find(&self.by_all, &self.all_labels, values.as_slice(), self.open_labels)
    }

    #[inline]
    fn find(
        &'static self,
        by_values: &'static OnceLock<Box<SeriesTable>>,
        names: &[&str],
        values: &[&str],
        open: OpenLabels,
    ) -> FoundSeries {
        if let Some(by_values) = by_values.get() {
            let hash = by_values.table.hash(values);
            if let Some(own) = recent::find(hash, |series| series.is_of(self, values) && series.is_current()) {
                return FoundSeries::own(own);
            }
            if let Some(entry) = by_values.table.find(hash, names, values)
                && entry.value.is_current()
            {
                let own = recent::keep(hash, &entry).map(FoundSeries::own);
                return own.unwrap_or_else(|| FoundSeries::counted(Arc::clone(&entry)));
            }
        }
        self.create(by_values, names, values, open)
    }

    #[cold]
    fn create(
        &'static self,
        by_values: &'static OnceLock<Box<SeriesTable>>,
        names: &[&str],
        values: &[&str],
        open: OpenLabels,
    ) -> FoundSeries {
        let by_values = by_values.get_or_init(|| {
            Box::new(SeriesTable {
                table: RemovableTable::new(Series::kept(self, &[])),
                known: AtomicUsize::new(0),
                swept_at: AtomicUsize::new(removals()),
                next_sweep: AtomicUsize::new(FIRST_SWEEP),
            })
        });
        let SeriesTable { table, known, next_sweep, .. } = &**by_values;
        let has_room = |len: usize| len.saturating_sub(known.load(Ordering::Relaxed)) < self.series_limit();
        if table.len() >= next_sweep.load(Ordering::Relaxed) {
            by_values.sweep(names);
        }
        let admit = |len: usize| {
            // An overflow among the entry values is one among all values.
            let overflows = (0..values.len()).any(|label| open.contains(label) && values[label] == OVERFLOW);
            !open.is_any(values.len()) || !overflows && (has_room(len) || by_values.may_be_stale())
        };
        // Without the lock of the table, so that clients that always send new values do not block others. Values that are
        // too long are in no entry.
        match table.get(names, values) {
            Some(entry) if entry.value.is_current() => return FoundSeries::counted(Arc::clone(&entry)),
            Some(_) => drop(table.remove(names, values, |entry| entry.value.is_outdated())),
            None if !admit(table.len()) && shortened(values).is_none() => {
                return self.overflow(by_values, names, values, open);
            }
            None => {}
        }
        let create = |values: &[&str]| {
            if open.is_any(values.len()) {
                return Series::open(self, values);
            }
            known.fetch_add(1, Ordering::Relaxed);
            Series::kept(self, values)
        };
        match table.get_or_insert(names, values, open, admit, create) {
            Some(entry) => FoundSeries::counted(Arc::clone(&entry)),
            None => self.overflow(by_values, names, values, open),
        }
    }

    /// Returns the series of the calls that have no room. It keeps the values that the program bounds. It also keeps those of
    /// labels that other metrics than the counter have, for as many series again: these metrics may have room.
    #[cold]
    fn overflow(
        &'static self,
        by_values: &'static SeriesTable,
        names: &[&str],
        values: &[&str],
        open: OpenLabels,
    ) -> FoundSeries {
        let SeriesTable { table, known, .. } = by_values;
        let masked = |is_masked: &dyn Fn(usize) -> bool| {
            Values::collect(
                values.iter().enumerate().map(|(label, value)| if is_masked(label) { OVERFLOW } else { value }),
            )
        };
        let all = masked(&|label| open.contains(label));
        let of_counter = masked(&|label| open.contains(label) && self.open_to_counter.contains(label));
        if ![values, all.as_slice()].contains(&of_counter.as_slice()) {
            let has_room = |len: usize| len.saturating_sub(known.load(Ordering::Relaxed)) < 2 * self.series_limit();
            let create = |values: &[&str]| Series::open(self, values);
            if let Some(entry) = table.get_or_insert(names, of_counter.as_slice(), open, has_room, create) {
                return FoundSeries::counted(Arc::clone(&entry));
            }
        }
        let create = |values: &[&str]| {
            known.fetch_add(1, Ordering::Relaxed);
            Series::kept(self, values)
        };
        match table.get_or_insert(names, all.as_slice(), open, |_| true, create) {
            Some(entry) => FoundSeries::counted(Arc::clone(&entry)),
            // A table holds millions of series, more than the program bounds.
            None => {
                FoundSeries::kept(self.full.get_or_init(|| Box::new(Series::kept(self, &vec![OVERFLOW; names.len()]))))
            }
        }
    }

    /// Returns the highest limit among the families.
    fn series_limit(&self) -> usize {
        fn of<M: Metric>(site_family: Option<&SiteFamily<M>>) -> usize {
            site_family.map_or(0, |site_family| site_family.family.series_limit())
        }
        let values = of(self.duration.as_ref()).max(of(self.observed.as_ref())).max(of(self.added.as_ref()));
        of(self.calls.as_ref()).max(of(self.in_flight.as_ref())).max(values)
    }
}
