//! OTLP over HTTP, with bodies in protobuf.

mod answer;
mod environment;
mod points;
mod request;
mod units;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper_util::client::legacy::connect::Connect;
use metrics_runtime::__shared::{Answer, Message, Patient};
use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::Value;

use self::points::Identity;
use self::request::{Body, Data};
use crate::error::ConfigError;
use crate::outcome::Outcome;
use crate::sample::Millis;
use crate::settings::Sender;
use crate::source::Source;
use crate::walk::{Current, Moment, Protocol};

const NAME: &str = "service.name";
const INSTANCE: &str = "service.instance.id";

/// The settings of a task that sends metrics to one receiver with OTLP over HTTP: to a collector of OpenTelemetry,
/// Prometheus 3, VictoriaMetrics, Mimir and others. Cheap to clone.
///
/// ```no_run
/// use metrics_runtime::Metrics;
/// use metrics_send::Otlp;
///
/// # async fn serve() {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let metrics = Metrics::builder().namespace("shop").install()?;
/// let otlp = Otlp::new("http://collector:4318/v1/metrics")?
///     .instance("10.0.0.7:8000")
///     .service_version(env!("CARGO_PKG_VERSION"))
///     .attribute("deployment.environment.name", "production")?;
/// let sending = otlp.start(&metrics)?;
/// serve().await;
/// sending.finish().await?;
/// # Ok(())
/// # }
/// ```
pub type Otlp = Sender<OpenTelemetry>;

/// The protocol OTLP.
#[derive(Clone, Debug)]
pub struct OpenTelemetry {
    attributes: Vec<(String, String)>,
    has_instance: bool,
    gzip: bool,
    /// The encoded resource and scope.
    prefixes: [Arc<[u8]>; 2],
}

impl Sender<OpenTelemetry> {
    /// Creates the settings for a receiver, with its whole address: `http://collector:4318/v1/metrics`.
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` address, or a valid `https://` address with the feature
    /// `tls`.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::to(url, OpenTelemetry::default())
    }

    /// Creates the settings like [`new`](Self::new), for a receiver that is reached with the given connector: with TLS of
    /// your own, or through a proxy.
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` or `https://` address.
    pub fn with_connector<C: Clone + Send + Sync + 'static>(connector: C, url: &str) -> Result<Self, ConfigError>
    where
        Patient<C>: Connect,
    {
        Self::over(connector, url, OpenTelemetry::default())
    }

    /// Sets the resource attribute `service.name`, which receivers of Prometheus make the label `job`. Default: the namespace
    /// of the metrics.
    pub fn service_name(mut self, name: &str) -> Self {
        self.protocol_mut().set(NAME, name);
        self
    }

    /// Sets the resource attribute `service.version`.
    pub fn service_version(mut self, version: &str) -> Self {
        self.protocol_mut().set("service.version", version);
        self
    }

    /// Sets the resource attribute `service.instance.id`, which every process needs: a host with a port, or the name of a
    /// pod. Receivers of Prometheus make it the label `instance`. Two processes with the same attributes would write into
    /// the same series. An empty text is no attribute, for a service of which never more than one process runs.
    pub fn instance(mut self, instance: &str) -> Self {
        self.protocol_mut().set(INSTANCE, instance);
        self.protocol_mut().has_instance = true;
        self
    }

    /// Sets a resource attribute. A second value for the same key replaces the first, and an empty value removes it.
    ///
    /// # Errors
    /// Returns an error if the key is empty.
    pub fn attribute(mut self, key: &str, value: &str) -> Result<Self, ConfigError> {
        if key.is_empty() {
            return Err(ConfigError::Attribute);
        }
        self.protocol_mut().set(key, value);
        Ok(self)
    }

    /// Compresses requests with gzip. Default: `true`.
    pub fn gzip(mut self, compressed: bool) -> Self {
        self.protocol_mut().gzip = compressed;
        self
    }
}

impl Default for OpenTelemetry {
    fn default() -> Self {
        Self { attributes: Vec::new(), has_instance: false, gzip: true, prefixes: request::prefixes([]) }
    }
}

impl OpenTelemetry {
    fn set(&mut self, key: &str, value: &str) {
        self.attributes.retain(|(other, _)| other != key);
        if !value.is_empty() {
            self.attributes.push((key.to_owned(), value.to_owned()));
        }
    }

    fn has(&self, key: &str) -> bool {
        self.attributes.iter().any(|(other, _)| other == key)
    }
}

impl Protocol for OpenTelemetry {
    type Part = Data;
    type Identity = Identity;
    type Body = Body;

    const EXAMPLE: &'static str = "http://collector:4318/v1/metrics";

    fn ready(&self, source: &Source) -> Result<Self, ConfigError> {
        let mut ready = self.clone();
        if !ready.has(NAME) {
            ready.set(NAME, source.namespace());
        }
        if !ready.has(NAME) {
            return Err(ConfigError::Service);
        }
        if !ready.has_instance && !ready.has(INSTANCE) {
            return Err(ConfigError::Instance("Otlp"));
        }
        let attributes = ready.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        ready.prefixes = request::prefixes(attributes);
        Ok(ready)
    }

    fn body(&self) -> Body {
        Body::default()
    }

    fn add(series: &mut Current<'_, Self>, value: Value<'_>) {
        let exemplars = series.series.exemplars;
        match value {
            Value::Counter(value) => add_number(series, Data::Counter, value.as_f64(), exemplars),
            Value::Gauge(value) | Value::Unknown(value) => add_number(series, Data::Gauge, value.as_f64(), &[]),
            Value::Info => add_number(series, Data::Info, 1.0, &[]),
            Value::Histogram(histogram) => match histogram.native {
                Some(native) => add(series, Data::Exponential, exemplars, |body, identity, moment| {
                    points::add_exponential(body, identity, moment, histogram, native);
                }),
                None => add(series, Data::Histogram, exemplars, |body, identity, moment| {
                    points::add_histogram(body, identity, moment, histogram);
                }),
            },
            Value::Summary(summary) => add(series, Data::Summary, &[], |body, identity, moment| {
                points::add_summary(body, identity, moment, summary);
            }),
            // A kind that is added to the runtime is added here.
            _ => {}
        }
    }

    fn mark(body: &mut Body, data: Data, identity: &Identity, time: Millis) {
        points::add_end(body, data, identity, time);
    }

    fn take(&self, body: &mut Body) -> Option<Bytes> {
        body.take(&self.prefixes, self.gzip)
    }

    fn set_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }

    fn outcome(&self, answer: &Answer, samples: u64) -> Outcome {
        answer::outcome(answer, samples)
    }
}

fn add_number(series: &mut Current<'_, OpenTelemetry>, data: Data, value: f64, exemplars: &[Option<StoredExemplar>]) {
    add(series, data, exemplars, |body, identity, moment| points::add_number(body, data, identity, moment, value));
}

/// Adds the data point of a series.
fn add(
    series: &mut Current<'_, OpenTelemetry>,
    data: Data,
    exemplars: &[Option<StoredExemplar>],
    write: impl FnOnce(&mut Body, &mut Identity, &Moment<'_>),
) {
    let (family, labels) = (series.family, series.series);
    series.make_room(1);
    series.add(
        data,
        exemplars,
        |_, body, selection| {
            if selection.drops(family.name, family.name) {
                return None;
            }
            let mut attributes = Vec::new();
            let mut message = Message::new(&mut attributes);
            // An empty label is the same as none.
            for (name, value) in labels.labels().filter(|(_, value)| !value.is_empty()) {
                request::attribute(&mut message, data.attributes(), name, &value);
            }
            Some(Identity {
                head: body.share(request::head(family)),
                attributes: attributes.into(),
                bounds: Vec::new(),
                has_buckets: !selection.drops(family.name, &format!("{}_bucket", family.name)),
            })
        },
        write,
    );
}
