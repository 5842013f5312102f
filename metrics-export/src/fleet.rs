//! The series that the rules of a fleet record of each metric: one for all instances of a cluster.
//!
//! A recorded series has the labels of the metric of which the program has few values, so a query over instances that
//! groups by such labels is the same query over recorded series.

use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_runtime::description::MetricKind;

use crate::metric::{Metric, Role};
use crate::names::{BREAKER_STATE, recorded_name};

/// The window of recorded rates.
pub(crate) const WINDOW: &str = "5m";

/// The operation in the names of recorded rates.
pub(crate) const RATE: &str = "rate5m";

/// The time between two evaluations of the rules, and of queries over what they record.
pub(crate) const INTERVAL: &str = "1m";

/// The operation in the names of recorded numbers of instances.
pub(crate) const INSTANCES: &str = "instances";

/// The operation in the names of recorded numbers of restarts.
pub(crate) const RESTARTS: &str = "restarts5m";

/// The seconds of [`WINDOW`] and of [`INTERVAL`].
pub(crate) const SECONDS: [f64; 2] = [300.0, 60.0];

/// The names of what is recorded of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fleet {
    /// The label of clusters.
    pub(crate) cluster: String,
    /// The operators that combine the values of instances, by metric.
    operators: Arc<BTreeMap<String, &'static str>>,
}

impl Fleet {
    pub(crate) fn new(cluster: &str, metrics: &[Metric]) -> Self {
        let operators = metrics.iter().filter_map(|metric| Some((metric.name.clone(), operator(metric)?)));
        // The instances that answer.
        let up = ("up".to_owned(), "sum");
        Self { cluster: cluster.to_owned(), operators: Arc::new(operators.chain([up]).collect()) }
    }

    /// Returns the name of a series of each cluster and job, `level:metric:operation`.
    pub(crate) fn name(&self, metric: &str, operation: &str) -> String {
        self.pattern(&metric.replace(':', "_"), operation)
    }

    /// Returns a regular expression for the names of these metrics, which are one as well.
    pub(crate) fn pattern(&self, metrics: &str, operation: &str) -> String {
        format!("{}_job:{metrics}:{operation}", self.cluster)
    }

    /// Returns the name of the recorded number of targets of each agent, which these labels tell apart.
    pub(crate) fn agents(&self, replicas: &[String]) -> String {
        format!("{}_job_{}:up:targets", self.cluster, replicas.join("_"))
    }

    /// Returns the name of the recorded rate of a counter, or of a sample of a histogram or summary.
    pub(crate) fn rate(&self, sample: &str) -> String {
        self.name(&recorded_name(sample), RATE)
    }

    /// Returns the name of the recorded value of a metric, or `None` if only its rate is recorded.
    pub(crate) fn value(&self, metric: &str) -> Option<String> {
        self.operator(metric).map(|operator| self.name(metric, operator))
    }

    /// Returns the operator that combines the values of instances.
    pub(crate) fn operator(&self, metric: &str) -> Option<&'static str> {
        self.operators.get(metric).copied()
    }
}

/// Returns the operator that combines the values of a gauge of several series: their sum, if it has a meaning.
/// Timestamps, ratios, durations and temperatures have none.
pub(crate) fn combining(metric: &Metric) -> &'static str {
    let additive = matches!(metric.unit.as_deref(), None | Some("bytes"));
    if additive && !metric.is_timestamp() { "sum" } else { "max" }
}

fn operator(metric: &Metric) -> Option<&'static str> {
    match metric.kind {
        // The number of instances.
        MetricKind::Info => Some("sum"),
        // The difference of both is the number of calls in flight.
        MetricKind::Counter => {
            let is_grpc = matches!(metric.role, Role::Grpc | Role::GrpcClient);
            let differ = ["_started_total", "_handled_total"].iter().any(|end| metric.base.ends_with(end));
            (is_grpc && differ).then_some("sum")
        }
        MetricKind::Histogram | MetricKind::Summary => None,
        // States are counted by their values.
        _ if metric.base == BREAKER_STATE || metric.is_undetermined() => None,
        // The largest number of an instance, beside the smallest limit.
        _ if metric.base == "process_open_fds" => Some("max"),
        _ if has_word(&metric.base, &["remaining", "free", "available", "max", "limit"]) => Some("min"),
        _ if has_word(&metric.base, &["ratio", "threshold", "percent"]) => Some("max"),
        _ => Some(combining(metric)),
    }
}

/// Returns `true` if one of these is a word of the name.
fn has_word(base: &str, words: &[&str]) -> bool {
    base.split('_').any(|word| words.contains(&word))
}

/// Returns the labels of a recorded metric, beside the cluster: those of which the program has few values. A value that is
/// only known at run time may be different on each instance.
pub(crate) fn labels(metric: &Metric) -> Vec<&str> {
    match metric.role {
        Role::Business | Role::Function if metric.kind != MetricKind::Info => metric.bounded(),
        _ => metric.label_names(),
    }
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use super::*;
    use crate::model::Model;

    #[test]
    fn gauges_are_combined_by_what_they_mean() {
        let registry = Registry::new();
        let gauges = [
            ("jobs_in_flight", "sum"),
            ("cache_bytes", "sum"),
            ("oldest_job_seconds", "max"),
            ("last_run_timestamp_seconds", "max"),
            ("failure_ratio_threshold", "max"),
            ("quota_remaining", "min"),
            ("connections_max", "min"),
        ];
        for (name, _) in gauges {
            registry.gauge(Descriptor::gauge(name, "A gauge.")).unwrap();
        }
        registry.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap();
        let model = Model::new(&Metrics::builder().registry(&registry).build().unwrap());
        let fleet = Fleet::new("cluster", &model.metrics);
        for (name, operator) in gauges {
            assert_eq!(fleet.value(name), Some(format!("cluster_job:{name}:{operator}")));
        }
        assert_eq!((fleet.value("jobs_total"), fleet.rate("jobs_total")), (None, "cluster_job:jobs:rate5m".to_owned()));
    }
}
