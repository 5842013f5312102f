//! Service level objectives: the share of calls that succeed, and the share that is fast enough.

use std::time::Duration;

use super::name::{Check, Problem, problem};

/// The fastest of the alerts on an objective fires where errors come at this many times the rate that would just use up
/// the budget of 30 days: the first row of the table in
/// <https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts>.
pub(crate) const FASTEST_BURN: f64 = 14.4;

/// A service level objective over 30 days: the percentage of calls that succeed, the percentage that is answered within
/// a time, or both. Alerts follow from it, see `metrics_runtime::export`.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::Objective;
///
/// const PROMISE: Objective = Objective::new().success(99.9).latency(Duration::from_millis(500), 99.0);
/// assert_eq!(PROMISE.check(&[0.1, 0.5, 1.0]), Ok(()));
/// assert!(PROMISE.check(&[0.1, 1.0]).is_err(), "no bucket ends at 0.5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[must_use]
pub struct Objective {
    success: Option<f64>,
    latency: Option<(f64, f64)>,
}

impl Objective {
    /// Nothing is promised yet.
    pub const fn new() -> Self {
        Self { success: None, latency: None }
    }

    /// This percentage of calls succeeds. Calls that were cancelled are neither a success nor a failure of the service, and
    /// neither are requests whose client left early (499); with `Http::status_classes` those cannot be told from other
    /// `4xx`, and are successes. Calls of a function that its circuit breaker rejected never began, and are not counted.
    pub const fn success(mut self, percent: f64) -> Self {
        self.success = Some(percent);
        self
    }

    /// Promises that this percentage of calls takes at most `within`, which is one of the bounds of the histogram's
    /// buckets.
    pub const fn latency(mut self, within: Duration, percent: f64) -> Self {
        // One division of whole nanoseconds gives the `f64` that a literal in seconds has, so it equals its bucket's bound.
        self.latency = Some((within.as_nanos() as f64 / 1e9, percent));
        self
    }

    /// The percentage of calls that succeed, if that is promised.
    #[must_use]
    pub const fn success_percent(&self) -> Option<f64> {
        self.success
    }

    /// The seconds and the percentage of calls that take at most as long, if that is promised.
    #[must_use]
    pub const fn latency_bound(&self) -> Option<(f64, f64)> {
        self.latency
    }

    /// Whether alerts can follow from it, with a histogram of these bounds.
    ///
    /// # Errors
    /// A percentage is not below 100, or so low that the budget cannot be used up as fast as the fastest alert asks for;
    /// or no bucket ends at the promised time, so that nobody can say how many calls took longer.
    pub fn check(&self, bounds: &[f64]) -> Result<(), crate::NameError> {
        self.check_success().and(self.check_latency(bounds)).map_err(Into::into)
    }

    /// The percentage of success.
    #[expect(clippy::result_large_err, reason = "as in `name`")]
    pub(crate) const fn check_success(&self) -> Check {
        match self.success {
            Some(percent) => check_percent(percent),
            None => Ok(()),
        }
    }

    /// The latency and its percentage.
    #[expect(clippy::result_large_err, reason = "as in `name`")]
    pub(crate) const fn check_latency(&self, bounds: &[f64]) -> Check {
        let Some((seconds, percent)) = self.latency else {
            return Ok(());
        };
        let mut i = 0;
        while i < bounds.len() {
            if bounds[i].to_bits() == seconds.to_bits() {
                return check_percent(percent);
            }
            i += 1;
        }
        Err(NO_SUCH_BUCKET)
    }
}

const NO_SUCH_BUCKET: Problem =
    problem(&["no bucket of the duration ends at this time, so the calls beyond it cannot be counted: \
     take one of the histogram's bounds, or give it one with `buckets = [..]`"]);

/// What is wrong with a second objective of a route.
#[cfg(feature = "axum")]
pub(crate) const PROMISED_TWICE: Problem =
    problem(&["the route has one already: say success and latency in one objective, or leave one out"]);

const UNREACHABLE: Problem = problem(&[
    "an objective is a percentage below 100 and above 93.06: the fastest alert fires at 14.4 times the rate of errors \
     that the objective allows, which a lower one leaves no room for",
]);

#[expect(clippy::result_large_err, reason = "as in `name`")]
const fn check_percent(percent: f64) -> Check {
    // A NaN is neither.
    if percent < 100.0 && FASTEST_BURN * (100.0 - percent) < 100.0 { Ok(()) } else { Err(UNREACHABLE) }
}

/// The objective of an HTTP route.
#[derive(Clone, Debug, PartialEq)]
#[allow(dead_code, reason = "what is promised is read by the feature `export`")]
pub(crate) struct RouteObjective {
    /// The route as the application wrote it.
    pub(crate) route: String,
    pub(crate) objective: Objective,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_leaves_room_for_its_alerts() {
        for percent in [93.1, 99.0, 99.99] {
            assert_eq!(Objective::new().success(percent).check(&[]), Ok(()), "{percent}");
        }
        for percent in [0.0, 93.0, 100.0, 101.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Objective::new().success(percent).check(&[]).is_err(), "{percent}");
            assert!(Objective::new().latency(Duration::from_secs(1), percent).check(&[1.0]).is_err(), "{percent}");
        }
    }
}
