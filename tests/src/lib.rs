//! What the test suites of this workspace speak with.
//!
//! - [`page`]: a strict parser of both exposition formats into a model that is asked by name and labels
//! - [`client`]: HTTP over a loopback socket
//! - [`service`]: a binary of this workspace, started, asked and stopped
//! - [`canned`]: a server that says the same to everybody, and can be taken away for a while
//! - [`tools`]: Prometheus, promtool, a Pushgateway, Python's reference parsers and Grafana's schema, a browser, curl
//!   and slowhttptest, where they are installed
//! - [`promtool`], [`python`], [`grafana`], [`prometheus`], [`pushgateway`], [`picture`], [`program`]: what each of those
//!   tools is asked
//! - [`lookup`]: whether what dashboards and rules name is there
//! - [`wait`]: conditions with a deadline, in place of sleeps
//!
//! Every helper fails the test it is called from, by a panic that says what was found.
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "every helper panics to fail the test that called it"
)]
#![allow(clippy::doc_markdown, reason = "OpenMetrics is the name of a format, not code")]

pub mod canned;
pub mod client;
pub mod grafana;
pub mod lookup;
pub mod page;
pub mod picture;
mod process;
pub mod program;
pub mod prometheus;
pub mod promtool;
pub mod pushgateway;
pub mod python;
mod server;
pub mod service;
pub mod tools;
pub mod wait;
