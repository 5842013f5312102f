//! The metrics of a `#[metrics]` module.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Metric};
use crate::instrument::catalog::{Declaration, Declare};
use crate::registry::Registry;
use crate::schema::label::{each_tuple, tuple_ordinal};
use crate::schema::name::{self, Check};
use crate::schema::{Descriptor, Kind, Source};

/// What one function of a `#[metrics]` module declares.
#[derive(Clone, Copy, Debug)]
pub struct MetricSite {
    /// The name, with the prefix of the module.
    pub name: &'static str,
    /// The doc comment.
    pub help: &'static str,
    /// What the function returns.
    pub kind: Kind,
    /// `#[unit(..)]`.
    pub unit: Option<&'static str>,
    /// `#[buckets(..)]`.
    pub buckets: &'static [f64],
    /// The parameters, each with the values known at compile time.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// The place.
    pub source: Source,
}

/// What the compiler checks, each at the word that it is about.
#[expect(clippy::result_large_err, reason = "as in `name`")]
impl MetricSite {
    /// The bounds of its buckets.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        self.buckets
    }

    /// The name, behind the prefix of the module; what is wrong with the prefix is said where it stands.
    ///
    /// # Errors
    /// Prometheus does not allow it for this kind.
    pub const fn check_name(&self, prefix: &str) -> Check {
        match name::check_prefix(prefix) {
            Err(_) if !prefix.is_empty() => Ok(()),
            _ => name::check_metric(self.name, self.kind),
        }
    }

    /// `#[unit(..)]`.
    ///
    /// # Errors
    /// The name does not end in it, or it is no word.
    pub const fn check_unit(&self) -> Check {
        match self.unit {
            Some(unit) => name::check_unit(self.name, unit),
            None => Ok(()),
        }
    }

    /// One of the labels.
    ///
    /// # Errors
    /// Prometheus does not allow its name.
    pub const fn check_label(&self, i: usize) -> Check {
        name::check_label(self.labels[i].0)
    }
}

/// One function of a `#[metrics]` module: what it declares, and the family once it was asked for.
#[derive(Debug)]
pub struct DeclaredMetric<M: Metric> {
    site: MetricSite,
    family: OnceLock<Declared<M>>,
}

#[derive(Debug)]
struct Declared<M: 'static> {
    family: &'static Family<M>,
    /// For each label of the family, the parameter it comes from; empty where the order is the same.
    order: Vec<usize>,
    /// The series of all tuples of bounded values; empty where one of the labels is not bounded. Nothing stands for the
    /// tuple that is the overflow, where every operation counts.
    bounded: Box<[Option<&'static M>]>,
}

impl<M: Metric> Declared<M> {
    /// The series of values that are in the order of the parameters, where the family has another.
    #[cold]
    fn rearranged(&self, values: &[&str]) -> &'static M {
        let values: Vec<_> = self.order.iter().filter_map(|&i| values.get(i).copied()).collect();
        self.family.series(&values)
    }
}

impl<M: Metric> DeclaredMetric<M> {
    /// A metric that was not used yet.
    #[must_use]
    pub const fn new(site: MetricSite) -> Self {
        Self { site, family: OnceLock::new() }
    }

    /// The series of values of which each knows where it stands among those of its type, in the order of the parameters.
    /// Nothing where one does not, or where there are too many to have them all.
    #[inline]
    pub fn bounded(&'static self, ordinals: &[Option<usize>]) -> Option<&'static M> {
        // Of its types the compiler knows as much: nothing is left of this where one is a string.
        if ordinals.contains(&None) {
            return None;
        }
        let counts = self.site.labels.iter().map(|(_, known)| known.len());
        let place = tuple_ordinal(counts, ordinals)?;
        *self.declared().bounded.get(place)?
    }

    /// The series of these values, in the order of the parameters.
    #[inline]
    pub fn series(&'static self, values: &[&str]) -> &'static M {
        let declared = self.declared();
        if declared.order.is_empty() { declared.family.series(values) } else { declared.rearranged(values) }
    }

    #[inline]
    fn declared(&'static self) -> &'static Declared<M> {
        self.family.get().unwrap_or_else(|| {
            // First of all, since building the registry resolves every metric in the catalog, this one too.
            let registry = Registry::global();
            self.resolved(registry)
        })
    }

    fn resolved(&self, registry: &Registry) -> &Declared<M> {
        self.family.get_or_init(|| self.resolve(registry))
    }

    #[cold]
    fn resolve(&self, registry: &Registry) -> Declared<M> {
        let descriptor = self.descriptor();
        let family = registry.family_or_detached::<M>(&descriptor, self.site.source);
        // A metric is static: its family lives as long as the program.
        let family: &'static Family<M> = Box::leak(Box::new(family));
        let theirs = &family.descriptor().labels;
        let order = if *theirs == descriptor.labels {
            Vec::new()
        } else {
            theirs.iter().filter_map(|label| descriptor.labels.iter().position(|own| own == label)).collect()
        };
        let mut bounded = Vec::new();
        // An info without labels would say nothing, and one with labels says what only its caller knows.
        if self.site.kind != Kind::Info {
            each_tuple(&self.known(), DEFAULT_SERIES_LIMIT, &mut |tuple| {
                let arranged: Vec<_> = order.iter().filter_map(|&i| tuple.get(i).copied()).collect();
                bounded.push(family.known_series(if order.is_empty() { tuple } else { &arranged }));
            });
        }
        // As for a call site: of a function without labels there is one series only, which may have its memory from the start.
        if let ([], [Some(series)]) = (self.site.labels, &*bounded) {
            series.spread();
        }
        Declared { family, order, bounded: bounded.into_boxed_slice() }
    }

    fn descriptor(&self) -> Descriptor {
        let site = &self.site;
        Descriptor {
            name: Cow::Borrowed(site.name),
            help: Cow::Borrowed(site.help),
            kind: site.kind,
            unit: site.unit.map(Cow::Borrowed),
            labels: site.labels.iter().map(|(name, _)| Cow::Borrowed(*name)).collect(),
            buckets: Cow::Borrowed(site.buckets),
        }
    }

    fn known(&self) -> Vec<Vec<&'static str>> {
        self.site.labels.iter().map(|(_, known)| known.to_vec()).collect()
    }
}

impl<M: Metric> Declare for DeclaredMetric<M> {
    fn declarations(&self) -> Vec<Declaration> {
        let Self { site, .. } = self;
        vec![Declaration { descriptor: self.descriptor(), source: site.source, values: self.known(), objective: None }]
    }

    fn declare(&'static self, registry: &Registry) {
        self.resolved(registry);
    }
}
