//! Sends the metrics of a [`metrics_runtime`] program to a store, for processes that nobody can scrape: with Prometheus
//! [remote write] or with [OTLP] over HTTP.
//!
//! ```no_run
//! # #[cfg(feature = "remote-write")] {
//! use metrics_runtime::Metrics;
//! use metrics_send::RemoteWrite;
//!
//! # async fn serve() {}
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let metrics = Metrics::builder().namespace("shop").install()?;
//!     let write = RemoteWrite::new("http://prometheus:9090/api/v1/write", "shop")?.instance("10.0.0.7:8000");
//!     let sending = write.start(&metrics)?;
//!     serve().await;
//!     sending.finish().await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! | protocol | settings | receivers |
//! |---|---|---|
//! | remote write 1.0 and 2.0 | `RemoteWrite` | Prometheus with `--web.enable-remote-write-receiver`, VictoriaMetrics, Mimir, Thanos, Grafana Cloud |
//! | OTLP/HTTP with protobuf | `Otlp` | collectors of OpenTelemetry, Prometheus 3 with `--web.enable-otlp-receiver`, VictoriaMetrics, Mimir, Grafana Cloud |
//!
//! Both are names of [`Sender`] and have its settings; only the bodies of requests and the answers differ.
//!
//! # Samples
//!
//! Each interval has one walk over the registry. It reads what a page has at this moment, and all its samples have the time
//! at its start, except those of collectors that set times. The labels of a series are encoded when it is seen first, and
//! kept until it is gone. Names, and bounds of classic buckets, are those of the page in the text format. All samples have
//! the job or service and the instance of the process.
//!
//! A series that is gone, and every series at the end of the program, gets a stale marker: queries do not show it any more.
//! A series never has two samples of one time, and times never go back, even if the clock does. Sources of the registry have
//! 10 seconds to answer, as on a scrape. Those that do not are left out, and counted unless a page waits longer for them.
//!
//! # Delivery
//!
//! Requests are sent one after the other, so the samples of a series arrive in order. Connections that break, hang or are
//! refused, answers with status 429, and those with status 5xx (OTLP: 502, 503 or 504) are tried again until the receiver
//! accepts the request. All other answers, redirects among them, drop it and count its samples as failed, and so does a
//! receiver that accepts a part. Meanwhile, requests wait in a queue in memory, which is bounded: beyond
//! [`Sender::queue_bytes`], the oldest ones are dropped and counted. A request that is sent twice, because its answer was
//! lost, has the same times and values, and receivers store it once.
//!
//! [`Sending::finish`] returns the number of samples that arrived, or an error that says how many did not.
//!
//! # Metrics about sending
//!
//! They are in the registry that is sent, with its namespace and the label `remote_name`, and named as those of Prometheus.
//! Those of OTLP are the same, and a sample is a data point:
//!
//! | metric | meaning |
//! |---|---|
//! | `remote_storage_samples_total` | samples that the receiver has accepted, with native histograms and stale markers |
//! | `remote_storage_samples_failed_total` | samples that it has refused |
//! | `remote_storage_samples_retried_total` | samples of requests that failed and are sent again |
//! | `remote_storage_samples_dropped_total{reason}` | samples that had no room (`queue_full`), or were not accepted before the end (`shutdown`) |
//! | `remote_storage_samples_pending` | samples in the queue |
//! | `remote_storage_bytes_total` | compressed bytes of requests that were answered |
//! | `remote_storage_highest_timestamp_in_seconds` | the time of the last walk |
//! | `remote_storage_queue_highest_sent_timestamp_seconds` | the time of the newest sample that was accepted; the difference is the lag |
//! | `remote_storage_sent_batch_duration_seconds` | the time of a request until its answer |
//!
//! Two tasks of a registry have two names: [`Sender::name`]. A warning is logged when the receiver begins to fail, refuses
//! samples, gives advice, or the queue is full, at most every ten minutes for each of these.
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `remote-write` (default) | `RemoteWrite` |
//! | `otlp` | `Otlp` |
//! | `tls` | receivers with https: rustls with ring, and the authorities of the system or of `Sender::ca_file` |
//!
//! [remote write]: https://prometheus.io/docs/specs/prw/remote_write_spec/
//! [OTLP]: https://opentelemetry.io/docs/specs/otlp/

#![forbid(unsafe_code)]

#[cfg(not(any(feature = "otlp", feature = "remote-write")))]
compile_error!("enable a protocol: the feature `remote-write` or `otlp`");

mod backoff;
mod error;
#[cfg(feature = "otlp")]
mod otlp;
mod outcome;
mod own_metrics;
mod queue;
mod receiver;
#[cfg(feature = "remote-write")]
mod remote_write;
mod sample;
mod selection;
mod sending;
mod settings;
mod source;
mod task;
#[cfg(feature = "tls")]
mod tls;
mod walk;
mod warnings;

pub use error::{ConfigError, FinishError};
#[cfg(feature = "otlp")]
pub use otlp::Otlp;
#[cfg(feature = "remote-write")]
pub use remote_write::{RemoteWrite, Version};
pub use sending::Sending;
pub use settings::Sender;
pub use source::Source;
pub use task::Sent;
