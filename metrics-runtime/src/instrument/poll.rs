//! A panic in a future, told from its being dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls a body with a flag around. A panic leaves `inside`, wherever and whenever the body is dropped after it; one that
/// waits to be polled again leaves `waiting`. `std::thread::panicking` would not do: it is also true for a future that
/// dies because its neighbour panicked.
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
