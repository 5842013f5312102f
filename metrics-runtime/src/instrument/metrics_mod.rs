//! The metrics of `#[metrics]` modules.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use super::catalog::{registry_of, warn_incomplete};
use super::declaration::{Declaration, Declare};
use super::durations;
use super::preset::SECONDS;
use super::switch::enabled;
use crate::family::{AnyFamily, Family, KNOWN_SERIES_LIMIT, Metric, Series};
use crate::metric::Bounds;
use crate::registry::{Registry, RegistryError};
use crate::schema::{Check, Descriptor, Kind, OpenLabels, Ordinal, Source, each_tuple, name};
use crate::scope::{self, PerScope};

/// The metric that one function of a `#[metrics]` module declares.
#[derive(Clone, Copy, Debug)]
pub struct MetricSite {
    /// The name, including the prefix of the module.
    pub name: &'static str,
    /// `true` if the name is that of `#[legacy_name(..)]`.
    pub legacy_name: bool,
    /// The names of `#[replaces(..)]`.
    pub replaces: &'static [&'static str],
    /// The help text: the doc comment of the function.
    pub help: &'static str,
    /// The kind, from the return type of the function.
    pub kind: Kind,
    /// The unit, from `#[unit(..)]`.
    pub unit: Option<&'static str>,
    /// The bucket bounds, from `#[buckets(..)]`. Empty without it.
    pub buckets: &'static [f64],
    /// `true` if `#[buckets(..)]` has `native`.
    pub native: bool,
    /// The argument `limit` of the module.
    pub limit: Option<usize>,
    /// The labels, from the parameters, each with its values known at compile time.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// The place of the function.
    pub source: Source,
}

/// The checks of the compiler. Generated code evaluates each at the span of the argument that it checks.
#[expect(clippy::result_large_err, reason = "see `name`")]
impl MetricSite {
    /// Returns the bucket bounds.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        self.buckets
    }

    /// Checks the name. An invalid prefix is reported at the prefix, not here.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name for this kind.
    pub const fn check_name(&self, prefix: &str) -> Check {
        match name::check_prefix(prefix) {
            _ if self.legacy_name => name::check_legacy(self.name),
            Err(_) if !prefix.is_empty() => Ok(()),
            _ => name::check_metric(self.name, self.kind),
        }
    }

    /// Checks the earlier name with the index `i`.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name, or if it is the present one or given twice.
    pub const fn check_replaced(&self, i: usize) -> Check {
        name::check_replaced(self.replaces[i], Some(self.name), self.replaces.split_at(i).0)
    }

    /// Checks the unit.
    ///
    /// # Errors
    /// Returns an error if the unit is not allowed, if the name does not end in it, or if the metric is an info.
    pub const fn check_unit(&self) -> Check {
        match self.unit {
            Some(unit) => name::check_unit(self.name, self.kind, unit),
            None => Ok(()),
        }
    }

    /// Checks the label with the index `i`.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name of the label, or if one of its values is reserved.
    pub const fn check_label(&self, i: usize) -> Check {
        let (label, known) = self.labels[i];
        match name::check_label(label) {
            Ok(()) => name::check_values(label, known),
            problem => problem,
        }
    }
}

impl MetricSite {
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: Cow::Borrowed(self.name),
            help: Cow::Borrowed(self.help),
            kind: self.kind,
            unit: self.unit.map(Cow::Borrowed),
            labels: self.labels.iter().map(|(name, _)| Cow::Borrowed(*name)).collect(),
            buckets: match (self.kind, self.buckets) {
                (Kind::Histogram, []) if !self.native => Cow::Borrowed(durations::or_default(SECONDS, self.unit)),
                (_, buckets) => Cow::Borrowed(buckets),
            },
            native: self.native,
            series_limit: self.limit,
            legacy_name: self.legacy_name,
            replaces: self.replaces.iter().copied().map(Cow::Borrowed).collect(),
        }
    }

    pub(super) fn declaration(&self) -> Declaration {
        Declaration {
            descriptor: self.descriptor(),
            source: self.source,
            values: self.known(),
            result_labels: Vec::new(),
            objective: None,
        }
    }

    fn known(&self) -> Vec<Vec<&'static str>> {
        self.labels.iter().map(|(_, known)| known.to_vec()).collect()
    }
}

/// One function of a `#[metrics]` module: the metric that it declares, and the family once it is registered.
#[derive(Debug)]
pub struct DeclaredMetric<M: Metric> {
    site: MetricSite,
    resolved: OnceLock<Resolved<M>>,
    /// The series that takes all operations while metrics are switched off. It is on no page.
    switched_off: OnceLock<M>,
}

/// The registered family of a declared metric.
#[derive(Debug)]
struct Resolved<M: 'static> {
    family: &'static Family<M>,
    /// The index of the parameter of each label of the family; empty if labels and parameters have the same order.
    order: Vec<usize>,
    /// The series of all tuples of bounded values, by their ordinal; empty if a label is unbounded or there are too
    /// many combinations.
    bounded: Box<[&'static M]>,
    /// The labels of the family whose values are not known.
    open: OpenLabels,
}

impl<M: Metric> Resolved<M> {
    /// Returns the series for values in the order of the parameters, if the family has another order.
    #[cold]
    fn reordered(&self, values: &[&str]) -> Series<'static, M> {
        let values: Vec<_> = self.order.iter().filter_map(|&i| values.get(i).copied()).collect();
        self.family.series_among(&values, self.open)
    }
}

impl<M: Metric> DeclaredMetric<M> {
    /// Creates a metric. Its family is registered when the registry is built.
    #[must_use]
    pub const fn new(site: MetricSite) -> Self {
        Self { site, resolved: OnceLock::new(), switched_off: OnceLock::new() }
    }

    /// Returns the series of a metric without labels.
    #[inline]
    pub fn only(&'static self) -> &'static M {
        if !enabled() {
            return self.switched_off();
        }
        let resolved = self.resolved();
        // An info has no series at the start.
        resolved.bounded.first().copied().unwrap_or_else(|| resolved.family.known_series(&[]))
    }

    /// Returns the cached series for these label ordinals, in the order of the parameters, or `None` if a label has no
    /// ordinal or there are too many combinations.
    #[inline]
    pub fn bounded(&'static self, ordinals: &[Option<Ordinal>]) -> Option<Series<'static, M>> {
        // The rest is optimized out when a label type has no ordinals.
        let ordinal = Ordinal::of_tuple(ordinals)?;
        if !enabled() {
            return None;
        }
        ordinal.among(&self.resolved().bounded).map(|series| Series::held(*series))
    }

    /// Returns the series for these label values, in the order of the parameters.
    #[inline]
    pub fn series(&'static self, values: &[&str]) -> Series<'static, M> {
        if !enabled() {
            return Series::held(self.switched_off());
        }
        let resolved = self.resolved();
        if resolved.order.is_empty() {
            resolved.family.series_among(values, resolved.open)
        } else {
            resolved.reordered(values)
        }
    }

    #[cold]
    fn switched_off(&'static self) -> &'static M {
        scope::current(self).switched_off.get_or_init(|| M::new(&Arc::new(Bounds::of(&self.site.descriptor()))))
    }

    #[inline]
    fn resolved(&'static self) -> &'static Resolved<M> {
        let this = scope::current(self);
        this.resolved.get().unwrap_or_else(|| this.resolve_globally())
    }

    #[cold]
    fn resolve_globally(&'static self) -> &'static Resolved<M> {
        // Must come before `get_or_init`, because building the registry resolves every metric of the catalog, including
        // this one.
        let registry = registry_of(self);
        if self.resolved.get().is_none() {
            warn_incomplete(self.site.source);
        }
        self.resolved_in(registry)
    }

    fn resolved_in(&self, registry: &Registry) -> &Resolved<M> {
        self.resolved.get_or_init(|| self.resolve(registry))
    }

    #[cold]
    fn resolve(&self, registry: &Registry) -> Resolved<M> {
        let descriptor = self.site.descriptor();
        let family = registry.family_or_detached::<M>(&descriptor, self.site.source);
        // Declared metrics are static, so the family is needed until the program ends.
        let family: &'static Family<M> = Box::leak(Box::new(family));
        let labels = &family.descriptor().labels;
        let order = if *labels == descriptor.labels {
            Vec::new()
        } else {
            labels.iter().filter_map(|label| descriptor.labels.iter().position(|own| own == label)).collect()
        };
        let mut bounded = Vec::new();
        // An info has no series at the start: without labels it has no facts, and with labels only the caller knows the
        // facts.
        if self.site.kind != Kind::Info {
            let series = each_tuple(&self.site.known(), KNOWN_SERIES_LIMIT, &mut |tuple| {
                let reordered: Vec<_> = order.iter().filter_map(|&i| tuple.get(i).copied()).collect();
                bounded.push(family.known_series(if order.is_empty() { tuple } else { &reordered }));
            });
            if series > KNOWN_SERIES_LIMIT {
                registry.keep_problem(RegistryError::TooManySeries {
                    metric: self.site.name.to_owned(),
                    series,
                    limit: KNOWN_SERIES_LIMIT,
                    source_place: self.site.source,
                });
            }
        }
        // A function without labels has a single series, so the memory of its shards is bounded and allocated at once.
        if let ([], [series]) = (self.site.labels, &*bounded) {
            series.spread();
        }
        let is_open =
            |label: &Cow<'_, str>| self.site.labels.iter().any(|(name, known)| name == label && known.is_empty());
        let open = labels.iter().enumerate().filter(|(_, label)| is_open(label));
        let open = open.fold(OpenLabels::NONE, |open, (label, _)| open.with(label));
        Resolved { family, order, bounded: bounded.into_boxed_slice(), open }
    }
}

impl<M: Metric> PerScope for DeclaredMetric<M> {
    fn fresh(&self) -> Self {
        Self::new(self.site)
    }
}

impl<M: Metric> Declare for DeclaredMetric<M> {
    fn declarations(&self) -> Vec<Declaration> {
        vec![self.site.declaration()]
    }

    fn declare(&'static self, registry: &Registry) {
        scope::current(self).resolved_in(registry);
    }
}
