//! Arguments of `#[track_in_flight]`.

use metrics_runtime::track_in_flight;

#[track_in_flight(lables(a = "b"))]
fn unknown() {}

#[track_in_flight(ok_if = |_| true, buckets = [1.0], value = |r: &()| 1, unit = "bytes", timed)]
fn not_taken() {}

#[track_in_flight(help = "x", help = "y")]
fn repeated() {}

#[track_in_flight(labels(status = |r: &u8| *r))]
fn a_label_of_what_is_returned() -> u8 {
    1
}

fn main() {}
