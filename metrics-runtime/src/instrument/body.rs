//! The body of a call, run or polled while its guard is alive.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::guard::Call;

/// Runs a synchronous body. The bound makes the closure an `FnOnce`, which may move out of its captures.
#[inline]
pub fn run<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// Returns a value of any type, for a `return` that is never reached and only gives the compiler the type.
///
/// # Panics
/// Always panics. Generated code never calls it.
#[cold]
#[must_use]
pub fn unreachable<T>() -> T {
    unreachable!("generated code uses only the type")
}

pin_project_lite::pin_project! {
    /// The body of an async call, with a reference to its guard, which outlives it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Tracked<'c, F> {
        #[pin]
        body: F,
        call: &'c mut Call,
    }
}

/// Attaches an async body to its guard.
#[inline]
pub fn tracked<F: Future>(call: &mut Call, body: F) -> Tracked<'_, F> {
    Tracked { body, call }
}

impl<F: Future> Future for Tracked<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.call.poll(this.body, cx)
    }
}

pin_project_lite::pin_project! {
    /// A future that a function returned. The call is recorded from the first poll on.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Recorded<F, E, X> {
        #[pin]
        body: F,
        call: Call,
        enter: Option<E>,
        finish: Option<X>,
    }
}

/// Attaches a future to a guard that `enter` creates at the first poll. `finish` is called with the output and the
/// guard.
///
/// Not an `async` block, which would store the future twice: as a capture and at the `await`.
#[inline]
pub fn recorded<F, E, X>(future: F, enter: E, finish: X) -> Recorded<F, E, X>
where
    F: Future,
    E: FnOnce() -> Call,
    X: FnOnce(&F::Output, &mut Call),
{
    Recorded { body: future, call: Call::disabled(), enter: Some(enter), finish: Some(finish) }
}

impl<F: Future, E: FnOnce() -> Call, X: FnOnce(&F::Output, &mut Call)> Future for Recorded<F, E, X> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(enter) = this.enter.take() {
            *this.call = enter();
        }
        let returned = std::task::ready!(this.call.poll(this.body, cx));
        // Records the call when it completes, not when the future is dropped.
        let mut call = mem::replace(this.call, Call::disabled());
        if let Some(finish) = this.finish.take() {
            finish(&returned, &mut call);
        }
        Poll::Ready(returned)
    }
}
