//! The guard of one call, from its start to its outcome.

use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use super::poll::poll_flagged;
use super::series::Series;
use crate::metric::Moment;
use crate::schema::Outcome;

/// A call in progress. Dropping it records the call, unless [`finish`](Self::finish) has done so.
#[derive(Debug)]
#[must_use = "a call that is dropped at once counts as a panic"]
pub struct Call {
    /// `None` if the call records nothing.
    series: Option<&'static Series>,
    start: Moment,
    /// The outcome that a drop records: a panic while the body runs, a cancellation while an async body waits for its
    /// next poll, and the outcome of the returned value after that.
    outcome: Outcome,
}

// Functions that are not inlined take and return registers, never a reference to the call. So the compiler keeps the call,
// and the state of the future around it, in registers too.
impl Call {
    /// Starts a call that records into these series, or into none.
    #[inline]
    pub fn of(series: Option<&'static Series>) -> Self {
        series.map_or_else(Self::disabled, |series| Self::started(series, enter(series)))
    }

    #[inline]
    pub(super) fn started(series: &'static Series, start: Moment) -> Self {
        Self { series: Some(series), start, outcome: Outcome::Panic }
    }

    /// Creates a call that records nothing.
    #[inline]
    pub const fn disabled() -> Self {
        Self { series: None, start: Moment::ZERO, outcome: Outcome::Panic }
    }

    /// Continues with another call. This one records nothing.
    #[inline]
    pub(super) fn become_call(&mut self, other: Self) {
        // Assigns the fields, so that no drop of this call is compiled.
        (self.series, self.start, self.outcome) = (other.series, other.start, other.outcome);
        mem::forget(other);
    }

    /// Returns `true` if the call is recorded, so that generated code must determine its outcome.
    #[inline]
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.series.is_some()
    }

    /// Sets the outcome of a body that has returned, if there is neither a value nor a label of the result to record.
    #[inline]
    pub fn returned(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Records a body that has returned. `value` is recorded if the outcome is a success; `returned` are the values of
    /// the labels evaluated on the result, in the order of their declaration.
    #[inline]
    pub fn finish(&mut self, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        if let Some(series) = self.series.take() {
            finish(series, self.start, outcome, value, returned);
        }
    }

    /// Records the call now, not when it is dropped.
    #[inline]
    pub(super) fn end(&mut self) {
        if let Some(series) = self.series.take() {
            record(series, self.start, self.outcome);
        }
    }

    #[inline]
    pub(super) fn poll<F: Future>(&mut self, body: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        poll_flagged(&mut self.outcome, Outcome::Panic, Outcome::Cancelled, body, cx)
    }
}

/// Not inlined, to keep generated code small; likewise the next functions.
#[inline(never)]
fn enter(series: &'static Series) -> Moment {
    series.enter()
}

#[inline(never)]
fn record(series: &'static Series, start: Moment, outcome: Outcome) {
    finish(series, start, outcome, None, &[]);
}

#[inline(never)]
fn finish(series: &'static Series, start: Moment, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
    series.end(start, outcome, value, returned);
}

// A panic leaves the atomic numbers of series valid. So the future of a call is as unwind safe as its body.
impl UnwindSafe for Call {}
impl RefUnwindSafe for Call {}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

/// A call whose body stays in its function, so that its end is known only when the function drops this guard.
#[derive(Debug)]
pub struct InPlace {
    call: Call,
    /// `true` if the thread was panicking before the call.
    was_panicking: bool,
}

/// Records a call from its start to the drop of the returned guard: a panic, or a success.
#[inline]
#[must_use]
pub fn in_place(call: Call) -> InPlace {
    InPlace { call, was_panicking: thread::panicking() }
}

impl Drop for InPlace {
    #[inline]
    fn drop(&mut self) {
        if self.was_panicking || !thread::panicking() {
            self.call.returned(Outcome::Success);
        }
    }
}
