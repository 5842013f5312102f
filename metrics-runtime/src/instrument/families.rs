//! The families that the calls of one call site record into, and the index of their series.

use std::sync::OnceLock;

use super::series::Series;
use super::site::{LabelSource, MAX_LABELS, Signal, Site, each_known_series};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Metric, Table};
use crate::metric::{Counter, Histogram, InFlight};
use crate::registry::Registry;
use crate::schema::label::INVALID;
use crate::schema::{Outcome, each_tuple, tuple_ordinal};

/// The families of one call site, and the series that its calls have used.
#[derive(Debug)]
pub(super) struct SiteFamilies {
    pub(super) calls: Option<SiteFamily<Counter>>,
    pub(super) duration: Option<SiteFamily<Histogram>>,
    pub(super) observed: Option<SiteFamily<Histogram>>,
    pub(super) added: Option<SiteFamily<Counter>>,
    pub(super) in_flight: Option<SiteFamily<InFlight>>,
    pub(super) entry_labels: Vec<&'static str>,
    entry_values: Vec<Vec<&'static str>>,
    pub(super) all_labels: Vec<&'static str>,
    /// The series by the ordinal of the tuple of entry values (the values of labels evaluated before the body); empty
    /// if a label is unbounded or there are too many combinations.
    by_ordinal: OnceLock<Box<[Series]>>,
    /// The series by the entry values. Boxed, like the next field, because most call sites have no such labels.
    by_entry: OnceLock<Box<Table<Series>>>,
    /// The series by the entry values, followed by the values of labels evaluated on the result.
    by_all: OnceLock<Box<Table<Series>>>,
    /// The series of calls whose label values do not fit into the tables.
    overflow: OnceLock<Series>,
}

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

    /// Returns the series for the entry values and the values of the result, or `None` if the family has reached its
    /// limit of series. `entries` is the number of entry values.
    pub(super) fn find(&self, values: &[Box<str>], entries: usize, outcome: Outcome) -> Option<&'static M> {
        let family: &'static Family<M> = self.family;
        let value = |i: usize| values.get(i).map(AsRef::as_ref);
        let values = Values::collect(self.sources.iter().map(|source| match *source {
            LabelSource::Literal(value) => value,
            LabelSource::Entry(i, _) => value(i).unwrap_or_default(),
            // A call without a result has the outcome as the value.
            LabelSource::Returned(i, _) => value(entries + i).unwrap_or(outcome.as_str()),
            LabelSource::Status => outcome.as_str(),
        }));
        family.lookup(values.as_slice())
    }

    pub(super) fn declare_known_series(&self) {
        each_known_series(&self.sources, self.signal, DEFAULT_SERIES_LIMIT, &mut |tuple| {
            self.family.known_series(tuple);
        });
    }
}

impl SiteFamilies {
    pub(super) fn new(site: &Site, registry: &Registry) -> Self {
        let (entry_labels, returned_labels) = site.run_time_labels();
        let all_labels = [entry_labels.as_slice(), &returned_labels].concat();
        Self {
            calls: SiteFamily::new(site, Signal::Calls, registry),
            duration: SiteFamily::new(site, Signal::Duration, registry),
            observed: SiteFamily::new(site, Signal::Value, registry),
            added: SiteFamily::new(site, Signal::Value, registry),
            in_flight: SiteFamily::new(site, Signal::InFlight, registry),
            entry_labels,
            entry_values: site.entry_values(),
            all_labels,
            by_ordinal: OnceLock::new(),
            by_entry: OnceLock::new(),
            by_all: OnceLock::new(),
            overflow: OnceLock::new(),
        }
    }

    /// Returns the series for the ordinals of the entry values, or `None` if a label has no ordinal or there are too
    /// many combinations.
    pub(super) fn bounded(&'static self, ordinals: &[Option<usize>]) -> Option<&'static Series> {
        let ordinal = tuple_ordinal(self.entry_values.iter().map(Vec::len), ordinals)?;
        self.by_ordinal.get_or_init(|| self.all_bounded()).get(ordinal)
    }

    #[cold]
    fn all_bounded(&'static self) -> Box<[Series]> {
        let mut all = Vec::new();
        each_tuple(&self.entry_values, DEFAULT_SERIES_LIMIT, &mut |tuple| all.push(Series::new(self, Some(tuple))));
        all.into_boxed_slice()
    }

    /// Returns the series for the entry values.
    pub(super) fn entered(&'static self, values: &[&str]) -> &'static Series {
        self.find(&self.by_entry, &self.entry_labels, values)
    }

    /// Returns the series of calls whose entry values could not be determined.
    #[cold]
    pub(super) fn invalid(&'static self) -> &'static Series {
        self.entered(&vec![INVALID; self.entry_labels.len()])
    }

    /// Returns the series for the entry values and the values of the result.
    pub(super) fn returned(&'static self, entry: &[Box<str>], returned: &[&str]) -> &'static Series {
        let values = Values::collect(entry.iter().map(AsRef::as_ref).chain(returned.iter().copied()));
        self.find(&self.by_all, &self.all_labels, values.as_slice())
    }

    fn find(
        &'static self,
        table: &'static OnceLock<Box<Table<Series>>>,
        names: &[&str],
        values: &[&str],
    ) -> &'static Series {
        let table = table.get_or_init(|| Box::new(Table::new()));
        let admit = |len: usize| len < Registry::global().series_limit();
        let entry = table.get_or_insert(names, values, admit, || Series::new(self, Some(values)));
        entry.map_or_else(|| self.overflow.get_or_init(|| Series::new(self, None)), |entry| &entry.value)
    }
}
