//! Pushing to a Pushgateway, for jobs that end before a scrape.
//!
//! A [Pushgateway] keeps the metrics of the last push, until they are deleted, under a *grouping key*: the job and the
//! labels that distinguish its instances. Use it for batch jobs that are not tied to a machine, such as a nightly
//! import. Let Prometheus scrape a service that runs continuously.
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
//! A program without a runtime pushes with [`Push::put_blocking`].
//!
//! # Content of a push
//!
//! A push sends the page in the text format. No sample may have a label of the grouping key: the gateway would
//! overwrite it and merge different series. Such a label is an error, and nothing is sent. Collectors that panic, do not
//! answer within half of the timeout, or give timestamps, which a gateway refuses, are left out and counted. If metrics are switched off
//! (`METRICS_ENABLED=false`), nothing is pushed and no error is returned. [`Builder::own_metrics`] and
//! [`Builder::unused_metrics`] leave out what the job does not need.
//!
//! # HTTPS
//!
//! [`Push::new`] supports plain HTTP, which is usual within a cluster and needs no TLS dependency. For HTTPS, pass a
//! connector with TLS, such as the one of `hyper-rustls`, to [`Push::with_connector`].
//!
//! [`Builder::own_metrics`]: crate::Builder::own_metrics
//! [`Builder::unused_metrics`]: crate::Builder::unused_metrics
//! [Pushgateway]: https://github.com/prometheus/pushgateway#api

pub(crate) mod client;
mod connection;
mod error;
mod grouping;
mod labels;
mod page;
mod pushing;

pub use error::{ConfigError, PushError};
pub use pushing::Pushing;

use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use tokio::time::{Instant, timeout_at};

use crate::config::Metrics;
use crate::encode::Format;
use client::{Client, Failure};
use connection::Patient;
use grouping::GroupingKey;

/// The default timeout of a push.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The handling of metrics that the gateway already has under the grouping key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Replaces all of them.
    Put,
    /// Replaces metrics of the same names, and keeps the others.
    Post,
}

/// A client that pushes metrics to one gateway under one grouping key. Cheap to clone.
///
/// Each push opens a new connection. See the [module documentation](self) for an example.
#[derive(Clone)]
pub struct Push<C = HttpConnector> {
    client: Client<C>,
    key: GroupingKey,
    headers: HeaderMap,
    timeout: Duration,
    format: Format,
}

impl<C> fmt::Debug for Push<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("uri", self.key.uri()).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Push {
    /// Creates a client for the gateway at `url`, given without `/metrics`: `http://pushgateway:9091`. `job` is the
    /// first label of the grouping key.
    ///
    /// # Errors
    /// Returns an error if the address is not a valid `http://` address, or if the job is empty.
    pub fn new(url: &str, job: &str) -> Result<Self, ConfigError> {
        let key = GroupingKey::new(url, job)?;
        if key.uri().scheme_str() != Some("http") {
            return Err(ConfigError::url(url, "is not plain HTTP; for TLS, use `Push::with_connector`"));
        }
        Ok(Self::connected(HttpConnector::new(), key))
    }
}

impl<C: Clone> Push<C>
where
    Patient<C>: Connect,
{
    /// Creates a client like [`new`](Push::new) that connects with the given connector, for TLS or a proxy.
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
    /// Returns an error if the address is not a valid `http://` or `https://` address, or if the job is empty.
    pub fn with_connector(connector: C, url: &str, job: &str) -> Result<Self, ConfigError> {
        Ok(Self::connected(connector, GroupingKey::new(url, job)?))
    }

    fn connected(connector: C, key: GroupingKey) -> Self {
        // Without idle connections, because the gateway may close them between two pushes.
        Self {
            client: Client::new(connector, 0),
            key,
            headers: HeaderMap::new(),
            timeout: DEFAULT_TIMEOUT,
            format: Format::Text,
        }
    }
}

impl<C> Push<C> {
    /// Adds a label to the grouping key, such as `instance`. Every value is allowed, including empty ones and ones with
    /// slashes.
    ///
    /// # Errors
    /// Returns an error if the name is not a valid label name, or is already in the grouping key.
    pub fn grouping(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.key.add(name, value)?;
        Ok(self)
    }

    /// Sets credentials for HTTP basic authentication. They never appear in errors or logs.
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.header(AUTHORIZATION, client::basic_auth(user, password))
    }

    /// Sets a header of every request. A second value for the same name replaces the first.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the timeout of a push, which includes writing the page. Default: 10 seconds.
    ///
    /// Collectors of the `prometheus` crate and breaker sources have half of it to answer. A push leaves out those that
    /// do not, and counts them in `metrics_runtime_scrape_errors_total`, as a scrape does.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Pushes in the protobuf format, which has native histograms. The default is the text format 0.0.4.
    #[cfg(feature = "protobuf")]
    pub fn protobuf(mut self) -> Self {
        self.format = Format::Protobuf;
        self
    }
}

impl<C: Clone + Send + Sync + 'static> Push<C>
where
    Patient<C>: Connect,
{
    /// Pushes these metrics, and replaces everything that the gateway has under the grouping key.
    ///
    /// # Errors
    /// Returns a [`PushError`] if the push fails. The gateway then keeps its earlier metrics, except after
    /// [`TimedOut`](PushError::TimedOut): a slow gateway may still have accepted the push.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime with timers and I/O enabled.
    pub async fn put(&self, metrics: &Metrics) -> Result<(), PushError> {
        self.push(Method::Put, metrics).await
    }

    /// Pushes these metrics, and replaces metrics of the same names under the grouping key. Other names are kept.
    ///
    /// # Errors
    /// Returns the errors of [`put`](Self::put).
    ///
    /// # Panics
    /// Panics like [`put`](Self::put).
    pub async fn post(&self, metrics: &Metrics) -> Result<(), PushError> {
        self.push(Method::Post, metrics).await
    }

    /// Deletes everything that the gateway has under the grouping key. A key without metrics is not an error.
    ///
    /// # Errors
    /// Returns the errors of [`put`](Self::put).
    ///
    /// # Panics
    /// Panics like [`put`](Self::put).
    pub async fn delete(&self) -> Result<(), PushError> {
        let deadline = self.deadline();
        self.send(http::Method::DELETE, Bytes::new(), deadline).await
    }

    /// Pushes at an interval, in a task of the current tokio runtime, and a last time at the end. See
    /// [`Pushing::finish`].
    ///
    /// A failed push is logged as a warning. Values are cumulative, so the next push includes those of the failed one.
    ///
    /// # Errors
    /// Returns an error if the interval is zero, or if it is called outside of a tokio runtime.
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
        let deadline = self.deadline();
        let url = self.url();
        let page = page::write(metrics, self.timeout / 2, self.format, self.key.label_names(), &url);
        let page = timeout_at(deadline, page).await.map_err(|_| self.timed_out())??;
        self.send(method, page.into(), deadline).await
    }

    /// Pushes like [`put`](Self::put), and blocks this thread until the push has ended: for a program without a runtime.
    ///
    /// It runs on a thread and a runtime of its own, which end with it. Do not call it from async code, which it would block.
    ///
    /// ```no_run
    /// use metrics_runtime::{Metrics, push::Push};
    ///
    /// # fn import() {}
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let metrics = Metrics::builder().namespace("import").install()?;
    ///     import();
    ///     Push::new("http://pushgateway:9091", "nightly_import")?.put_blocking(&metrics)?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`put`](Self::put), [`Failed`](PushError::Failed) also if the system has no thread for the push.
    pub fn put_blocking(&self, metrics: &Metrics) -> Result<(), PushError> {
        self.blocking(self.put(metrics))
    }

    /// Pushes like [`post`](Self::post), and blocks this thread as [`put_blocking`](Self::put_blocking) does.
    ///
    /// # Errors
    /// Returns the errors of [`put_blocking`](Self::put_blocking).
    pub fn post_blocking(&self, metrics: &Metrics) -> Result<(), PushError> {
        self.blocking(self.post(metrics))
    }

    /// Deletes like [`delete`](Self::delete), and blocks this thread as [`put_blocking`](Self::put_blocking) does.
    ///
    /// # Errors
    /// Returns the errors of [`put_blocking`](Self::put_blocking).
    pub fn delete_blocking(&self) -> Result<(), PushError> {
        self.blocking(self.delete())
    }

    /// Runs a push on another thread: a thread of a runtime cannot start a second one.
    fn blocking(&self, push: impl Future<Output = Result<(), PushError>> + Send) -> Result<(), PushError> {
        let failed = |error: io::Error| PushError::Failed { url: self.url(), error: Box::new(error) };
        thread::scope(|scope| {
            let run = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let pushed = runtime.block_on(push);
                // A look-up of the gateway's name may last longer than the timeout.
                runtime.shutdown_background();
                Ok(pushed)
            };
            let pushing = thread::Builder::new().name("metrics-push".to_owned()).spawn_scoped(scope, run);
            match pushing.map_err(failed)?.join() {
                Ok(pushed) => pushed.map_err(failed)?,
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    fn deadline(&self) -> Instant {
        client::deadline(self.timeout)
    }

    fn timed_out(&self) -> PushError {
        PushError::TimedOut { url: self.url(), after: self.timeout }
    }

    async fn send(&self, method: http::Method, page: Bytes, deadline: Instant) -> Result<(), PushError> {
        let mut request = Request::new(Full::new(page));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri().clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.format.content_type()));
        let answer = self.client.send(request, deadline).await.map_err(|failure| match failure {
            Failure::TimedOut => self.timed_out(),
            Failure::Failed(error) => PushError::Failed { url: self.url(), error: error.into() },
        })?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(PushError::Refused { url: self.url(), status: answer.status.as_u16(), body: answer.text() })
    }

    fn uri(&self) -> &Uri {
        self.key.uri()
    }

    fn url(&self) -> String {
        self.uri().to_string()
    }
}
