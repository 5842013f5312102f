//! Arguments of `#[track_compression]`.

use metrics_runtime::track_compression;

#[track_compression(ration = |r: &f64| *r)]
fn unknown() -> f64 {
    1.0
}

#[track_compression(value = |r: &f64| *r, name = "x", buckets = [1.0], labels(a = "b"))]
fn not_taken() -> f64 {
    1.0
}

#[track_compression(ratio = |r: &f64| *r, ratio = |r: &f64| *r)]
fn repeated() -> f64 {
    1.0
}

#[track_compression(ratio)]
fn no_value() -> f64 {
    1.0
}

fn main() {}
