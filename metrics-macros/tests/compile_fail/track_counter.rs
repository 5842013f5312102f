//! Arguments of `#[track_counter]`.

use metrics_runtime::track_counter;

#[track_counter(nam = "x_total")]
fn unknown() {}

#[track_counter(buckets = [1.0], in_flight, timed)]
fn not_taken() {}

#[track_counter(unit = "bytes", unit = "bytes")]
fn repeated() {}

fn main() {}
