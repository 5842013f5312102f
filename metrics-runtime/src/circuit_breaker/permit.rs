//! Leave to make one call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::breaker::{CircuitBreaker, Inner};
use super::machine::Ticket;
use super::open::CircuitOpen;
use super::{Ended, Verdict};
use crate::instrument::poll::poll_flagged;

/// Leave to make one call, from [`CircuitBreaker::acquire`](super::CircuitBreaker::acquire). Whoever has it says how the
/// call went.
///
/// Dropped without a word, the call was `cancelled`: its place is free for another, and it counts neither way. Dropped
/// by a panic, it has failed; what a future panics with is told from what drops it where the future runs inside of
/// [`guard`](Self::guard).
#[must_use = "a permit that is dropped at once counts as cancelled"]
pub struct Permit<'breaker> {
    breaker: Holder<'breaker>,
    /// Nothing once the call has ended.
    ticket: Option<Ticket>,
    runs: Runs,
}

enum Holder<'breaker> {
    Borrowed(&'breaker Inner),
    Owned(Arc<Inner>),
}

/// What is known of the call if the permit is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// Nothing: the thread panics or does not.
    Somewhere,
    /// Inside of a poll: it is the call that panics.
    Now,
    /// It has handed control back.
    Later,
}

impl<'breaker> Permit<'breaker> {
    #[inline]
    pub(super) fn borrowed(breaker: &'breaker Inner, ticket: Ticket) -> Self {
        Self { breaker: Holder::Borrowed(breaker), ticket: Some(ticket), runs: Runs::Somewhere }
    }

    pub(super) fn owned(breaker: Arc<Inner>, ticket: Ticket) -> Self {
        Self { breaker: Holder::Owned(breaker), ticket: Some(ticket), runs: Runs::Somewhere }
    }

    /// Runs the future of the call, and gives the permit back with what it returns.
    #[inline]
    pub fn guard<F: Future>(mut self, call: F) -> Guarded<'breaker, F> {
        self.runs = Runs::Later;
        Guarded { call, permit: Some(self) }
    }

    /// The call went well.
    #[inline]
    pub fn success(self) {
        self.record(Verdict::Success);
    }

    /// The call failed, in a way that says something about the service.
    #[inline]
    pub fn failure(self) {
        self.record(Verdict::Failure);
    }

    /// The call says nothing about the service: it counts as `ignored`, and neither way.
    #[inline]
    pub fn ignore(self) {
        self.record(Verdict::Ignored);
    }

    /// What is thought of the call.
    #[inline]
    pub fn record(mut self, verdict: Verdict) {
        self.end(verdict.into());
    }

    #[inline]
    fn poll<F: Future>(&mut self, call: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let polled = poll_flagged(&mut self.runs, Runs::Now, Runs::Later, call, cx);
        if polled.is_ready() {
            self.runs = Runs::Somewhere;
        }
        polled
    }

    #[inline]
    fn end(&mut self, ended: Ended) {
        if let Some(ticket) = self.ticket.take() {
            match &self.breaker {
                Holder::Borrowed(breaker) => breaker.end(ticket, ended),
                Holder::Owned(breaker) => breaker.end(ticket, ended),
            }
        }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let panicked = match self.runs {
                Runs::Somewhere => std::thread::panicking(),
                Runs::Now => true,
                Runs::Later => false,
            };
            self.end(if panicked { Ended::Failure } else { Ended::Cancelled });
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// A call under way, made by [`Permit::guard`]; yields what the call returns, and the permit.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Guarded<'breaker, F> {
        #[pin]
        call: F,
        permit: Option<Permit<'breaker>>,
    }
}

impl<'breaker, F: Future> Future for Guarded<'breaker, F> {
    type Output = (F::Output, Permit<'breaker>);

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Without a permit it is polled again after it was done, which no caller may do.
        let Some(permit) = this.permit else { return Poll::Pending };
        let returned = ready!(permit.poll(this.call, cx));
        this.permit.take().map_or(Poll::Pending, |permit| Poll::Ready((returned, permit)))
    }
}

pin_project_lite::pin_project! {
    /// A call through a breaker, made by [`CircuitBreaker::call`]. It asks for its permit when it is polled first.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Calling<'breaker, F, J> {
        #[pin]
        call: F,
        breaker: &'breaker CircuitBreaker,
        permit: Option<Permit<'breaker>>,
        judge: Option<J>,
    }
}

impl<'breaker, F, J> Calling<'breaker, F, J> {
    #[inline]
    pub(super) fn new(breaker: &'breaker CircuitBreaker, call: F, judge: J) -> Self {
        Self { call, breaker, permit: None, judge: Some(judge) }
    }
}

// No `async` block, which would keep the call twice, and the permit four times.
impl<F, J, T, E> Future for Calling<'_, F, J>
where
    F: Future<Output = Result<T, E>>,
    E: From<CircuitOpen>,
    J: FnOnce(&Result<T, E>) -> Verdict,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        let permit = match this.permit {
            Some(permit) => permit,
            None => match this.breaker.acquire() {
                Ok(permit) => this.permit.insert(permit),
                Err(open) => return Poll::Ready(Err(open.into())),
            },
        };
        let returned = ready!(permit.poll(this.call, cx));
        if let Some(judge) = this.judge.take() {
            permit.end(judge(&returned).into());
        }
        Poll::Ready(returned)
    }
}
