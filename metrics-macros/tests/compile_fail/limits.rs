//! Limits of series.

#![allow(unused_variables)]

use metrics_runtime::{LabelValue, metrics, track, track_counter, track_histogram, track_in_flight, track_ryot};

#[derive(Clone, Copy, LabelValue)]
enum Kind {
    A,
}

#[track_counter(limit = 0, labels(tenant = tenant))]
fn zero(tenant: &str) {}

#[track_counter(limit = 2_000_000, labels(tenant = tenant))]
fn too_many(tenant: &str) {}

#[track_counter(limit = "many", labels(tenant = tenant))]
fn text(tenant: &str) {}

#[track_counter(limit = -1, labels(tenant = tenant))]
fn negative(tenant: &str) {}

#[track_counter(limit = 10.0, labels(tenant = tenant))]
fn float(tenant: &str) {}

#[track_counter(limit(10), labels(tenant = tenant))]
fn a_list(tenant: &str) {}

#[track_histogram(limit = 10)]
fn no_labels() {}

#[track_in_flight(limit = 10, labels(kind: Kind = kind, fixed = "x"))]
fn only_known_values(kind: Kind) {}

#[track(limit = 10)]
fn shared() {}

#[track_ryot(limit = 10)]
fn no_model() {}

const WRONG: u8 = 10;

#[track_counter(limit = WRONG, labels(tenant = tenant))]
fn wrong_type(tenant: &str) {}

#[metrics(limit = 0)]
mod none {
    pub fn jobs_total(tenant: &str) -> Counter;
}

#[metrics(limit = "x")]
mod text {
    pub fn jobs_total(tenant: &str) -> Counter;
}

fn main() {}
