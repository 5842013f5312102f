//! Attributes that would count a call twice, or labels and names without a meaning.

use metrics_runtime::{LabelValue, circuit_breaker, track, track_counter, track_histogram, track_in_flight, track_storage};
use metrics_runtime::circuit_breaker::CircuitOpen;

#[track]
#[track]
fn twice() {}

#[track_counter(name = "jobs_total", labels(kind = "a"))]
#[track]
#[track_counter(name = "jobs_total", labels(kind = "a"))]
async fn apart() {}

#[track_storage("store", timed)]
#[track_storage("store")]
fn operation() {}

#[track(name = "uploads")]
#[track_counter(name = "uploads_total")]
fn of_two_attributes() {}

#[track_in_flight(name = "imports_in_flight")]
#[track(name = "imports", in_flight)]
async fn in_flight_twice() {}

#[track_counter(name = "exports_total")]
#[track(name = "exports", labels(kind = "a"))]
#[track_counter(name = "errors_total")]
fn of_other_labels_or_names_is_fine() {}

#[track_storage("store")]
#[track_storage("load")]
#[track(name = "a")]
#[track(name = "b")]
fn different_metrics_are_fine() {}

#[track(name = "x", labels(status = "x"))]
fn status() {}

#[circuit_breaker(service = "", failures = 1)]
async fn no_service() -> Result<u8, CircuitOpen> {
    Ok(1)
}

const EMPTY: &str = "";

#[circuit_breaker(service = EMPTY, failures = 1)]
async fn no_service_in_a_const() -> Result<u8, CircuitOpen> {
    Ok(1)
}

#[derive(LabelValue)]
enum Kind {
    #[label(rename = "")]
    Empty,
}

#[track_histogram(name = "a_bytes", unit = "bytes")]
fn duration_in_bytes() {}

#[track_histogram(unit = BYTES)]
fn duration_in_bytes_of_a_const() {}

const BYTES: &str = "bytes";

#[track_histogram(unit = "seconds")]
fn duration_in_seconds_is_fine() {}

fn main() {}
