//! The guard of one call, from its start to its outcome.

use std::pin::Pin;
use std::task::{Context, Poll};

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

impl Call {
    #[inline]
    pub(super) fn begin(series: &'static Series) -> Self {
        Self { series: Some(series), start: series.enter(), outcome: Outcome::Panic }
    }

    /// Starts a call that records into these series, or into none.
    #[inline]
    pub fn of(series: Option<&'static Series>) -> Self {
        series.map_or_else(Self::disabled, Self::begin_outlined)
    }

    /// Not inlined, to keep generated code small.
    #[inline(never)]
    fn begin_outlined(series: &'static Series) -> Self {
        Self::begin(series)
    }

    /// Creates a call that records nothing.
    #[inline]
    pub const fn disabled() -> Self {
        Self { series: None, start: Moment::ZERO, outcome: Outcome::Panic }
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
    #[inline(never)]
    pub fn finish(&mut self, outcome: Outcome, value: Option<f64>, returned: &[&str]) {
        if let Some(series) = self.series.take() {
            series.end(self.start, outcome, value, returned);
        }
    }

    #[inline(never)]
    fn record(&mut self) {
        self.finish(self.outcome, None, &[]);
    }

    #[inline]
    pub(super) fn poll<F: Future>(&mut self, body: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        poll_flagged(&mut self.outcome, Outcome::Panic, Outcome::Cancelled, body, cx)
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.is_active() {
            self.record();
        }
    }
}
