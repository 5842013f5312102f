//! Descriptions of the metrics of collectors of the `prometheus` crate.

use std::collections::{BTreeMap, BTreeSet};

use prometheus::core::Desc;
use prometheus::proto::MetricFamily;

use super::prometheus::{kind, sample_names};
use super::{Registry, own_metrics};
use crate::encode::Type;

/// The description of a metric of a collector.
#[derive(Debug)]
pub(crate) struct CollectedMetric {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: Type,
    /// The names of the labels, without those that the kind has itself (`le`, `quantile`).
    pub(crate) labels: Vec<String>,
    /// The finite bounds of a histogram's buckets.
    pub(crate) buckets: Vec<f64>,
    /// The number of label sets that exist now.
    pub(crate) series: usize,
}

impl Registry {
    /// Describes the metrics of all collectors and included registries, which have given these families, with and without
    /// series.
    ///
    /// Leaves out metrics that no page has, because one of their sample names is in `taken` or is reserved for the
    /// toolkit.
    pub(crate) fn collected_metrics(
        &self,
        families: &[MetricFamily],
        empty: &[MetricFamily],
        mut taken: BTreeSet<String>,
    ) -> Vec<CollectedMetric> {
        let mut metrics = BTreeMap::new();
        for family in families {
            let names = sample_names(family);
            if is_reserved(family.name()) || names.iter().any(|name| taken.contains(name)) {
                continue;
            }
            taken.extend(names);
            metrics.insert(family.name().to_owned(), CollectedMetric::of_family(family));
        }
        for description in self.descriptions() {
            match metrics.get_mut(&description.fq_name) {
                Some(metric) => metric.add(&description),
                None if is_reserved(&description.fq_name) || taken.contains(&description.fq_name) => {}
                None => {
                    let family = empty.iter().find(|family| family.name() == description.fq_name);
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
    fn of_family(family: &MetricFamily) -> Self {
        let mut labels = Vec::new();
        let mut buckets = Vec::new();
        for metric in family.get_metric() {
            for pair in metric.get_label() {
                push_new(&mut labels, pair.name().to_owned());
            }
            for bucket in metric.get_histogram().get_bucket() {
                if bucket.upper_bound().is_finite() {
                    push_new(&mut buckets, bucket.upper_bound());
                }
            }
        }
        let series = family.get_metric().len();
        let (name, help) = (family.name().to_owned(), family.help().to_owned());
        Self { name, help, kind: kind_of(family), labels, buckets, series }
    }

    /// Describes a metric that has no series yet. Vectors of the `prometheus` crate collect a family without series,
    /// which tells the kind. Without it, the name identifies a counter, and other kinds are unknown.
    fn of_description(description: &Desc, family: Option<&MetricFamily>) -> Self {
        let named = if description.fq_name.ends_with("_total") { Type::Counter } else { Type::Unknown };
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

fn kind_of(family: &MetricFamily) -> Type {
    match kind(family) {
        // The `prometheus` crate has no infos.
        Type::Gauge if family.name().ends_with("_info") => Type::Info,
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
