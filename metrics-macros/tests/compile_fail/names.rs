//! Names that a metric cannot have, as literals and as constants.

use metrics_runtime::{track, track_counter, track_histogram, track_in_flight};

const DASHED: &str = "jobs-total";

#[track_counter(name = "jobs-total")]
fn dash() {}

#[track_counter(name = DASHED)]
fn dash_in_a_const() {}

#[track_counter(name = "9_total")]
fn digit() {}

#[track_counter(name = "")]
fn empty() {}

#[track(name = "größe")]
fn not_ascii() {}

#[track_counter(name = "jobs")]
fn counter_without_total() {}

#[track(name = "jobs_total")]
fn stem_with_total() {}

#[track_histogram(name = "jobs_total")]
fn histogram_with_total() {}

#[track_in_flight(name = "jobs_info")]
fn gauge_with_info() {}

#[track_in_flight(name = "jobs_bucket")]
fn gauge_with_bucket() {}

#[track_in_flight(name = "jobs_sum")]
fn gauge_with_sum() {}

#[track_in_flight(name = "jobs_created")]
fn gauge_with_created() {}

#[track_in_flight(name = self::names::MISSPELT)]
fn gauge_with_count() {}

mod names {
    pub const MISSPELT: &str = "jobs_count";
}

#[track_counter]
fn größe() {}

fn main() {}
