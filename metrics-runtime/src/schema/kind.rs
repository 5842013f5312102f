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
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
