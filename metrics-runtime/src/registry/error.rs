//! Why a metric cannot be registered.

use crate::schema::Source;
use crate::schema::name::NameError;

/// Why a metric cannot be registered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Prometheus does not allow its name, labels, unit or buckets.
    #[error("{source_place}: {problem}")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong.
        problem: NameError,
        /// Where it is declared.
        source_place: Source,
    },
    /// The name is declared at two places, and the definitions differ.
    #[error(
        "metric `{metric}` is declared twice, with different {what}: at {first} and at {second}; \
         make the two agree, or give one of them another name"
    )]
    #[non_exhaustive]
    Conflict {
        /// The metric, without namespace.
        metric: String,
        /// What differs: kind, labels, buckets, unit or help.
        what: &'static str,
        /// Where it was declared first.
        first: Box<Source>,
        /// Where it is declared again.
        second: Box<Source>,
    },
    /// Another metric writes a sample of this name.
    #[error(
        "metric `{metric}` at {second} would write samples of the name `{sample}`, and so does `{other}` at {first}; \
         give one of them another name"
    )]
    #[non_exhaustive]
    SampleTaken {
        /// The metric, without namespace.
        metric: String,
        /// The name both would write.
        sample: String,
        /// The metric that has it.
        other: String,
        /// Where that one is declared.
        first: Box<Source>,
        /// Where this one is declared.
        second: Box<Source>,
    },
    /// A name of the toolkit's own metrics.
    #[error("metric `{metric}` at {source_place}: names that start with `metrics_runtime_` are the toolkit's own")]
    #[non_exhaustive]
    Reserved {
        /// The metric.
        metric: String,
        /// Where it is declared.
        source_place: Source,
    },
    /// A service has a circuit breaker already, and it is another one.
    #[error(
        "circuit breaker `{service}` is declared twice, with different {what}: at {first} and at {second}; \
         make the two agree, or give one of them another name"
    )]
    #[non_exhaustive]
    Breaker {
        /// The service.
        service: String,
        /// What differs: settings, or kind of breaker.
        what: &'static str,
        /// Where it was declared first.
        first: Box<Source>,
        /// Where it is declared again.
        second: Box<Source>,
    },
    /// Two functions that record into the same series promise different things of them.
    #[error(
        "metric `{metric}` has two objectives for the same series: {promised} at {first} and {other} at {second}; \
         make the two agree, or tell the functions apart by the metric's name or by a label with a fixed value"
    )]
    #[non_exhaustive]
    Objectives {
        /// The metric, without namespace.
        metric: String,
        /// What was promised first.
        promised: String,
        /// What is promised again.
        other: String,
        /// Where it was promised first.
        first: Box<Source>,
        /// Where it is promised again.
        second: Box<Source>,
    },
    /// The `prometheus` crate refused a collector.
    #[error("the collector was refused: {reason}")]
    #[non_exhaustive]
    Collector {
        /// What it said.
        reason: String,
    },
}
