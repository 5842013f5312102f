//! Promises that no alert can follow from, and words that promise nothing.

use metrics_runtime::{track, track_counter, track_histogram, track_in_flight, track_ryot, track_storage};

#[track(objective(success = 100))]
fn never_fails() {}

#[track(objective(success = 90.0))]
fn fails_too_often() {}

#[track(objective(success = 99.9, latency(0.3, 99.0)))]
fn no_bucket_ends_there() {}

#[track(name = "fast", buckets = [0.1, 1], objective(latency(0.1, 50)))]
fn half_of_them() {}

#[track_ryot(objective(latency(0.25, 99.0)))]
async fn no_bucket_of_the_row() {}

#[track_counter(objective(latency(0.5, 99.0)))]
fn not_timed() {}

#[track_storage("store", objective(latency(0.5, 99.0)))]
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
fn one_number() {}

#[track(objective(latency(0.5, 99.0, 1)))]
fn three_numbers() {}

fn main() {}
