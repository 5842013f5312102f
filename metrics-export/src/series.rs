//! The worst-case number of series of each metric on one instance.

use std::cmp::Reverse;
use std::fmt::Write as _;

use metrics_runtime::description::{MetricDescription, MetricKind, Origin};

use crate::metric::{Metric, Role, WorstCase};
use crate::roles::{ROUTE_LABELS, UPSTREAM};

/// Returns the worst case of a metric. `limit` is the largest number of series of a family with label values that are
/// only known at run time. It does not apply to the routes of HTTP requests and the names of upstreams.
pub(crate) fn worst_case(metric: &MetricDescription, role: Role, limit: usize) -> WorstCase {
    let MetricDescription { kind, labels, label_sets, .. } = metric;
    let each = series_of_label_set(*kind, metric.buckets.len());
    if labels.is_empty() && *kind != MetricKind::Summary {
        return WorstCase::Exactly(each);
    }
    let has = |of, names: &[&str]| role == of && labels.iter().any(|label| names.contains(&&*label.name));
    match metric.origin {
        Origin::Computed => {
            let (known, open): (Vec<_>, Vec<_>) = labels.iter().partition(|label| label.values.is_some());
            let label_sets: usize = known.iter().flat_map(|label| &label.values).map(Vec::len).product();
            let series = label_sets.saturating_mul(each);
            let open: Vec<_> = open.iter().map(|label| label.name.clone()).collect();
            if open.is_empty() { WorstCase::Exactly(series) } else { WorstCase::Each(series, open) }
        }
        // Infos are registered with their values, once.
        Origin::Family if *kind == MetricKind::Info && metric.declarations.is_empty() => {
            WorstCase::Exactly(label_sets.current)
        }
        Origin::Family if has(Role::Http, ROUTE_LABELS) || has(Role::Upstream, &[UPSTREAM]) => {
            WorstCase::Each(each, labels.iter().map(|label| label.name.clone()).collect())
        }
        // Known label sets do not count against the limit. The overflow series keep known values.
        Origin::Family if label_sets.open => {
            let limit = metric.series_limit.unwrap_or(limit);
            let known = labels.iter().flat_map(|label| &label.values).map(Vec::len);
            let overflow = known.fold(1, usize::saturating_mul);
            let label_sets = label_sets.known.saturating_add(limit).saturating_add(overflow);
            WorstCase::Limited(label_sets.saturating_mul(each))
        }
        Origin::Family | Origin::Toolkit => WorstCase::Exactly(label_sets.known.saturating_mul(each)),
        _ => WorstCase::Unknown,
    }
}

/// Returns the number of series of one label set. A histogram has one for each bucket, `+Inf`, the sum and the count.
fn series_of_label_set(kind: MetricKind, buckets: usize) -> usize {
    if kind == MetricKind::Histogram { buckets + 3 } else { 1 }
}

/// Lists the series of these metrics, the largest number first.
pub(crate) fn listing(metrics: &[Metric]) -> String {
    let weight = |case: &WorstCase| match case {
        WorstCase::Exactly(series) | WorstCase::Limited(series) | WorstCase::Each(series, _) => *series,
        WorstCase::Unknown => 0,
    };
    let mut metrics: Vec<_> = metrics.iter().collect();
    metrics.sort_by_key(|metric| (Reverse(weight(&metric.series)), &metric.name));
    metrics.iter().fold(String::new(), |mut out, metric| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}: {}", metric.name, metric.series.counted(" series"));
        out
    })
}

#[cfg(test)]
mod tests {
    use metrics_runtime::circuit_breaker::BreakerHandle;
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use super::*;
    use crate::model::Model;

    /// Returns the worst case of each metric of a registry, as it is shown.
    fn cases(register: impl FnOnce(&Registry)) -> impl Fn(&str) -> String {
        let registry = Registry::new();
        register(&registry);
        let metrics = Metrics::builder().info("app", [("version", "1"), ("os", "linux")]).registry(&registry);
        let model = Model::new(&metrics.build().unwrap());
        move |base: &str| {
            let metric = model.find(base).unwrap();
            assert!(listing(&model.metrics).contains(&format!(
                "{}: {}",
                metric.name,
                metric.series.counted(" series")
            )));
            metric.series.to_string()
        }
    }

    #[test]
    fn buckets_are_counted_and_run_time_values_are_limited() {
        let case = cases(|registry| {
            registry.set_series_limit(100);
            registry.histogram(Descriptor::histogram("wait_seconds", "W.", &[1.0, 2.0][..])).unwrap();
            registry.histogram(Descriptor::histogram("work_seconds", "W.", &[1.0][..]).labels(["queue"])).unwrap();
            registry.gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
            registry.gauge(Descriptor::gauge("rooms", "R.").labels(["room"]).series_limit(9)).unwrap();
        });
        assert_eq!(case("rooms"), "up to 10");
        assert_eq!((case("wait_seconds").as_str(), case("work_seconds").as_str()), ("5", "up to 404"));
        assert_eq!(case("depth"), "up to 101");
    }

    #[test]
    fn http_requests_have_a_number_for_each_route_and_no_limit() {
        let case = cases(|_| {});
        assert_eq!(case("http_requests_total"), "1 for each `endpoint`, `method`, `status`");
        assert_eq!(case("http_request_duration_seconds"), "11 for each `endpoint`, `method`");
    }

    #[test]
    fn infos_have_as_many_series_as_were_registered() {
        let case = cases(|registry| {
            let build = registry.info(Descriptor::info("build_info", "B.").labels(["version"])).unwrap();
            build.get_or_create(&["1"]).unwrap();
            build.get_or_create(&["2"]).unwrap();
        });
        assert_eq!((case("app_info").as_str(), case("build_info").as_str()), ("1", "2"));
    }

    #[test]
    fn breakers_have_a_number_for_each_service_and_no_limit() {
        let case = cases(|registry| drop(BreakerHandle::register_in(registry, "ryot").unwrap()));
        assert_eq!(case("circuit_breaker_state"), "1 for each `service`");
        assert_eq!(case("circuit_breaker_calls_total"), "6 for each `service`");
        // A breaker of another crate may have transitions that ours does not have.
        assert_eq!(case("circuit_breaker_transitions_total"), "25 for each `service`");
    }

    #[test]
    fn the_toolkit_knows_the_series_of_its_own_metrics() {
        let case = cases(|registry| {
            registry.gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
            let tasks = prometheus::IntCounterVec::new(prometheus::Opts::new("tasks_total", "T."), &["a"]).unwrap();
            registry.register(Box::new(tasks)).unwrap();
        });
        assert_eq!(case("metrics_runtime_scrape_errors_total"), "6");
        // The families with labels: the gauge, the info, and three of HTTP.
        assert_eq!(case("metrics_runtime_label_overflow_total"), "5");
        assert_eq!(case("tasks_total"), "not known");
    }
}
