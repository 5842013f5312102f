//! The answers of collectors for one page.

#[cfg(feature = "prometheus")]
use prometheus::proto::MetricFamily;

/// The families of collectors, and the reasons why some are missing.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The families of collectors sorted by name, then those of included registries.
    #[cfg(feature = "prometheus")]
    pub(crate) families: Vec<MetricFamily>,
    pub(crate) problems: Vec<Problem>,
    /// The collectors that had not answered when the page was written, and still have time to. They are no problem of
    /// the service: a scraper with a short timeout did not wait for them.
    pub(crate) unanswered: Vec<String>,
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

/// The calls of no collectors: without the feature `prometheus` there are none.
#[cfg(all(feature = "axum", not(feature = "prometheus")))]
#[derive(Clone)]
pub(crate) struct NoCollectors;

#[cfg(all(feature = "axum", not(feature = "prometheus")))]
impl NoCollectors {
    #[expect(clippy::unused_self, reason = "the calls of collectors need it")]
    pub(crate) fn wait(&self, _until: std::time::Instant) -> bool {
        true
    }

    #[expect(clippy::unused_self, reason = "the calls of collectors need it")]
    pub(crate) fn answers(self) -> Gathered {
        Gathered::default()
    }
}
