//! Native buckets where a metric has none, or where nothing says which histogram has them.

use std::time::Duration;

use metrics_runtime::presets::{Instrument, Preset};
use metrics_runtime::{metrics, track, track_counter, track_histogram, track_ryot};

#[track(native)]
fn shared() {}

const PRESET: Preset =
    Preset::new().duration(Instrument::histogram("llm_request_duration_seconds", "Duration.", &[0.5, 1.0]));

#[track(preset = PRESET, native)]
fn with_preset() {}

#[track_counter(name = "calls_total", native)]
fn counter() {}

#[track_ryot(native)]
fn ryot() {}

#[track_histogram(native = true)]
fn with_value() {}

#[track_histogram(native, native)]
fn twice() {}

#[track_histogram(buckets = [], native)]
fn empty_list() {}

const LATENCY: Duration = Duration::from_millis(500);

#[track(name = "checkout", buckets = native, objective(latency(LATENCY, 99.0)))]
fn no_bucket_ends_at_the_latency() {}

const GAUGE: Instrument = Instrument::gauge("queue_depth", "Waiting jobs.").native();

#[metrics]
mod business {
    #[buckets(native)]
    pub fn orders_total() -> Counter;
    #[buckets(native, 1, native)]
    pub fn upload_bytes() -> Histogram;
    #[buckets(2, native, 1)]
    pub fn download_bytes() -> Histogram;
}

fn main() {
    let _ = (GAUGE, business::download_bytes());
}
