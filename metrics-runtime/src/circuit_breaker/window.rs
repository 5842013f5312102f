//! What the policies remember of calls.
//!
//! Failures are rare where it matters, so they are what is remembered, one by one and under the breaker's lock. Of
//! successes only their number counts, and that is a [`Striped`]: each thread adds to a part of its own.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::nanos;
use super::settings::{Policy, Settings};
use crate::metric::Striped;
use crate::metric::sync::atomic::{AtomicU64, Ordering};

/// In how many steps a window over time moves on.
const STEPS: u64 = 10;

/// The part that is written without the lock.
#[derive(Debug)]
pub(super) struct Successes {
    /// Every call that a window has counted since the breaker was made.
    calls: Striped,
    /// For windows over time, the number of the step that calls count in, and one: none is zero.
    step: AtomicU64,
    step_nanos: u64,
}

impl Successes {
    pub(super) fn new(settings: &Settings) -> Self {
        let calls = Striped::new();
        let step_nanos = match settings.policy {
            Policy::OverTime { window, .. } => step_of(window),
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

    /// Whether a new step has begun, which the window has to be told before a call counts.
    #[inline]
    pub(super) fn is_new_step(&self, now: u64) -> bool {
        now.checked_div(self.step_nanos).is_some_and(|step| step >= self.step.load(Ordering::Relaxed))
    }
}

fn step_of(window: Duration) -> u64 {
    (nanos(window) / STEPS).max(1)
}

/// The part that is written under the lock.
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
        /// How many calls were counted when the window was emptied.
        start: u64,
        /// For each failure that is in the window, how many calls were counted with it.
        failures: VecDeque<u64>,
    },
    OverTime {
        ratio: f64,
        minimum: u64,
        steps: VecDeque<Step>,
    },
}

/// A tenth of a window over time in which something was counted.
#[derive(Debug)]
pub(super) struct Step {
    number: u64,
    /// How many calls were counted before it.
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

    /// Whether a success has to come here.
    pub(super) fn wants_success(&self) -> bool {
        matches!(self, Self::Consecutive { failures: 1.., .. })
    }

    /// A success that [`wants_success`](Self::wants_success).
    pub(super) fn success(&mut self) {
        if let Self::Consecutive { failures, .. } = self {
            *failures = 0;
        }
    }

    /// Counts a failure; whether it is the one that opens.
    pub(super) fn failure(&mut self, successes: &Successes, now: u64) -> bool {
        self.begin_step(successes, now);
        match self {
            Self::Consecutive { limit, failures } => {
                *failures = failures.saturating_add(1);
                *failures >= *limit
            }
            Self::OfCalls { size, failures, .. } => {
                successes.add();
                let total = successes.calls.sum();
                failures.push_back(total);
                while failures.front().is_some_and(|&failure| failure.saturating_add(*size) <= total) {
                    failures.pop_front();
                }
                self.is_above(successes, now)
            }
            Self::OverTime { steps, .. } => {
                successes.add();
                if let Some(step) = steps.back_mut() {
                    step.failures += 1;
                }
                self.is_above(successes, now)
            }
        }
    }

    /// In a window over time, a call counts in the step of `now`.
    pub(super) fn begin_step(&mut self, successes: &Successes, now: u64) {
        let (Self::OverTime { steps, .. }, Some(number)) = (self, now.checked_div(successes.step_nanos)) else {
            return;
        };
        if steps.back().is_some_and(|step| step.number >= number) {
            return;
        }
        steps.push_back(Step { number, before: successes.calls.sum(), failures: 0 });
        while steps.front().is_some_and(|step| step.number.saturating_add(STEPS) <= number) {
            steps.pop_front();
        }
        successes.step.store(number.saturating_add(1), Ordering::Relaxed);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, successes: &Successes) {
        match self {
            Self::Consecutive { failures, .. } => *failures = 0,
            Self::OfCalls { start, failures, .. } => {
                failures.clear();
                *start = successes.calls.sum();
            }
            Self::OverTime { steps, .. } => {
                steps.clear();
                // So that the next call begins a step.
                successes.step.store(0, Ordering::Relaxed);
            }
        }
    }

    fn is_above(&self, successes: &Successes, now: u64) -> bool {
        match self {
            Self::Consecutive { .. } => false,
            Self::OfCalls { ratio, .. } | Self::OverTime { ratio, .. } => {
                self.ratio(successes, now).is_some_and(|found| found >= *ratio)
            }
        }
    }

    /// The part of the calls that has failed, if there are enough. Changes nothing.
    pub(super) fn ratio(&self, successes: &Successes, now: u64) -> Option<f64> {
        let (failures, total, minimum) = match self {
            Self::Consecutive { .. } => return None,
            Self::OfCalls { size, minimum, start, failures, .. } => {
                let sum = successes.calls.sum();
                let outside = failures.partition_point(|failure| failure.saturating_add(*size) <= sum);
                ((failures.len() - outside) as u64, sum.saturating_sub(*start).min(*size), minimum)
            }
            Self::OverTime { minimum, steps, .. } => {
                let number = now.checked_div(successes.step_nanos).unwrap_or(0);
                let mut inside = steps.iter().filter(|step| step.number.saturating_add(STEPS) > number).peekable();
                let before = inside.peek().map(|step| step.before);
                let total = before.map_or(0, |before| successes.calls.sum().saturating_sub(before));
                (inside.map(|step| step.failures).sum(), total, minimum)
            }
        };
        // A call that another thread counts at this moment may be seen on one side alone.
        (total >= *minimum).then(|| (failures as f64 / total as f64).min(1.0))
    }
}
