//! Requests, each counted once, and the page they are scraped from.
//!
//! [`Http`] says what is recorded and under which names, [`Http::layer`] makes the middleware of it. The middleware
//! fits any [`tower_service::Service`] of [`http::Request`]s.
//!
//! # When a request is over, and what it counts as
//!
//! A request counts when it is over: when its response has ended, not when the headers went out. Whatever happens, it
//! counts once:
//!
//! | how it ended | `status` | duration |
//! |---|---|---|
//! | the body was handed over to its end | that of the response | to the end of the body |
//! | the service returned an error | `500` | to the error |
//! | the service or the body panicked | `500` | to the panic |
//! | the body failed; the headers were out already, and said something else | `500` | to the error |
//! | the client left, before the headers or inside the body | `499` | none |
//!
//! `499` also is what a request counts as that something outside of the middleware gave up, a timeout for instance.
//! Durations are those of requests that ran to their end: how long a client had patience says nothing about the service.
//!
//! A server stops reading a body that it knows the length of before the body says that it is at its end. So the end is
//! also: all of the bytes that the body or the header `content-length` announced, the trailers, and for responses that
//! have no body (to `HEAD`, to a `CONNECT` that succeeds, with status 1xx, 204 or 304) the headers.
//!
//! # Labels
//!
//! No client can make them grow:
//!
//! - `method` is one of the nine methods of RFC 9110 and PATCH, or QUERY, and `_OTHER` for everything else.
//! - `endpoint` is the route as the application wrote it, `/users/{id}`. It is known to a layer *inside* an
//!   [`axum::Router`]: added with [`Router::layer`](axum::Router::layer) after all routes, as
//!   [`Metrics::instrument`](crate::Metrics::instrument) does, not wrapped around the router. Where no route matched,
//!   and for what [`nest_service`](axum::Router::nest_service) hides, it is `unmatched`; routes begin with `/`, so no
//!   route reads like that. It never is the path that was asked for.
//! - `status` is the three digits.

mod body;
mod endpoint;
mod future;
mod guard;
mod labels;
mod layer;
mod path;
mod probe;
mod service;
#[cfg(test)]
mod tests;

pub use body::TrackedBody;
pub use endpoint::EndpointError;
pub(crate) use endpoint::instrument;
pub use future::ResponseFuture;
pub use layer::HttpLayer;
pub use path::PathError;
pub(crate) use path::check_path;
pub use service::HttpService;

use std::borrow::Cow;

use crate::descriptor::Descriptor;
use crate::registry::{Registry, RegistryError};
use guard::Recorder;

/// What is recorded of every request, and under which names.
///
/// | metric | labels |
/// |---|---|
/// | counter `http_requests_total` | `method`, `endpoint`, `status` |
/// | histogram `http_request_duration_seconds`, buckets 0.01 0.05 0.1 0.5 1 2.5 5 10 | `method`, `endpoint` |
///
/// All names, the names of the labels and the buckets can be chosen. [The module](self) says what the labels read and
/// when a request counts.
///
/// ```
/// use axum::{Router, routing::get};
/// use metrics_runtime::{Registry, http::Http};
///
/// let registry = Registry::new();
/// let layer = Http::new()
///     .requests("requests_total")
///     .duration("request_duration_seconds")
///     .endpoint_label("path")
///     .buckets(&[0.1, 1.0, 10.0])
///     .layer(&registry)?;
/// let app: Router = Router::new().route("/users/{id}", get(|| async { "hello" })).layer(layer);
/// # Ok::<(), metrics_runtime::RegistryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Http {
    requests: Cow<'static, str>,
    duration: Cow<'static, str>,
    method_label: Cow<'static, str>,
    endpoint_label: Cow<'static, str>,
    status_label: Cow<'static, str>,
    duration_status: bool,
    buckets: Cow<'static, [f64]>,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// The metrics in the table above.
    pub const fn new() -> Self {
        Self {
            requests: Cow::Borrowed("http_requests_total"),
            duration: Cow::Borrowed("http_request_duration_seconds"),
            method_label: Cow::Borrowed("method"),
            endpoint_label: Cow::Borrowed("endpoint"),
            status_label: Cow::Borrowed("status"),
            duration_status: false,
            buckets: Cow::Borrowed(&[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0]),
        }
    }

    /// The name of the counter, without namespace. It ends in `_total`.
    pub fn requests(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.requests = name.into();
        self
    }

    /// The name of the histogram, without namespace. It ends in `_seconds`.
    pub fn duration(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.duration = name.into();
        self
    }

    /// The name of the label `method`.
    pub fn method_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.method_label = name.into();
        self
    }

    /// The name of the label `endpoint`.
    pub fn endpoint_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.endpoint_label = name.into();
        self
    }

    /// The name of the label `status`.
    pub fn status_label(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.status_label = name.into();
        self
    }

    /// Whether the histogram has the label `status` as well. Each status then costs a series for every bucket.
    pub const fn duration_status(mut self, yes: bool) -> Self {
        self.duration_status = yes;
        self
    }

    /// The upper bounds of the histogram's buckets, in seconds, sorted, `+Inf` left out.
    pub fn buckets(mut self, bounds: impl Into<Cow<'static, [f64]>>) -> Self {
        self.buckets = bounds.into();
        self
    }

    /// The bounds of the histogram's buckets.
    pub(crate) fn bounds(&self) -> &[f64] {
        &self.buckets
    }

    /// The middleware that records into this registry.
    ///
    /// Layers with the same definition and the same registry record into the same metrics.
    ///
    /// # Errors
    /// A name, a label or the buckets are refused by Prometheus' rules, or another definition has the name.
    #[track_caller]
    pub fn layer(&self, registry: &Registry) -> Result<HttpLayer, RegistryError> {
        let [method, endpoint, status] = [&self.method_label, &self.endpoint_label, &self.status_label].map(Cow::clone);
        let mut timed = vec![method.clone(), endpoint.clone()];
        if self.duration_status {
            timed.push(status.clone());
        }
        let requests = Descriptor::counter(
            self.requests.clone(),
            "HTTP requests that are over, by method, route and status; 499 is a client that left early.",
        );
        let duration = Descriptor::histogram(
            self.duration.clone(),
            "Time from an HTTP request to the end of its response, in seconds; not observed where the client left early.",
            self.buckets.clone(),
        );
        let requests = registry.counter(requests.labels([method, endpoint, status]))?;
        let duration = registry.histogram(duration.labels(timed).unit("seconds"))?;
        Ok(HttpLayer::new(Recorder { requests, duration, duration_status: self.duration_status }))
    }
}
