//! The order of start-up does not matter: calls before the install are on the page of the installed metrics.
//!
//! Metrics are installed once in a process, so this test has its own process.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use metrics_runtime::{Format, InstallError, Metrics, metrics, track};
use tests::page::Page;

#[track(name = "early", in_flight)]
fn early() {}

#[track(name = "own", labels(region = "its own"))]
fn own_region() {}

#[metrics]
mod business {
    /// Users.
    pub(super) fn users() -> Gauge;
}

#[test]
fn calls_before_the_install_are_not_lost() {
    early();
    own_region();
    business::users().set(3.0);
    assert!(Metrics::installed().is_none());

    let metrics = Metrics::builder()
        .namespace("app")
        .constant_label("region", "eu")
        .info("build", [("v", "1")])
        .install()
        .unwrap();
    early();

    let page = Page::parse_text(&metrics.render()).unwrap();
    let region = ("region", "eu");
    assert_eq!(page.value("app_early_total", [region, ("status", "success")]), 2.0);
    assert_eq!(page.value("app_early_duration_seconds_count", [region]), 2.0);
    assert_eq!(page.value("app_early_in_flight", [region]), 0.0);
    assert_eq!(page.value("app_users", [region]), 3.0);
    assert_eq!(page.value("app_build_info", [region, ("v", "1")]), 1.0);
    // A label of the metric takes precedence over a constant label of the same name.
    assert_eq!(page.value("app_own_total", [("region", "its own"), ("status", "success")]), 1.0);
    assert_eq!(page.family("early_total"), None);

    let open = Page::parse_openmetrics(str::from_utf8(&metrics.render_as(Format::OpenMetrics)).unwrap()).unwrap();
    assert_eq!(open.value("app_early_total", [region, ("status", "success")]), 2.0);
    assert_eq!(open.family("app_early_duration_seconds").unwrap().unit.as_deref(), Some("seconds"));

    assert!(Metrics::installed().is_some_and(|installed| installed.render() == metrics.render()));
    // A second install fails before it registers anything.
    let before = metrics.render();
    let second = Metrics::builder().info("second", [("v", "2")]).info("build", [("v", "2")]).install();
    assert!(matches!(second, Err(InstallError::AlreadyInstalled)));
    assert_eq!(metrics.render(), before);
    // Namespace and constant labels belong to the metrics, not to the registry.
    assert_eq!(support::sample("early_total", [("status", "success")]), 2.0);
}
