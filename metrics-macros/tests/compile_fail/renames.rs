//! Earlier names that a metric cannot have had.

use metrics_runtime::{metrics, track, track_counter, track_histogram};

const DASHED: &str = "job-total";

#[track_counter(name = "jobs_total", replaces = "job-total")]
fn dash() {}

#[track_counter(name = "jobs_total", replaces = ["job_total", DASHED])]
fn dash_in_a_const() {}

#[track_counter(name = "jobs_total", replaces = "jobs_total")]
fn itself() {}

#[track_counter(name = "jobs_total", replaces = ["job_total", "job_total"])]
fn twice() {}

#[track_histogram(replaces = "_total")]
fn only_a_suffix() {}

#[track(name = "jobs", replaces = "job_total")]
fn with_a_suffix() {}

#[track(name = "jobs", replaces = "jobs")]
fn the_same_stem() {}

#[metrics(prefix = "shop_")]
mod business {
    #[replaces("shop_users")]
    pub fn users() -> Gauge;
    #[replaces("user", "user")]
    pub fn user_sessions() -> Gauge;
    #[replaces("9")]
    pub fn jobs_total() -> Counter;
}

fn main() {}
