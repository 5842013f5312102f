//! Programs that send their metrics themselves: to a Pushgateway, with remote write, and with OTLP.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the counts of a test are small")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod gateway;
mod otlp;
mod remote_write;
mod shop;
mod stores;

use std::sync::Once;

use metrics_runtime::exemplars::{self, Exemplar};

/// Installs a source that gives each call the same trace.
fn install_exemplars() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| exemplars::install(|| Some(Exemplar::trace(0xab, 0x0f))).expect("the only source"));
}
