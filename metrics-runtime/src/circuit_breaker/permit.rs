//! Permits for single calls.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::breaker::{CircuitBreaker, Inner};
use super::machine::Admission;
use super::open::CircuitOpen;
use super::{Completion, Verdict};
use crate::contained::contained;
use crate::instrument::poll::poll_flagged;

/// A permit for one call, from [`CircuitBreaker::acquire`](super::CircuitBreaker::acquire).
///
/// Report the result of the call with [`success`](Self::success), [`failure`](Self::failure), [`ignore`](Self::ignore)
/// or [`record`](Self::record).
///
/// If the permit is dropped without a result, the call counts as `cancelled`, and is neither a success nor a failure.
/// If it was a probe, another call can be a probe. [`Settings::cancelled_fails`](super::Settings::cancelled_fails) makes it
/// a failure. With [`Settings::slow`](super::Settings::slow), the time from [`acquire`](super::CircuitBreaker::acquire) to
/// the result or the drop is the duration of the call. If the permit is dropped by a panic, the call is a failure. Run a
/// future with [`guard`](Self::guard), so that a panic of the future is distinguished from a future that is dropped
/// while its thread panics.
#[must_use = "a permit that is dropped at once counts as cancelled"]
pub struct Permit<'breaker> {
    breaker: BreakerRef<'breaker>,
    /// `None` after the call has ended.
    admission: Option<Admission>,
    /// The start of the call, from [`Inner::start`].
    start: u64,
    progress: Progress,
}

enum BreakerRef<'breaker> {
    Borrowed(&'breaker Inner),
    Owned(Arc<Inner>),
}

/// The progress of the call, which decides if a dropped permit is a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// The permit does not run the call. If the permit is dropped while the thread panics, the call has failed.
    Unguarded,
    /// The future is being polled. If the permit is dropped, the future has panicked.
    Polling,
    /// The future waits for its next poll. If the permit is dropped, the call was cancelled.
    Waiting,
}

impl<'breaker> Permit<'breaker> {
    #[inline]
    pub(super) fn borrowed(breaker: &'breaker Inner, admission: Admission) -> Self {
        let (breaker, start) = (BreakerRef::Borrowed(breaker), breaker.start());
        Self { breaker, admission: Some(admission), start, progress: Progress::Unguarded }
    }

    pub(super) fn owned(breaker: Arc<Inner>, admission: Admission) -> Self {
        let start = breaker.start();
        Self { breaker: BreakerRef::Owned(breaker), admission: Some(admission), start, progress: Progress::Unguarded }
    }

    /// Returns a future that runs the call, and yields its output together with the permit.
    #[inline]
    pub fn guard<F: Future>(mut self, call: F) -> Guarded<'breaker, F> {
        self.progress = Progress::Waiting;
        Guarded { call, permit: Some(self) }
    }

    /// Records that the call succeeded.
    #[inline]
    pub fn success(self) {
        self.record(Verdict::Success);
    }

    /// Records that the call failed because of the service.
    #[inline]
    pub fn failure(self) {
        self.record(Verdict::Failure);
    }

    /// Records that the call says nothing about the service: it is neither a success nor a failure. It counts as
    /// `ignored`.
    #[inline]
    pub fn ignore(self) {
        self.record(Verdict::Ignored);
    }

    /// Records the result of the call.
    #[inline]
    pub fn record(mut self, verdict: Verdict) {
        self.complete(verdict.into());
    }

    #[inline]
    pub(super) fn poll<F: Future>(&mut self, call: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let polled = poll_flagged(&mut self.progress, Progress::Polling, Progress::Waiting, call, cx);
        if polled.is_ready() {
            self.progress = Progress::Unguarded;
        }
        polled
    }

    #[inline]
    pub(super) fn complete(&mut self, completion: Completion) {
        if let Some(admission) = self.admission.take() {
            match &self.breaker {
                BreakerRef::Borrowed(breaker) => breaker.complete(admission, self.start, completion),
                BreakerRef::Owned(breaker) => breaker.complete(admission, self.start, completion),
            }
        }
    }
}

// A panic leaves the state of the breaker valid. So the future of a call is as unwind safe as its body.
impl UnwindSafe for Permit<'_> {}
impl RefUnwindSafe for Permit<'_> {}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.admission.is_some() {
            let panicked = match self.progress {
                Progress::Unguarded => std::thread::panicking(),
                Progress::Polling => true,
                Progress::Waiting => false,
            };
            self.complete(if panicked { Completion::Failure } else { Completion::Cancelled });
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("admission", &self.admission).finish_non_exhaustive()
    }
}

pin_project_lite::pin_project! {
    /// A future from [`Permit::guard`]. Yields the output of the call, and the permit.
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
        // There is no permit if the future is polled after it has completed, which is an error of the caller.
        let Some(permit) = this.permit else { return Poll::Pending };
        let returned = ready!(permit.poll(this.call, cx));
        this.permit.take().map_or(Poll::Pending, |permit| Poll::Ready((returned, permit)))
    }
}

pin_project_lite::pin_project! {
    /// A future from [`CircuitBreaker::call`]. Acquires its permit on the first poll.
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

// Not an `async` block, whose future would contain the call twice and the permit four times.
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
            // A panic of the classification is a failure, not a panic of the caller.
            permit.complete(contained(|| judge(&returned)).unwrap_or(Verdict::Failure).into());
        }
        Poll::Ready(returned)
    }
}
