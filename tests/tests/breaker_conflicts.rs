//! Circuit breakers of one name with different settings: said at install, with both places. Both go on breaking.
//!
//! Problems are kept for the process, so they have a process of their own.
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

mod support;

use metrics_runtime::circuit_breaker::{BreakerError, BreakerHandle, CircuitBreaker, CircuitOpen, Settings, State};
use metrics_runtime::{InstallError, Metrics, Registry, RegistryError, circuit_breaker};
use support::{page_of, ready};

#[derive(Debug, PartialEq)]
enum Failed {
    Open,
    Down,
}

impl From<CircuitOpen> for Failed {
    fn from(_: CircuitOpen) -> Self {
        Self::Open
    }
}

#[circuit_breaker(service = "ryot", failures = 1)]
async fn one() -> Result<u8, Failed> {
    Err(Failed::Down)
}

#[circuit_breaker(service = "ryot", failures = 2)]
async fn other() -> Result<u8, Failed> {
    Err(Failed::Down)
}

#[circuit_breaker(service = "ryot", failures = 1, open = "30s", half_open = 1)]
async fn the_same_in_other_words() -> Result<u8, Failed> {
    Err(Failed::Down)
}

#[test]
fn are_reported_at_install_with_both_places_and_break_all_the_same() {
    let Err(InstallError::Declarations(problems)) = Metrics::builder().install() else { panic!("they conflict") };
    let [RegistryError::Breaker { service, what, first, second, .. }] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert_eq!((service.as_str(), *what, first.function, second.function), ("ryot", "settings", "one", "other"));
    let text = problems[0].to_string();
    assert_eq!(text.matches(file!()).count(), 2, "{text}");
    assert!(text.starts_with("circuit breaker `ryot` is declared twice, with different settings: at "), "{text}");

    // What is registered at run time is told at once.
    let error = CircuitBreaker::register("ryot", Settings::consecutive(7)).unwrap_err();
    assert!(matches!(error, BreakerError::Registry(RegistryError::Breaker { what: "settings", .. })), "{error}");
    assert!(matches!(BreakerHandle::register("ryot"), Err(RegistryError::Breaker { .. })));

    // The first is on the page.
    assert_eq!(ready(one()), Err(Failed::Down));
    assert_eq!(ready(the_same_in_other_words()), Err(Failed::Open));
    for expected in [Failed::Down, Failed::Down, Failed::Open] {
        assert_eq!(ready(other()), Err(expected));
    }
    let page = page_of(Registry::global());
    let calls = |result| page.value("circuit_breaker_calls_total", [("service", "ryot"), ("result", result)]);
    assert!((calls("failure") - 1.0).abs() < f64::EPSILON && (calls("rejected") - 1.0).abs() < f64::EPSILON);
    assert_eq!(CircuitBreaker::find("ryot").unwrap().state(), State::Open);
}
