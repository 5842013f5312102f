//! The windows of calls that the policies evaluate.
//!
//! All calls are counted in a [`Striped`], so that each thread adds to its own shard. Failures and slow calls are rare, so a
//! window of calls also stores each of them, under the breaker's lock.

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
    /// The number of calls that the window has counted since the breaker was created, faults included.
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

/// A call that says something bad about the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// `true` if it is a failure.
    pub(super) failed: bool,
    /// `true` if it was slow.
    pub(super) slow: bool,
}

/// The share of calls in a window that are bad, by kind, or the thresholds of these shares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ratios {
    /// The ratio of failed calls.
    pub(super) failed: Option<f64>,
    /// The ratio of slow calls.
    pub(super) slow: Option<f64>,
}

/// The data that is written under the lock.
#[derive(Debug)]
pub(super) enum Window {
    Consecutive {
        limit: u32,
        failures: u32,
    },
    OfCalls {
        thresholds: Ratios,
        size: u64,
        minimum: u64,
        /// The number of calls counted before the window was last cleared.
        start: u64,
        failures: Positions,
        slow: Positions,
    },
    OverTime {
        thresholds: Ratios,
        minimum: u64,
        steps: VecDeque<Step>,
    },
}

/// Some of the calls in a window of calls: for each, the number of calls counted up to and including it.
#[derive(Debug, Default)]
pub(super) struct Positions(VecDeque<u64>);

impl Positions {
    /// Adds the last of `total` calls, and removes those that a window of `size` calls no longer includes.
    fn push(&mut self, total: u64, size: u64) {
        self.0.push_back(total);
        while self.0.front().is_some_and(|&call| call.saturating_add(size) <= total) {
            self.0.pop_front();
        }
    }

    /// Returns the number of these calls among the last `size` of `total` calls.
    fn inside(&self, total: u64, size: u64) -> u64 {
        (self.0.len() - self.0.partition_point(|call| call.saturating_add(size) <= total)) as u64
    }
}

/// A tenth of a window over time in which a call was counted.
#[derive(Debug)]
pub(super) struct Step {
    number: u64,
    /// The number of calls counted before this step.
    before: u64,
    failures: u64,
    slow: u64,
}

impl Window {
    pub(super) fn new(settings: &Settings) -> Self {
        let thresholds = settings.thresholds();
        match settings.policy {
            Policy::Consecutive { failures } => Self::Consecutive { limit: failures, failures: 0 },
            Policy::OfCalls { calls, minimum, .. } => Self::OfCalls {
                thresholds,
                size: calls.into(),
                minimum: minimum.into(),
                start: 0,
                failures: Positions::default(),
                slow: Positions::default(),
            },
            Policy::OverTime { minimum, .. } => {
                Self::OverTime { thresholds, minimum: minimum.into(), steps: VecDeque::new() }
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

    /// Counts a fault. Returns `true` if it opens the breaker.
    pub(super) fn fault(&mut self, call_count: &CallCount, now: u64, fault: Fault) -> bool {
        self.begin_step(call_count, now);
        let thresholds = match self {
            Self::Consecutive { limit, failures } => {
                *failures = failures.saturating_add(1);
                return *failures >= *limit;
            }
            Self::OfCalls { thresholds, size, failures, slow, .. } => {
                call_count.add();
                let total = call_count.calls.sum();
                for (calls, has) in [(failures, fault.failed), (slow, fault.slow)] {
                    if has {
                        calls.push(total, *size);
                    }
                }
                *thresholds
            }
            Self::OverTime { thresholds, steps, .. } => {
                call_count.add();
                if let Some(step) = steps.back_mut() {
                    step.failures += u64::from(fault.failed);
                    step.slow += u64::from(fault.slow);
                }
                *thresholds
            }
        };
        let found = self.ratios(call_count, now);
        let reaches = |found: Option<f64>, threshold: Option<f64>| {
            found.zip(threshold).is_some_and(|(found, threshold)| found >= threshold)
        };
        fault.failed && reaches(found.failed, thresholds.failed) || fault.slow && reaches(found.slow, thresholds.slow)
    }

    /// Begins the step of `now`, unless it has begun. Does nothing in windows of calls.
    pub(super) fn begin_step(&mut self, call_count: &CallCount, now: u64) {
        let (Self::OverTime { steps, .. }, Some(number)) = (self, now.checked_div(call_count.step_nanos)) else {
            return;
        };
        if steps.back().is_some_and(|step| step.number >= number) {
            return;
        }
        steps.push_back(Step { number, before: call_count.calls.sum(), failures: 0, slow: 0 });
        while steps.front().is_some_and(|step| step.number.saturating_add(STEPS) <= number) {
            steps.pop_front();
        }
        call_count.step.store(number.saturating_add(1), Ordering::Relaxed);
    }

    /// Removes all calls.
    pub(super) fn clear(&mut self, call_count: &CallCount) {
        match self {
            Self::Consecutive { failures, .. } => *failures = 0,
            Self::OfCalls { start, failures, slow, .. } => {
                failures.0.clear();
                slow.0.clear();
                *start = call_count.calls.sum();
            }
            Self::OverTime { steps, .. } => {
                steps.clear();
                // The next call begins a step.
                call_count.step.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Returns the ratios that have a threshold. There are none below the minimum, and for policies without a ratio. Does
    /// not change the window.
    pub(super) fn ratios(&self, call_count: &CallCount, now: u64) -> Ratios {
        let (thresholds, failures, slow, total, minimum) = match self {
            Self::Consecutive { .. } => return Ratios::default(),
            Self::OfCalls { thresholds, size, minimum, start, failures, slow } => {
                let sum = call_count.calls.sum();
                let total = sum.saturating_sub(*start).min(*size);
                (thresholds, failures.inside(sum, *size), slow.inside(sum, *size), total, minimum)
            }
            Self::OverTime { thresholds, minimum, steps } => {
                let number = now.checked_div(call_count.step_nanos).unwrap_or(0);
                let first = steps.partition_point(|step| step.number.saturating_add(STEPS) <= number);
                let inside = || steps.range(first..);
                let total = inside().next().map_or(0, |first| call_count.calls.sum().saturating_sub(first.before));
                let (failures, slow) = (inside().map(|step| step.failures).sum(), inside().map(|step| step.slow).sum());
                (thresholds, failures, slow, total, minimum)
            }
        };
        // A call that another thread counts at this moment may be in only one of the two numbers.
        let ratio = |calls: u64| (total >= *minimum).then(|| (calls as f64 / total as f64).min(1.0));
        Ratios {
            failed: thresholds.failed.and_then(|_| ratio(failures)),
            slow: thresholds.slow.and_then(|_| ratio(slow)),
        }
    }
}
