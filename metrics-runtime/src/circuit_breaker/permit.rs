//! Permits for single calls.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
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
    running: Running<BreakerRef<'breaker>>,
}

/// An admitted call. If it is dropped before [`complete`](Self::complete), it was cancelled or has panicked.
struct Running<B: Deref<Target = Inner>> {
    breaker: B,
    admission: Admission,
    /// The start of the call, from [`Inner::start`].
    start: u64,
    progress: Progress,
}

enum BreakerRef<'breaker> {
    Borrowed(&'breaker Inner),
    Owned(Arc<Inner>),
}

impl Deref for BreakerRef<'_> {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        match self {
            Self::Borrowed(breaker) => breaker,
            Self::Owned(breaker) => breaker,
        }
    }
}

/// The progress of the call, which decides if a dropped permit is a failure. A whole word, so that a move of the permit
/// copies no padding.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Progress {
    /// The permit does not run the call. If the permit is dropped while the thread panics, the call has failed.
    Unguarded,
    /// The future is being polled. If the permit is dropped, the future has panicked.
    Polling,
    /// The future waits for its next poll. If the permit is dropped, the call was cancelled.
    Waiting,
    /// The end of the call was recorded.
    Ended,
}

impl<'breaker> Permit<'breaker> {
    #[inline]
    pub(super) fn borrowed(breaker: &'breaker Inner, admission: Admission) -> Self {
        Self::new(BreakerRef::Borrowed(breaker), admission)
    }

    #[inline]
    pub(super) fn owned(breaker: Arc<Inner>, admission: Admission) -> Self {
        Self::new(BreakerRef::Owned(breaker), admission)
    }

    #[inline]
    fn new(breaker: BreakerRef<'breaker>, admission: Admission) -> Self {
        Self { running: Running::new(breaker, admission) }
    }

    /// Returns a future that runs the call, and yields its output together with the permit.
    #[inline]
    pub fn guard<F: Future>(mut self, call: F) -> Guarded<'breaker, F> {
        self.wait();
        Guarded { call, permit: Some(self) }
    }

    /// Notes that the call runs in a future that has not been polled.
    #[inline]
    pub(super) fn wait(&mut self) {
        self.running.progress = Progress::Waiting;
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
        if let BreakerRef::Borrowed(breaker) = self.running.breaker {
            // This permit has nothing to drop. Its drop is a call, for which the permit would have to be in memory.
            let running = &ManuallyDrop::new(self).running;
            breaker.complete(running.admission, running.start, verdict.into());
        } else {
            self.running.complete(verdict.into());
        }
    }

    /// See [`Running::poll_to_end`].
    #[inline]
    pub(super) fn poll_to_end<F: Future, J>(
        &mut self,
        call: Pin<&mut F>,
        cx: &mut Context<'_>,
        judge: &mut Option<J>,
        verdict: impl FnOnce(J, &F::Output) -> Verdict,
    ) -> Poll<F::Output> {
        self.running.poll_to_end(call, cx, judge, verdict)
    }
}

impl<B: Deref<Target = Inner>> Running<B> {
    #[inline]
    fn new(breaker: B, admission: Admission) -> Self {
        let start = breaker.start(admission);
        Self { breaker, admission, start, progress: Progress::Unguarded }
    }

    /// Polls the call, and records its end with its verdict. `judge` is `None` from then on: a further poll is an error of
    /// the caller, and must not let the call end a second time.
    #[inline]
    fn poll_to_end<F: Future, J>(
        &mut self,
        call: Pin<&mut F>,
        cx: &mut Context<'_>,
        judge: &mut Option<J>,
        verdict: impl FnOnce(J, &F::Output) -> Verdict,
    ) -> Poll<F::Output> {
        if judge.is_some() {
            self.progress = Progress::Polling;
        }
        let polled = call.poll(cx);
        match &polled {
            Poll::Ready(returned) => {
                if let Some(judge) = judge.take() {
                    self.complete(verdict(judge, returned).into());
                }
            }
            Poll::Pending if judge.is_some() => self.progress = Progress::Waiting,
            Poll::Pending => {}
        }
        polled
    }

    #[inline]
    fn complete(&mut self, completion: Completion) {
        if std::mem::replace(&mut self.progress, Progress::Ended) != Progress::Ended {
            self.breaker.complete(self.admission, self.start, completion);
        }
    }
}

// A panic leaves the state of the breaker valid. So the future of a call is as unwind safe as its body.
impl<B: Deref<Target = Inner>> UnwindSafe for Running<B> {}
impl<B: Deref<Target = Inner>> RefUnwindSafe for Running<B> {}

impl<B: Deref<Target = Inner>> Drop for Running<B> {
    #[inline]
    fn drop(&mut self) {
        if self.progress != Progress::Ended {
            complete_dropped(&self.breaker, self.admission, self.start, self.progress);
        }
    }
}

/// Records the end of a call whose permit was dropped. Not a method, so that the call can stay in registers.
#[cold]
fn complete_dropped(breaker: &Inner, admission: Admission, start: u64, progress: Progress) {
    let panicked = match progress {
        Progress::Unguarded => std::thread::panicking(),
        Progress::Polling => true,
        Progress::Waiting | Progress::Ended => false,
    };
    breaker.complete(admission, start, if panicked { Completion::Failure } else { Completion::Cancelled });
}

impl<B: Deref<Target = Inner>> fmt::Debug for Running<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("admission", &self.admission).finish_non_exhaustive()
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("admission", &self.running.admission).finish_non_exhaustive()
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
        let progress = &mut permit.running.progress;
        let returned = ready!(poll_flagged(progress, Progress::Polling, Progress::Waiting, this.call, cx));
        *progress = Progress::Unguarded;
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
        running: Option<Running<&'breaker Inner>>,
        judge: Option<J>,
    }
}

impl<'breaker, F, J> Calling<'breaker, F, J> {
    #[inline]
    pub(super) fn new(breaker: &'breaker CircuitBreaker, call: F, judge: J) -> Self {
        Self { call, breaker, running: None, judge: Some(judge) }
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
        if this.judge.is_none() {
            // A poll after the end is an error of the caller, and must not let the call end a second time.
            return this.call.poll(cx);
        }
        // Stored only if the call has to wait, so that others keep it in registers.
        let mut running = match this.running.take() {
            Some(running) => running,
            None => match this.breaker.inner().admit() {
                Ok(admission) => Running::new(&**this.breaker.inner(), admission),
                Err(open) => return Poll::Ready(Err(open.into())),
            },
        };
        running.progress = Progress::Polling;
        // Gone after a panic too, which is an end of the call.
        let judge = this.judge.take();
        let polled = this.call.poll(cx);
        if let Poll::Ready(returned) = &polled {
            // A panic of the classification is a failure, not a panic of the caller.
            let verdict = judge.and_then(|judge| contained(|| judge(returned))).unwrap_or(Verdict::Failure);
            running.complete(verdict.into());
        } else {
            running.progress = Progress::Waiting;
            (*this.running, *this.judge) = (Some(running), judge);
        }
        polled
    }
}
