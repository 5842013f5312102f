//! The body of a request, in one of the two versions of the protocol.

mod v1;
mod v2;

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use metrics_runtime::__shared::Message;
use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::{FamilyRef, NativeBuckets};

/// The value of a stale marker, a NaN.
///
/// Source: <https://prometheus.io/docs/specs/prw/remote_write_spec/#stale-markers>.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The value of every other NaN, because one with other bits could be a stale marker.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

pub(crate) fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Remote write 1.0, which every receiver understands
    /// (<https://prometheus.io/docs/specs/prw/remote_write_spec/>).
    #[default]
    V1,
    /// Remote write 2.0: with the type, the help text, the unit and the start time of each series, and texts once in a
    /// request (<https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>). Prometheus 3 understands it.
    V2,
}

impl Protocol {
    /// Returns the headers `Content-Type` and `X-Prometheus-Remote-Write-Version`.
    pub(crate) const fn headers(self) -> [&'static str; 2] {
        match self {
            Self::V1 => ["application/x-protobuf", "0.1.0"],
            Self::V2 => ["application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"],
        }
    }
}

/// The labels of a series of samples, prepared for the requests of one version.
#[derive(Debug)]
pub(crate) enum Labels {
    /// The encoded field `labels`.
    V1(Box<[u8]>),
    V2(v2::Labels),
}

impl Labels {
    pub(crate) fn new(protocol: Protocol, pairs: &[(&str, Cow<'_, str>)]) -> Self {
        match protocol {
            Protocol::V1 => Self::V1(v1::labels(pairs)),
            Protocol::V2 => Self::V2(v2::Labels::new(pairs)),
        }
    }
}

/// A sample of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) time: Millis,
    /// The time at which the series started from zero.
    pub(crate) created: Option<Millis>,
    /// In the order of their times.
    pub(crate) exemplars: &'a [&'a StoredExemplar],
}

/// The value of a sample. Of the NaN, only the stale marker and the canonical one are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Number(f64),
    /// A native histogram.
    Native {
        count: u64,
        sum: f64,
        buckets: &'a NativeBuckets,
    },
}

/// Returns a number with the NaN of Prometheus in place of any other.
pub(crate) fn canonical(number: f64) -> f64 {
    if number.is_nan() { NAN } else { number }
}

/// Writes a `Histogram`, which both versions share.
fn write_native(message: &mut Message<'_>, sample: &Sample<'_>, count: u64, sum: f64, buckets: &NativeBuckets) {
    message.uint(1, count);
    message.double(3, sum);
    message.native(4, buckets);
    message.uint(15, sample.time);
}

/// Returns the labels of an exemplar, sorted and without empty ones.
fn exemplar_labels(exemplar: &StoredExemplar) -> Vec<(String, String)> {
    let mut labels = exemplar.exemplar.labels();
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort_unstable();
    labels
}

/// A request while it is written.
#[derive(Debug)]
pub(crate) struct Request {
    body: Body,
    samples: u64,
    newest: Millis,
}

#[derive(Debug)]
enum Body {
    V1(Vec<u8>),
    V2(v2::Body),
}

/// A compressed request.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) body: Bytes,
    /// The number of samples and native histograms.
    pub(crate) samples: u64,
    /// The time of the newest sample.
    pub(crate) newest: Millis,
}

impl Request {
    pub(crate) fn new(protocol: Protocol) -> Self {
        let body = match protocol {
            Protocol::V1 => Body::V1(Vec::new()),
            Protocol::V2 => Body::V2(v2::Body::default()),
        };
        Self { body, samples: 0, newest: 0 }
    }

    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Adds a sample of a series. The family is only known for series of the current walk.
    pub(crate) fn add(&mut self, labels: &Labels, sample: &Sample<'_>, family: Option<&FamilyRef<'_>>) {
        match (&mut self.body, labels) {
            (Body::V1(body), Labels::V1(labels)) => v1::add(body, labels, sample),
            (Body::V2(body), Labels::V2(labels)) => body.add(labels, sample, family),
            // Unreachable: a table of series and its request have the same version.
            _ => return,
        }
        self.samples += 1;
        self.newest = self.newest.max(sample.time);
    }

    /// Returns the compressed request, and starts the next one.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.samples == 0 {
            return None;
        }
        let mut compressed = snap::raw::Encoder::new();
        let body = match &mut self.body {
            Body::V1(body) => {
                let compressed = compressed.compress_vec(body);
                body.clear();
                compressed
            }
            Body::V2(body) => compressed.compress_vec(&body.take()),
        };
        let samples = std::mem::take(&mut self.samples);
        let newest = std::mem::take(&mut self.newest);
        // It fails beyond 4 GiB only, which no batch has.
        Some(Batch { body: body.ok()?.into(), samples, newest })
    }
}
