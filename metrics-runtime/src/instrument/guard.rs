//! The guard of one call, from its start to its outcome.

use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use super::poll::poll_flagged;
use super::series::{FoundSeries, Series};
use crate::metric::Moment;
use crate::schema::Outcome;

/// The reference of a call to its series.
pub trait Handle: Deref<Target = Series> {
    /// Records a call that has ended.
    fn finish(self, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]);
    /// Records a call that has returned, without a value and without labels of the result.
    fn record(self, start: Moment, outcome: Outcome);
    /// Records a call that has panicked or was cancelled. Not inlined, to keep generated code small.
    fn abandon(self, start: Moment, outcome: Outcome);
}

// The functions below are not inlined, to keep generated code small, except the last step of calls without labels.

// It has any lifetime, because the compiler forgets that of a future within a future.
impl Handle for &Series {
    #[inline(never)]
    fn finish(self, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        self.end_with(start, outcome, value, returned);
    }

    #[inline]
    fn record(self, start: Moment, outcome: Outcome) {
        self.end(start, outcome);
    }

    #[inline(never)]
    fn abandon(self, start: Moment, outcome: Outcome) {
        self.end(start, outcome);
    }
}

impl Handle for FoundSeries {
    #[inline(never)]
    fn finish(self, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        self.end_with(start, outcome, value, returned);
    }

    #[inline(never)]
    fn record(self, start: Moment, outcome: Outcome) {
        match self.into_kept() {
            // The last step, so that no register is saved.
            Ok(series) => series.end(start, outcome),
            Err(counted) => counted.abandon(start, outcome),
        }
    }

    #[inline(never)]
    fn abandon(self, start: Moment, outcome: Outcome) {
        self.end(start, outcome);
    }
}

/// A call in progress. Dropping it records the call, unless [`finish`](Self::finish) has done so.
#[derive(Debug)]
#[must_use = "a call that is dropped at once counts as a panic"]
pub struct Call<S: Handle = &'static Series> {
    /// `None` if the call records nothing.
    series: Option<S>,
    start: Moment,
    /// The outcome that a drop records: a panic while the body runs, and a cancellation while an async body waits for its
    /// next poll.
    outcome: Outcome,
}

// Functions that are not inlined take and return registers, never a reference to the call. So the compiler keeps the call,
// and the state of the future around it, in registers too.
impl<S: Handle> Call<S> {
    /// Starts a call that records into these series, or into none.
    #[inline]
    pub fn of(series: Option<S>) -> Self {
        match series {
            Some(series) => {
                let start = series.enter();
                Self::started(series, start)
            }
            None => Self::disabled(),
        }
    }

    #[inline]
    pub(super) fn started(series: S, start: Moment) -> Self {
        Self { series: Some(series), start, outcome: Outcome::Panic }
    }

    /// Creates a call that records nothing.
    #[inline]
    pub const fn disabled() -> Self {
        Self { series: None, start: Moment::ZERO, outcome: Outcome::Panic }
    }

    /// Continues with another call. This one must record nothing.
    #[inline]
    pub(super) fn become_call(&mut self, mut other: Self) {
        (self.series, self.start, self.outcome) = (other.series.take(), other.start, other.outcome);
    }

    /// Returns `true` if the call is recorded, so that generated code must determine its outcome.
    #[inline]
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.series.is_some()
    }

    /// Records a body that has returned, if there is neither a value nor a label of the result to record.
    #[inline]
    pub fn returned(&mut self, outcome: Outcome) {
        if let Some(series) = self.series.take() {
            series.record(self.start, outcome);
        }
    }

    /// Records a body that has returned. `value` is recorded if the outcome is a success; `returned` are the values of
    /// the labels evaluated on the result, in the order of their declaration.
    #[inline]
    pub fn finish(&mut self, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        if let Some(series) = self.series.take() {
            series.finish(self.start, outcome, value, returned);
        }
    }

    #[inline]
    pub(super) fn poll<F: Future>(&mut self, body: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        poll_flagged(&mut self.outcome, Outcome::Panic, Outcome::Cancelled, body, cx)
    }
}

// A panic leaves the atomic numbers of series valid. So the future of a call is as unwind safe as its body.
impl<S: Handle> UnwindSafe for Call<S> {}
impl<S: Handle> RefUnwindSafe for Call<S> {}

impl<S: Handle> Drop for Call<S> {
    #[inline]
    fn drop(&mut self) {
        if let Some(series) = self.series.take() {
            series.abandon(self.start, self.outcome);
        }
    }
}

/// A call whose body stays in its function, so that its end is known only when the function drops this guard.
#[derive(Debug)]
pub struct InPlace<S: Handle = &'static Series> {
    call: Call<S>,
    /// `true` if the thread was panicking before the call.
    was_panicking: bool,
}

/// Records a call from its start to the drop of the returned guard: a panic, or a success.
#[inline]
#[must_use]
pub fn in_place<S: Handle>(call: Call<S>) -> InPlace<S> {
    InPlace { call, was_panicking: thread::panicking() }
}

impl<S: Handle> Drop for InPlace<S> {
    #[inline]
    fn drop(&mut self) {
        if self.was_panicking || !thread::panicking() {
            self.call.returned(Outcome::Success);
        }
    }
}
