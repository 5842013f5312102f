//! Arguments of `#[track_histogram]`.

use metrics_runtime::track_histogram;

#[track_histogram(bucket = [1.0], nme = "x")]
fn unknown() {}

#[track_histogram(in_flight, timed, preset = metrics_runtime::presets::RYOT, model = "x")]
fn not_taken() {}

#[track_histogram(buckets = [1.0], buckets = [2.0])]
fn repeated() {}

#[track_histogram(buckets = 1.0)]
fn buckets_without_brackets() {}

#[track_histogram(buckets = (1.0, 2.0))]
fn buckets_in_parentheses() {}

#[track_histogram(buckets = logarithmic(1.0, 2.0, 3))]
fn unknown_series() {}

#[track_histogram(buckets = linear(1.0, 2.0))]
fn series_without_count() {}

#[track_histogram(buckets = exponential(1.0, 2.0, N))]
fn series_with_another_count() {}

#[track_histogram(ok_if = |_| true, error_if = |_| false)]
fn both() {}

fn main() {}
