//! The answers of collectors for one page.

#[cfg(feature = "axum")]
use std::time::{Duration, Instant};

#[cfg(feature = "prometheus")]
use prometheus::proto::MetricFamily;

/// The time to wait for collectors.
#[cfg(feature = "axum")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct CollectorTimeouts {
    /// The time at which the page is written, with the answers so far.
    #[cfg_attr(not(feature = "prometheus"), expect(dead_code, reason = "there are no collectors to wait for"))]
    pub(crate) deadline: Instant,
    /// The duration after which a call is overdue. The page does not wait for a call that is already overdue.
    #[cfg_attr(not(feature = "prometheus"), expect(dead_code, reason = "there are no collectors to wait for"))]
    pub(crate) overdue: Duration,
}

/// The families of collectors, and the reasons why some are missing.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The families of collectors sorted by name, then those of included registries.
    #[cfg(feature = "prometheus")]
    pub(crate) families: Vec<MetricFamily>,
    pub(crate) problems: Vec<Problem>,
}

/// The reason why a collector or one of its families is missing.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) cause: Cause,
    /// The text for the log. It never repeats the message of a panic.
    pub(crate) what: String,
}

/// The cause of missing families on a page: the label of `metrics_runtime_scrape_errors_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Duplicate,
    #[cfg(feature = "prometheus")]
    Invalid,
    Panic,
    #[cfg(all(feature = "axum", feature = "prometheus"))]
    Timeout,
}

impl Cause {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            #[cfg(feature = "prometheus")]
            Self::Invalid => "invalid",
            Self::Panic => "panic",
            #[cfg(all(feature = "axum", feature = "prometheus"))]
            Self::Timeout => "timeout",
        }
    }
}
