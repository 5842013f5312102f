//! Labels of the counter alone.

use metrics_runtime::{track, track_counter, track_histogram};

#[track(counter_labels(cause = "a"))]
fn without_a_name() {}

#[track_counter(counter_labels(cause = "a"))]
fn nothing_but_a_counter() {}

#[track_histogram(counter_labels(cause = "a"))]
fn no_counter() {}

#[track(name = "a", counter_labels = "a")]
fn no_list() {}

#[track(name = "a", labels(cause = "a"), counter_labels(cause = "b"))]
fn twice() {}

#[track(name = "a", counter_labels(status = "a"))]
fn the_outcome() {}

#[track(name = "a", counter_labels(cause = reason))]
fn no_parameter() {}

struct Jobs;

#[track(counter_labels(cause = "a"))]
impl Jobs {
    fn run(&self) {}
}

fn main() {}
