//! Prometheus metrics for annotated Rust functions and axum services: correct, cheap, bounded.
//!
//! An attribute on a function is all there is to write:
//!
//! ```
//! use metrics_runtime::{Metrics, track, track_counter};
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
//! # What is here
//!
//! - The attributes: [`macro@track`] and its relatives for calls, [`macro@metrics`] for business metrics,
//!   [`macro@LabelValue`] for bounded labels. Each call that started counts exactly once, with its [`Outcome`]: returned,
//!   failed, panicked, or cancelled.
//! - [`Metrics`]: namespace, constant labels, environment, the page.
//! - [`http`]: the middleware for tower services (feature `http`), and the endpoint for axum (feature `axum`, on by
//!   default).
//! - `push`: pushing to a Pushgateway, for jobs that do not live to be scraped (feature `push`).
//! - [`exemplars`]: beside a number, the trace of a call that led to it.
//! - [`mod@circuit_breaker`]: breakers, [`macro@circuit_breaker`] on a function, and gauges for the breakers of others.
//! - [`Registry`] and [`Family`]: metrics without attributes, and the bridge to the `prometheus` crate.
//! - [`catalog`]: everything the binary declares, before anything was called.
//!
//! # What holds
//!
//! - Recording never panics, never blocks on a lock that a scrape holds, and never changes what a function does.
//! - The number of series is bounded: see [`Family`].
//! - Series exist at zero from the start where their labels are known.
//! - The order of start-up does not matter: names are completed when the page is written.
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `axum` (default) | [`http`], [`Metrics::instrument`] |
//! | `gzip` (default) | pages in gzip |
//! | `serve` (default) | `Metrics::serve`: the page on an address of its own |
//! | `zstd` | pages in zstd, by the C library |
//! | `http` | [`http`] without axum: the middleware for any tower service; `http`'s responses and status codes classify themselves, methods and codes are labels |
//! | `tower` (part of `axum`) | [`circuit_breaker::CircuitBreakerLayer`] |
//! | `failsafe`, `tower-resilience` | the circuit breakers of these crates on the page |
//! | `push` | `push`: pushing to a Pushgateway |
//! | `opentelemetry` | `exemplars::OpenTelemetry`: exemplars from the current span |
//! | `process` | `Builder::process`: `process_*`, on Linux |
//! | `tokio-runtime` | `Builder::tokio_runtime`: `tokio_*` |
//! | `off` | attributes leave functions as they are; arguments are still checked, circuit breakers go on breaking |
//! | `export` | dashboard, rules, Kubernetes, reference, contract, lint |
//! | `clap` | the commands of `export` as a subcommand of clap |

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::float_cmp, reason = "what is tested is that numbers are exact"))]

#[doc(hidden)]
pub mod __private;
pub mod circuit_breaker;
mod collectors;
mod config;
mod encode;
mod error;
pub mod exemplars;
#[cfg(feature = "export")]
pub mod export;
mod family;
#[cfg(feature = "http")]
pub mod http;
mod instrument;
mod metric;
#[cfg(feature = "push")]
pub mod push;
mod registry;
mod schema;

pub use collectors::BuildInfo;
#[cfg(feature = "prometheus")]
pub use config::MetricsCollector;
pub use config::{Builder, EnvError, InstallError, Metrics};
pub use encode::Format;
pub use family::{Family, Info, LabelCountError, Metric};
#[cfg(feature = "http")]
pub use http::Http;
pub use instrument::{Declaration, catalog};
pub use metric::{Counter, Gauge, Histogram, InFlight};
pub use metrics_macros::{
    LabelValue, circuit_breaker, metrics, track, track_compression, track_counter, track_histogram, track_in_flight,
    track_ryot, track_storage,
};
pub use registry::{Registry, RegistryError};
pub use schema::{
    Classify, CompressionRatio, Descriptor, Kind, Label, LabelValue, Measure, NameError, Objective, Outcome, Source,
};

/// The rows that attributes record, and how to write one's own: see [`Preset`](presets::Preset).
pub mod presets {
    pub use crate::instrument::preset::{
        COMPRESSION, Instrument, Preset, RYOT, SECONDS, STORAGE, TRACK, exponential, linear,
    };
}
