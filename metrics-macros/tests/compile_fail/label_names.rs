//! Names and values that a label cannot have.

use metrics_runtime::{track, track_counter, track_histogram, track_in_flight};

#[track_counter(labels(le = "a"))]
fn le() {}

#[track_histogram(labels(quantile = "a"))]
fn quantile() {}

#[track_in_flight(labels(__tenant = "a"))]
fn underscores() {}

#[track(name = "x", labels(größe = "a"))]
fn not_ascii() {}

#[track(name = "x", labels(le = "a", __x = "b", user = "c"))]
fn several() {}

#[track_counter(labels(
    a = "1", b = "1", c = "1", d = "1", e = "1", f = "1", g = "1", h = "1", i = "1", j = "1", k = "1", l = "1", m = "1",
))]
fn too_many() {}

#[track_counter(labels(kind = "_overflow"))]
fn reserved_value() {}

fn main() {}
