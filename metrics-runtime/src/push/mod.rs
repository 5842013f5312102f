//! Pushing to a Pushgateway, for jobs that end before anyone would scrape them.
//!
//! A [Pushgateway] keeps what was pushed last, until it is deleted, under a *grouping key*: the job, and whatever labels
//! tell its instances apart. It is for jobs that belong to no machine, such as a nightly import; a service that stays
//! is scraped.
//!
//! ```no_run
//! use std::time::Duration;
//! use metrics_runtime::{Metrics, push::{Method, Push}};
//!
//! # async fn import() {}
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let metrics = Metrics::builder().namespace("import").install()?;
//!     let push = Push::new("http://pushgateway:9091", "nightly_import")?.grouping("shop", "berlin")?;
//!     let pushing = push.every(Duration::from_secs(15), Method::Put, &metrics)?;
//!     import().await;
//!     pushing.finish().await?;
//!     Ok(())
//! }
//! ```
//!
//! # What is pushed
//!
//! The page in the text format. No sample may have a label that is in the grouping key: the gateway would overwrite it,
//! and make one series of two. That is an error, before anything is sent. Where metrics are switched off
//! (`METRICS_ENABLED=false`), nothing is pushed, and that is no error.
//!
//! # https
//!
//! This speaks plain http, as gateways do within a cluster, so that nobody pays for TLS who does not need it. For the
//! others there is [`Push::with_connector`], which takes a connector with TLS such as `hyper-rustls` has.
//!
//! [Pushgateway]: https://github.com/prometheus/pushgateway#api

mod error;
mod grouping;
mod page;
mod pushing;

pub use error::{ConfigError, PushError};
pub use pushing::Pushing;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::config::Metrics;
use crate::encode::Format;
use grouping::Group;

/// How long a push may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a gateway's answer an error keeps.
const KEPT: usize = 1024;

/// What becomes of what the gateway has under the grouping key already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// All of it is replaced.
    Put,
    /// Metrics of the same names are replaced; others stay.
    Post,
}

/// Where metrics are pushed to, and under which grouping key. Cheap to clone.
///
/// Every push opens a connection of its own. See [the module](self) for an example.
#[derive(Clone)]
pub struct Push<C = HttpConnector> {
    client: Client<C, Full<Bytes>>,
    group: Group,
    headers: HeaderMap,
    timeout: Duration,
}

impl<C> fmt::Debug for Push<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("uri", self.group.uri()).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Push {
    /// Pushes to the gateway at `url`, the part in front of `/metrics`: `http://pushgateway:9091`. `job` is the first
    /// part of the grouping key.
    ///
    /// # Errors
    /// The address is none, or is not plain http; the job is empty.
    pub fn new(url: &str, job: &str) -> Result<Self, ConfigError> {
        let group = Group::new(url, job)?;
        if group.uri().scheme_str() != Some("http") {
            return Err(ConfigError::url(url, "is not plain http; for TLS, see `Push::with_connector`"));
        }
        Ok(Self::connected(HttpConnector::new(), group))
    }
}

impl<C: Connect + Clone> Push<C> {
    /// As [`new`](Push::new), over this connector: one that speaks TLS, or knows a proxy.
    ///
    /// ```
    /// use hyper_util::client::legacy::connect::HttpConnector;
    /// use metrics_runtime::push::Push;
    ///
    /// let mut connector = HttpConnector::new();
    /// connector.set_local_address(Some([127, 0, 0, 1].into()));
    /// let push = Push::with_connector(connector, "http://pushgateway:9091", "nightly_import")?;
    /// # Ok::<(), metrics_runtime::push::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The address is none that begins with `http://` or `https://`; the job is empty.
    pub fn with_connector(connector: C, url: &str, job: &str) -> Result<Self, ConfigError> {
        Ok(Self::connected(connector, Group::new(url, job)?))
    }

    fn connected(connector: C, group: Group) -> Self {
        // Between two pushes, the other end may drop a connection without a word.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { client, group, headers: HeaderMap::new(), timeout: TIMEOUT }
    }
}

impl<C> Push<C> {
    /// One more label of the grouping key, `instance` for example. Any value is possible, empty ones and slashes too.
    ///
    /// # Errors
    /// Prometheus does not allow the name, or it is in the key already.
    pub fn grouping(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.group.add(name, value)?;
        Ok(self)
    }

    /// Credentials for a gateway that asks for them. They appear in no error and no log.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        match HeaderValue::from_str(&format!("Basic {encoded}")) {
            Ok(mut value) => {
                value.set_sensitive(true);
                self.header(AUTHORIZATION, value)
            }
            // Base64 has no character that a header could not have.
            Err(_) => self,
        }
    }

    /// A header on every request.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// How long one push may take, writing the page included: 10 seconds unless told otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Push<C> {
    /// Replaces all that the gateway has under the grouping key by these metrics.
    ///
    /// # Errors
    /// See [`PushError`]. Then the gateway has what it had before, unless it was slow to answer and the time was up.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its timers and sockets.
    pub async fn put(&self, metrics: &Metrics) -> Result<(), PushError> {
        self.push(Method::Put, metrics).await
    }

    /// Replaces what the gateway has under the grouping key and the names of these metrics; other names stay.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub async fn post(&self, metrics: &Metrics) -> Result<(), PushError> {
        self.push(Method::Post, metrics).await
    }

    /// Deletes all that the gateway has under the grouping key; nothing there is no error.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub async fn delete(&self) -> Result<(), PushError> {
        self.within_timeout(self.send(http::Method::DELETE, Bytes::new())).await
    }

    /// Pushes whenever `interval` has passed, in a task of the current tokio runtime, and once more at the end: see
    /// [`Pushing::finish`]. A push that fails is logged, and the next one has all that it would have had.
    ///
    /// # Errors
    /// The interval is zero, or there is no tokio runtime.
    pub fn every(&self, interval: Duration, method: Method, metrics: &Metrics) -> Result<Pushing, ConfigError> {
        Pushing::start(self.clone(), interval, method, metrics.clone())
    }

    async fn push(&self, method: Method, metrics: &Metrics) -> Result<(), PushError> {
        if !metrics.is_enabled() {
            return Ok(());
        }
        let method = match method {
            Method::Put => http::Method::PUT,
            Method::Post => http::Method::POST,
        };
        self.within_timeout(async {
            let metrics = metrics.clone();
            // A foreign collector may block; that must not stop the other tasks of a worker.
            let page = tokio::task::spawn_blocking(move || metrics.render()).await.map_err(|_| PushError::Stopped)?;
            if let Some((metric, label)) = page::label_in(&page, self.group.labels()) {
                return Err(PushError::LabelTaken { metric: metric.to_owned(), label: label.to_owned() });
            }
            self.send(method, page.into()).await
        })
        .await
    }

    async fn within_timeout(&self, work: impl Future<Output = Result<(), PushError>>) -> Result<(), PushError> {
        let timed_out = |_| PushError::TimedOut { url: self.url(), after: self.timeout };
        tokio::time::timeout(self.timeout, work).await.map_err(timed_out)?
    }

    async fn send(&self, method: http::Method, page: Bytes) -> Result<(), PushError> {
        let mut request = Request::new(Full::new(page));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri().clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Format::Text.content_type()));
        let failed = |error| PushError::Failed { url: self.url(), error: Box::new(error) };
        let response = self.client.request(request).await.map_err(failed)?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(PushError::Refused { url: self.url(), status: response.status().as_u16(), body: beginning(response).await })
    }

    fn uri(&self) -> &Uri {
        self.group.uri()
    }

    fn url(&self) -> String {
        self.uri().to_string()
    }
}

/// The first [`KEPT`] bytes of a response; what cannot be read is left out.
async fn beginning<B: http_body::Body<Data = Bytes> + Unpin>(response: Response<B>) -> String {
    let mut body = response.into_body();
    let mut kept = Vec::new();
    while kept.len() < KEPT
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Some(data) = frame.data_ref() {
            kept.extend_from_slice(&data[..data.len().min(KEPT - kept.len())]);
        }
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}
