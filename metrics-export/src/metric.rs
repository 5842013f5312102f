//! Metrics as the documents need them.

use std::fmt;

use metrics_runtime::Declaration;
use metrics_runtime::description::{LabelDescription, LabelSets, MetricKind, Origin};

use crate::histograms::Histogram;

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    /// The name on the page.
    pub(crate) name: String,
    /// The name without the namespace of the service.
    pub(crate) base: String,
    /// The names that it had before, on the page.
    pub(crate) replaces: Vec<String>,
    pub(crate) kind: MetricKind,
    pub(crate) unit: Option<String>,
    pub(crate) help: String,
    /// The names of the labels that are evaluated on the result of calls.
    pub(crate) result_labels: Vec<&'static str>,
    /// The labels, sorted by name.
    pub(crate) labels: Vec<LabelDescription>,
    /// The bounds of a histogram's buckets, without `+Inf`.
    pub(crate) buckets: Vec<f64>,
    /// `true` for a histogram with native buckets.
    pub(crate) native: bool,
    /// The places, each as `file:line (function)`, sorted.
    pub(crate) places: Vec<String>,
    /// The declarations by attributes and modules.
    pub(crate) declarations: Vec<Declaration>,
    pub(crate) role: Role,
    /// `true` if it counts calls by outcome.
    pub(crate) outcomes: bool,
    pub(crate) origin: Origin,
    /// `false` for a metric of a collector that has no series yet.
    pub(crate) exists: bool,
    /// The label sets that it can have.
    pub(crate) label_sets: LabelSets,
    /// The largest number of label sets with values that are only known at run time.
    pub(crate) limit: usize,
}

/// The role of a metric, which selects its row of the dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Http,
    /// A metric of the gRPC calls that the service answers.
    Grpc,
    Function,
    /// A metric of requests that the service sends.
    Upstream,
    /// A metric of the gRPC calls that the service makes.
    GrpcClient,
    Breaker,
    Business,
    Process,
    /// A metric of the toolkit itself.
    Own,
}

/// The largest number of series, or of label sets, that a metric can have on one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorstCase {
    /// The number of combinations of known label values.
    Exactly(usize),
    /// Label values are only known at run time: the known series, the limit of the family, and its overflow series.
    Limited(usize),
    /// This many series for each combination of values of these labels. The program alone decides how many combinations
    /// exist, for example by the names of its circuit breakers.
    Each(usize, Vec<String>),
    /// A collector of the `prometheus` crate decides.
    Unknown,
}

impl Role {
    /// All roles with the titles of their rows, in the order of the dashboard.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Http, "HTTP"),
        (Self::Grpc, "gRPC"),
        (Self::Function, "Functions"),
        (Self::Upstream, "Upstreams"),
        (Self::GrpcClient, "gRPC clients"),
        (Self::Breaker, "Circuit breakers"),
        (Self::Business, "Business"),
        (Self::Process, "Process and runtime"),
        (Self::Own, "The metrics themselves"),
    ];
}

impl WorstCase {
    /// Returns the number of series of these label sets, each of which has `series`.
    pub(crate) fn times(self, series: usize) -> Self {
        match self {
            Self::Exactly(sets) => Self::Exactly(sets.saturating_mul(series)),
            Self::Limited(sets) => Self::Limited(sets.saturating_mul(series)),
            Self::Each(sets, labels) => Self::Each(sets.saturating_mul(series), labels),
            Self::Unknown => Self::Unknown,
        }
    }

    /// Returns the number, followed by `unit`.
    pub(crate) fn counted(&self, unit: &str) -> String {
        match self {
            Self::Exactly(series) => format!("{series}{unit}"),
            Self::Limited(series) => format!("up to {series}{unit}"),
            Self::Each(series, labels) => format!("{series}{unit} for each `{}`", labels.join("`, `")),
            Self::Unknown => "not known".to_owned(),
        }
    }
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counted(""))
    }
}

impl Metric {
    /// Returns the histogram in queries. A collector does not tell its buckets before it has a series.
    pub(crate) fn histogram(&self) -> Histogram {
        let has_classic = !self.native || !self.buckets.is_empty();
        Histogram { name: self.name.clone(), has_classic, has_native: self.native }
    }

    /// Returns `true` if the kind is only known when the metric has a series.
    pub(crate) fn is_undetermined(&self) -> bool {
        self.kind == MetricKind::Unknown && !self.exists
    }

    /// Returns `true` for a gauge of a moment, which is shown as the time since.
    pub(crate) fn is_timestamp(&self) -> bool {
        self.base.ends_with("_timestamp_seconds") || self.base.ends_with("start_time_seconds")
    }

    pub(crate) fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|other| other.name == label)
    }

    /// Returns the ends of the names of its samples.
    pub(crate) fn samples(&self) -> &'static [&'static str] {
        match (self.kind, self.native) {
            (MetricKind::Histogram, false) => &["_bucket", "_sum", "_count"],
            // Native buckets are a sample without a suffix.
            (MetricKind::Histogram, true) => &["", "_bucket", "_sum", "_count"],
            _ => &[""],
        }
    }

    /// Returns the first of these labels that the metric has.
    pub(crate) fn first_of(&self, labels: &[&str]) -> Option<&str> {
        self.label_names().into_iter().find(|name| labels.contains(name))
    }

    /// Returns the labels whose values are known. Rules, and panels that show every series, group by these only.
    pub(crate) fn bounded(&self) -> Vec<&str> {
        self.labels.iter().filter(|label| label.values.is_some()).map(|label| label.name.as_str()).collect()
    }

    pub(crate) fn label_names(&self) -> Vec<&str> {
        self.labels.iter().map(|label| label.name.as_str()).collect()
    }
}
