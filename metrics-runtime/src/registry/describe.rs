//! Descriptions of the metrics of collectors of the `prometheus` crate.

use std::collections::BTreeMap;

use prometheus::core::Desc;
use prometheus::proto::MetricFamily;

use super::prometheus::{Collected, kind};
use super::walk::Walk;
use super::{Registry, own_metrics};
use crate::schema::MetricKind;
use crate::visit::{FamilyRef, SeriesRef, Value, Visitor};

/// The description of a metric of a collector.
#[derive(Debug)]
pub(crate) struct CollectedMetric {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: MetricKind,
    /// The names of the labels, without those that the kind has itself (`le`, `quantile`).
    pub(crate) labels: Vec<String>,
    /// The finite bounds of a histogram's buckets.
    pub(crate) buckets: Vec<f64>,
    /// The number of label sets that exist now.
    pub(crate) series: usize,
}

impl Registry {
    /// Describes the metrics of all collectors and included registries that this walk visits, and the registered and
    /// declared ones that have no series yet. Leaves out metrics that no page has, because their names are taken or reserved for the toolkit.
    pub(crate) fn collected_metrics(&self, walk: &Walk<'_>) -> Vec<CollectedMetric> {
        let collected = walk.collected.iter();
        let mut metrics: BTreeMap<_, _> =
            collected.map(|collected| (collected.family.name().to_owned(), CollectedMetric::of(collected))).collect();
        let taken = walk.taken();
        let declared = self.declared();
        for description in self.descriptions() {
            match metrics.get_mut(&description.fq_name) {
                Some(metric) => metric.add(&description),
                None if is_reserved(&description.fq_name) || taken.contains(&description.fq_name) => {}
                None => {
                    let mut families = walk.empty.iter().chain(&declared);
                    let family = families.find(|family| family.name() == description.fq_name);
                    let metric = CollectedMetric::of_description(&description, family);
                    metrics.insert(description.fq_name.clone(), metric);
                }
            }
        }
        metrics.into_values().collect()
    }
}

fn is_reserved(name: &str) -> bool {
    name.starts_with(own_metrics::PREFIX)
}

impl CollectedMetric {
    fn of(collected: &Collected) -> Self {
        let mut metric = Self {
            name: collected.family.name().to_owned(),
            help: collected.family.help().to_owned(),
            kind: kind_of(&collected.family),
            labels: Vec::new(),
            buckets: Vec::new(),
            series: 0,
        };
        collected.visit::<dyn Visitor>(&mut metric);
        metric
    }

    /// Describes a metric that has no series yet. Vectors of the `prometheus` crate collect a family without series,
    /// which tells the kind. Without it, the name identifies a counter, and other kinds are unknown.
    fn of_description(description: &Desc, family: Option<&MetricFamily>) -> Self {
        let named = if description.fq_name.ends_with("_total") { MetricKind::Counter } else { MetricKind::Unknown };
        Self {
            name: description.fq_name.clone(),
            help: description.help.clone(),
            kind: family.map_or(named, kind_of),
            labels: labels(description),
            buckets: Vec::new(),
            series: 0,
        }
    }

    /// Adds the help text and the labels of a description. The labels keep the order of the definition.
    fn add(&mut self, description: &Desc) {
        self.help.clone_from(&description.help);
        let collected = std::mem::replace(&mut self.labels, labels(description));
        for label in collected {
            push_new(&mut self.labels, label);
        }
    }
}

/// Adds the labels and bounds of the series.
impl Visitor for CollectedMetric {
    fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        self.series += 1;
        for (name, _) in series.labels() {
            push_new(&mut self.labels, name.to_owned());
        }
        if let Value::Histogram(histogram) = value {
            for bound in histogram.bounds {
                push_new(&mut self.buckets, *bound);
            }
        }
    }
}

fn kind_of(family: &MetricFamily) -> MetricKind {
    match kind(family) {
        // The `prometheus` crate has no infos.
        MetricKind::Gauge if family.name().ends_with("_info") => MetricKind::Info,
        kind => kind,
    }
}

fn labels(description: &Desc) -> Vec<String> {
    let constant = description.const_label_pairs.iter().map(|pair| pair.name().to_owned());
    constant.chain(description.variable_labels.iter().cloned()).collect()
}

fn push_new<T: PartialEq>(items: &mut Vec<T>, item: T) {
    if !items.contains(&item) {
        items.push(item);
    }
}
