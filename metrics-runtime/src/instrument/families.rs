//! The families that the calls of one site are recorded in, and where the series that they have met are found.

use std::sync::OnceLock;

use super::series::Series;
use super::site::{MAX_LABELS, Role, Site, Want};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Metric, Table};
use crate::metric::{Counter, Histogram, InFlight};
use crate::registry::Registry;
use crate::schema::label::{each_tuple, tuple_ordinal};
use crate::schema::outcome::Outcome;

/// The families a call site records into, and the series it has met.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) calls: Option<Part<Counter>>,
    pub(super) duration: Option<Part<Histogram>>,
    pub(super) observed: Option<Part<Histogram>>,
    pub(super) added: Option<Part<Counter>>,
    pub(super) in_flight: Option<Part<InFlight>>,
    pub(super) entry_labels: Vec<&'static str>,
    entry_values: Vec<Vec<&'static str>>,
    pub(super) all_labels: Vec<&'static str>,
    /// By the place of a tuple among all tuples of labels that are evaluated before the body; empty where one of them is
    /// not bounded.
    by_place: OnceLock<Box<[Series]>>,
    /// By the values of the labels that are evaluated before the body. Boxed, as the next: most have no such labels.
    by_entry: OnceLock<Box<Table<Series>>>,
    /// By those, and the values of the labels that are evaluated on what the body returned.
    by_all: OnceLock<Box<Table<Series>>>,
    /// Where calls go whose labels found no room.
    overflow: OnceLock<Series>,
}

/// One family of a call site.
#[derive(Debug)]
pub(super) struct Part<M: 'static> {
    pub(super) family: &'static Family<M>,
    /// For each label of the family, in its order.
    wants: Vec<Want>,
}

/// Up to [`MAX_LABELS`] label values (and a status), without an allocation.
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

impl<M: Metric> Part<M> {
    fn new(site: &Site, role: Role, registry: &Registry) -> Option<Self> {
        let instrument = site.instrument(role).filter(|instrument| instrument.kind == M::KIND)?;
        let family = registry.family_or_detached::<M>(&site.descriptor(role, &instrument), site.source);
        let wants = site.wants(role, &instrument);
        let labels = &family.descriptor().labels;
        // The family may have been declared elsewhere, with its labels in another order.
        let wants = labels.iter().filter_map(|label| wants.iter().find(|(name, _)| name == label)).map(|(_, w)| *w);
        let wants = wants.collect();
        // Call sites are static: their families live as long as the program.
        Some(Self { family: Box::leak(Box::new(family)), wants })
    }

    /// The series of these values, if there is room for it.
    pub(super) fn find(&self, values: &[Box<str>], entries: usize, outcome: Outcome) -> Option<&'static M> {
        let family: &'static Family<M> = self.family;
        let value = |i: usize| values.get(i).map(AsRef::as_ref);
        let values = Values::collect(self.wants.iter().map(|want| match *want {
            Want::Literal(value) => value,
            Want::Entry(i, _) => value(i).unwrap_or_default(),
            // Where nothing was returned, the outcome stands for what cannot be known.
            Want::Returned(i, _) => value(entries + i).unwrap_or(outcome.as_str()),
            Want::Status => outcome.as_str(),
        }));
        family.lookup(values.as_slice())
    }

    pub(super) fn declare_known_series(&self) {
        let known: Vec<_> = self.wants.iter().map(|want| want.known()).collect();
        each_tuple(&known, DEFAULT_SERIES_LIMIT, &mut |tuple| {
            self.family.known_series(tuple);
        });
    }
}

impl Families {
    pub(super) fn new(site: &Site, registry: &Registry) -> Self {
        let (entry_labels, returned) = site.run_time_labels();
        let all_labels = [entry_labels.as_slice(), &returned].concat();
        Self {
            calls: Part::new(site, Role::Calls, registry),
            duration: Part::new(site, Role::Duration, registry),
            observed: Part::new(site, Role::Value, registry),
            added: Part::new(site, Role::Value, registry),
            in_flight: Part::new(site, Role::InFlight, registry),
            entry_labels,
            entry_values: site.entry_values(),
            all_labels,
            by_place: OnceLock::new(),
            by_entry: OnceLock::new(),
            by_all: OnceLock::new(),
            overflow: OnceLock::new(),
        }
    }

    /// The series of values that each know where they stand among those of their type.
    pub(super) fn bounded(&'static self, ordinals: &[Option<usize>]) -> Option<&'static Series> {
        let place = tuple_ordinal(self.entry_values.iter().map(Vec::len), ordinals)?;
        self.by_place.get_or_init(|| self.all_bounded()).get(place)
    }

    #[cold]
    fn all_bounded(&'static self) -> Box<[Series]> {
        let mut all = Vec::new();
        each_tuple(&self.entry_values, DEFAULT_SERIES_LIMIT, &mut |tuple| all.push(Series::new(self, Some(tuple))));
        all.into_boxed_slice()
    }

    pub(super) fn entered(&'static self, values: &[&str]) -> &'static Series {
        self.find(&self.by_entry, &self.entry_labels, values)
    }

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
