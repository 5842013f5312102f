//! The protobuf format: messages of `io.prometheus.client`, read by `prost`, which shares no code with the encoder.
//!
//! Source: <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.
#![expect(missing_docs, reason = "the names are those of the format")]

use std::fmt::Write as _;

use prost::Message;

use super::{Page, canonical_bound};

#[derive(Clone, PartialEq, Message)]
pub struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    pub r#type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    pub unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
pub enum MetricType {
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Untyped = 3,
    Histogram = 4,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub gauge: Option<Gauge>,
    #[prost(message, optional, tag = "3")]
    pub counter: Option<Counter>,
    #[prost(message, optional, tag = "4")]
    pub summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    pub untyped: Option<Gauge>,
    #[prost(int64, optional, tag = "6")]
    pub timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    pub histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct LabelPair {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct Gauge {
    #[prost(double, optional, tag = "1")]
    pub value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Counter {
    #[prost(double, optional, tag = "1")]
    pub value: Option<f64>,
    #[prost(message, optional, tag = "2")]
    pub exemplar: Option<Exemplar>,
    #[prost(message, optional, tag = "3")]
    pub created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(uint64, optional, tag = "1")]
    pub sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub quantile: Vec<Quantile>,
    #[prost(message, optional, tag = "4")]
    pub created_timestamp: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct Quantile {
    #[prost(double, optional, tag = "1")]
    pub quantile: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    pub schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    pub zero_count: Option<u64>,
    #[prost(message, repeated, tag = "9")]
    pub negative_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "10")]
    pub negative_delta: Vec<i64>,
    #[prost(message, repeated, tag = "12")]
    pub positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    pub positive_delta: Vec<i64>,
    #[prost(message, optional, tag = "15")]
    pub created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub upper_bound: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub exemplar: Option<Exemplar>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    pub offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub length: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub label: Vec<LabelPair>,
    #[prost(double, optional, tag = "2")]
    pub value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub timestamp: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// Reads the messages of a page.
///
/// # Errors
/// Returns an error if a message is not complete or not valid.
pub fn families(mut page: &[u8]) -> Result<Vec<MetricFamily>, String> {
    let mut families = Vec::new();
    while !page.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut page).map_err(|error| error.to_string())?);
    }
    Ok(families)
}

impl Page {
    /// Parses the protobuf format, without exemplars, native buckets and times of creation. Bounds and quantiles have the
    /// notation of OpenMetrics, as Prometheus reads them.
    ///
    /// # Errors
    /// Returns the first mistake: an invalid message, labels that are not in the order of their names, or a mistake that
    /// the text of the same samples would have.
    pub fn parse_protobuf(page: &[u8]) -> Result<Self, String> {
        let mut text = String::new();
        for family in families(page)? {
            push_family(&mut text, &family)?;
        }
        Self::parse_text(&text).map_err(|error| format!("{error}\n{text}"))
    }
}

/// Appends a family in the text format.
fn push_family(text: &mut String, family: &MetricFamily) -> Result<(), String> {
    let name = family.name.as_deref().filter(|name| !name.is_empty()).ok_or("a family has no name")?;
    let help = family.help.as_deref().unwrap_or_default().replace('\\', "\\\\").replace('\n', "\\n");
    if !help.is_empty() {
        text.extend(["# HELP ", name, " ", &help, "\n"]);
    }
    let kind = family.r#type.and_then(|kind| MetricType::try_from(kind).ok()).ok_or("a family has no type")?;
    text.extend(["# TYPE ", name, " ", &format!("{kind:?}").to_lowercase(), "\n"]);
    for metric in &family.metric {
        let labels = labels(metric)?;
        let mut line = |suffix: &str, own: Option<(&str, f64)>, value: String| {
            let own = own.map(|(label, bound)| format!("{label}=\"{}\"", canonical_bound(bound)));
            let all: Vec<_> = labels.iter().cloned().chain(own).collect();
            let timestamp = metric.timestamp_ms.map(|timestamp| format!(" {timestamp}")).unwrap_or_default();
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{name}{suffix}{{{}}} {value}{timestamp}", all.join(","));
        };
        let number = |value: Option<f64>| value.map(go).ok_or("a value is missing");
        match (kind, metric) {
            (MetricType::Counter, Metric { counter: Some(counter), .. }) => line("", None, number(counter.value)?),
            (MetricType::Gauge, Metric { gauge: Some(gauge), .. })
            | (MetricType::Untyped, Metric { untyped: Some(gauge), .. }) => line("", None, number(gauge.value)?),
            (MetricType::Summary, Metric { summary: Some(summary), .. }) => {
                for quantile in &summary.quantile {
                    let at = quantile.quantile.ok_or("a quantile is missing")?;
                    line("", Some(("quantile", at)), number(quantile.value)?);
                }
                line("_sum", None, number(summary.sample_sum)?);
                line("_count", None, summary.sample_count.ok_or("a count is missing")?.to_string());
            }
            (MetricType::Histogram, Metric { histogram: Some(histogram), .. }) => {
                for bucket in &histogram.bucket {
                    let bound = bucket.upper_bound.ok_or("a bound is missing")?;
                    let count = bucket.cumulative_count.ok_or("a count is missing")?;
                    line("_bucket", Some(("le", bound)), count.to_string());
                }
                line("_sum", None, number(histogram.sample_sum)?);
                line("_count", None, histogram.sample_count.ok_or("a count is missing")?.to_string());
            }
            _ => return Err(format!("a metric of {name} has no {kind:?}")),
        }
    }
    Ok(())
}

/// Returns the labels as text, and checks their order.
fn labels(metric: &Metric) -> Result<Vec<String>, String> {
    let names: Vec<_> = metric.label.iter().map(|pair| pair.name.as_deref().unwrap_or_default()).collect();
    if !names.is_sorted() {
        return Err(format!("the labels {names:?} are not in order"));
    }
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let value = |pair: &LabelPair| pair.value.as_deref().map(escape).ok_or("a label has no value");
    let pairs = names.iter().zip(&metric.label);
    pairs.map(|(name, pair)| Ok(format!("{name}=\"{}\"", value(pair)?))).collect()
}

/// Returns a number in the notation of Go.
fn go(value: f64) -> String {
    if value.is_infinite() { format!("{}Inf", if value > 0.0 { '+' } else { '-' }) } else { value.to_string() }
}
