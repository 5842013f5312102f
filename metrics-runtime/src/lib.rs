//! Prometheus metrics for annotated Rust functions, axum and tower services.
//!
//! An attribute on a function counts its calls by outcome and measures their duration. The page that Prometheus scrapes
//! has the metric before the first call.
//!
//! ```
//! use metrics_runtime::{Metrics, track};
//!
//! #[track]
//! async fn checkout(cart: Vec<u32>) -> Result<u32, String> {
//!     if cart.is_empty() { Err("nothing to buy".into()) } else { Ok(cart.iter().sum()) }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! checkout(vec![3, 4]).await.unwrap();
//! checkout(vec![]).await.unwrap_err();
//! let page = Metrics::builder().build().unwrap().render();
//! # let page = page.replace("rust_out", "shop");
//! # let module = module_path!().replace("rust_out", "shop");
//! for (status, calls) in [("success", 1), ("error", 1), ("panic", 0), ("cancelled", 0)] {
//!     let sample = format!("function_calls_total{{function=\"checkout\",module=\"{module}\",status=\"{status}\"}} {calls}\n");
//!     assert!(page.contains(&sample), "{page}");
//! }
//! # });
//! ```
//!
//! [`Metrics::instrument`] records the requests of an axum router and mounts the page at `/metrics`:
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use metrics_runtime::Metrics;
//!
//! let metrics = Metrics::builder().namespace("shop").from_env()?.install()?;
//! let router = Router::new().route("/health", get(|| async { "ok" }));
//! let app = metrics.instrument(router)?;
//! # let _: Router = app;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "axum"))]
//! # fn main() {}
//! ```
//!
//! # Attributes
//!
//! | attribute | records |
//! |---|---|
//! | [`#[track]`](macro@track) | calls by outcome and durations, in families that all functions share, or in separate families with `name = ".."`; on an `impl` block, of every method |
//! | [`#[track_histogram]`](macro@track_histogram) | a histogram of the durations, or of a value of the result |
//! | [`#[track_counter]`](macro@track_counter) | a counter of the calls by outcome, or the sum of a value of the result |
//! | [`#[track_in_flight]`](macro@track_in_flight) | a gauge of the calls in flight |
//! | [`#[track_ryot]`](macro@track_ryot), [`#[track_compression]`](macro@track_compression), [`#[track_storage]`](macro@track_storage) | the presets [`RYOT`](presets::RYOT), [`COMPRESSION`](presets::COMPRESSION) and [`STORAGE`](presets::STORAGE); [`Preset`](presets::Preset) defines further ones |
//! | [`#[metrics]`](macro@metrics) | business metrics: every function of a module returns the series of a counter, gauge, histogram or info |
//! | [`time!`] | the duration of a block, in a histogram |
//! | [`#[circuit_breaker]`](macro@circuit_breaker) | puts an async function behind a circuit breaker |
//! | [`#[derive(LabelValue)]`](derive@LabelValue) | makes an enum a label with few, known values |
//!
//! The attributes apply to sync and async functions, methods, generic functions and functions that return a future.
//! They combine with each other, with `async-trait` and with `tracing::instrument`, in any order. A mistake in an
//! argument is a compile error at that argument.
//!
//! # Modules and types
//!
//! - [`Metrics`] installs the metrics of a service: namespace, constant labels, environment, page.
//! - [`http`] has the middleware for tower services and axum routers (feature `http`), and the endpoint that serves the
//!   page (feature `axum`).
//! - `grpc` has the layers for servers and clients of tonic (feature `grpc`).
//! - `client` has the layer for the requests that a service sends to others (feature `client`).
//! - [`mod@circuit_breaker`] has circuit breakers, a tower layer, and gauges that show the breakers of other crates.
//! - `push` pushes to a Pushgateway, for jobs that end before they are scraped (feature `push`).
//! - `test` has scopes for tests that run in parallel, and assertions about metrics (feature `test`).
//! - `facade` puts the metrics of crates that use the facade `metrics` onto the page (feature `facade`).
//! - [`exemplars`] attaches the trace of one call to a sample.
//! - [`Registry`] and [`Family`] have metrics without attributes. With the feature `prometheus`, `Registry::register`
//!   and `Registry::include` add collectors and registries of the `prometheus` crate to the page; `Family` and
//!   `Metrics::collector` are collectors for a registry of that crate.
//! - [`Registry::gauge_fn`], [`Registry::observe`] and [`Registry::observe_all`] ask for values on each page, and
//!   [`Registry::before_scrape`] calls a function before it.
//! - [`visit`] reads all samples of a registry, for formats and destinations of your own. The crate `metrics-send`
//!   sends them with Prometheus remote write or OTLP.
//! - [`catalog()`] lists everything that the binary declares, before the first call.
//! - [`Builder`] adds `build_info`, `process_*` and `tokio_*`. The latter two have no namespace, as in other client
//!   libraries.
//! - [`description`] has the types of [`Metrics::describe`], which describes everything that is declared and
//!   registered.
//! - The crate `metrics-live` serves a page that shows the metrics in the service itself.
//! - The crate `metrics-export` writes dashboards, alert rules, Kubernetes objects, a reference and a contract from
//!   this description, and checks them.
//!
//! # Guarantees
//!
//! - **Every call counts once.** A call that started has exactly one [`Outcome`] on every way out: return, `?`, panic
//!   or dropped future. A future that is never polled counts nothing. Durations are those of calls that were not
//!   cancelled. Gauges of calls in flight return to zero.
//! - **Scrapes are consistent.** The count of a histogram is the sum of its buckets, and a later scrape never shows a
//!   smaller counter.
//! - **The number of series is bounded.** A metric has at most 2,000 series ([`Builder::series_limit`], `limit = ..` in
//!   attributes, [`Family::set_series_limit`]) with label values that are only known at run time. Further operations go to
//!   an overflow series, in which labels with such values are `_overflow` and all others, such as `status`, keep their
//!   values, so that totals stay exact; gauges that are set, and infos, are not on the page instead.
//!   `metrics_runtime_label_overflow_total` counts them. A label value has at most
//!   [`MAX_LABEL_VALUE_BYTES`]. HTTP requests are labelled by route template, known method and status code; all other
//!   values are replaced by constants.
//! - **Numbers never go back.** A counter neither wraps nor becomes NaN, and the sum of a histogram stays finite: an
//!   amount that does not fit is rejected and counted in `metrics_runtime_rejected_values_total`.
//! - **Series start at zero** if their labels are known at compile time.
//! - **The order of start-up does not matter.** Namespace and constant labels are applied when a page is written. Calls
//!   before [`Builder::install`] are included.
//! - **Conflicts are reported.** Two definitions of one name that differ are an error of [`Builder::install`], which
//!   names both places.
//! - **Functions keep their behaviour**: returned value, panic, drop order, `Send`, lifetimes and lints, with the few
//!   exceptions that [`track`](macro@track#limits) lists. Recording never panics, and takes a lock only to create a
//!   series.
//!
//! # The page
//!
//! The endpoint writes the Prometheus text format 0.0.4, or OpenMetrics 1.0 or protobuf if the header `Accept` prefers
//! it, in gzip or zstd if the scraper accepts that. A Prometheus that stores native histograms prefers protobuf, which
//! alone has them, and the time at which a counter started from zero. Concurrent scrapes share one page. A collector or
//! breaker source that panics or does not answer in time is left out. [`Metrics::instrument`] mounts the page in the router of the application. `Metrics::listen`
//! (feature `serve`) serves it on a separate address, together with `/health`, if one is configured. `http::Endpoint`
//! sets tokens, users, allowed networks, TLS, deadline (10 s) and strictness. Threads and memory are bounded by constants, whatever
//! clients send.
//!
//! [`Builder::from_env`] reads `METRICS_ENABLED`, `METRICS_PATH`, `METRICS_TOKEN`, `METRICS_BASIC_AUTH`, `METRICS_ALLOW`,
//! `METRICS_LISTEN`, `METRICS_NATIVE_HISTOGRAMS`, `METRICS_DURATION_BUCKETS`, `METRICS_TLS_CERT_FILE`,
//! `METRICS_TLS_KEY_FILE` and `METRICS_TLS_CLIENT_CA_FILE`, and lists their values.
//!
//! # Metrics of the toolkit
//!
//! | metric | meaning |
//! |---|---|
//! | `http_requests_total{method, endpoint, status}` | finished requests; `499` if the request was cancelled before the response |
//! | `http_request_duration_seconds{method, endpoint}` | the time from a request to the end of the response body |
//! | `http_responses_aborted_total{method, endpoint, phase, cause}` | responses that did not reach their end |
//! | `http_requests_overdue_total{method, endpoint}` | only with a latency objective of a route: its requests that were cancelled after this latency |
//! | further metrics of HTTP | opt-in, see `http::HttpMetric`: time to the first byte, requests in flight, body sizes, upgrades, the names of OpenTelemetry |
//! | `http_client_requests_total{upstream, method, status}` | finished requests to an upstream (feature `client`) |
//! | `http_client_request_duration_seconds{upstream, method}` | the time from such a request to the end of the response body |
//! | `http_client_errors_total{upstream, method, cause}` | those that did not reach the end of their response |
//! | `http_client_requests_in_flight{upstream, method}` | those that have not ended |
//! | further metrics of outgoing requests | opt-in, see `client::ClientMetric`: time to the first byte, retries, body sizes |
//! | `function_busy_seconds_total`, `function_polls_total`, `function_slow_polls_total`, `function_first_poll_delay_seconds`, with `{function, module}` | only of functions with `polls`, see [`macro@track`] |
//! | `tokio_canary_delay_seconds{runtime, probe}`, `tokio_worker_stuck_seconds{runtime, worker}` | only with a canary, see `Builder::runtime_canary_on` |
//! | `.._overdue_total` | only with a latency objective of a function: its calls that were cancelled after this latency, see [`macro@track`] |
//! | `circuit_breaker_*{service}` | the state and the calls of circuit breakers, see [`mod@circuit_breaker`] |
//! | `metrics_runtime_label_overflow_total{metric}` | look-ups that found no room: one for each call, each request, and each [`Family::get_or_create`] beyond the limit of series or recorded with a label value `_overflow` |
//! | `metrics_runtime_rejected_values_total` | rejected values: NaN, infinite, negative where only positive values are allowed, or too large for the sum |
//! | `metrics_runtime_scrape_errors_total{cause}` | collectors, breaker sources and metrics that were left out of a page: `panic`, `timeout`, `recursion` (it rendered the registry that called it), `duplicate`, `invalid`, `unreadable` (no free file descriptor, or [`Registry::observe_all`] got an error) |
//! | `metrics_runtime_scrapes_total{code}` | finished scrapes by status code; `499` if the scraper disconnected early |
//! | `metrics_runtime_scrapes_in_flight` | scrapes in flight |
//! | `metrics_runtime_scrape_duration_seconds` | the time from a scrape's request to the end of its page |
//! | `metrics_runtime_scrape_bytes_total{encoding}` | bytes sent |
//! | `metrics_runtime_scrape_series` | samples on the last page |
//!
//! # Cargo features
//!
//! | feature | enables |
//! |---|---|
//! | `axum` (default) | [`Metrics::instrument`] for axum routers, and the endpoint; includes `http` |
//! | `circuit-breaker` (default) | [`mod@circuit_breaker`] and [`#[circuit_breaker]`](macro@circuit_breaker) |
//! | `gzip` (default) | pages in gzip |
//! | `prometheus` (default) | the bridge to and from the `prometheus` crate |
//! | `protobuf` (default) | pages in the protobuf format, for a Prometheus that stores native histograms |
//! | `serve` (default) | `Metrics::serve` and `Metrics::listen`: the page on a separate address; includes `axum` |
//! | `basic-auth` | `http::Endpoint::basic_auth`: users with passwords, beside tokens; includes `axum` |
//! | `tls` | `http::Endpoint::tls`: TLS and client certificates on the separate address, by rustls with ring, which needs a C compiler; includes `serve` |
//! | `zstd` | pages in zstd, by the C library |
//! | `http` | the middleware of [`http`] for any tower service, without axum. Responses, status codes and tuples with them implement [`Classify`]; methods and status codes implement [`LabelValue`](trait@LabelValue). Includes `tower` |
//! | `client` | `client`: the layer for outgoing requests of tower clients, such as those of hyper-util and tonic; includes `http` |
//! | `grpc` | `grpc`: the layers for servers and clients of tonic 0.14; includes `http` |
//! | `reqwest` | the layer for clients of the crate `reqwest` 0.13; includes `client` |
//! | `tower` | with `circuit-breaker`, `circuit_breaker::CircuitBreakerLayer` |
//! | `failsafe` | the circuit breakers of the crate `failsafe` on the page; includes `circuit-breaker` |
//! | `tower-resilience` | the circuit breakers of the crate `tower-resilience-circuitbreaker` on the page; includes `circuit-breaker` |
//! | `facade` | `facade`: the metrics of crates that use the facade `metrics` |
//! | `push` | `push`: pushing to a Pushgateway, at an interval and once at the end; includes `http` |
//! | `opentelemetry` | `exemplars::OpenTelemetry`: exemplars from the current span. Other sources of exemplars need no feature |
//! | `process` | `Builder::process`: `process_*` with the names of Prometheus' Go client, and `process_threads`, on Linux |
//! | `test` | `#[metrics_runtime::test]`: tests that record into scopes of their own, and assertions about them, see `test`. For `[dev-dependencies]` |
//! | `tokio-runtime` | `Builder::tokio_runtime`: `tokio_*`, the metrics of tokio that do not need `tokio_unstable`; `Builder::runtime_canary` |
//!
//! # Switching metrics off at compile time
//!
//! A build with `RUSTFLAGS="--cfg metrics_off"` switches metrics off, as `METRICS_ENABLED=false` does at run time:
//! [`Metrics::is_enabled`] returns `false`, and the compiler removes the recording from annotated functions. Their arguments
//! are still checked, the series of `#[metrics]` modules are on no page, and circuit breakers keep working. It is not a feature, because a feature that one library sets applies
//! to the whole program; only the build of the program sets the flag.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::float_cmp, reason = "the tests compare exact numbers"))]

#[doc(hidden)]
pub mod __private;
#[cfg(feature = "circuit-breaker")]
pub mod circuit_breaker;
#[cfg(feature = "client")]
pub mod client;
mod collectors;
mod config;
mod contained;
mod encode;
mod error;
pub mod exemplars;
#[cfg(feature = "facade")]
pub mod facade;
mod family;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
mod instrument;
mod metric;
#[cfg(feature = "push")]
pub mod push;
mod registry;
mod schema;
mod scope;
#[cfg(feature = "http")]
mod shared;
#[cfg(feature = "test")]
pub mod test;
pub mod visit;

pub use collectors::BuildInfo;
#[cfg(feature = "tokio-runtime")]
pub use collectors::CanaryError;
#[cfg(feature = "prometheus")]
pub use config::MetricsCollector;
pub use config::{Builder, EnvError, InstallError, Metrics};
pub use encode::Format;
pub use family::{Family, Info, LabelCountError, Labelled, Metric, OwnedSeries, Series};
#[cfg(feature = "http")]
pub use http::Http;
pub use instrument::{Declaration, ObservedCounter, ObservedGauge, catalog};
pub use metric::{Counter, Gauge, Histogram, InFlight, InFlightGuard, Timer};
#[cfg(feature = "circuit-breaker")]
pub use metrics_macros::circuit_breaker;
#[cfg(feature = "test")]
pub use metrics_macros::test;
pub use metrics_macros::{
    LabelValue, metrics, track, track_compression, track_counter, track_histogram, track_in_flight, track_ryot,
    track_storage,
};
pub use registry::{Observed, Observer, Registry, RegistryError, ScrapeHook};
pub use schema::{
    Classify, CompressionRatio, Descriptor, Kind, Label, LabelValue, MAX_LABEL_VALUE_BYTES, Measure, NameError,
    NativeBuckets, NativeHistograms, Objective, Outcome, Source,
};

/// The description of everything that a program declares and registers, returned by [`Metrics::describe`].
pub mod description {
    pub use crate::config::describe::{
        Description, LabelDescription, LabelSets, MetricDescription, Origin, RouteObjective, TlsDescription,
    };
    pub use crate::schema::MetricKind;
}

/// Parts that the crate `metrics-send` shares. They can change in every version.
#[doc(hidden)]
pub mod __shared {
    #[cfg(feature = "protobuf")]
    pub use crate::encode::Message;
    #[cfg(feature = "push")]
    pub use crate::push::client::{
        Answer, Client, Failure, Patient, address, basic_auth, deadline, root_cause, shown_address, without_secrets,
    };
    pub use crate::schema::push_number;

    /// Returns `true` if both are handles of the same registry.
    #[must_use]
    pub fn is_same_registry(one: &crate::Registry, other: &crate::Registry) -> bool {
        one.is(other)
    }
}

/// The presets of attributes, and the types that define further ones.
///
/// A [`Preset`](presets::Preset) is a constant that lists the metrics of an attribute:
/// `#[track(preset = path::TO_PRESET)]`.
pub mod presets {
    pub use crate::instrument::preset::{
        COMPRESSION, Instrument, Preset, RYOT, SECONDS, STORAGE, TRACK, exponential, linear,
    };
}
