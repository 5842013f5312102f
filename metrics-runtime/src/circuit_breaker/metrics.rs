//! The families of circuit breakers.

use super::State;
use super::source::{Calls, Snapshot};
use crate::family::computed::Samples;
use crate::schema::{Descriptor, Number};

/// The indices of the families in the return value of [`descriptors`].
mod family {
    pub(super) const STATE: usize = 0;
    pub(super) const FAILURES: usize = 1;
    pub(super) const CALLS: usize = 2;
    pub(super) const TRANSITIONS: usize = 3;
    pub(super) const LAST_TRANSITION: usize = 4;
    pub(super) const RATIO: usize = 5;
    pub(super) const THRESHOLD: usize = 6;
    pub(super) const PROBES: usize = 7;
    pub(super) const SLOW_RATIO: usize = 8;
    pub(super) const SLOW_THRESHOLD: usize = 9;
    pub(super) const DROPPED: usize = 10;
}

/// The values of the label `result`.
const RESULTS: [&str; 6] = ["success", "failure", "slow", "ignored", "cancelled", "rejected"];

/// Returns all values of a label of the families, or an empty list for `service`, whose values are not known.
pub(super) fn known_values(label: &str) -> Vec<&'static str> {
    match label {
        "result" => RESULTS.to_vec(),
        "from" | "to" => State::ALL.map(State::as_str).to_vec(),
        _ => Vec::new(),
    }
}

/// Returns the descriptors of the families. The first label of each is `service`.
pub(super) fn descriptors() -> Vec<Descriptor> {
    let (gauge, counter) = (
        |name: &'static str, help: &'static str| Descriptor::gauge(name, help).labels(["service"]),
        |name: &'static str, help: &'static str, labels: &[&'static str]| {
            Descriptor::counter(name, help).labels(labels.iter().copied())
        },
    );
    vec![
        gauge(
            "circuit_breaker_state",
            "State of a service's circuit breaker: 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open.",
        ),
        counter(
            "circuit_breaker_failures_total",
            "Failures counted by a service's circuit breaker.",
            &["service"],
        ),
        counter(
            "circuit_breaker_calls_total",
            "Calls counted by a service's circuit breaker, by result.",
            &["service", "result"],
        ),
        counter(
            "circuit_breaker_transitions_total",
            "State changes of a service's circuit breaker.",
            &["service", "from", "to"],
        ),
        gauge(
            "circuit_breaker_last_transition_timestamp_seconds",
            "Time of the last state change of a service's circuit breaker, in seconds since 1970; 0 before the first one.",
        )
        .unit("seconds"),
        gauge(
            "circuit_breaker_failure_ratio",
            "Ratio of failed calls in the window of a service's circuit breaker; absent below the minimum.",
        ),
        gauge("circuit_breaker_failure_ratio_threshold", "Ratio of failed calls that opens a service's circuit breaker."),
        gauge("circuit_breaker_probes_in_flight", "Probes of a service's half-open circuit breaker in progress."),
        gauge(
            "circuit_breaker_slow_ratio",
            "Ratio of slow calls in the window of a service's circuit breaker; absent below the minimum.",
        ),
        gauge("circuit_breaker_slow_ratio_threshold", "Ratio of slow calls that opens a service's circuit breaker."),
        counter(
            "circuit_breaker_transitions_dropped_total",
            "State changes of a service's circuit breaker that its listeners were too slow to receive.",
            &["service"],
        ),
    ]
}

/// Adds the series of one breaker.
pub(super) fn add(samples: &mut Samples, service: &str, snapshot: &Snapshot) {
    let gauges = [
        (family::STATE, Some(snapshot.state.value())),
        (family::LAST_TRANSITION, snapshot.last_transition),
        (family::RATIO, snapshot.failure_ratio),
        (family::THRESHOLD, snapshot.failure_ratio_threshold),
        (family::SLOW_RATIO, snapshot.slow_ratio),
        (family::SLOW_THRESHOLD, snapshot.slow_ratio_threshold),
    ];
    for (family, value) in gauges {
        if let Some(value) = value {
            samples.add(family, &[service], Number::Float(value));
        }
    }
    let numbers = [
        (family::FAILURES, snapshot.failures),
        (family::PROBES, snapshot.probes_in_flight),
        (family::DROPPED, snapshot.transitions_dropped),
    ];
    for (family, number) in numbers {
        if let Some(number) = number {
            samples.add(family, &[service], Number::Whole(number));
        }
    }
    let Calls { success, failure, slow, ignored, cancelled, rejected } = snapshot.calls;
    for (result, calls) in RESULTS.into_iter().zip([success, failure, slow, ignored, cancelled, rejected]) {
        if let Some(calls) = calls {
            samples.add(family::CALLS, &[service, result], Number::Whole(calls));
        }
    }
    for (i, &(from, to, count)) in snapshot.transitions.iter().enumerate() {
        // A pair that the snapshot contains twice would write the same series twice.
        if !snapshot.transitions[..i].iter().any(|(f, t, _)| (*f, *t) == (from, to)) {
            samples.add(family::TRANSITIONS, &[service, from.as_str(), to.as_str()], Number::Whole(count));
        }
    }
}
