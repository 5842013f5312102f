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
//! | `http_requests_total{method, endpoint, status}` | finished requests |
//! | `http_request_duration_seconds{method, endpoint}` | time from the request to the end of the response body |
//! | `http_responses_aborted_total{method, endpoint, phase, cause}` | responses that did not reach their end |
//! | `http_requests_overdue_total{method, endpoint}` | for routes with a latency objective: requests that were cancelled after this latency |
//!
//! [`HttpMetric`] lists them with all further ones, which are off by default: time to the first byte, requests in
//! flight, body sizes, upgrades, and OpenTelemetry's naming.
//!
//! # End of a request
//!
//! A request is recorded once, when it has ended. Once there is a response, its status counts, however the body ends:
//! the client has received it. `499` is a request that was cancelled before that.
//!
//! | the request ends when | `status` | duration | aborted: `phase`, `cause` | OpenTelemetry's `error_type` |
//! |---|---|---|---|---|
//! | the response was sent to its end, or has no body | that of the response | observed | - | - |
//! | the client disconnects before the response | `499` | -, may be overdue | `headers`, `cancelled` | `cancelled` |
//! | an outer layer, such as a timeout, gives up before the response | `499` | -, may be overdue | `headers`, `cancelled` | `cancelled` |
//! | the service returns an error | `500` | observed | - | `_OTHER` |
//! | the service panics | `500` | observed | - | `panic` |
//! | the client disconnects within the body | that of the response | -, may be overdue | `body`, `cancelled` | `cancelled` |
//! | an outer layer drops the body after it has read a part | that of the response | -, may be overdue | `body`, `cancelled` | `cancelled` |
//! | an outer layer or the caller drops the body unread, for example to replace it | that of the response | observed | - | - |
//! | the body returns an error | that of the response | observed | `body`, `error` | `_OTHER` |
//! | the body panics | that of the response | observed | `body`, `panic` | `panic` |
//! | the connection is upgraded: `101`, or `CONNECT` with 2xx | that of the response | - | - | not observed |
//! | a long-lived stream ends, or its client disconnects | that of the response | - | - | not observed |
//! | a long-lived stream returns an error | that of the response | - | `body`, `error` | not observed |
//! | a long-lived stream panics | that of the response | - | `body`, `panic` | not observed |
//!
//! - The duration ends with the request. A cancelled request has none, because it would show how long the client waited,
//!   not how fast the service is. If it had run longer than the latency objective of its route
//!   ([`Builder::objective`](crate::Builder::objective)), it has broken the promise, and is overdue: it counts in
//!   `http_requests_overdue_total`. Whoever leaves earlier is in neither of the two. The latency of a route includes the
//!   body, so this also holds for a body that is cut. The counter has the labels of the duration, starts at zero with the
//!   first request of its route and method, and does not exist without a latency objective.
//! - `error_type` is the code of the response for a server error that did not fail otherwise.
//! - The time to the first byte is observed for every response except upgrades, the size of the response body for every
//!   request except upgrades. A request is in flight until it ends.
//! - The status is the one that passes the layer. If a layer outside of it sends another response instead, the client
//!   receives that one.
//! - Server-sent events and the other responses that [`LongLived`] describes are long-lived streams.
//! - A service cannot know what a client has received. If a client disconnects within an *upload* that the handler reads,
//!   the handler gets an error from the request body and responds, and that response counts: `400` for axum's extractors.
//!   The client may have closed one direction only, and receive it. If the handler waits for something else, the request
//!   is a `499`.
//!
//! A server stops polling a body of known length before the body reports its end. Therefore a body also ends with the
//! last byte that its size hint or the header `content-length` announced, and with its trailers. A response without a
//! body (to `HEAD`, to a successful `CONNECT`, or with status 1xx, 204 or 304) ends with its headers.
//!
//! A request that passes two layers that record into the same metric, such as an instrumented router within an
//! instrumented one, is counted once, by the outer layer, and a warning is logged once.
//!
//! # Labels
//!
//! The number of label values is bounded and does not depend on what clients send:
//!
//! - `method` is a method of RFC 9110, `PATCH`, `QUERY`, or `_OTHER` for all others.
//! - `endpoint` is the route template, such as `/users/{id}`, and never the requested path. A layer knows it only
//!   *inside* an axum router: added after all routes, as by [`Metrics::instrument`](crate::Metrics::instrument) and
//!   [`HttpLayer::install`], and not wrapped around the router. For all requests to a nested service (`nest_service`,
//!   such as a `ServeDir`) it is the prefix, such as `/assets/*`. It is `unmatched` if no route matched. No route of a
//!   router can have these texts. Other services set it with [`Http::route`]. If the first 100 requests match no route,
//!   a warning is logged once.
//! - `status` is the three-digit code, or the class, such as `2xx`, with [`Http::status_classes`].
//! - Labels added with [`Http::request_label`] and [`Http::response_label`] have the declared number of values, those
//!   added with [`Http::request_label_values`] and [`Http::response_label_values`] the listed values. All others are
//!   `_overflow`. A request without a value has the empty one.
//!
//! The program bounds its routes, their methods and their statuses, so
//! [the limit of series](crate::Registry::set_series_limit) does not apply to them: no client can take their places.
//! `http_requests_total` therefore has at most `(routes + 1) * 11 * statuses` series. The limit applies to the series
//! that a client can vary. Beyond it, the value in question is replaced, and the others stay:
//!
//! | series | value beyond the limit |
//! |---|---|
//! | of methods that a route answers with `405` | method `_OTHER` |
//! | of routes from [`Http::route`], and of those beyond the first 1,000 | endpoint `_overflow` |
//! | of values of labels that are not listed | `_overflow` |
//!
//! `metrics_runtime_label_overflow_total{metric}` counts every operation with a value `_overflow`, and those with
//! `_OTHER` beyond the limit.
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
//! route. This concerns the request that reaches the route, and no request around it: if a handler calls a skipped route
//! in the same process, its own request is recorded.
//!
//! # The page
//!
//! [`Metrics::instrument`](crate::Metrics::instrument) mounts the page in a router. `Metrics::listen` and
//! `Metrics::serve` (feature `serve`) serve it on a separate address, together with the health check `/health`.
//! [`EndpointService`] is the page as a service, for all other cases. [`Endpoint`] sets tokens, users, allowed networks,
//! the TLS of the separate address, the deadline (10 s) and strictness.
//!
//! | request | response |
//! |---|---|
//! | from an address that is not allowed | 403 |
//! | without a valid token, or user and password (feature `basic-auth`) | 401 |
//! | with another method than `GET` and `HEAD` | 405 and `Allow` |
//! | with any `Accept` header | the page in text 0.0.4, or in OpenMetrics 1.0 or protobuf (feature `protobuf`) if `Accept` prefers it, see [`Format`](crate::Format) |
//! | with any `Accept-Encoding` header | the page in zstd (feature `zstd`) or gzip (feature `gzip`) if the header accepts it, else uncompressed |
//! | with `name[]` in its query, once or repeatedly | the families with one of these names, or with a sample of one of these names, uncompressed |
//! | if the page is incomplete and [`strict`](Endpoint::strict) is set | 500, unless each `name[]` selects a family |
//!
//! A request that is refused gathers nothing.
//!
//! **Constants bound what clients can cost**, whatever they send and however their connections end:
//!
//! | resource | bound |
//! |---|---|
//! | threads | one that gathers and writes pages, and at most one for each collector, included registry and breaker of another crate, while it is called |
//! | pages in writing | one |
//! | pages in memory | eight, and the one in writing. A further one takes the place of a page which clients had 4 s to read, or of which nothing was read for 1 s (0.5 s if a scraper's timeout is near) at the pace that reads it in 4 s; the clients that still read it get an incomplete response. Up to 4 s more are for responses that wait for the runtime |
//! | memory of a client that does not read | 16 frames of 4 KiB, in the buffer of hyper; with TLS, 16 KiB more |
//! | memory of a TLS handshake | 64 KiB, the largest message of rustls |
//! | connections to the server of `Metrics::serve` | 512, with a send buffer of 256 KiB. A further one closes the oldest one without an active request that is open for 100 ms, or else the one whose client has read nothing for longest, and for 250 ms. If all wait for a page, the client with the most connections loses one, or gets no further one |
//! | a connection to this server over TLS | its handshake must end within 5 s. It counts among the 512 from its start. One read of the certificate files a second, on a thread of the runtime |
//! | a request to this server | a head of at most 64 KiB (else 431) must arrive within 5 s, and the page must be read within 10 s after its deadline |
//!
//! The connections to the application are bounded by its own server, and so is the memory that the kernel needs for them.
//! `cargo xtask flood` checks these bounds with 10,000 hostile connections, while an honest scraper asks for the page. It
//! is answered in its own time, unless the processor is busy with other work.
//!
//! **Concurrent scrapes share a page.** It is gathered, written and encoded once for all requests that arrive before
//! the registry's families are read, so that no scrape returns values of families older than its request. Later
//! requests share the next page. Values of collectors of the `prometheus` crate, and of breakers of other crates, can be
//! older, by the time that gathering them took: a collector that is still running is not called again, and both pages
//! use its result. Gathering and writing do not run on the runtime's workers.
//!
//! **A failing collector affects only its own families.** They are left out if it panics, misses the deadline, renders
//! the registry, or returns families that are not valid on a page. The failure is counted by cause in
//! `metrics_runtime_scrape_errors_total`, and logged the first time. A collector that has missed the deadline is not
//! called again until it returns. An included `prometheus::Registry` is one such collector.
//!
//! A scraper with a shorter timeout than the deadline gets a page without the collectors that have not answered by then.
//! That is not counted, so that no client can raise an alert, and logged the first time.
//!
//! Any collector of the `prometheus` crate can be added to the page with `Registry::register`, and a whole registry
//! with `Registry::include`. Conversely, a `Family`, or all of them with `Metrics::collector`, can be registered in a
//! `prometheus::Registry`.
//!
//! The [crate page](crate#metrics-of-the-toolkit) lists the metrics of the endpoint.
//! [`Builder::from_env`](crate::Builder::from_env) lists the environment variables that override its settings.

#[cfg(feature = "axum")]
mod endpoint;
pub(crate) mod middleware;

#[cfg(feature = "tls")]
pub use endpoint::TlsError;
#[cfg(feature = "axum")]
pub use endpoint::{
    AccessRules, Endpoint, EndpointError, EndpointService, EndpointSettingError, PageBody, PathError, Refused,
    SlowReader,
};
#[cfg(feature = "axum")]
pub(crate) use endpoint::{Scraper, check_path, has_route, instrument};
#[cfg(feature = "serve")]
pub use endpoint::{ServeError, Server};
#[cfg(feature = "serve")]
pub(crate) use endpoint::{check_exposure, serve};
pub use middleware::{
    Http, HttpError, HttpLayer, HttpMetric, HttpService, LongLived, OpenUpgrade, RequestBody, RequestBodyLayer,
    RequestBodyService, RequestHead, ResponseFuture, ResponseHead, Skip, SkipService, TrackedBody,
};
