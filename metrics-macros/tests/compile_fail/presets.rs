//! Presets of the user that lack a metric that the attribute names.

use metrics_runtime::presets::{Instrument, Preset};
use metrics_runtime::track;

pub const CALLS: Preset = Preset::new().calls(Instrument::counter("llm_requests_total", "Calls.").labels(&["model"]));

pub const NOT_A_ROW: u8 = 1;

#[track(preset = CALLS, labels(model = "tiny"), in_flight)]
fn in_flight() {}

#[track(preset = CALLS, labels(model = "tiny"), timed)]
fn timed() {}

#[track(preset = CALLS, labels(model = "tiny"), value = |r: &u8| *r)]
fn value() -> u8 {
    1
}

#[track(preset = CALLS)]
fn label_missing() {}

#[track(preset = CALLS, labels(model = "tiny", tenant = "acme"))]
fn label_unused() {}

#[track(preset = NOT_A_ROW)]
fn no_row() {}

fn main() {}
