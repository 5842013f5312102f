//! One call, from its start to whatever ends it.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::poll::poll_flagged;
use super::series::Series;
use crate::metric::Moment;
use crate::schema::outcome::Outcome;

/// A call that is under way. It is recorded when it is dropped, if it was not finished before.
#[derive(Debug)]
#[must_use = "a call that is dropped at once counts as a panic"]
pub struct Call {
    /// Nothing if nothing is to be recorded.
    series: Option<&'static Series>,
    start: Moment,
    /// What a drop records: a panic while the body runs, a cancellation while an async body waits to be polled, and at
    /// last what the returned value says.
    outcome: Outcome,
}

impl Call {
    #[inline]
    pub(super) fn begin(series: &'static Series) -> Self {
        Self { series: Some(series), start: series.enter(), outcome: Outcome::Panic }
    }

    /// A call that records into these series, or nothing.
    #[inline]
    pub fn of(series: Option<&'static Series>) -> Self {
        series.map_or_else(Self::disabled, Self::begin_apart)
    }

    /// Stands here once, and not in every annotated function.
    #[inline(never)]
    fn begin_apart(series: &'static Series) -> Self {
        Self::begin(series)
    }

    /// A call that records nothing.
    #[inline]
    pub const fn disabled() -> Self {
        Self { series: None, start: Moment::ZERO, outcome: Outcome::Panic }
    }

    /// Whether anything is recorded, and so whether the outcome is worth finding out.
    #[inline]
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.series.is_some()
    }

    /// The body has returned, and there is nothing to record but how.
    #[inline]
    pub fn returned(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// The body has returned. `value` is recorded on success; `returned` are the values of the labels evaluated on what
    /// it returned, in the order of their declaration.
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
