//! More series with known label values than are allowed: the error of install has their number.
//!
//! The global registry keeps problems, so this test has its own process.
#![cfg(not(metrics_off))]

use metrics_runtime::{InstallError, LabelValue, Metrics, RegistryError, metrics, track_counter};

macro_rules! fifty {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, LabelValue)]
        #[allow(dead_code)]
        enum $name {
            A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, C0, C1, C2, C3, C4, C5, C6, C7,
            C8, C9, D0, D1, D2, D3, D4, D5, D6, D7, D8, D9, E0, E1, E2, E3, E4, E5, E6, E7, E8, E9,
        }
    )*};
}
fifty!(First Second Third);

#[track_counter(name = "calls_total", labels(a: First = a, b: Second = b, c: Third = c))]
fn call(a: First, b: Second, c: Third) -> usize {
    size_of_val(&(a, b, c))
}

#[metrics]
mod business {
    use super::{First, Second, Third};

    pub(super) fn jobs_total(a: First, b: Second, c: Third) -> Counter;
}

#[test]
fn install_says_how_many_there_are() {
    assert_eq!(call(First::A0, Second::B1, Third::E9), 3);
    business::jobs_total(First::A0, Second::B1, Third::E9).inc();
    let Err(InstallError::Declarations(problems)) = Metrics::builder().install() else { panic!("they are too many") };
    let found = problems.iter().map(|problem| match problem {
        RegistryError::TooManySeries { metric, series, limit: 50_000, .. } => (metric.as_str(), *series),
        other => panic!("{other}"),
    });
    assert_eq!(found.collect::<Vec<_>>(), [("calls_total", 4 * 125_000), ("jobs_total", 125_000)]);
    assert!(problems[0].to_string().contains("has 500000 series"), "{}", problems[0]);
    // They are recorded nonetheless, whatever the limit of run-time values is.
    let page = metrics_runtime::Registry::global().render();
    assert!(page.contains("calls_total{a=\"a0\",b=\"b1\",c=\"e9\",status=\"success\"} 1\n"), "{page}");
    assert!(page.contains("jobs_total{a=\"a0\",b=\"b1\",c=\"e9\"} 1\n"), "{page}");
}
