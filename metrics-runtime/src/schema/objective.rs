//! Service level objectives: the percentage of calls that succeed, and the percentage of calls that are fast enough.

use std::time::Duration;

use super::name::{Check, NameError, Problem};

/// A service level objective over 30 days: the percentage of calls that succeed, the percentage that completes within a
/// time, or both.
///
/// Attributes take it as `objective(..)`, HTTP routes by `Builder::objective`, gRPC methods by `Grpc::objective`. The crate `metrics-export` writes
/// burn-rate alerts for it, with the windows of the [SRE workbook][1].
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::Objective;
///
/// const CHECKOUT: Objective = Objective::new().success(99.9).latency(Duration::from_millis(500), 99.0);
/// assert_eq!(CHECKOUT.check(&[0.1, 0.5, 1.0]), Ok(()));
/// assert!(CHECKOUT.check(&[0.1, 1.0]).is_err(), "no bucket ends at 0.5");
/// ```
///
/// [1]: https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[must_use]
pub struct Objective {
    success: Option<f64>,
    latency: Option<(f64, f64)>,
}

impl Objective {
    /// The burn rate of the fastest alert on an objective: it fires if the rate of errors is this many times the rate
    /// that uses up the error budget in exactly 30 days.
    ///
    /// Source: the first row of the table in
    /// <https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts>.
    pub const FASTEST_BURN: f64 = 14.4;

    /// Creates an objective without success and latency.
    pub const fn new() -> Self {
        Self { success: None, latency: None }
    }

    /// Sets the percentage of calls that succeed.
    ///
    /// Cancelled calls, and requests whose client disconnected before the response (499), count neither as successes nor
    /// as failures. A [latency](Self::latency) objective counts those that come too late. A response whose body returns an error or panics is a failure, whatever its status. With
    /// `Http::status_classes`, 499 cannot be distinguished from other `4xx`, so such requests count as successes. Calls
    /// that a circuit breaker rejected never started and do not count.
    pub const fn success(mut self, percent: f64) -> Self {
        self.success = Some(percent);
        self
    }

    /// Sets the percentage of calls that take at most `within`, which must be a bucket bound of the histogram.
    ///
    /// A call that was cancelled has no duration. If it had run longer than `within`, it has broken the promise: it counts
    /// in the counter `.._overdue_total` beside the histogram, which exists only with this objective. A call that was
    /// cancelled earlier says nothing, because its caller did not wait as long as promised. So the calls that count are
    /// those of the histogram and those that are overdue, and all of them but those of the bucket `within` are bad.
    pub const fn latency(mut self, within: Duration, percent: f64) -> Self {
        // One division of whole nanoseconds gives the same `f64` as the literal in seconds, so it equals the bucket's
        // bound.
        self.latency = Some((within.as_nanos() as f64 / 1e9, percent));
        self
    }

    /// Returns the percentage of calls that succeed, or `None` if the objective has none.
    #[must_use]
    pub const fn success_percent(&self) -> Option<f64> {
        self.success
    }

    /// Returns the latency in seconds and the percentage of calls that take at most as long, or `None` if the objective
    /// has none.
    #[must_use]
    pub const fn latency_bound(&self) -> Option<(f64, f64)> {
        self.latency
    }

    /// Checks that alerts can be derived from the objective, with a histogram of these bucket bounds.
    ///
    /// # Errors
    /// Returns an error if a percentage is not below 100; if a percentage is not above 93.06 (100 - 100 / 14.4),
    /// because even a service that always fails would not exceed the burn rate of the fastest alert, 14.4; or if no
    /// bucket ends at the latency, because slower calls could not be counted.
    pub fn check(&self, bounds: &[f64]) -> Result<(), NameError> {
        self.check_success().and(self.check_latency(bounds)).map_err(Into::into)
    }

    /// Checks the percentage of calls that succeed.
    #[expect(clippy::result_large_err, reason = "see `name`")]
    pub(crate) const fn check_success(&self) -> Check {
        match self.success {
            Some(percent) => check_percent(percent),
            None => Ok(()),
        }
    }

    /// Checks the latency and its percentage.
    #[expect(clippy::result_large_err, reason = "see `name`")]
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

/// Returns the name of the counter of overdue calls, from the name of the histogram of durations: `x_overdue_total` for
/// `x_duration_seconds` and for `x_seconds`.
pub(crate) fn overdue_name(duration: &str) -> String {
    let stem = duration.strip_suffix("_seconds").unwrap_or(duration);
    format!("{}_overdue_total", stem.strip_suffix("_duration").unwrap_or(stem))
}

const NO_SUCH_BUCKET: Problem =
    Problem::new(&["no bucket of the duration ends at this time, so the calls beyond it cannot be counted: \
     take one of the histogram's bounds, or give it one with `buckets = [..]`"]);

/// The error for a second objective of one route or method.
#[cfg(any(feature = "axum", feature = "grpc"))]
pub(crate) const PROMISED_TWICE: Problem =
    Problem::new(&["there already is an objective: put success and latency into one, or remove one of the two"]);

/// The error for the objective of a client.
#[cfg(feature = "grpc")]
pub(crate) const OF_A_CLIENT: Problem =
    Problem::new(&["a client promises nothing: give the objective to `Grpc::server()` of the service that is called"]);

/// The error for the objective of a method that the layer does not know.
#[cfg(feature = "grpc")]
pub(crate) const NO_SUCH_METHOD: Problem = Problem::new(&[
    "the layer does not know this method, so its objective would never have data: name it with `descriptors(..)` or \
     `method(..)`",
]);

const UNREACHABLE: Problem = Problem::new(&[
    "an objective must be a percentage below 100 and above 93.06: the fastest alert fires at 14.4 times the error rate \
     that the objective allows, and for a lower objective that is more than 100%",
]);

#[expect(clippy::result_large_err, reason = "see `name`")]
const fn check_percent(percent: f64) -> Check {
    // Both comparisons are false for NaN.
    if percent < 100.0 && Objective::FASTEST_BURN * (100.0 - percent) < 100.0 { Ok(()) } else { Err(UNREACHABLE) }
}

/// The objective of one HTTP route or gRPC method.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RouteObjective {
    /// The route as the application wrote it, or the path of the method.
    pub route: String,
    /// The objective of its requests or calls.
    pub objective: Objective,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overdue_calls_have_the_name_of_their_duration() {
        for (duration, expected) in [
            ("checkout_duration_seconds", "checkout_overdue_total"),
            ("function_call_duration_seconds", "function_call_overdue_total"),
            ("checkout_seconds", "checkout_overdue_total"),
            ("checkout_wait", "checkout_wait_overdue_total"),
            ("duration_seconds", "duration_overdue_total"),
        ] {
            assert_eq!(overdue_name(duration), expected);
        }
    }
}
