//! The settings that all protocols have.

#[cfg(feature = "tls")]
use std::path::Path;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use metrics_runtime::__shared::{Patient, address, basic_auth};

use crate::backoff::Backoff;
use crate::error::ConfigError;
use crate::own_metrics::OwnMetrics;
use crate::receiver::Receiver;
use crate::sending::Sending;
use crate::source::Source;
use crate::task::{Pace, Task};
#[cfg(feature = "tls")]
use crate::tls;
use crate::walk::{Protocol, Reading};

/// The settings of a task that sends metrics to one receiver. Cheap to clone.
///
/// The protocol is that of `RemoteWrite` or `Otlp`, which are names of this type.
#[derive(Clone, Debug)]
pub struct Sender<P> {
    receiver: Receiver,
    name: Option<String>,
    protocol: P,
    reading: Reading,
    pace: Pace,
    /// `true` for an `https://` address without authorities of its own. Those of the system are read at the start, so that
    /// a system without any is no problem for one with.
    #[cfg(feature = "tls")]
    trusts_system: bool,
}

impl<P: Protocol> Sender<P> {
    /// Creates the settings for a receiver.
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` address, or a valid `https://` address with the feature
    /// `tls`.
    pub(crate) fn to(url: &str, protocol: P) -> Result<Self, ConfigError> {
        let invalid = |problem| ConfigError::url(url, problem, P::EXAMPLE);
        let uri = address(url).map_err(invalid)?;
        let is_https = uri.scheme_str() == Some("https");
        #[cfg(not(feature = "tls"))]
        if is_https {
            return Err(invalid("is https; enable the feature `tls`, or use `with_connector`"));
        }
        let mut connector = HttpConnector::new();
        // A request is written at once.
        connector.set_nodelay(true);
        let sender = Self::with(Receiver::new(connector, uri), protocol);
        #[cfg(feature = "tls")]
        let sender = Self { trusts_system: is_https, ..sender };
        Ok(sender)
    }

    /// Creates the settings for a receiver that is reached with the given connector.
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` or `https://` address.
    pub(crate) fn over<C: Clone + Send + Sync + 'static>(
        connector: C,
        url: &str,
        protocol: P,
    ) -> Result<Self, ConfigError>
    where
        Patient<C>: Connect,
    {
        let uri = address(url).map_err(|problem| ConfigError::url(url, problem, P::EXAMPLE))?;
        Ok(Self::with(Receiver::new(connector, uri), protocol))
    }

    fn with(receiver: Receiver, protocol: P) -> Self {
        let pace = Pace {
            interval: Duration::from_secs(15),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)),
            queue_bytes: 16 << 20,
            shutdown_timeout: Duration::from_secs(10),
        };
        Self {
            receiver,
            name: None,
            protocol,
            reading: Reading::default(),
            pace,
            #[cfg(feature = "tls")]
            trusts_system: false,
        }
    }

    pub(crate) fn protocol_mut(&mut self) -> &mut P {
        &mut self.protocol
    }

    /// Leaves out metrics: those of these names, and with `*` at the end all metrics whose samples have this prefix. The name
    /// is that of a metric, or of one of its series: `http_request_duration_seconds_bucket` leaves out the classic
    /// buckets. OTLP sends a histogram or a summary as a whole; there, the classic buckets are the only such series.
    ///
    /// ```
    /// # #[cfg(feature = "remote-write")] {
    /// use metrics_send::RemoteWrite;
    ///
    /// let write = RemoteWrite::new("http://prometheus:9090/api/v1/write", "shop")?
    ///     .drop_metrics(["process_*", "tokio_*", "shop_build_info"])?;
    /// # drop(write);
    /// # }
    /// # Ok::<(), metrics_send::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if no metric can match a pattern: one with `*` at another place, or with a character that names do
    /// not have.
    pub fn drop_metrics<N: AsRef<str>>(mut self, patterns: impl IntoIterator<Item = N>) -> Result<Self, ConfigError> {
        patterns.into_iter().try_for_each(|pattern| self.reading.selection.drop(pattern.as_ref()))?;
        Ok(self)
    }

    /// Sends native histograms. Default: `false`, because a receiver that does not store them refuses a whole request with
    /// one, or leaves them out without an error.
    ///
    /// Then a histogram with native buckets is sent as a native one. With remote write, its classic buckets are sent too;
    /// a metric of OTLP has one form, the exponential histogram. Without the setting, a histogram is sent as on the page in
    /// the text format.
    pub fn native_histograms(mut self, sent: bool) -> Self {
        self.reading.native_histograms = sent;
        self
    }

    /// Sends exemplars. Default: `true`.
    pub fn exemplars(mut self, sent: bool) -> Self {
        self.reading.exemplars = sent;
        self
    }

    /// Sends stale markers, which end a series in queries: for series that are gone, and for all series at the end. Default:
    /// `true`. Without them, queries show the last value for five more minutes.
    pub fn stale_markers(mut self, sent: bool) -> Self {
        self.reading.stale_markers = sent;
        self
    }

    /// Sets the time between two walks. Default: 15 seconds.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.pace.interval = interval;
        self
    }

    /// Sets the largest number of samples of a request. Default: 2,000. The samples of one histogram are never divided. A
    /// data point of OTLP is one sample.
    pub fn samples_per_request(mut self, samples: u64) -> Self {
        self.reading.batch = samples;
        self
    }

    /// Sets the memory of requests that wait for the receiver, in compressed bytes. Default: 16 MiB. Beyond it, the oldest
    /// ones are dropped and counted.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.pace.queue_bytes = bytes;
        self
    }

    /// Sets the shortest and the longest time before a request is sent again, each at least a millisecond. The time doubles
    /// with each attempt. Default: 100 milliseconds and 10 seconds.
    pub fn backoff(mut self, times: std::ops::RangeInclusive<Duration>) -> Self {
        self.pace.backoff = Backoff::new(*times.start(), *times.end());
        self
    }

    /// Sets the time that the receiver has to answer a request. Default: 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.receiver.set_timeout(timeout);
        self
    }

    /// Sets the time of [`Sending::finish`]: what the receiver has not accepted by then is dropped. Default: 10 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.pace.shutdown_timeout = timeout;
        self
    }

    /// Sets credentials for HTTP basic authentication. They never appear in errors or logs.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.header(AUTHORIZATION, basic_auth(user, password))
    }

    /// Sets a bearer token. It never appears in errors or logs.
    ///
    /// # Errors
    /// Returns an error if the token is empty or cannot be sent in a header.
    pub fn bearer_token(self, token: &str) -> Result<Self, ConfigError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ConfigError::Token)?;
        if token.trim().is_empty() {
            return Err(ConfigError::Token);
        }
        value.set_sensitive(true);
        Ok(self.header(AUTHORIZATION, value))
    }

    /// Sets a header of every request, such as `X-Scope-OrgID` for a tenant of Mimir. A second value for the same name
    /// replaces the first. Those of the protocol cannot be replaced.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.receiver.set_header(name, value);
        self
    }

    /// Trusts the certificate authorities of a PEM file, and no others.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or has no certificate.
    #[cfg(feature = "tls")]
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        self.receiver.connect_with(tls::connector(Some(path.as_ref()))?);
        self.trusts_system = false;
        Ok(self)
    }

    /// Sets the label `remote_name` of the metrics about sending. Default: the host and the port of the receiver. Two tasks
    /// of a registry with one receiver need two names.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Starts to send, in a task of the current tokio runtime: at once, then at the interval, and a last time at the end.
    /// See [`Sending::finish`]. If metrics are switched off, nothing is sent.
    ///
    /// # Errors
    /// Returns an error if the instance is not set, or for OTLP the service; if the interval, the samples of a request or
    /// the bytes of the queue are zero; if another running task of the registry has this name; if the registry has another
    /// metric of the name of one of those about sending; if it is called outside of a tokio runtime; or with `https://` if
    /// the certificate authorities of the system cannot be read, and are not replaced with `ca_file`.
    ///
    /// # Panics
    /// Panics in a tokio runtime without timers and I/O.
    pub fn start(&self, source: impl Into<Source>) -> Result<Sending, ConfigError> {
        let source = source.into();
        let protocol = self.protocol.ready(&source)?;
        if self.pace.interval.is_zero() {
            return Err(ConfigError::Interval);
        }
        let zero = [("samples_per_request", self.reading.batch == 0), ("queue_bytes", self.pace.queue_bytes == 0)];
        if let Some((setting, _)) = zero.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(ConfigError::Zero(setting));
        }
        if !source.is_enabled() {
            return Ok(Sending::switched_off());
        }
        Sending::start(|| {
            let name = self.name.as_deref().unwrap_or(self.receiver.authority());
            let receiver = self.connected()?;
            let own = OwnMetrics::register(source.registry(), name)?;
            Ok(Task::new(source, receiver, protocol, self.reading.clone(), self.pace.clone(), own))
        })
    }

    #[cfg(feature = "tls")]
    fn connected(&self) -> Result<Receiver, ConfigError> {
        let mut receiver = self.receiver.clone();
        if self.trusts_system {
            receiver.connect_with(tls::connector(None)?);
        }
        Ok(receiver)
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unnecessary_wraps, reason = "it reads authorities with the feature `tls`")]
    fn connected(&self) -> Result<Receiver, ConfigError> {
        Ok(self.receiver.clone())
    }
}
