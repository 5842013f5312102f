//! The windows of calls that the policies evaluate.
//!
//! All calls are counted in a [`Striped`], so that each thread adds to its own shard. Failures are rare, so a window of calls
//! also stores each failure, under the breaker's lock.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::nanos;
use super::settings::{Policy, Settings};
use crate::metric::Striped;
use crate::metric::sync::atomic::{AtomicU64, Ordering};

/// The number of steps in a window over time.
const STEPS: u64 = 10;

/// The counts that are written without the lock.
#[derive(Debug)]
pub(super) struct CallCount {
    /// The number of calls that the window has counted since the breaker was created, failures included.
    calls: Striped,
    /// For windows over time, the number of the current step plus one; 0 if there is no step.
    step: AtomicU64,
    step_nanos: u64,
}

impl CallCount {
    pub(super) fn new(settings: &Settings) -> Self {
        let calls = Striped::new();
        let step_nanos = match settings.policy {
            Policy::OverTime { window, .. } => step_nanos(window),
            Policy::Consecutive { .. } | Policy::OfCalls { .. } => 0,
        };
        if !matches!(settings.policy, Policy::Consecutive { .. }) {
            calls.spread();
        }
        Self { calls, step: AtomicU64::new(0), step_nanos }
    }

    #[inline]
    pub(super) fn add(&self) {
        self.calls.add(1);
    }

    /// Returns `true` if `now` is in a new step. Call [`Window::begin_step`] then, before the call is counted.
    #[inline]
    pub(super) fn is_new_step(&self, now: u64) -> bool {
        now.checked_div(self.step_nanos).is_some_and(|step| step >= self.step.load(Ordering::Relaxed))
    }
}

fn step_nanos(window: Duration) -> u64 {
    (nanos(window) / STEPS).max(1)
}

/// The data that is written under the lock.
#[derive(Debug)]
pub(super) enum Window {
    Consecutive {
        limit: u32,
        failures: u32,
    },
    OfCalls {
        ratio: f64,
        size: u64,
        minimum: u64,
        /// The number of calls counted before the window was last cleared.
        start: u64,
        /// For each failure in the window, the number of calls counted up to and including it.
        failures: VecDeque<u64>,
    },
    OverTime {
        ratio: f64,
        minimum: u64,
        steps: VecDeque<Step>,
    },
}

/// A tenth of a window over time in which a call was counted.
#[derive(Debug)]
pub(super) struct Step {
    number: u64,
    /// The number of calls counted before this step.
    before: u64,
    failures: u64,
}

impl Window {
    pub(super) fn new(settings: &Settings) -> Self {
        match settings.policy {
            Policy::Consecutive { failures } => Self::Consecutive { limit: failures, failures: 0 },
            Policy::OfCalls { ratio, calls, minimum } => Self::OfCalls {
                ratio,
                size: calls.into(),
                minimum: minimum.into(),
                start: 0,
                failures: VecDeque::new(),
            },
            Policy::OverTime { ratio, minimum, .. } => {
                Self::OverTime { ratio, minimum: minimum.into(), steps: VecDeque::new() }
            }
        }
    }

    /// Returns `true` if the next success must be reported to [`success`](Self::success).
    pub(super) fn needs_success(&self) -> bool {
        matches!(self, Self::Consecutive { failures: 1.., .. })
    }

    /// Ends a run of consecutive failures.
    pub(super) fn success(&mut self) {
        if let Self::Consecutive { failures, .. } = self {
            *failures = 0;
        }
    }

    /// Counts a failure. Returns `true` if it opens the breaker.
    pub(super) fn failure(&mut self, call_count: &CallCount, now: u64) -> bool {
        self.begin_step(call_count, now);
        match self {
            Self::Consecutive { limit, failures } => {
                *failures = failures.saturating_add(1);
                *failures >= *limit
            }
            Self::OfCalls { size, failures, .. } => {
                call_count.add();
                let total = call_count.calls.sum();
                failures.push_back(total);
                while failures.front().is_some_and(|&failure| failure.saturating_add(*size) <= total) {
                    failures.pop_front();
                }
                self.reaches_threshold(call_count, now)
            }
            Self::OverTime { steps, .. } => {
                call_count.add();
                if let Some(step) = steps.back_mut() {
                    step.failures += 1;
                }
                self.reaches_threshold(call_count, now)
            }
        }
    }

    /// Begins the step of `now`, unless it has begun. Does nothing in windows of calls.
    pub(super) fn begin_step(&mut self, call_count: &CallCount, now: u64) {
        let (Self::OverTime { steps, .. }, Some(number)) = (self, now.checked_div(call_count.step_nanos)) else {
            return;
        };
        if steps.back().is_some_and(|step| step.number >= number) {
            return;
        }
        steps.push_back(Step { number, before: call_count.calls.sum(), failures: 0 });
        while steps.front().is_some_and(|step| step.number.saturating_add(STEPS) <= number) {
            steps.pop_front();
        }
        call_count.step.store(number.saturating_add(1), Ordering::Relaxed);
    }

    /// Removes all calls.
    pub(super) fn clear(&mut self, call_count: &CallCount) {
        match self {
            Self::Consecutive { failures, .. } => *failures = 0,
            Self::OfCalls { start, failures, .. } => {
                failures.clear();
                *start = call_count.calls.sum();
            }
            Self::OverTime { steps, .. } => {
                steps.clear();
                // The next call begins a step.
                call_count.step.store(0, Ordering::Relaxed);
            }
        }
    }

    fn reaches_threshold(&self, call_count: &CallCount, now: u64) -> bool {
        match self {
            Self::Consecutive { .. } => false,
            Self::OfCalls { ratio, .. } | Self::OverTime { ratio, .. } => {
                self.ratio(call_count, now).is_some_and(|found| found >= *ratio)
            }
        }
    }

    /// Returns the ratio of failed calls, or `None` below the minimum and for policies without a ratio. Does not change
    /// the window.
    pub(super) fn ratio(&self, call_count: &CallCount, now: u64) -> Option<f64> {
        let (failures, total, minimum) = match self {
            Self::Consecutive { .. } => return None,
            Self::OfCalls { size, minimum, start, failures, .. } => {
                let sum = call_count.calls.sum();
                let outside = failures.partition_point(|failure| failure.saturating_add(*size) <= sum);
                ((failures.len() - outside) as u64, sum.saturating_sub(*start).min(*size), minimum)
            }
            Self::OverTime { minimum, steps, .. } => {
                let number = now.checked_div(call_count.step_nanos).unwrap_or(0);
                let mut inside = steps.iter().filter(|step| step.number.saturating_add(STEPS) > number).peekable();
                let before = inside.peek().map(|step| step.before);
                let total = before.map_or(0, |before| call_count.calls.sum().saturating_sub(before));
                (inside.map(|step| step.failures).sum(), total, minimum)
            }
        };
        // A call that another thread counts at this moment may be in only one of the two numbers.
        (total >= *minimum).then(|| (failures as f64 / total as f64).min(1.0))
    }
}
