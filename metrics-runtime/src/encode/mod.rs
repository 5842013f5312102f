//! The formats of a page.
//!
//! Each format is a [`Visitor`] in a file of its own. It does not know the sources of the samples.

#[cfg(feature = "protobuf")]
mod message;
#[cfg(feature = "protobuf")]
mod protobuf;
mod text;

#[cfg(feature = "protobuf")]
pub use message::Message;
#[cfg(feature = "protobuf")]
pub(crate) use protobuf::ProtobufPage;
pub(crate) use text::TextPage;

use std::ops::Range;

use crate::visit::Visitor;

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// The Prometheus text format 0.0.4
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
    #[default]
    Text,
    /// The text format of OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
    OpenMetrics,
    /// The protobuf format of Prometheus: messages `io.prometheus.client.MetricFamily`, each after its length. It has
    /// native histograms, and the time at which a series was created
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/#protobuf-format>).
    #[cfg(feature = "protobuf")]
    Protobuf,
}

impl Format {
    /// All formats of this build.
    #[cfg(feature = "axum")]
    pub(crate) const ALL: &[Self] = &[
        Self::Text,
        Self::OpenMetrics,
        #[cfg(feature = "protobuf")]
        Self::Protobuf,
    ];

    /// Returns the `Content-Type` of a page in this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            #[cfg(feature = "protobuf")]
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

/// A page while it is written.
pub(crate) trait PageWriter: Visitor {
    /// Returns the finished page.
    fn finish(self) -> (Vec<u8>, Layout);
}

/// The places of the families on a page.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The number of samples, as a scraper counts them: one for each bucket, sum and count.
    pub(crate) samples: u64,
    /// The name of each family in the format, with its start.
    starts: Vec<(String, usize)>,
    /// The end of the last family.
    end: usize,
}

#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "only the endpoint selects families"))]
impl Layout {
    /// Adds the start of a family.
    pub(crate) fn start(&mut self, name: &str, at: usize) {
        self.starts.push((name.to_owned(), at));
    }

    /// Removes the start of the last family.
    #[cfg(feature = "protobuf")]
    fn drop_last(&mut self) {
        self.starts.pop();
    }

    /// Sets the end of the last family.
    pub(crate) fn finish(&mut self, at: usize) {
        self.end = at;
    }

    /// Returns the name and the place of each family, in the order of the page.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let ends = self.starts.iter().skip(1).map(|(_, start)| *start).chain([self.end]);
        self.starts.iter().zip(ends).map(|((name, start), end)| (name.as_str(), *start..end))
    }

    /// Returns the end of the last family. The rest of the page belongs to none of them.
    pub(crate) fn end(&self) -> usize {
        self.end
    }
}

/// The size of a family, from which a format estimates the bytes that it takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) series: usize,
    /// The bytes of the labels of all series.
    pub(crate) labels: usize,
    /// The bytes of the name and of the constant labels.
    pub(crate) constant: usize,
    /// The number of buckets of each series with `+Inf`, or 0 if the family is not one of histograms.
    pub(crate) buckets: usize,
}
