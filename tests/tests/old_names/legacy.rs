//! Metrics with names against the conventions, which dashboards know already.

use std::collections::BTreeSet;

use metrics_export::Export;
use metrics_runtime::{
    Descriptor, Format, Metrics, Registry, metrics, track_counter, track_histogram, track_in_flight,
};
use tests::page::{Kind, Point};
use tests::tools;

use crate::support::{openmetrics_of, page_of, sample};

#[metrics(prefix = "pg_")]
mod declared {
    /// Locks by mode.
    #[legacy_name("pg_locks_count")]
    pub fn locks(mode: &str) -> Gauge;
    /// Commits.
    #[legacy_name("pg_stat_database_xact_commit")]
    pub fn commits() -> Counter;
    /// Facts about the server.
    #[legacy_name("pg:static")]
    pub fn facts(version: &str) -> Info;
    /// The age of the oldest transaction.
    #[legacy_name("pg_ages_total")]
    pub fn age() -> ObservedGauge;
}

#[track_counter(legacy_name = "logins")]
fn login() {}

#[track_histogram(legacy_name = "loginTime_info", buckets = [1.0])]
fn timed_login() {}

#[track_in_flight(legacy_name = "logins_bucket")]
fn running_login() -> f64 {
    sample("logins_bucket", [])
}

#[test]
fn are_those_of_functions_and_of_modules() {
    login();
    timed_login();
    assert_eq!(running_login(), 1.0);
    declared::locks("shared").set(3.0);
    declared::commits().inc_by(7);
    declared::facts("15.2");
    let age = declared::age().observe(|| 0.5);
    assert_eq!(sample("logins", [("status", "success")]), 1.0);
    assert_eq!(sample("loginTime_info_count", []), 1.0);
    assert_eq!(sample("pg_locks_count", [("mode", "shared")]), 3.0);
    assert_eq!(sample("pg_stat_database_xact_commit", []), 7.0);
    assert_eq!(sample("pg:static", [("version", "15.2")]), 1.0);
    assert_eq!(sample("pg_ages_total", []), 0.5);
    drop(age);
}

fn registry() -> Registry {
    let registry = Registry::new();
    let legacy = |descriptor: Descriptor| descriptor.legacy_name();
    registry.counter(legacy(Descriptor::counter("commits", "C."))).unwrap().get_or_create(&[]).unwrap().inc_by(2);
    for name in ["a_total", "a_count", "b_sum", "c_bucket", "d_info", "e_created", "f:g", "camelCase"] {
        registry.gauge(legacy(Descriptor::gauge(name, "G."))).unwrap().get_or_create(&[]).unwrap().set(-1.0);
    }
    let facts = registry.info(legacy(Descriptor::info("facts", "F.").labels(["v"]))).unwrap();
    facts.set(&["1"]).unwrap();
    let sizes = registry.histogram(legacy(Descriptor::histogram("sizes_total", "S.", vec![1.0]))).unwrap();
    sizes.get_or_create(&[]).unwrap().observe(0.5);
    registry
}

#[test]
fn are_right_on_all_formats_of_the_page() {
    let registry = registry();
    let (text, open) = (page_of(&registry), openmetrics_of(&registry));
    assert_eq!(
        (text.family("commits").unwrap().kind, open.family("commits").unwrap().kind),
        (Kind::Counter, Kind::Unknown)
    );
    assert_eq!((text.family("facts").unwrap().kind, open.family("facts").unwrap().kind), (Kind::Gauge, Kind::Gauge));
    for page in [&text, &open] {
        assert_eq!((page.value("commits", []), page.value("facts", [("v", "1")])), (2.0, 1.0));
        assert_eq!((page.value("a_count", []), page.value("e_created", [])), (-1.0, -1.0));
        assert_eq!(page.value("sizes_total_count", []), 1.0);
    }
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    if let Some(python) = tools::python() {
        let page = String::from_utf8(metrics.render_as(Format::OpenMetrics)).unwrap();
        let points = python.parse_openmetrics(&page).unwrap_or_else(|error| panic!("{error}\n{page}"));
        let own = |points: BTreeSet<Point>| -> BTreeSet<Point> {
            points.into_iter().filter(|point| !point.name.starts_with("metrics_runtime_")).collect()
        };
        assert_eq!(own(points), own(open.points()));
    }
}

#[test]
fn are_findings_of_the_linter() {
    let metrics = Metrics::builder().registry(&registry()).build().unwrap();
    let findings = Export::new(&metrics).lint();
    let found = |metric: &str| findings.iter().any(|finding| finding.starts_with(&format!("{metric}: ")));
    for metric in ["commits", "a_total", "a_count", "b_sum", "c_bucket", "f:g", "camelCase", "sizes_total"] {
        assert!(found(metric), "{metric} is not among {findings:?}");
    }
}

#[test]
fn follow_the_data_model_and_conflict_as_all_others_do() {
    for name in ["", "9a", "a-b", "größe", "a b"] {
        let error = Descriptor::counter(name, "C.").legacy_name().check().unwrap_err();
        assert!(error.to_string().contains("is not allowed"), "{error}");
    }
    for suffix in ["_total", "_info"] {
        let error = Descriptor::counter(suffix, "C.").legacy_name().check().unwrap_err();
        assert!(error.to_string().contains("has nothing before its suffix"), "OpenMetrics leaves it out: {error}");
    }
    let registry = Registry::new();
    let _sizes = registry.histogram(Descriptor::histogram("sizes", "S.", vec![1.0])).unwrap();
    let taken = registry.gauge(Descriptor::gauge("sizes_count", "G.").legacy_name()).unwrap_err();
    assert!(taken.to_string().contains("samples named `sizes_count`"), "{taken}");
    let counter = registry.counter(Descriptor::counter("jobs", "J.").legacy_name()).unwrap();
    counter.get_or_create(&[]).unwrap().inc();
    let other = registry.counter(Descriptor::counter("jobs_total", "J.")).unwrap_err();
    assert!(other.to_string().contains("samples named `jobs`"), "{other}");
    let sent = |name| Descriptor::counter(name, "S.");
    registry.counter(sent("sent_total")).unwrap();
    let taken = registry.gauge(Descriptor::gauge("sent_created", "G.").legacy_name()).unwrap_err();
    assert!(taken.to_string().contains("samples named `sent_created`"), "{taken}");
    registry.counter(sent("sent_created_total")).unwrap();
    registry.info(Descriptor::info("sizes_total_created", "I.").legacy_name()).unwrap();
    let taken = registry.counter(sent("sizes_total_total").legacy_name()).unwrap_err();
    assert!(taken.to_string().contains("and so does `sizes_total_created`"), "{taken}");
}
