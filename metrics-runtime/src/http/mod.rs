//! Requests, each counted once, and the page they are scraped from.
//!
//! [`Http`] says what is recorded and under which names, [`Http::layer`] makes the middleware of it. The middleware
//! fits any [`tower_service::Service`] of [`http::Request`]s; [`HttpLayer::install`] puts it into an axum router.
//! [`HttpMetric`] lists what there is to record.
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
//! | the connection became another one: `101`, or `CONNECT` with 2xx | that of the response | none |
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
//! - `method` is one of the methods of RFC 9110, PATCH or QUERY, and `_OTHER` for everything else.
//! - `endpoint` is the route as the application wrote it, `/users/{id}`. It is known to a layer *inside* an axum router:
//!   added after all routes, as `Metrics::instrument` and `HttpLayer::install` do, not wrapped around the router. Where
//!   no route matched, and for what `nest_service` hides, it is `unmatched`; routes begin with `/`, so no route reads like
//!   that. It never is the path that was asked for. Other services name their routes by [`Http::route`]. If the first 100
//!   requests all match nothing, a warning is logged, once.
//! - `status` is the three digits, or the class, `2xx`, with [`Http::status_classes`].
//! - Labels of the application's own, by [`Http::request_label`] and [`Http::response_label`], have as many values as
//!   was declared, one for all others, and the empty one.
//!
//! So `http_requests_total` has at most `(routes + 1) * 11 * statuses` series, times `values + 2` for each label of the
//! application's own; and no more than [the registry's limit](crate::Registry::set_series_limit) in any case.
//!
//! # Left out
//!
//! Requests are left out by [`Http::leave_out_path`], [`Http::leave_out`], or the layer [`LeftOut`] on a route.
//!
//! # The endpoint
//!
//! [`Endpoint`] says how the page is served and to whom. It is mounted in a router by
//! [`Metrics::instrument`](crate::Metrics::instrument), has an address of its own by `Metrics::serve` (feature `serve`),
//! and is an [`EndpointService`] for everything else.
//!
//! | a request | is answered with |
//! |---|---|
//! | from an address that is not allowed, or without a valid token | 403, 401; nothing has been gathered then |
//! | of another method than GET and HEAD | 405 and `Allow` |
//! | beyond the limit of scrapes | 503 and `Retry-After` |
//! | whatever it accepts | the page: text 0.0.4, or OpenMetrics 1.0 where `Accept` prefers it; in gzip (feature `gzip`) or zstd (feature `zstd`) where `Accept-Encoding` names it |
//! | with `name[]` in its query, as often as one likes | the families that have one of these names, or a sample of one |
//! | where a page is not whole, and has to be ([`strict`](Endpoint::strict)) | 500 |
//!
//! **Scrapes that come together share a page.** It is gathered, written and encoded once for all who ask for it until the
//! toolkit's own numbers are read, so that none of these is from before it was asked for; who comes later shares the next
//! one. Foreign numbers can be older than that, by as long as it took to gather them: a collector that is being called is
//! not called again, its answer is taken for both. All of this is done by threads of its own: none of the runtime's workers
//! waits.
//!
//! **A foreign collector costs no more than its own families.** One that panics, that has not answered when the page is
//! due, or whose families no page could have, is left out, counted by cause in `metrics_runtime_scrape_errors_total`, and
//! logged the first time. One that still has not answered is not asked again before it has. An included registry is one
//! such collector.
//!
//! What the endpoint says of itself, on the page: `metrics_runtime_scrapes_total{code}` (499 is a scraper that left early),
//! `metrics_runtime_scrapes_in_flight`, `metrics_runtime_scrape_duration_seconds`,
//! `metrics_runtime_scrape_bytes_total{encoding}` and `metrics_runtime_scrape_series`.

#[cfg(feature = "axum")]
mod endpoint;
mod middleware;
#[cfg(all(test, feature = "axum"))]
mod tests;

#[cfg(feature = "axum")]
pub use endpoint::{Endpoint, EndpointError, EndpointService, EndpointSettingError, PageBody, PathError};
#[cfg(feature = "axum")]
pub(crate) use endpoint::{Scraper, check_path, instrument};
#[cfg(feature = "serve")]
pub use endpoint::{ServeError, Server};
#[cfg(feature = "serve")]
pub(crate) use endpoint::{check_exposure, serve};
pub use middleware::{
    Http, HttpError, HttpLayer, HttpMetric, HttpService, LeftOut, LeftOutFuture, LeftOutService, OpenUpgrade,
    RequestBody, RequestBodyLayer, RequestBodyService, RequestHead, ResponseFuture, ResponseHead, TrackedBody,
};
