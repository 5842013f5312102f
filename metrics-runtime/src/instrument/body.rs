//! The body of a call, run or polled while its guard is alive.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::callsite::Callsite;
use super::guard::{Call, Handle};
use crate::schema::Outcome;

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
    /// The future of a function without labels that are evaluated at run time. The call is recorded from the first poll on.
    ///
    /// A type of its own, with few parameters and bounds: each of them costs compile time for every function.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RecordedPlain<F, O> {
        #[pin]
        body: F,
        state: State,
        outcome_of: O,
    }
}

#[derive(Debug)]
enum State {
    /// Not polled yet.
    Unstarted(&'static Callsite),
    Started(Call),
}

/// Attaches a future to a call that starts at the first poll. `outcome_of` returns the outcome of the output.
#[inline]
pub fn recorded_plain<F, O>(future: F, callsite: &'static Callsite, outcome_of: O) -> RecordedPlain<F, O>
where
    F: Future,
    O: Fn(&F::Output) -> Outcome,
{
    RecordedPlain { body: future, state: State::Unstarted(callsite), outcome_of }
}

impl<F, O> Future for RecordedPlain<F, O>
where
    F: Future,
    O: Fn(&F::Output) -> Outcome,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let call = this.state.started();
        let returned = ready!(call.poll(this.body, cx));
        if call.is_active() {
            call.returned((this.outcome_of)(&returned));
        }
        Poll::Ready(returned)
    }
}

impl State {
    /// Starts the call at the first poll, and returns it.
    #[inline]
    fn started(&mut self) -> &mut Call {
        if let Self::Unstarted(callsite) = *self {
            *self = Self::Started(callsite.enter());
        }
        match self {
            Self::Started(call) => call,
            Self::Unstarted(_) => unreachable!("the call has just started"),
        }
    }
}

pin_project_lite::pin_project! {
    /// A future that a function returned. The call is recorded from the first poll on.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Recorded<R, F, E, X, S: Handle> {
        #[pin]
        body: F,
        call: Call<S>,
        enter: Option<E>,
        finish: Option<X>,
        output: PhantomData<fn() -> R>,
    }
}

/// Attaches a future to a guard that `enter` creates at the first poll. `finish` is called with the output and the
/// guard.
///
/// Not an `async` block, which would store the future twice: as a capture and at the `await`.
#[inline]
pub fn recorded<R, F, E, X, S>(future: F, enter: E, finish: X) -> Recorded<R, F, E, X, S>
where
    F: Future<Output = R>,
    E: FnOnce() -> Call<S>,
    X: FnOnce(&R, &mut Call<S>),
    S: Handle,
{
    recorded_as(future, enter, finish)
}

/// Like [`recorded`], for a signature that names the whole output. It has no bound on the future: the signature already has it,
/// and a second one would report each mistake twice.
#[inline]
pub fn recorded_as<R, F, E, X, S>(future: F, enter: E, finish: X) -> Recorded<R, F, E, X, S>
where
    E: FnOnce() -> Call<S>,
    X: FnOnce(&R, &mut Call<S>),
    S: Handle,
{
    Recorded { body: future, call: Call::disabled(), enter: Some(enter), finish: Some(finish), output: PhantomData }
}

impl<R, F, E, X, S> Future for Recorded<R, F, E, X, S>
where
    F: Future<Output = R>,
    E: FnOnce() -> Call<S>,
    X: FnOnce(&R, &mut Call<S>),
    S: Handle,
{
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        if let Some(enter) = this.enter.take() {
            this.call.become_call(enter());
        }
        let returned = ready!(this.call.poll(this.body, cx));
        // Records the call here, not when the future is dropped.
        if let Some(finish) = this.finish.take() {
            finish(&returned, this.call);
        }
        Poll::Ready(returned)
    }
}

pin_project_lite::pin_project! {
    /// A future whose call is recorded from the first poll on, with labels that are evaluated then. One type, not a
    /// structure with an enum in it, since nested futures soon reach the compiler's limit of nested types.
    #[project = RecordedFromProjection]
    #[project_replace = RecordedFromState]
    #[must_use = "futures do nothing unless polled"]
    pub enum RecordedFrom<B, F, X, S: Handle> {
        /// Not polled yet: the closure that starts the body, with the parameters.
        Unstarted { begin: B, finish: X },
        Started { #[pin] body: F, call: Call<S>, finish: Option<X> },
        /// `begin` has panicked.
        Panicked,
    }
}

/// Returns a future that starts with `begin` at the first poll. `finish` is called with the output and the guard.
#[inline]
pub fn recorded_from<B, F, X, S>(begin: B, finish: X) -> RecordedFrom<B, F, X, S>
where
    B: FnOnce() -> (Call<S>, F),
    F: Future,
    X: FnOnce(&F::Output, &mut Call<S>),
    S: Handle,
{
    RecordedFrom::Unstarted { begin, finish }
}

impl<B, F, X, S: Handle> fmt::Debug for RecordedFrom<B, F, X, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedFrom").finish_non_exhaustive()
    }
}

impl<B, F, X, S> Future for RecordedFrom<B, F, X, S>
where
    B: FnOnce() -> (Call<S>, F),
    F: Future,
    X: FnOnce(&F::Output, &mut Call<S>),
    S: Handle,
{
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(*self, Self::Unstarted { .. })
            && let RecordedFromState::Unstarted { begin, finish } = self.as_mut().project_replace(Self::Panicked)
        {
            let (call, body) = begin();
            self.set(Self::Started { body, call, finish: Some(finish) });
        }
        let RecordedFromProjection::Started { body, call, finish } = self.project() else {
            panic!("the future is polled after a panic")
        };
        let returned = ready!(call.poll(body, cx));
        if let Some(finish) = finish.take() {
            finish(&returned, call);
        }
        Poll::Ready(returned)
    }
}
