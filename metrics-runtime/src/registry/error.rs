//! The error of a registration.

use crate::schema::{NameError, Source};

/// A metric that cannot be registered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Prometheus does not allow the name, the labels, the unit or the buckets.
    #[error("{source_place}: {problem}")]
    #[non_exhaustive]
    Invalid {
        /// The violated rule.
        problem: NameError,
        /// The place of the declaration.
        source_place: Source,
    },
    /// Two places declare the name with different definitions.
    #[error(
        "metric `{metric}` is declared twice, with different {what}: at {first} and at {second}; \
         make the two agree, or give one of them another name"
    )]
    #[non_exhaustive]
    Conflict {
        /// The name of the metric, without namespace.
        metric: String,
        /// The difference: kind, labels, order of labels, buckets, unit or help.
        what: &'static str,
        /// The place of the first declaration.
        first: Box<Source>,
        /// The place of the second declaration.
        second: Box<Source>,
    },
    /// Another metric writes samples of the same name.
    #[error(
        "metric `{metric}` at {second} writes samples named `{sample}`, and so does `{other}` at {first}; \
         give one of them another name"
    )]
    #[non_exhaustive]
    SampleTaken {
        /// The name of the metric, without namespace.
        metric: String,
        /// The name that both metrics write.
        sample: String,
        /// The name of the other metric, without namespace.
        other: String,
        /// The place of the other metric.
        first: Box<Source>,
        /// The place of this metric.
        second: Box<Source>,
    },
    /// A metric replaces a name that another metric has, or replaces too.
    #[error(
        "metric `{metric}` at {first} replaces the name `{replaced}`, which `{other}` at {second} has; remove the name from \
         `replaces`, or rename `{other}`"
    )]
    #[non_exhaustive]
    Replaced {
        /// The name of the metric that has earlier names, without namespace.
        metric: String,
        /// The earlier name.
        replaced: String,
        /// The other metric, without namespace.
        other: String,
        /// The place of the metric.
        first: Box<Source>,
        /// The place of the other metric.
        second: Box<Source>,
    },
    /// The name is reserved for the toolkit's own metrics.
    #[error(
        "metric `{metric}` at {source_place}: names that start with `metrics_runtime_` are reserved for the toolkit; \
         choose another name, or another namespace"
    )]
    #[non_exhaustive]
    Reserved {
        /// The name of the metric.
        metric: String,
        /// The place of the declaration.
        source_place: Source,
    },
    /// The program bounds the label values of a metric, but has too many of them.
    #[error(
        "metric `{metric}` at {source_place} has {series} series with label values that are known at compile time, and at \
         most {limit} are allowed; use fewer labels, or types with fewer values"
    )]
    #[non_exhaustive]
    TooManySeries {
        /// The name of the metric, without namespace.
        metric: String,
        /// The number of combinations of known label values.
        series: usize,
        /// The largest number that is allowed.
        limit: usize,
        /// The place of the declaration.
        source_place: Source,
    },
    /// The service has another circuit breaker.
    #[error(
        "circuit breaker `{service}` is declared twice, with different {what}: at {first} and at {second}; \
         make the two agree, or give one of them another name"
    )]
    #[non_exhaustive]
    Breaker {
        /// The name of the service.
        service: String,
        /// The difference: settings, or kind of breaker.
        what: &'static str,
        /// The place of the first declaration.
        first: Box<Source>,
        /// The place of the second declaration.
        second: Box<Source>,
    },
    /// Two functions record into the same series and have different objectives.
    #[error(
        "metric `{metric}` has two objectives for the same series: {promised} at {first} and {other} at {second}; \
         make the two agree, or tell the functions apart by the metric's name or by a label with a fixed value"
    )]
    #[non_exhaustive]
    Objectives {
        /// The name of the metric, without namespace.
        metric: String,
        /// The first objective.
        promised: String,
        /// The second objective.
        other: String,
        /// The place of the first objective.
        first: Box<Source>,
        /// The place of the second objective.
        second: Box<Source>,
    },
    /// The `prometheus` crate refused a collector.
    #[error("the collector was refused: {reason}")]
    #[non_exhaustive]
    Collector {
        /// The reason that the `prometheus` crate gave.
        reason: String,
    },
}
