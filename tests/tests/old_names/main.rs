//! Names that metrics have, or had, in the dashboards and alerts of others.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod legacy;
mod renames;
#[path = "../support/mod.rs"]
mod support;
mod upgrade;
