//! Families as collectors of the `prometheus` crate.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use crate::family::{AnyFamily as _, Family, Metric, visit};
use crate::schema::{Descriptor, Naming};
use crate::visit::{FamilyRef, MetricKind, SeriesRef, Value, Visitor};

/// A family can be registered with any [`prometheus::Registry`]. It has no namespace there.
impl<M: Metric> Collector for Family<M> {
    fn desc(&self) -> Vec<&Desc> {
        vec![self.desc_or_init(|| describe(self.descriptor(), &Naming::default()))]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let mut bridge = Bridge::default();
        visit::<dyn Visitor>(self, &Naming::default(), false, &mut bridge);
        bridge.families
    }
}

/// Returns the description of a family that gets no namespace.
pub(crate) fn describe(descriptor: &Descriptor, naming: &Naming) -> Desc {
    let name = descriptor.name.to_string();
    // The `prometheus` crate rejects an empty help text, which both exposition formats allow.
    let help = if descriptor.help.is_empty() { &descriptor.name } else { &descriptor.help }.to_string();
    let labels = descriptor.labels.iter().map(ToString::to_string).collect();
    let constant = naming.constant_beside(&descriptor.labels);
    let constant: HashMap<_, _> = constant.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // `Descriptor::check` is stricter than `Desc::new`. If the two ever disagree, recording still works, with an empty
    // description.
    Desc::new(name, help, labels, constant).unwrap_or_else(|_| Desc {
        fq_name: String::new(),
        help: String::new(),
        const_label_pairs: Vec::new(),
        variable_labels: Vec::new(),
        id: 0,
        dim_hash: 0,
    })
}

/// Converts the families that it visits to the model of the `prometheus` crate. An info becomes a gauge; units, exemplars
/// and native buckets have no place there.
#[derive(Default)]
pub(crate) struct Bridge {
    pub(crate) families: Vec<proto::MetricFamily>,
}

impl Visitor for Bridge {
    fn family(&mut self, family: &FamilyRef<'_>) {
        let mut out = proto::MetricFamily::default();
        out.set_name(family.name.to_owned());
        out.set_help(family.help.to_owned());
        out.set_field_type(match family.kind {
            MetricKind::Counter => proto::MetricType::COUNTER,
            MetricKind::Gauge | MetricKind::Info => proto::MetricType::GAUGE,
            MetricKind::Histogram => proto::MetricType::HISTOGRAM,
            MetricKind::Summary => proto::MetricType::SUMMARY,
            MetricKind::Unknown => proto::MetricType::UNTYPED,
        });
        self.families.push(out);
    }

    fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        let mut metric = proto::Metric::default();
        let mut pairs: Vec<_> = series.labels().map(|(name, value)| pair(name, &value)).collect();
        // The data model requires label pairs in the order of their names.
        pairs.sort_by(|a, b| a.name().cmp(b.name()));
        metric.set_label(pairs);
        match value {
            Value::Counter(number) => {
                let mut counter = proto::Counter::default();
                counter.set_value(number.as_f64());
                metric.set_counter(counter);
            }
            Value::Gauge(number) => metric.set_gauge(gauge(number.as_f64())),
            Value::Info => metric.set_gauge(gauge(1.0)),
            Value::Histogram(read) => {
                let mut histogram = proto::Histogram::default();
                let buckets = read.bounds.iter().zip(read.cumulative).map(|(bound, count)| {
                    let mut bucket = proto::Bucket::default();
                    bucket.set_upper_bound(*bound);
                    bucket.set_cumulative_count(*count);
                    bucket
                });
                histogram.set_bucket(buckets.collect());
                histogram.set_sample_sum(read.sum);
                histogram.set_sample_count(read.count());
                metric.set_histogram(histogram);
            }
            // Only collectors have them. Their families are in a registry of the `prometheus` crate already.
            Value::Summary(_) | Value::Unknown(_) => return,
        }
        if let Some(family) = self.families.last_mut() {
            family.mut_metric().push(metric);
        }
    }

    fn takes_exemplars(&self) -> bool {
        false
    }

    fn takes_native_buckets(&self) -> bool {
        false
    }
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn gauge(value: f64) -> proto::Gauge {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    gauge
}
