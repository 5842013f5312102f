//! Polling that distinguishes a panic of a future from its cancellation.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls a body and sets a flag: `inside` before the poll, `waiting` after a poll that is pending.
///
/// After a panic the flag is `inside`, even if the body is dropped later or on another thread. `std::thread::panicking`
/// is not sufficient: it is also `true` for a future that is dropped because another one on the same thread panicked.
#[inline]
pub(crate) fn poll_flagged<F: Future, T>(
    flag: &mut T,
    inside: T,
    waiting: T,
    body: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    *flag = inside;
    let polled = body.poll(cx);
    if polled.is_pending() {
        *flag = waiting;
    }
    polled
}
