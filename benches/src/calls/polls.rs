//! An async function whose polls are measured.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use metrics_runtime::track;

use super::{Failed, drive};

#[track(polls)]
async fn measured(prompt: u64) -> Result<u64, Failed> {
    Ok(black_box(prompt))
}

/// A call of one poll.
pub(super) fn calls(calls: u64) {
    drive(calls, measured);
}

/// Is pending at every poll.
async fn waits() {
    std::future::poll_fn(|_| black_box(Poll::<()>::Pending)).await;
}

#[track]
async fn plain_waits() {
    waits().await;
}

#[track(polls)]
async fn measured_waits() {
    waits().await;
}

pub(super) fn plain_polls(polls: u64) {
    poll(polls, plain_waits());
}

pub(super) fn measured_polls(polls: u64) {
    poll(polls, measured_waits());
}

fn poll(polls: u64, future: impl Future) {
    let mut context = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    for _ in 0..polls {
        _ = black_box(future.as_mut().poll(&mut context).is_ready());
    }
}
