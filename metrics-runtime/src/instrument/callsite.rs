//! The static call site of an annotated function.

use std::panic::RefUnwindSafe;
use std::sync::OnceLock;

use super::catalog::{registry_of, warn_incomplete};
use super::declaration::{Declaration, Declare};
use super::erased::Erased;
use super::families::SiteFamilies;
use super::guard::Call;
use super::series::{FoundSeries, Series};
use super::site::{LabelSource, Signal, Site};
use super::switch::enabled;
use crate::contained::contained;
use crate::registry::Registry;
use crate::schema::{Objective, Ordinal};
use crate::scope::{self, PerScope};

/// One annotated function: its arguments, and the series that its calls record into.
#[derive(Debug)]
pub struct Callsite {
    site: Site,
    families: OnceLock<Erased<SiteFamilies>>,
    /// The series of a call site that has no labels evaluated before the body.
    unlabelled: OnceLock<Series>,
    /// The series of a call site with such labels, by the ordinal of the tuple of their values; empty if a label is
    /// unbounded or there are too many combinations. Here, so that a call does not look at the families.
    by_ordinal: OnceLock<Box<[Series]>>,
}

impl Callsite {
    /// Creates a call site. Its families are registered when the registry is built.
    #[must_use]
    pub const fn new(site: Site) -> Self {
        Self { site, families: OnceLock::new(), unlabelled: OnceLock::new(), by_ordinal: OnceLock::new() }
    }

    fn families(&'static self) -> &'static SiteFamilies {
        match self.families.get() {
            Some(families) => families.get(),
            None => self.resolve_families(),
        }
    }

    #[cold]
    fn resolve_families(&'static self) -> &'static SiteFamilies {
        // Must come before `get_or_init`, because building the registry resolves every call site of the catalog, including
        // this one.
        let registry = registry_of(self);
        if self.families.get().is_none() {
            warn_incomplete(self.site.source);
        }
        self.families_of(registry)
    }

    fn families_of(&self, registry: &Registry) -> &'static SiteFamilies {
        // A call site is never dropped.
        self.families.get_or_init(|| Erased::new(Box::leak(Box::new(SiteFamilies::new(&self.site, registry))))).get()
    }

    /// Starts a call of a function that has no labels evaluated before the body.
    #[inline]
    pub fn enter(&'static self) -> Call {
        if !enabled() {
            return Call::disabled();
        }
        let this = scope::current(self);
        let series = match this.unlabelled.get() {
            Some(series) => series,
            None => this.resolve_unlabelled(),
        };
        Call::started(series, series.enter())
    }

    #[cold]
    fn resolve_unlabelled(&'static self) -> &'static Series {
        let families = self.families();
        self.unlabelled.get_or_init(|| Series::kept(families, &[]))
    }

    /// Adds the objective that the attribute declares.
    #[must_use]
    pub const fn promising(mut self, objective: Objective) -> Self {
        self.site.objective = Some(objective);
        self
    }

    /// Returns the cached series for the ordinals of the labels that are evaluated before the body, in the order of
    /// their declaration, or `None` if a label has no ordinal or there are too many combinations.
    #[inline]
    pub fn bounded(&'static self, ordinals: &[Option<Ordinal>]) -> Option<FoundSeries> {
        // The rest is optimized out when a label type has no ordinals.
        self.series_of(Ordinal::of_tuple(ordinals)?).map(FoundSeries::kept)
    }

    #[inline(never)]
    fn series_of(&'static self, ordinal: Ordinal) -> Option<&'static Series> {
        let this = scope::current(self);
        ordinal.among(match this.by_ordinal.get() {
            Some(all) => all,
            None => this.resolve_by_ordinal(),
        })
    }

    #[cold]
    fn resolve_by_ordinal(&'static self) -> &'static [Series] {
        let families = self.families();
        self.by_ordinal.get_or_init(|| families.all_bounded())
    }

    /// Returns the series that a closure of generated code finds. If an expression of a label panics, returns the series
    /// whose labels are invalid.
    pub fn contained(&'static self, find: impl FnOnce() -> FoundSeries) -> FoundSeries {
        contained(find).unwrap_or_else(|| scope::current(self).families().invalid())
    }

    /// Returns the series for the values of the labels that are evaluated before the body, in the order of their
    /// declaration.
    pub fn series(&'static self, values: &[&str]) -> FoundSeries {
        scope::current(self).families().entered(values)
    }
}

// As for `Series`.
impl RefUnwindSafe for Callsite {}

impl PerScope for Callsite {
    fn fresh(&self) -> Self {
        Self::new(self.site)
    }
}

impl Declare for Callsite {
    fn declarations(&self) -> Vec<Declaration> {
        let site = &self.site;
        let recorded = Signal::ALL.into_iter().filter_map(|signal| Some((signal, site.instrument(signal)?)));
        recorded
            .map(|(signal, instrument)| {
                let labels = site.label_sources(signal, &instrument);
                let returned = labels.iter().filter(|(_, source)| matches!(source, LabelSource::Returned(..)));
                Declaration {
                    descriptor: site.descriptor(signal, &instrument),
                    source: site.source,
                    result_labels: returned.map(|(name, _)| *name).collect(),
                    values: labels.into_iter().map(|(_, source)| source.possible(signal)).collect(),
                    objective: site.objective.filter(|_| matches!(signal, Signal::Calls | Signal::Duration)),
                }
            })
            .collect()
    }

    fn declare(&'static self, registry: &Registry) {
        let this = scope::current(self);
        let families = this.families_of(registry);
        let source = self.site.source;
        families.calls.iter().for_each(|family| family.declare(registry, source));
        families.duration.iter().for_each(|family| family.declare(registry, source));
        families.observed.iter().for_each(|family| family.declare(registry, source));
        families.added.iter().for_each(|family| family.declare(registry, source));
        families.in_flight.iter().for_each(|family| family.declare(registry, source));
        families.overdue.iter().for_each(|family| family.declare(registry, source));
    }
}
