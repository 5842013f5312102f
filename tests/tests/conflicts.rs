//! Conflicting definitions: the error of install has both source locations, and no call fails.
//!
//! The global registry keeps problems, so these tests have their own process.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use metrics_runtime::{
    Descriptor, InstallError, Kind, Metrics, Registry, RegistryError, metrics, track, track_counter, track_histogram,
    track_in_flight,
};
use support::page_of;
use tests::page::Page;

/// One.
#[track_counter(name = "labels_total", labels(a = "1"))]
fn one_label() {}

/// One.
#[track_counter(name = "labels_total", labels(b = "1"))]
fn other_label() -> u8 {
    1
}

/// The help text.
#[track_counter(name = "help_total")]
fn one_help() {}

/// Another help text.
#[track_counter(name = "help_total")]
fn other_help() {}

#[track_histogram(name = "buckets_seconds", help = "Buckets.", buckets = [1, 2])]
fn one_list() {}

#[track_histogram(name = "buckets_seconds", help = "Buckets.", buckets = [1, 3])]
async fn other_list() {}

#[track_in_flight(name = "kinds", help = "Kinds.")]
fn one_kind() {}

/// Promised.
#[track(name = "promised", labels(kind = "a"), objective(success = 99.9, latency("500ms", 99.0)))]
fn one_objective() {}

// Only the objective for success differs.
/// Promised.
#[track(name = "promised", labels(kind = "a"), objective(success = 99.0, latency("500ms", 99.0)))]
fn other_objective() {}

// The same series and the same latency, without an objective for success: not a conflict.
/// Promised.
#[track(name = "promised", labels(kind = "a"), objective(latency("500ms", 99.0)))]
fn no_other_objective() {}

// Other series: not a conflict.
/// Promised.
#[track(name = "promised", labels(kind = "b"), objective(success = 95.0))]
fn objective_apart() {}

// Two histograms with one name for their overdue calls.
#[track_histogram(name = "stem_seconds", objective(latency("500ms", 99.0)))]
async fn one_stem() {}

#[track_histogram(name = "stem_duration_seconds", objective(latency("500ms", 99.0)))]
async fn other_stem() {}

#[metrics]
mod business {
    /// Kinds.
    pub(super) fn kinds() -> Gauge;

    /// The name of the family `labels_total` in OpenMetrics.
    pub(super) fn labels() -> Histogram;
}

fn conflicts() -> Vec<(String, &'static str, [&'static str; 2])> {
    let problems = Registry::global().problems();
    let conflict = |problem: &RegistryError| match problem {
        RegistryError::Conflict { metric, what, first, second, .. } => {
            Some((metric.clone(), *what, [first.function, second.function]))
        }
        _ => None,
    };
    problems.iter().filter_map(conflict).collect()
}

#[test]
fn an_error_has_the_metric_the_difference_and_both_locations() {
    let expected = [
        ("labels_total", "labels", ["one_label", "other_label"]),
        ("help_total", "help", ["one_help", "other_help"]),
        ("buckets_seconds", "buckets", ["one_list", "other_list"]),
        ("stem_overdue_total", "help", ["one_stem", "other_stem"]),
        ("kinds", "kind of gauge", ["one_kind", "kinds"]),
    ];
    let expected = expected.map(|(metric, what, places)| (metric.to_owned(), what, places));
    assert_eq!(conflicts(), expected);
    let problems = Registry::global().problems();
    for problem in &problems {
        assert_eq!(problem.to_string().matches(file!()).count(), 2, "{problem}");
    }
    let taken = |problem: &&RegistryError| matches!(problem, RegistryError::SampleTaken { .. });
    let taken: Vec<_> = problems.iter().filter(taken).map(ToString::to_string).collect();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert!(taken[0].contains("`labels`") && taken[0].contains("`labels_total`"), "{}", taken[0]);
    let objectives = |problem: &&RegistryError| matches!(problem, RegistryError::Objectives { .. });
    let objectives: Vec<_> = problems.iter().filter(objectives).map(ToString::to_string).collect();
    assert_eq!(objectives.len(), 1, "{objectives:?}");
    let starts = "metric `promised_total` has two objectives for the same series: 99.9% succeed at ";
    assert!(objectives[0].starts_with(starts), "{}", objectives[0]);
    for expected in ["::one_objective) and 99% succeed at ", "::other_objective); make the two agree"] {
        assert!(objectives[0].contains(expected), "{expected}: {}", objectives[0]);
    }
    assert_eq!(problems.len(), 7);
}

#[test]
fn install_reports_all_of_them_at_once() {
    let Err(InstallError::Declarations(problems)) = Metrics::builder().install() else { panic!("they conflict") };
    assert_eq!(problems, Registry::global().problems());
    let error = Metrics::builder().build().unwrap_err().to_string();
    for text in ["labels_total", "help_total", "buckets_seconds", "kinds", "one_label", "other_label"] {
        assert!(error.contains(text), "{text} is missing in:\n{error}");
    }
    assert!(Metrics::installed().is_none());
}

/// The first definition in the order of source locations is on the page.
#[test]
fn all_functions_work_and_the_first_definition_records() {
    one_label();
    assert_eq!(other_label(), 1);
    one_help();
    other_help();
    one_list();
    support::ready(other_list());
    one_kind();
    one_objective();
    other_objective();
    no_other_objective();
    objective_apart();
    support::ready(one_stem());
    support::ready(other_stem());
    business::kinds().set(5.0);
    business::labels().observe(1.0);
    let page = page_of(Registry::global());
    let success = ("status", "success");
    assert_eq!(page.value("labels_total", [("a", "1"), success]), 1.0);
    assert_eq!(page.series("labels_total").len(), 4);
    assert_eq!(page.value("help_total", [success]), 1.0);
    assert_eq!(page.value("buckets_seconds_count", []), 1.0);
    assert_eq!(page.value("kinds", []), 0.0);
    assert_eq!(page.family("labels"), None);
}

#[test]
fn a_registration_at_run_time_returns_the_error() {
    let registry = Registry::new();
    let counter = |help: &'static str| registry.counter(Descriptor::counter("run_total", help).labels(["a", "b"]));
    counter("One.").unwrap().get_or_create(&["1", "2"]).unwrap().inc();
    counter("One.").unwrap().get_or_create(&["1", "2"]).unwrap().inc();
    assert_eq!(page_of(&registry).value("run_total", [("a", "1"), ("b", "2")]), 2.0);
    let error = counter("Two.").unwrap_err();
    assert!(matches!(error, RegistryError::Conflict { what: "help", .. }));
    assert_eq!(error.to_string().matches(file!()).count(), 2, "{error}");
    let swapped = Descriptor::counter("run_total", "One.").labels(["b", "a"]);
    assert!(matches!(registry.counter(swapped), Err(RegistryError::Conflict { what: "order of labels", .. })));
    assert!(matches!(registry.gauge(Descriptor::gauge("run", "Taken.")), Err(RegistryError::SampleTaken { .. })));
    assert!(matches!(
        registry.gauge(Descriptor::gauge("metrics_runtime_x", "Ours.")),
        Err(RegistryError::Reserved { .. })
    ));
    for bad in [
        Descriptor::counter("no_suffix", "."),
        Descriptor::counter("bad-name_total", "."),
        Descriptor::counter("le_total", ".").labels(["le"]),
        Descriptor::counter("twice_total", ".").labels(["a", "a"]),
        Descriptor::counter("reserved_total", ".").labels(["__name__"]),
    ] {
        assert!(matches!(registry.counter(bad), Err(RegistryError::Invalid { .. })));
    }
    for buckets in [vec![], vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY]] {
        let histogram = registry.histogram(Descriptor::histogram("bad_buckets", ".", buckets.clone()));
        assert!(matches!(histogram, Err(RegistryError::Invalid { .. })), "{buckets:?}");
    }
    assert_eq!(registry.problems(), []);
}

/// Returns the error of a build whose service has these metrics, under a namespace.
fn naming_problems(namespace: &str, metrics: &[Descriptor]) -> Vec<RegistryError> {
    let registry = Registry::new();
    for metric in metrics {
        match metric.kind {
            Kind::Counter => drop(registry.counter(metric.clone()).expect("valid")),
            Kind::Info => drop(registry.info(metric.clone()).expect("valid")),
            _ => drop(registry.gauge(metric.clone()).expect("valid")),
        }
    }
    match Metrics::builder().registry(&registry).namespace(namespace).build() {
        Err(InstallError::Declarations(problems)) => problems,
        Err(error) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

#[test]
fn names_with_the_namespace_must_not_be_those_of_the_toolkit() {
    let rejected = Descriptor::counter("rejected_values_total", "Mine.");
    let problems = naming_problems("metrics_runtime", std::slice::from_ref(&rejected));
    let own = |problem: &RegistryError| matches!(problem, RegistryError::Reserved { metric, .. } if metric.ends_with("rejected_values_total"));
    assert!(problems.iter().any(own), "{problems:?}");
    let runtime = Descriptor::gauge("runtime_anything", "Mine.");
    assert_eq!(naming_problems("metrics", &[runtime]).len(), 1);
    assert!(naming_problems("app_metrics_runtime", &[rejected]).is_empty());
}

#[test]
fn a_metric_that_is_registered_later_under_a_name_of_the_toolkit_is_left_out() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).namespace("metrics").build().unwrap();
    for name in ["runtime_rejected_values_total", "runtime_scrapes_total", "runtime_new_total"] {
        registry.counter(Descriptor::counter(name, "Mine.")).unwrap().get_or_create(&[]).unwrap().inc();
    }
    let page = metrics.render();
    assert_eq!(page.matches("# HELP metrics_runtime_rejected_values_total ").count(), 1, "{page}");
    assert!(!page.contains("Mine.") && page.contains("metrics_runtime_scrape_errors_total{cause=\"duplicate\"} 3\n"));
    Page::parse_text(&page).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn names_with_the_namespace_must_not_be_those_of_the_process() {
    let registry = Registry::new();
    registry.gauge(Descriptor::gauge("threads", "Mine.")).unwrap();
    let built = Metrics::builder().registry(&registry).namespace("process").process().build();
    let Err(InstallError::Declarations(problems)) = built else { panic!("they conflict") };
    assert!(matches!(&*problems, [RegistryError::SampleTaken { sample, .. }] if sample == "process_threads"));
}

#[test]
fn a_name_is_more_than_its_suffix() {
    let registry = Registry::new();
    assert!(matches!(registry.counter(Descriptor::counter("_total", ".")), Err(RegistryError::Invalid { .. })));
    assert!(matches!(registry.info(Descriptor::info("_info", ".")), Err(RegistryError::Invalid { .. })));
    let error = Metrics::builder().registry(&registry).info("", [("a", "b")]).build().unwrap_err().to_string();
    assert!(error.contains("metric name `_info` has nothing before its suffix: write `x_info`"), "{error}");
    let unit = Descriptor::counter("bytes_total", ".").unit("bytes");
    assert!(unit.check().is_err(), "the unit is all that is left of the name");
    // A name may have a suffix twice, and is then not the name of another metric.
    let _ = registry.info(Descriptor::info("x_info_info", ".")).unwrap();
    let _ = registry.gauge(Descriptor::gauge("x", ".")).unwrap();
}
