//! The metrics of a `#[metrics]` module.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::catalog::{Declaration, Declare, each_tuple};
use crate::descriptor::{Descriptor, Kind, Source};
use crate::family::{AnyFamily, DEFAULT_SERIES_LIMIT, Family, Metric};
use crate::name::{self, Check};
use crate::registry::Registry;

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
struct Declared<M> {
    family: Family<M>,
    /// For each label of the family, the parameter it comes from; empty where the order is the same.
    order: Vec<usize>,
}

impl<M: Metric> DeclaredMetric<M> {
    /// A metric that was not used yet.
    #[must_use]
    pub const fn new(site: MetricSite) -> Self {
        Self { site, family: OnceLock::new() }
    }

    /// The series of these values, in the order of the parameters.
    #[inline]
    pub fn series(&'static self, values: &[&str]) -> &'static M {
        let declared = self.family.get().unwrap_or_else(|| {
            // First of all, since building the registry resolves every metric in the catalog, this one too.
            let registry = Registry::global();
            self.family.get_or_init(|| self.resolve(registry))
        });
        if declared.order.is_empty() {
            return declared.family.series(values);
        }
        let values: Vec<_> = declared.order.iter().filter_map(|&i| values.get(i).copied()).collect();
        declared.family.series(&values)
    }

    fn resolve(&self, registry: &Registry) -> Declared<M> {
        let descriptor = self.descriptor();
        let family = registry.family_or_detached::<M>(&descriptor, self.site.source);
        let theirs = &family.descriptor().labels;
        let order = if *theirs == descriptor.labels {
            Vec::new()
        } else {
            theirs.iter().filter_map(|label| descriptor.labels.iter().position(|own| own == label)).collect()
        };
        Declared { family, order }
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
        let Declared { family, order } = self.family.get_or_init(|| self.resolve(registry));
        // An info without labels would say nothing, and one with labels says what only its caller knows.
        if self.site.kind == Kind::Info {
            return;
        }
        each_tuple(&self.known(), DEFAULT_SERIES_LIMIT, &mut |tuple| {
            let arranged: Vec<_> = order.iter().filter_map(|&i| tuple.get(i).copied()).collect();
            family.known_series(if order.is_empty() { tuple } else { &arranged });
        });
    }
}
