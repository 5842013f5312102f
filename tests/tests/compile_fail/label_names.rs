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

fn main() {}
