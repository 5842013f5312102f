//! Units with which the name does not end.

use metrics_runtime::{track_counter, track_histogram};

const BYTES: &str = "bytes";

#[track_histogram(name = "upload", unit = "bytes", value = |r: &u64| *r)]
fn no_unit() -> u64 {
    1
}

#[track_counter(name = "upload_total", unit = BYTES, value = |r: &u64| *r)]
fn no_unit_in_front_of_total() -> u64 {
    1
}

#[track_histogram(name = "upload_bytes", unit = "by-tes", value = |r: &u64| *r)]
fn no_word() -> u64 {
    1
}

#[track_counter(unit = "", value = |r: &u64| *r)]
fn empty() -> u64 {
    1
}

fn main() {}
