//! Middleware that records HTTP requests, and the endpoint that serves the metrics page.
//!
//! - [`Http`] holds the settings of the middleware, and [`Http::layer`] creates it. The [`HttpLayer`] fits any
//!   [`tower_service::Service`] of [`http::Request`]s. [`HttpLayer::install`] adds it to an axum router.
//! - [`Endpoint`] holds the settings of the page. [`Metrics::instrument`](crate::Metrics::instrument) adds the
//!   middleware to an axum router and mounts the page.
//!
//! ```
//! use axum::{Router, routing::get};
//! use metrics_runtime::{Metrics, Registry, http::{Endpoint, Http, HttpMetric}};
//!
//! let metrics = Metrics::builder()
//!     .registry(&Registry::new())
//!     .http(Http::new().with(HttpMetric::InFlight).skip_path("/health"))
//!     .endpoint(Endpoint::new().token("s3cr3t"))
//!     .build()?;
//! let app = Router::new().route("/users/{id}", get(|| async { "hello" }));
//! let app: Router = metrics.instrument(app)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Metrics
//!
//! | metric | value |
//! |---|---|
//! | `http_requests_total{method, endpoint, status}` | finished requests; `499` if the client disconnected early |
//! | `http_request_duration_seconds{method, endpoint}` | time from the request to the end of the response body |
//!
//! [`HttpMetric`] lists them with all further ones, which are off by default: time to the first byte, requests in
//! flight, body sizes, aborted responses, upgrades, and OpenTelemetry's naming.
//!
//! # End of a request
//!
//! A request is recorded once, when its response has ended, not when the response headers are sent:
//!
//! | the request ends when | `status` | duration |
//! |---|---|---|
//! | the response body was sent to its end | that of the response | to the end of the body |
//! | the service returns an error | `500` | to the error |
//! | the service or the body panics | `500` | to the panic |
//! | the body returns an error, even though the headers with another status were already sent | `500` | to the error |
//! | the client disconnects, before the headers or within the body | `499` | not observed |
//! | the connection is upgraded: `101`, or `CONNECT` with 2xx | that of the response | not observed |
//!
//! Requests cancelled by an outer layer, such as a timeout, also count as `499`. Cancelled requests have no duration,
//! because it would show how long the client waited, not how fast the service is.
//!
//! A server stops polling a body of known length before the body reports its end. Therefore a body also ends with the
//! last byte that its size hint or the header `content-length` announced, and with its trailers. A response without a
//! body (to `HEAD`, to a successful `CONNECT`, or with status 1xx, 204 or 304) ends with its headers.
//!
//! # Labels
//!
//! The number of label values is bounded and does not depend on what clients send:
//!
//! - `method` is a method of RFC 9110, `PATCH`, `QUERY`, or `_OTHER` for all others.
//! - `endpoint` is the route template, such as `/users/{id}`, and never the requested path. A layer knows it only
//!   *inside* an axum router: added after all routes, as by [`Metrics::instrument`](crate::Metrics::instrument) and
//!   [`HttpLayer::install`], and not wrapped around the router. It is `unmatched` if no route matched, and for the
//!   routes within a `nest_service`. No route can have this text, because routes begin with `/`. Other services set it
//!   with [`Http::route`]. If the first 100 requests match no route, a warning is logged once.
//! - `status` is the three-digit code, or the class, such as `2xx`, with [`Http::status_classes`].
//! - Labels added with [`Http::request_label`] and [`Http::response_label`] have the declared number of values,
//!   `_overflow` for all others, and the empty value.
//!
//! `http_requests_total` therefore has at most `(routes + 1) * 11 * statuses` series, times `values + 2` for each added
//! label, and never more than [the limit of the registry](crate::Registry::set_series_limit).
//!
//! # Errors
//!
//! A value that carries an HTTP status is judged by that status: 5xx is an error, everything else is not. An `Err` of
//! any other type is an error. `impl Classify`, `ok_if` and `error_if` decide otherwise. The rule is the same for the
//! exported alerts and objectives of routes, by the label `status`, and for the functions of
//! [`track`](macro@crate::track), by the returned value: see [`Classify`](crate::Classify).
//!
//! # Skipped requests
//!
//! [`Http::skip_path`] skips requests by their path, [`Http::skip`] by a predicate, and the layer [`Skip`] by their
//! route.
//!
//! # The page
//!
//! [`Metrics::instrument`](crate::Metrics::instrument) mounts the page in a router. `Metrics::listen` and
//! `Metrics::serve` (feature `serve`) serve it on a separate address, together with the health check `/health`.
//! [`EndpointService`] is the page as a service, for all other cases. [`Endpoint`] sets tokens, allowed networks, the
//! limit of concurrent scrapes (40), the deadline (10 s) and strictness.
//!
//! | request | response |
//! |---|---|
//! | from an address that is not allowed | 403 |
//! | without a valid token | 401 |
//! | with another method than `GET` and `HEAD` | 405 and `Allow` |
//! | beyond the limit of concurrent scrapes | 503 and `Retry-After` |
//! | with any `Accept` header | the page in text 0.0.4, or OpenMetrics 1.0 if `Accept` prefers it |
//! | with any `Accept-Encoding` header | the page in zstd (feature `zstd`) or gzip (feature `gzip`) if the header names it, else uncompressed |
//! | with `name[]` in its query, once or repeatedly | the families with one of these names, or with a sample of one of these names |
//! | if the page is incomplete and [`strict`](Endpoint::strict) is set | 500 |
//!
//! A request that is refused gathers nothing.
//!
//! The server of `Metrics::serve` limits its clients: a request head of at most 64 KiB (else 431) must arrive within
//! 5 s, the page must be read within 10 s after its deadline, and at most 128 connections are open. A further
//! connection closes the oldest one without an active request.
//!
//! **Concurrent scrapes share a page.** It is gathered, written and encoded once for all requests that arrive before
//! the registry's families are read, so that no scrape returns values of families older than its request. Later
//! requests share the next page. Values of collectors of the `prometheus` crate can be older, by the time that
//! gathering them took: a collector that is still running is not called again, and both pages use its result. Gathering
//! and writing run on separate threads and do not block the runtime's workers.
//!
//! **A failing collector affects only its own families.** They are left out if it panics, misses the deadline, or
//! returns families that are not valid on a page. The failure is counted by cause in
//! `metrics_runtime_scrape_errors_total`, and logged the first time. A collector that has missed the deadline is not
//! called again until it returns. An included `prometheus::Registry` is one such collector.
//!
//! Any collector of the `prometheus` crate can be added to the page with `Registry::register`, and a whole registry
//! with `Registry::include`. Conversely, a `Family`, or all of them with `Metrics::collector`, can be registered in a
//! `prometheus::Registry`.
//!
//! The [crate page](crate#metrics-of-the-toolkit) lists the metrics of the endpoint.
//! [`Builder::from_env`](crate::Builder::from_env) lists the environment variables that override its settings.

#[cfg(feature = "axum")]
mod endpoint;
mod middleware;

#[cfg(feature = "axum")]
pub use endpoint::{Endpoint, EndpointError, EndpointService, EndpointSettingError, PageBody, PathError};
#[cfg(feature = "axum")]
pub(crate) use endpoint::{Scraper, check_path, instrument};
#[cfg(feature = "serve")]
pub use endpoint::{ServeError, Server};
#[cfg(feature = "serve")]
pub(crate) use endpoint::{check_exposure, serve};
pub use middleware::{
    Http, HttpError, HttpLayer, HttpMetric, HttpService, OpenUpgrade, RequestBody, RequestBodyLayer,
    RequestBodyService, RequestHead, ResponseFuture, ResponseHead, Skip, SkipFuture, SkipService, TrackedBody,
};
