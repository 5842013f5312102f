//! The body of a request, in one of the two versions of the protocol.

use std::borrow::Cow;

use bytes::Bytes;
use metrics_runtime::__shared::Message;
use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::{FamilyRef, NativeBuckets};

use super::{v1, v2};
use crate::walk::Moment;

/// The value of a stale marker, a NaN.
///
/// Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/#stale-markers>.
pub(super) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// Remote write 1.0, which every receiver understands
    /// (<https://prometheus.io/docs/specs/prw/remote_write_spec/>).
    #[default]
    V1,
    /// Remote write 2.0: with the type, the help text, the unit and the start time of each series, and texts once in a
    /// request (<https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>). Prometheus 3 understands it.
    V2,
}

impl Version {
    /// Returns the headers `Content-Type` and `X-Prometheus-Remote-Write-Version`.
    pub(super) const fn headers(self) -> [&'static str; 2] {
        match self {
            Self::V1 => ["application/x-protobuf", "0.1.0"],
            Self::V2 => ["application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"],
        }
    }
}

/// The labels of a series of samples, prepared for the requests of one version.
#[derive(Debug)]
pub enum Labels {
    /// The encoded field `labels`.
    V1(Box<[u8]>),
    V2(v2::Labels),
}

impl Labels {
    pub(super) fn new(version: Version, pairs: &[(&str, Cow<'_, str>)]) -> Self {
        match version {
            Version::V1 => Self::V1(v1::labels(pairs)),
            Version::V2 => Self::V2(v2::Labels::new(pairs)),
        }
    }
}

/// The value of a sample. Of the NaN, only the stale marker and the canonical one are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(f64),
    /// A native histogram.
    Native {
        count: u64,
        sum: f64,
        buckets: &'a NativeBuckets,
    },
}

/// Writes a `Histogram`, which both versions share.
pub(super) fn write_native(
    message: &mut Message<'_>,
    moment: &Moment<'_>,
    count: u64,
    sum: f64,
    buckets: &NativeBuckets,
) {
    message.uint(1, count);
    message.double(3, sum);
    message.native(4, buckets);
    message.uint(15, moment.time);
}

/// Returns the labels of an exemplar, sorted and without empty ones.
pub(super) fn exemplar_labels(exemplar: &StoredExemplar) -> Vec<(String, String)> {
    let mut labels = exemplar.exemplar.labels();
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort_unstable();
    labels
}

/// A request while it is written.
#[derive(Debug)]
pub enum Body {
    V1(Vec<u8>),
    V2(v2::Body),
}

impl Body {
    pub(super) fn new(version: Version) -> Self {
        match version {
            Version::V1 => Self::V1(Vec::new()),
            Version::V2 => Self::V2(v2::Body::default()),
        }
    }

    /// Adds a sample of a series. The family is only known for series of the current walk.
    pub(super) fn add(
        &mut self,
        labels: &Labels,
        value: Value<'_>,
        moment: &Moment<'_>,
        family: Option<&FamilyRef<'_>>,
    ) {
        match (self, labels) {
            (Self::V1(body), Labels::V1(labels)) => v1::add(body, labels, value, moment),
            (Self::V2(body), Labels::V2(labels)) => body.add(labels, value, moment, family),
            // Unreachable: a table of series and its request have the same version.
            _ => {}
        }
    }

    /// Returns the compressed request, and starts the next one.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        let mut compressed = snap::raw::Encoder::new();
        let body = match self {
            Self::V1(body) if body.is_empty() => return None,
            Self::V1(body) => {
                let compressed = compressed.compress_vec(body);
                body.clear();
                compressed
            }
            Self::V2(body) => compressed.compress_vec(&body.take()?),
        };
        // It fails beyond 4 GiB only, which no batch has.
        body.ok().map(Bytes::from)
    }
}
