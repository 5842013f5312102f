//! The syntax of earlier names, and the attributes that take them.

use metrics_runtime::presets::Preset;
use metrics_runtime::{metrics, track, track_counter, track_ryot};

const MAIL: Preset = Preset::new();

#[track(replaces = "job")]
fn without_a_name() {}

#[track(preset = MAIL, replaces = "job")]
fn with_a_preset() {}

#[track_ryot(replaces = "job")]
fn another_attribute() {}

#[track_counter(replaces = [])]
fn empty() {}

#[track_counter(replaces = ["a" "b"])]
fn no_comma() {}

#[track_counter(replaces("a"))]
fn no_list() {}

#[track_counter(replaces = jobs)]
fn no_quotes() {}

#[track]
impl Jobs {
    #[track(name = "jobs", replaces = job)]
    fn run(&self) {}
}

#[track(replaces = "job")]
impl Jobs {
    fn stop(&self) {}
}

struct Jobs;

#[metrics]
mod business {
    #[replaces]
    pub fn users() -> Gauge;
    #[replaces("a")]
    #[replaces("b")]
    pub fn sessions() -> Gauge;
    #[replaces(jobs)]
    pub fn jobs_total() -> Counter;
}

fn main() {}
