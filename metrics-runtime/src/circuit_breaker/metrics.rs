//! The families of all breakers.

use super::State;
use super::source::{Calls, Snapshot};
use crate::family::computed::Samples;
use crate::schema::Descriptor;
use crate::schema::Number;

/// The places of the families in what [`descriptors`] returns.
mod family {
    pub(super) const STATE: usize = 0;
    pub(super) const FAILURES: usize = 1;
    pub(super) const CALLS: usize = 2;
    pub(super) const TRANSITIONS: usize = 3;
    pub(super) const LAST_TRANSITION: usize = 4;
    pub(super) const RATIO: usize = 5;
    pub(super) const THRESHOLD: usize = 6;
    pub(super) const PROBES: usize = 7;
}

/// The values of the label `result`.
const RESULTS: [&str; 5] = ["success", "failure", "ignored", "cancelled", "rejected"];

/// All values that a label of the families can have; none for the service, of which there may be any number.
pub(super) fn values(label: &str) -> Vec<&'static str> {
    match label {
        "result" => RESULTS.to_vec(),
        "from" | "to" => State::ALL.map(State::as_str).to_vec(),
        _ => Vec::new(),
    }
}

/// The families of all breakers, each with the label `service` first.
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
            "Failures that a service's circuit breaker has counted.",
            &["service"],
        ),
        counter(
            "circuit_breaker_calls_total",
            "Calls by what a service's circuit breaker has counted them as.",
            &["service", "result"],
        ),
        counter(
            "circuit_breaker_transitions_total",
            "Changes of state of a service's circuit breaker.",
            &["service", "from", "to"],
        ),
        gauge(
            "circuit_breaker_last_transition_timestamp_seconds",
            "When a service's circuit breaker last changed its state, in seconds since 1970; 0 before the first time.",
        )
        .unit("seconds"),
        gauge(
            "circuit_breaker_failure_ratio",
            "Part of the calls in the window of a service's circuit breaker that have failed; absent below the minimum.",
        ),
        gauge("circuit_breaker_failure_ratio_threshold", "Part of the calls that opens a service's circuit breaker."),
        gauge("circuit_breaker_probes_in_flight", "Probes of a service's half-open circuit breaker under way."),
    ]
}

/// Adds the series of one breaker.
pub(super) fn add(samples: &mut Samples, service: &str, snapshot: &Snapshot) {
    let gauges = [
        (family::STATE, Some(snapshot.state.value())),
        (family::LAST_TRANSITION, snapshot.last_transition),
        (family::RATIO, snapshot.failure_ratio),
        (family::THRESHOLD, snapshot.failure_ratio_threshold),
    ];
    for (family, value) in gauges {
        if let Some(value) = value {
            samples.add(family, &[service], Number::Float(value));
        }
    }
    let numbers = [(family::FAILURES, snapshot.failures), (family::PROBES, snapshot.probes_in_flight)];
    for (family, number) in numbers {
        if let Some(number) = number {
            samples.add(family, &[service], Number::Whole(number));
        }
    }
    let Calls { success, failure, ignored, cancelled, rejected } = snapshot.calls;
    for (result, calls) in RESULTS.into_iter().zip([success, failure, ignored, cancelled, rejected]) {
        if let Some(calls) = calls {
            samples.add(family::CALLS, &[service, result], Number::Whole(calls));
        }
    }
    for (i, &(from, to, times)) in snapshot.transitions.iter().enumerate() {
        // A pair that is there twice would be the same series twice.
        if !snapshot.transitions[..i].iter().any(|(f, t, _)| (*f, *t) == (from, to)) {
            samples.add(family::TRANSITIONS, &[service, from.as_str(), to.as_str()], Number::Whole(times));
        }
    }
}
