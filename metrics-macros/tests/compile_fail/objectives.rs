//! Objectives that allow no alert, and the syntax of objectives.

use metrics_runtime::{track, track_counter, track_histogram, track_in_flight, track_ryot, track_storage};

#[track(objective(success = 100))]
fn never_fails() {}

#[track(objective(success = 90.0))]
fn fails_too_often() {}

#[track(objective(success = 99.9, latency("300ms", 99.0)))]
fn no_bucket_ends_there() {}

#[track(name = "fast", buckets = [0.1, 1], objective(latency("100ms", 50)))]
fn half_of_them() {}

#[track_ryot(objective(latency("250ms", 99.0)))]
async fn no_bucket_of_the_row() {}

#[track_counter(objective(latency("500ms", 99.0)))]
fn not_timed() {}

#[track_storage("store", objective(latency("500ms", 99.0)))]
fn not_timed_unless_asked() {}

#[track_histogram(objective(success = 99.9))]
fn not_counted() {}

#[track_in_flight(objective(success = 99.9))]
fn neither() {}

#[track(objective)]
fn no_list() {}

#[track(objective())]
fn nothing() {}

#[track(objective(succes = 99.9))]
fn misspelt() {}

#[track(objective(success = "99.9"))]
fn text() {}

#[track(objective(success = 99.9, success = 99.0))]
fn twice() {}

#[track(objective(latency = 0.5))]
fn no_latency_list() {}

#[track(objective(latency()))]
fn empty_latency() {}

#[track(objective(latency(0.5, 99.0)))]
fn bare_seconds() {}

#[track(objective(latency(99.0, "500ms")))]
fn swapped() {}

#[track(objective(latency("500ms")))]
fn no_percentage() {}

#[track(objective(latency("500ms", "99.0")))]
fn percentage_in_quotes() {}

#[track(objective(latency("fast", 99.0)))]
fn no_duration() {}

#[track(objective(latency("500ms", 99.0, 1)))]
fn three_arguments() {}

fn main() {}
