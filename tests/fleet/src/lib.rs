//! A whole fleet on one machine, from Debian's packages: instances of two services under traffic, agents that scrape
//! them, two central stores, rules and alerts. Parts of it are killed, and all counts are compared.
//!
//! - `options`, `supervisor`: the command line; the process that leaves nothing behind
//! - `service`, `instance`, `traffic`: binaries and their documents; an instance over its lives; clients that count
//! - `agent`, `store`, `rules`: agents; stores; rules, vmalert and the Alertmanager
//! - `layout`: all of these together
//! - `story`: what happens to them, in its order
//! - `counts`, `totals`, `alerts`: requests by outcome; those in a store; alerts that fired
//! - `outcome`, `report`: the tables
//!
//! Everything waits for conditions. A duration decides nothing.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a run that cannot go on ends with a panic")]
#![allow(clippy::print_stdout, reason = "a command line program prints to its standard output")]
#![allow(clippy::doc_markdown, reason = "VictoriaMetrics is a name")]

pub mod agent;
pub mod alerts;
pub mod counts;
pub mod instance;
pub mod layout;
pub mod options;
mod outcome;
pub mod report;
pub mod rules;
pub mod service;
pub mod store;
pub mod story;
pub mod supervisor;
pub mod totals;
pub mod traffic;
