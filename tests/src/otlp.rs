//! The data points of OTLP, decoded with the types of OpenTelemetry's own crate, and a receiver of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint, exemplar, metric, number_data_point,
};
use prost::Message as _;

use crate::page::{Labels, Point, canonical_bound};
use crate::receiver::{self, Reply, Sample};

/// A receiver of OTLP.
pub type Receiver = receiver::Receiver<DataPoint>;

/// A data point with the metric that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct DataPoint {
    /// The attributes of the resource.
    pub resource: Labels,
    /// The name and the version of the scope.
    pub scope: (String, String),
    /// The name of the metric.
    pub name: String,
    /// The help text.
    pub description: String,
    /// The unit.
    pub unit: String,
    /// The type in Prometheus.
    pub kind: String,
    /// The attributes.
    pub attributes: Labels,
    /// The time of the start in nanoseconds since 1970, or 0.
    pub start: u64,
    /// The time in nanoseconds since 1970.
    pub time: u64,
    /// `true` if the series has ended.
    pub is_stale: bool,
    /// The value.
    pub value: Value,
    /// The exemplars.
    pub exemplars: Vec<Sampled>,
}

/// The value of a data point.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A gauge.
    Gauge(f64),
    /// A cumulative sum.
    Sum {
        /// The value.
        value: f64,
        /// `true` if it is a counter.
        is_monotonic: bool,
    },
    /// A histogram with bounds.
    Histogram {
        /// The number of observations.
        count: u64,
        /// Their sum.
        sum: f64,
        /// The bounds without `+Inf`.
        bounds: Vec<f64>,
        /// The counts between the bounds.
        counts: Vec<u64>,
    },
    /// An exponential histogram.
    Exponential {
        /// The number of observations.
        count: u64,
        /// Their sum.
        sum: f64,
        /// The resolution.
        scale: i32,
        /// The observations in the zero bucket.
        zero: u64,
        /// The counts of the positive buckets by their lower and upper bounds, without empty ones.
        positive: Vec<(f64, f64, u64)>,
        /// The counts of the negative buckets by the absolute values of their bounds, without empty ones.
        negative: Vec<(f64, f64, u64)>,
    },
    /// A summary.
    Summary {
        /// The number of observations.
        count: u64,
        /// Their sum.
        sum: f64,
        /// The quantiles with their values.
        quantiles: Vec<(f64, f64)>,
    },
}

/// An exemplar.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// The id of the trace.
    pub trace: Vec<u8>,
    /// The id of the span.
    pub span: Vec<u8>,
    /// The other labels.
    pub attributes: Labels,
    /// The value.
    pub value: f64,
    /// The time in nanoseconds since 1970.
    pub time: u64,
}

impl DataPoint {
    /// Returns the name that a receiver gives the metric by the rules of Prometheus: words that are separated by one
    /// underscore, with the unit, and `total` at the end for a counter.
    ///
    /// Source: <https://github.com/prometheus/otlptranslator>, strategy `UnderscoreEscapingWithSuffixes`, the default.
    #[must_use]
    pub fn name_in_prometheus(&self) -> String {
        let mut words: Vec<_> = self.name.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').collect();
        words.retain(|word| !word.is_empty());
        let (unit, per) = self.unit.split_once('/').unwrap_or((&self.unit, ""));
        assert_eq!(per, "", "no unit of a rate is sent");
        let unit = UNITS.iter().find(|(symbol, _)| *symbol == unit).map_or(unit, |(_, word)| word);
        if !unit.is_empty() && !unit.contains(['{', '}']) && !words.contains(&unit) {
            words.push(unit);
        }
        if let Value::Sum { is_monotonic: true, .. } = self.value {
            words.retain(|word| *word != "total");
            words.push("total");
        }
        words.join("_")
    }

    /// Returns the samples of the text page, without labels that have no text.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let point = |suffix: &str, own: Option<(&str, f64)>, value: f64| {
            let own = own.map(|(label, bound)| (label.to_owned(), canonical_bound(bound)));
            let labels: Labels = self.attributes.clone().into_iter().chain(own).collect();
            let labels = labels.iter().map(|(name, value)| (&**name, &**value));
            Point::new(&format!("{}{suffix}", self.name), labels, value)
        };
        let total = |count: u64, sum: f64| [point("_count", None, count as f64), point("_sum", None, sum)];
        match &self.value {
            Value::Gauge(value) | Value::Sum { value, .. } => vec![point("", None, *value)],
            Value::Histogram { count, sum, bounds, counts } => {
                let mut below = 0;
                let bounds = bounds.iter().copied().chain([f64::INFINITY]);
                let buckets = bounds.zip(counts).map(|(bound, count)| {
                    below += count;
                    point("_bucket", Some(("le", bound)), below as f64)
                });
                buckets.chain(total(*count, *sum)).collect()
            }
            Value::Exponential { count, sum, .. } => total(*count, *sum).into(),
            Value::Summary { count, sum, quantiles } => {
                let quantiles =
                    quantiles.iter().map(|(quantile, value)| point("", Some(("quantile", *quantile)), *value));
                quantiles.chain(total(*count, *sum)).collect()
            }
        }
    }
}

/// The value of `AggregationTemporality`.
const CUMULATIVE: i32 = 2;

/// The words that receivers of Prometheus have for units.
const UNITS: [(&str, &str); 28] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("KBy", "kilobytes"),
    ("kBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
    ("$", "dollars"),
    ("1", "ratio"),
];

impl Sample for DataPoint {
    const PATH: &'static str = "/v1/metrics";

    fn decode(headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<Self> {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let body = match headers.get("content-encoding").map(String::as_str) {
            Some("gzip") => {
                let mut out = Vec::new();
                flate2::read::GzDecoder::new(body).read_to_end(&mut out).expect("gzip");
                out
            }
            None => body.to_vec(),
            Some(other) => panic!("an unknown coding {other}"),
        };
        let request = ExportMetricsServiceRequest::decode(&*body).expect("a request");
        // Decoding loses no field, such as one of an unknown number.
        assert_eq!(request.encoded_len(), body.len());
        let [resource] = &request.resource_metrics[..] else { panic!("one resource") };
        let [scope] = &resource.scope_metrics[..] else { panic!("one scope") };
        let of = labels(&resource.resource.as_ref().expect("a resource").attributes);
        let instrumentation = scope.scope.as_ref().expect("a scope");
        let points: Vec<Self> = scope.metrics.iter().flat_map(data_points).collect();
        for is_stale in [false, true] {
            let of_all = scope.metrics.iter().filter(|metric| data_points(metric)[0].is_stale == is_stale);
            let names: Vec<_> = of_all.map(|metric| &metric.name).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a metric is there twice: {names:?}");
        }
        let scope = (instrumentation.name.clone(), instrumentation.version.clone());
        points.into_iter().map(|point| Self { resource: of.clone(), scope: scope.clone(), ..point }).collect()
    }

    fn accepts(_headers: &BTreeMap<String, String>, _samples: usize) -> String {
        "200 OK\r\ncontent-type: application/x-protobuf".to_owned()
    }

    fn series(&self) -> Labels {
        let name = [("__name__".to_owned(), self.name.clone())];
        name.into_iter().chain(self.attributes.clone()).collect()
    }

    fn time(&self) -> i64 {
        i64::try_from(self.time).expect("a time before 2262")
    }

    fn has_value_of(&self, other: &Self) -> bool {
        self.points() == other.points() && self.is_stale == other.is_stale
    }
}

/// Returns the answer of a receiver that has refused so many data points.
#[must_use]
pub fn partial_success(rejected: i64, message: &str) -> Reply {
    let partial = ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: message.to_owned() };
    let response = ExportMetricsServiceResponse { partial_success: Some(partial) };
    Reply::Body("200 OK\r\ncontent-type: application/x-protobuf", response.encode_to_vec())
}

/// Returns attributes. No key may be there twice, and all values are texts.
fn labels(attributes: &[KeyValue]) -> Labels {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.clone()) {
        Some(any_value::Value::StringValue(text)) => (attribute.key.clone(), text),
        other => panic!("{} has the value {other:?}", attribute.key),
    };
    let labels: Labels = attributes.iter().map(text).collect();
    assert_eq!(labels.len(), attributes.len(), "a key is there twice: {attributes:?}");
    assert!(labels.iter().all(|(key, value)| !key.is_empty() && !value.is_empty()), "{labels:?}");
    labels
}

fn data_points(metric: &Metric) -> Vec<DataPoint> {
    let kind = labels(&metric.metadata).remove("prometheus.type").expect("the type is in the metadata");
    let empty = DataPoint {
        resource: Labels::new(),
        scope: Default::default(),
        name: metric.name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        kind,
        attributes: Labels::new(),
        start: 0,
        time: 0,
        is_stale: false,
        value: Value::Gauge(0.0),
        exemplars: Vec::new(),
    };
    let points: Vec<_> = match metric.data.as_ref().expect("data") {
        metric::Data::Gauge(gauge) => gauge.data_points.iter().map(|point| number(&empty, point, None)).collect(),
        metric::Data::Sum(sum) => {
            assert_eq!(sum.aggregation_temporality, CUMULATIVE);
            sum.data_points.iter().map(|point| number(&empty, point, Some(sum.is_monotonic))).collect()
        }
        metric::Data::Histogram(histogram) => {
            assert_eq!(histogram.aggregation_temporality, CUMULATIVE);
            histogram.data_points.iter().map(|point| histogram_point(&empty, point)).collect()
        }
        metric::Data::ExponentialHistogram(histogram) => {
            assert_eq!(histogram.aggregation_temporality, CUMULATIVE);
            histogram.data_points.iter().map(|point| exponential(&empty, point)).collect()
        }
        metric::Data::Summary(summary) => {
            summary.data_points.iter().map(|point| summary_point(&empty, point)).collect()
        }
    };
    assert!(!points.is_empty(), "{} has no data points", metric.name);
    for point in &points {
        assert!(point.time > 0 && point.start <= point.time, "{point:?}");
    }
    points
}

fn number(metric: &DataPoint, point: &NumberDataPoint, is_monotonic: Option<bool>) -> DataPoint {
    let is_stale = point.flags == 1;
    let value = match point.value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        None if is_stale => 0.0,
        other => panic!("the value {other:?} of {}", metric.name),
    };
    let value = match is_monotonic {
        Some(is_monotonic) => Value::Sum { value, is_monotonic },
        None => Value::Gauge(value),
    };
    DataPoint {
        attributes: labels(&point.attributes),
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        is_stale,
        value,
        exemplars: point.exemplars.iter().map(sampled).collect(),
        ..metric.clone()
    }
}

fn histogram_point(metric: &DataPoint, point: &HistogramDataPoint) -> DataPoint {
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1, "{point:?}");
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count, "{point:?}");
    assert!(point.explicit_bounds.is_sorted_by(|a, b| a < b), "{point:?}");
    DataPoint {
        attributes: labels(&point.attributes),
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        is_stale: point.flags == 1,
        value: Value::Histogram {
            count: point.count,
            sum: point.sum.expect("a sum"),
            bounds: point.explicit_bounds.clone(),
            counts: point.bucket_counts.clone(),
        },
        exemplars: point.exemplars.iter().map(sampled).collect(),
        ..metric.clone()
    }
}

fn exponential(metric: &DataPoint, point: &ExponentialHistogramDataPoint) -> DataPoint {
    assert!((-4..=8).contains(&point.scale), "Prometheus drops other scales: {}", point.scale);
    let side = |buckets: &Option<Buckets>| -> Vec<(f64, f64, u64)> {
        let Some(buckets) = buckets else { return Vec::new() };
        let bound = |index: i32| (f64::from(index) * (-f64::from(point.scale)).exp2()).exp2();
        let buckets = (buckets.offset..).zip(&buckets.bucket_counts).filter(|(_, count)| **count > 0);
        buckets.map(|(index, count)| (bound(index), bound(index + 1), *count)).collect()
    };
    let (positive, negative) = (side(&point.positive), side(&point.negative));
    let counts = positive.iter().chain(&negative).map(|(_, _, count)| count);
    assert_eq!(counts.sum::<u64>() + point.zero_count, point.count, "{point:?}");
    DataPoint {
        attributes: labels(&point.attributes),
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        is_stale: point.flags == 1,
        value: Value::Exponential {
            count: point.count,
            sum: point.sum.expect("a sum"),
            scale: point.scale,
            zero: point.zero_count,
            positive,
            negative,
        },
        exemplars: point.exemplars.iter().map(sampled).collect(),
        ..metric.clone()
    }
}

fn summary_point(metric: &DataPoint, point: &SummaryDataPoint) -> DataPoint {
    let quantiles = point.quantile_values.iter().map(|quantile| (quantile.quantile, quantile.value));
    DataPoint {
        attributes: labels(&point.attributes),
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        is_stale: point.flags == 1,
        value: Value::Summary { count: point.count, sum: point.sum, quantiles: quantiles.collect() },
        ..metric.clone()
    }
}

fn sampled(exemplar: &Exemplar) -> Sampled {
    let Some(exemplar::Value::AsDouble(value)) = exemplar.value else { panic!("{exemplar:?}") };
    Sampled {
        trace: exemplar.trace_id.clone(),
        span: exemplar.span_id.clone(),
        attributes: labels(&exemplar.filtered_attributes),
        value,
        time: exemplar.time_unix_nano,
    }
}
