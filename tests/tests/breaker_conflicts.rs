//! Circuit breakers with the same name and different settings: the error of install has both source locations, and both
//! breakers work.
//!
//! The global registry keeps problems, so these tests have their own process.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

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
async fn same_settings() -> Result<u8, Failed> {
    Err(Failed::Down)
}

#[test]
fn install_reports_both_locations_and_both_breakers_work() {
    let Err(InstallError::Declarations(problems)) = Metrics::builder().install() else { panic!("they conflict") };
    let [RegistryError::Breaker { service, what, first, second, .. }] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert_eq!((service.as_str(), *what, first.function, second.function), ("ryot", "settings", "one", "other"));
    let text = problems[0].to_string();
    assert_eq!(text.matches(file!()).count(), 2, "{text}");
    assert!(text.starts_with("circuit breaker `ryot` is declared twice, with different settings: at "), "{text}");

    // A registration at run time returns the error.
    let error = CircuitBreaker::register("ryot", Settings::consecutive(7)).unwrap_err();
    assert!(matches!(error, BreakerError::Registry(RegistryError::Breaker { what: "settings", .. })), "{error}");
    assert!(matches!(BreakerHandle::register("ryot"), Err(RegistryError::Breaker { .. })));

    // The page shows the first breaker.
    assert_eq!(ready(one()), Err(Failed::Down));
    assert_eq!(ready(same_settings()), Err(Failed::Open));
    for expected in [Failed::Down, Failed::Down, Failed::Open] {
        assert_eq!(ready(other()), Err(expected));
    }
    let page = page_of(Registry::global());
    let calls = |result| page.value("circuit_breaker_calls_total", [("service", "ryot"), ("result", result)]);
    assert!((calls("failure") - 1.0).abs() < f64::EPSILON && (calls("rejected") - 1.0).abs() < f64::EPSILON);
    assert_eq!(CircuitBreaker::find("ryot").unwrap().state(), State::Open);
}
