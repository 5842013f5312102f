//! A live page of a service's metrics, in the service itself: without a Prometheus, on a laptop, or in a container at
//! three in the morning.
//!
//! The page shows the panels of the dashboard that `metrics-export` writes, from the samples of this process. Rates,
//! ratios and quantiles are computed in the browser, which keeps 15 minutes. The server sends the samples that have
//! changed, once a second, and keeps only the last one. It reads no metric while nobody looks.
//!
//! ```
//! use axum::{Router, routing::get};
//! use metrics_live::Live;
//! use metrics_runtime::{Metrics, Registry};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let metrics = Metrics::builder().registry(&Registry::new()).build()?;
//! let app = Router::new().route("/hello", get(|| async { "hello" }));
//! // After `instrument`, so that the requests of the page are not recorded.
//! let app: Router = metrics.instrument(app)?.merge(Live::new(&metrics).router()?);
//! # Ok(())
//! # }
//! ```
//!
//! # Access
//!
//! The [access rules](metrics_runtime::Metrics::access_rules) of the metrics page apply: tokens, users and allowed
//! networks. The page itself has no data, so it needs no token; it asks for one, and forgets it when it is closed.
//!
//! Without access rules, only this machine is served: the address of the peer and the header `Host` are those of a
//! loopback interface, and no proxy has forwarded the request. The server has to provide the address of the peer, see
//! [`Live::router`].
//!
//! # Costs
//!
//! | resource | bound |
//! |---|---|
//! | reads of all samples | one for each interval, shared by all viewers; none without viewers |
//! | memory | the last sample, and an event for each interval that viewers have chosen |
//! | viewers | [`Live::max_viewers`], 64 by default; further ones get `503` |
//! | a viewer that does not read | one frame of 16 KiB; its stream ends after [`Live::deadline`], 10 s by default |
//! | a source that does not answer | a walk waits a quarter of the interval for it, 250 ms to 5 s; later, its series are missing, and the page says so |
//!
//! A server buffers some hundred KiB beyond that for a connection that does not read. Its place is free after the
//! deadline, but only the server can close it, if it has a limit for writing.
//!
//! Recording does not notice viewers.

#![forbid(unsafe_code)]

mod access;
mod assets;
mod event;
mod hub;
mod live;
mod native;
mod sample;
mod stream;

pub use live::{Live, LiveError};

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
