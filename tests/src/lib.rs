//! Helpers of this workspace's test suites.
//!
//! - [`page`]: a strict parser of both exposition formats, with lookups by name and labels
//! - [`client`]: an HTTP client over a loopback socket
//! - [`collector`]: a collector with fixed families
//! - [`service`]: starts and stops a binary of this workspace
//! - [`server`]: starts, kills and restarts any server; addresses for servers that do not choose their own
//! - [`agent`]: starts a Prometheus in agent mode, or a vmagent
//! - [`canned`]: a server that answers with fixed bodies
//! - [`certificates`]: an authority that signs certificates
//! - [`clock`]: recorded times, compared with the standard clock
//! - [`receiver`]: a receiver of samples, which fails as a test tells it; [`remote_write`] and [`otlp`] decode them
//! - [`samples`]: samples with their times, for [`prometheus`] and [`victoria`]
//! - [`tools`]: finds Prometheus, promtool, an Alertmanager, VictoriaMetrics, a Pushgateway, Python's reference parsers,
//!   OpenTelemetry's package for Python, Grafana's dashboard schema, a browser, curl, h2load and slowhttptest
//! - [`promtool`], [`python`], [`otlp_package`], [`grafana`], [`prometheus`], [`alertmanager`], [`victoria`], [`pushgateway`], [`picture`],
//!   [`program`]: run these tools
//! - [`dashboard`]: dashboards with open rows and repeated panels
//! - [`engines`]: compares queries on [`prometheus`] and [`victoria`]
//! - [`histograms`]: compares queries of classic and native histograms
//! - [`log`]: what a test logs
//! - [`lookup`]: checks that the metrics and labels in dashboards and rules exist
//! - [`wait`]: conditions with a deadline, instead of sleeps
//!
//! A helper that fails panics with a message about what it found, which fails the test.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "every helper panics to fail the test that called it"
)]
#![allow(clippy::doc_markdown, reason = "OpenMetrics is the name of a format")]

pub mod agent;
pub mod alertmanager;
pub mod browser;
pub mod canned;
pub mod certificates;
pub mod client;
pub mod clock;
pub mod collector;
pub mod dashboard;
pub mod engines;
pub mod grafana;
pub mod histograms;
pub mod log;
pub mod lookup;
pub mod otlp;
pub mod otlp_package;
pub mod page;
pub mod picture;
mod process;
pub mod program;
pub mod prometheus;
pub mod promtool;
pub mod pushgateway;
pub mod python;
pub mod receiver;
pub mod remote_write;
pub mod samples;
pub mod server;
pub mod service;
pub mod tools;
pub mod victoria;
pub mod wait;
