//! Prometheus remote write.

mod labels;
mod request;
mod v1;
mod v2;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper_util::client::legacy::connect::Connect;
use metrics_runtime::__shared::{Answer, Patient, push_number};
use metrics_runtime::Descriptor;
use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::{self, HistogramRef, NativeBuckets, Number, SummaryRef};

use self::labels::External;
pub use self::request::Version;
use self::request::{Body, Labels, STALE, Value};
use crate::error::ConfigError;
use crate::outcome::{Outcome, problem};
use crate::sample::{Millis, canonical};
use crate::settings::Sender;
use crate::source::Source;
use crate::walk::{Current, Moment, Protocol};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");

/// The headers with the numbers of accepted samples and native histograms, in remote write 2.0.
const WRITTEN: [&str; 2] =
    ["x-prometheus-remote-write-samples-written", "x-prometheus-remote-write-histograms-written"];

/// The settings of a task that sends metrics to one receiver with Prometheus remote write. Cheap to clone.
///
/// See the [documentation of the crate](crate) for an example.
pub type RemoteWrite = Sender<Prometheus>;

/// The protocol remote write.
#[derive(Clone, Debug)]
pub struct Prometheus {
    version: Version,
    external: External,
}

/// The part of a series that a sample has: a bucket or quantile by the bits of its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Value,
    Native,
    Bucket(u64),
    Quantile(u64),
    Sum,
    Count,
}

impl Sender<Prometheus> {
    /// Creates the settings for a receiver, with its whole address: `http://prometheus:9090/api/v1/write`. `job` is the
    /// label `job` of all series.
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` address, or a valid `https://` address with the feature
    /// `tls`; or if the job is empty.
    pub fn new(url: &str, job: &str) -> Result<Self, ConfigError> {
        Self::to(url, Prometheus::new(job)?)
    }

    /// Creates the settings like [`new`](Self::new), for a receiver that is reached with the given connector: with TLS of
    /// your own, or through a proxy.
    ///
    /// ```
    /// use hyper_util::client::legacy::connect::HttpConnector;
    /// use metrics_send::RemoteWrite;
    ///
    /// let mut connector = HttpConnector::new();
    /// connector.set_local_address(Some([127, 0, 0, 1].into()));
    /// let write = RemoteWrite::with_connector(connector, "http://prometheus:9090/api/v1/write", "shop")?;
    /// # drop(write);
    /// # Ok::<(), metrics_send::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` or `https://` address, or if the job is empty.
    pub fn with_connector<C: Clone + Send + Sync + 'static>(
        connector: C,
        url: &str,
        job: &str,
    ) -> Result<Self, ConfigError>
    where
        Patient<C>: Connect,
    {
        Self::over(connector, url, Prometheus::new(job)?)
    }

    /// Sets the label `instance`, which every process needs: a host with a port, or the name of a pod. Two processes with
    /// the same labels would write into the same series. An empty text is no label, for a job of which never more than one
    /// process runs.
    pub fn instance(mut self, instance: &str) -> Self {
        self.protocol_mut().external.set("instance", instance);
        self
    }

    /// Sets a label of all series, such as `cluster`. A series that has this label keeps its own value. A second value for
    /// the same name replaces the first.
    ///
    /// # Errors
    /// Returns an error if the name is not a valid label name.
    pub fn external_label(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        Descriptor::gauge("labelled", "").labels([name.to_owned()]).check().map_err(ConfigError::Label)?;
        self.protocol_mut().external.set(name, value);
        Ok(self)
    }

    /// Sets the version of the protocol. Default: [`Version::V1`].
    pub fn version(mut self, version: Version) -> Self {
        self.protocol_mut().version = version;
        self
    }
}

impl Prometheus {
    fn new(job: &str) -> Result<Self, ConfigError> {
        if job.is_empty() {
            return Err(ConfigError::Job);
        }
        let mut external = External::default();
        external.set("job", job);
        Ok(Self { version: Version::V1, external })
    }
}

impl Protocol for Prometheus {
    type Part = Part;
    type Identity = Labels;
    type Body = Body;

    const EXAMPLE: &'static str = "http://prometheus:9090/api/v1/write";

    fn ready(&self, _source: &Source) -> Result<Self, ConfigError> {
        if self.external.has("instance") { Ok(self.clone()) } else { Err(ConfigError::Instance("RemoteWrite")) }
    }

    fn body(&self) -> Body {
        Body::new(self.version)
    }

    fn add(series: &mut Current<'_, Self>, value: visit::Value<'_>) {
        match value {
            visit::Value::Counter(value) => add_number(series, value, series.series.exemplars),
            visit::Value::Gauge(value) | visit::Value::Unknown(value) => add_number(series, value, &[]),
            visit::Value::Info => add_number(series, Number::Whole(1), &[]),
            visit::Value::Histogram(histogram) => add_histogram(series, histogram),
            visit::Value::Summary(summary) => add_summary(series, summary),
            // A kind that is added to the runtime is added here.
            _ => {}
        }
    }

    fn mark(body: &mut Body, part: Part, labels: &Labels, time: Millis) {
        let empty = NativeBuckets::default();
        let value = match part {
            Part::Native => Value::Native { count: 0, sum: STALE, buckets: &empty },
            _ => Value::Number(STALE),
        };
        body.add(labels, value, &Moment { time, created: None, exemplars: &[] }, None);
    }

    fn take(&self, body: &mut Body) -> Option<Bytes> {
        body.take()
    }

    fn set_headers(&self, headers: &mut HeaderMap) {
        let [content_type, version] = self.version.headers().map(HeaderValue::from_static);
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert(VERSION, version);
    }

    fn outcome(&self, answer: &Answer, samples: u64) -> Outcome {
        let Answer { status, headers, .. } = answer;
        let written = match self.version {
            Version::V1 => None,
            Version::V2 => written(headers).map(|written| written.min(samples)),
        };
        let problem = problem(*status, &answer.text());
        if status.is_success() {
            let (accepted, problem) = match (self.version, written) {
                (Version::V1, _) => (samples, None),
                (Version::V2, Some(written)) => (written, None),
                // A receiver of the first version may find nothing in the request, and say that it has accepted it.
                (Version::V2, None) => (
                    0,
                    Some(format!("{problem} without a number of samples, as of remote write 1.0; use `Version::V1`")),
                ),
            };
            return Outcome::Answered { accepted, problem };
        }
        if status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS {
            return Outcome::retry(headers, problem);
        }
        Outcome::Answered { accepted: written.unwrap_or(0), problem: Some(problem) }
    }
}

/// Returns the number of samples and native histograms that the receiver has accepted, or `None` if it does not say.
fn written(headers: &HeaderMap) -> Option<u64> {
    let numbers = WRITTEN.iter().filter_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok());
    numbers.reduce(u64::saturating_add)
}

fn add_number(series: &mut Current<'_, Prometheus>, value: Number, exemplars: &[Option<StoredExemplar>]) {
    series.make_room(1);
    add(series, Part::Value, "", Value::Number(canonical(value.as_f64())), exemplars);
}

fn add_histogram(series: &mut Current<'_, Prometheus>, histogram: HistogramRef<'_>) {
    let HistogramRef { bounds, sum, native, .. } = histogram;
    let (count, sum) = (histogram.count(), canonical(sum));
    series.make_room(bounds.len() + 4);
    let exemplars = series.series.exemplars;
    if let Some(buckets) = native {
        add(series, Part::Native, "", Value::Native { count, sum, buckets }, exemplars);
        if bounds.is_empty() {
            return;
        }
    }
    for (i, (bound, count)) in histogram.buckets().enumerate() {
        let exemplar = exemplars.get(i..=i).unwrap_or_default();
        add(series, Part::Bucket(bound.to_bits()), "_bucket", Value::Number(count as f64), exemplar);
    }
    add(series, Part::Sum, "_sum", Value::Number(sum), &[]);
    add(series, Part::Count, "_count", Value::Number(count as f64), &[]);
}

fn add_summary(series: &mut Current<'_, Prometheus>, summary: SummaryRef<'_>) {
    series.make_room(summary.quantiles.len() + 2);
    for (quantile, value) in summary.quantiles {
        add(series, Part::Quantile(quantile.to_bits()), "", Value::Number(canonical(*value)), &[]);
    }
    add(series, Part::Sum, "_sum", Value::Number(canonical(summary.sum)), &[]);
    add(series, Part::Count, "_count", Value::Number(summary.count as f64), &[]);
}

fn add(
    series: &mut Current<'_, Prometheus>,
    part: Part,
    suffix: &str,
    value: Value<'_>,
    exemplars: &[Option<StoredExemplar>],
) {
    let (family, labels) = (series.family, series.series);
    series.add(
        part,
        exemplars,
        |protocol, _, selection| {
            let name = format!("{}{suffix}", family.name);
            if selection.drops(family.name, &name) {
                return None;
            }
            let bound = match part {
                Part::Bucket(bits) => Some(("le", bound(bits))),
                Part::Quantile(bits) => Some(("quantile", bound(bits))),
                _ => None,
            };
            let own = bound.as_ref().map(|(label, text)| (*label, text.as_str()));
            Some(Labels::new(protocol.version, &protocol.external.of(&name, labels, own)))
        },
        |body, labels, moment| body.add(labels, value, moment, Some(family)),
    );
}

/// Returns a bound as it is on the text page.
fn bound(bits: u64) -> String {
    let mut text = String::new();
    // Negative zero is the same bound as zero.
    push_number(&mut text, Number::Float(f64::from_bits(bits) + 0.0));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_accepted_samples_are_added() {
        let headers = |name: &'static str, value: &str| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
        };
        assert_eq!(written(&HeaderMap::new()), None);
        let mut both = headers(WRITTEN[0], "3");
        assert_eq!(written(&both), Some(3));
        both.extend(headers(WRITTEN[1], "4"));
        assert_eq!(written(&both), Some(7));
        assert_eq!(written(&headers(WRITTEN[0], "many")), None);
    }
}
