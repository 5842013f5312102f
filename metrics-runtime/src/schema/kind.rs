//! The kind of a metric.

use std::fmt;

/// The kind of a metric, as the exposition formats define it.
///
/// See [metric types](https://prometheus.io/docs/concepts/metric_types/) of Prometheus and
/// [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/#metric-types), which adds the info.
///
/// ```
/// use metrics_runtime::Kind;
///
/// assert_eq!(Kind::Histogram.to_string(), "histogram");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A value that only goes up. The name ends in `_total`.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Observations, counted in buckets, with their sum.
    Histogram,
    /// Facts, as the labels of a constant 1. The name ends in `_info`.
    Info,
}

impl Kind {
    /// Returns the name of the kind in OpenMetrics: `counter`, `gauge`, `histogram` or `info`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        MetricKind::of(self).as_str()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of a metric on a page. Collectors of the `prometheus` crate have more kinds than [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A counter.
    Counter,
    /// A gauge.
    Gauge,
    /// A histogram.
    Histogram,
    /// An info: labels of a constant 1.
    Info,
    /// A summary.
    Summary,
    /// A metric without a type, or with a type that is not known yet.
    Unknown,
}

impl MetricKind {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter,
            Kind::Gauge => Self::Gauge,
            Kind::Histogram => Self::Histogram,
            Kind::Info => Self::Info,
        }
    }

    /// Returns the name of the kind in OpenMetrics, such as `counter`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Kind> for MetricKind {
    fn from(kind: Kind) -> Self {
        Self::of(kind)
    }
}
