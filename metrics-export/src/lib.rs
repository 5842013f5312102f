//! Dashboards, rules, Kubernetes objects, references, contracts and lint findings for programs that use
//! [`metrics_runtime`].
//!
//! # Overview
//!
//! All documents are derived from [`Metrics::describe`](metrics_runtime::Metrics::describe), the description of
//! everything that a program declares and registers. They contain the metrics that are registered at that moment:
//! install the metrics first, and register circuit breakers and collectors before you create a document. The metrics of
//! HTTP requests are among them even if no router is instrumented, since that usually happens later. A service without
//! HTTP installs [`Http::none`](metrics_runtime::http::Http::none). The same metrics always give the same bytes.
//!
//! - [`Export`] returns each document as text.
//! - [`Command`] adds the same documents to the command line of a service.
//! - [`Histograms`] chooses the stored form of histograms that have native buckets.
//!
//! # Example
//!
//! A service with the commands `shop metrics dashboard`, `shop metrics rules` and so on, see [`USAGE`]:
//!
//! ```no_run
//! use metrics_export::Command;
//! use metrics_runtime::Metrics;
//!
//! let metrics = Metrics::builder().namespace("shop").install()?;
//! let mut args = std::env::args_os().skip(1).peekable();
//! if args.next_if(|first| first == "metrics").is_some() {
//!     Command::parse(args)?.run(&metrics, &mut std::io::stdout().lock())?;
//!     return Ok(());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `clap` | implements `clap::Subcommand` for [`Command`] |
//!
//! The service that depends on this crate chooses the features of `metrics-runtime`.

#![forbid(unsafe_code)]

mod accepted;
mod agent;
mod budget;
#[cfg(feature = "clap")]
mod clap;
mod command;
mod contract;
mod dashboard;
mod docs;
mod document;
mod error;
mod export;
mod fetch;
mod fleet;
mod hash;
mod histograms;
mod kubernetes;
mod lint;
mod metric;
mod model;
mod names;
mod option;
mod page;
mod prometheus;
mod promql;
mod roles;
mod rollout;
mod rules;
mod scope;
mod scrape;
mod series;
mod table;
mod time;
mod usages;

pub use budget::BudgetError;
pub use command::{Command, CommandError, USAGE};
pub use export::Export;
pub use histograms::{Histograms, HistogramsError};
pub use kubernetes::JobError;
pub use rules::{AlertError, AlertSetting, AlertSettings};
pub use scrape::LabelError;
