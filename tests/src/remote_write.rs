//! The samples of remote write, and a receiver of them.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::page::Labels;
use crate::receiver::{self, Sample as Received};

/// A receiver of remote write.
pub type Receiver = receiver::Receiver<Series>;
/// A request of remote write.
pub type Request = receiver::Request<Series>;

/// A series of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, with `__name__`.
    pub labels: Labels,
    /// The time of the sample in milliseconds since 1970.
    pub time: i64,
    /// The value of the sample; the sum of a native histogram.
    pub value: f64,
    /// The native histogram.
    pub histogram: Option<Histogram>,
    /// The labels of the exemplars, with their values.
    pub exemplars: Vec<(Labels, f64)>,
    /// The type, the help text and the unit, in version 2.0.
    pub metadata: Option<(u32, String, String)>,
    /// The time at which the series started, in version 2.0.
    pub start: i64,
}

impl Series {
    /// Returns `true` if this is a stale marker.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.value.to_bits() == 0x7ff0_0000_0000_0002
    }

    /// Returns the name of the metric.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.labels["__name__"]
    }
}

impl Received for Series {
    const PATH: &'static str = "/api/v1/write";

    fn decode(headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<Self> {
        decode(headers, body)
    }

    fn accepts(headers: &BTreeMap<String, String>, samples: usize) -> String {
        match headers["x-prometheus-remote-write-version"].as_str() {
            "2.0.0" => format!("204 No Content\r\nx-prometheus-remote-write-samples-written: {samples}"),
            _ => "204 No Content".to_owned(),
        }
    }

    fn series(&self) -> Labels {
        self.labels.clone()
    }

    fn time(&self) -> i64 {
        self.time
    }

    fn has_value_of(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits()
    }
}

/// Decodes a request, and checks it.
fn decode(headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<Series> {
    assert_eq!(headers["content-encoding"], "snappy");
    let body = snap::raw::Decoder::new().decompress_vec(body).expect("snappy's block format");
    let series: Vec<_> = match headers["content-type"].as_str() {
        "application/x-protobuf" => {
            assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
            WriteRequest::decode(&*body)
                .expect("a request of version 1.0")
                .series
                .into_iter()
                .map(Series::from)
                .collect()
        }
        "application/x-protobuf;proto=io.prometheus.write.v2.Request" => {
            assert_eq!(headers["x-prometheus-remote-write-version"], "2.0.0");
            let request = RequestV2::decode(&*body).expect("a request of version 2.0");
            assert_eq!(request.symbols[0], "");
            request.series.into_iter().map(|series| series.resolve(&request.symbols)).collect()
        }
        other => panic!("a request of an unknown type: {other}"),
    };
    assert!(!series.is_empty(), "an empty request");
    series
}

/// Checks the order of labels, and returns them.
fn checked(pairs: &[(String, String)]) -> Labels {
    assert!(pairs.is_sorted_by(|(a, _), (b, _)| a < b), "{pairs:?} is not sorted, or has a name twice");
    assert!(pairs.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()), "{pairs:?} has an empty text");
    pairs.iter().cloned().collect()
}

fn series(
    labels: &[(String, String)],
    samples: &[Sample],
    histograms: Vec<Histogram>,
    exemplars: Vec<(Labels, f64)>,
    metadata: Option<(u32, String, String)>,
) -> Series {
    assert_eq!(samples.len() + histograms.len(), 1, "one sample of {labels:?}");
    let histogram = histograms.into_iter().next();
    let (time, value, start) = match (samples, &histogram) {
        ([sample], _) => (sample.timestamp, sample.value, sample.start),
        (_, Some(histogram)) => (histogram.timestamp, histogram.sum, histogram.start),
        _ => unreachable!(),
    };
    Series { labels: checked(labels), time, value, histogram, exemplars, metadata, start }
}

impl From<TimeSeries> for Series {
    fn from(found: TimeSeries) -> Self {
        let pairs = |labels: &[Label]| -> Vec<_> {
            labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
        };
        let exemplars = found.exemplars.iter().map(|exemplar| (checked(&pairs(&exemplar.labels)), exemplar.value));
        series(&pairs(&found.labels), &found.samples, found.histograms, exemplars.collect(), None)
    }
}

impl TimeSeriesV2 {
    fn resolve(self, symbols: &[String]) -> Series {
        let symbol = |number: u32| symbols[number as usize].clone();
        let pairs = |numbers: &[u32]| -> Vec<_> {
            numbers.chunks_exact(2).map(|pair| (symbol(pair[0]), symbol(pair[1]))).collect()
        };
        let exemplars = self.exemplars.iter().map(|exemplar| (checked(&pairs(&exemplar.labels)), exemplar.value));
        let metadata = self.metadata.map(|found| (found.kind, symbol(found.help), symbol(found.unit)));
        series(&pairs(&self.labels), &self.samples, self.histograms, exemplars.collect(), metadata)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<Exemplar>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

/// A span of buckets.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Span {
    /// The gap to the span before.
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    /// The number of buckets.
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

/// A native histogram, the same in both versions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Histogram {
    /// The number of observations.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// Their sum.
    #[prost(double, tag = "3")]
    pub sum: f64,
    /// The resolution.
    #[prost(sint32, tag = "4")]
    pub schema: i32,
    /// The width of the zero bucket.
    #[prost(double, tag = "5")]
    pub zero_threshold: f64,
    /// The observations in the zero bucket.
    #[prost(uint64, tag = "6")]
    pub zero_count: u64,
    /// The spans of negative buckets.
    #[prost(message, repeated, tag = "8")]
    pub negative_spans: Vec<Span>,
    /// Their counts, each as the difference to the one before.
    #[prost(sint64, repeated, tag = "9")]
    pub negative_deltas: Vec<i64>,
    /// The spans of positive buckets.
    #[prost(message, repeated, tag = "11")]
    pub positive_spans: Vec<Span>,
    /// Their counts.
    #[prost(sint64, repeated, tag = "12")]
    pub positive_deltas: Vec<i64>,
    /// The time of the sample.
    #[prost(int64, tag = "15")]
    pub timestamp: i64,
    /// The time of the start.
    #[prost(int64, tag = "17")]
    pub start: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RequestV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<ExemplarV2>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExemplarV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Metadata {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, tag = "3")]
    help: u32,
    #[prost(uint32, tag = "4")]
    unit: u32,
}
