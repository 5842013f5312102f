//! Polls of functions that are not polled, polls that would be counted twice, and wrong limits.

use metrics_runtime::{track, track_counter, track_ryot, track_storage};

#[track(polls)]
fn sync() {}

#[track_storage("store", polls)]
fn sync_too() {}

#[track(polls, polls)]
async fn twice() {}

#[track(polls)]
#[track_counter(polls)]
async fn by_two_attributes() {}

#[track(polls, returns = value)]
fn without_the_future() -> impl Future<Output = ()> {
    async {}
}

#[track(slow_poll = "1ms")]
async fn only_a_limit() {}

#[track_ryot(polls, slow_poll = 5)]
async fn without_a_unit() {}

#[track(polls = true)]
async fn with_a_value() {}

#[track(polls, slow_poll = 5 + 5)]
async fn not_a_duration() {}

#[track(slow_polls = "1ms")]
async fn misspelled() {}

struct Store;

#[track(polls)]
impl Store {
    fn sync(&self) {}

    #[track(in_flight)]
    async fn with_other_arguments(&self) {}
}

struct Cache;

#[track]
impl Cache {
    #[track(polls)]
    fn sync(&self) {}
}

struct Index;

#[track(polls)]
impl Index {
    #[track_counter(polls)]
    async fn by_the_block_too(&self) {}
}

fn main() {}
