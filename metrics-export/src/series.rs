//! The worst-case number of series of each metric on one instance.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use metrics_runtime::description::{LabelDescription, MetricKind, Origin};

use crate::metric::{Metric, Role, WorstCase};
use crate::roles::{METHOD_OF_GRPC, ROUTE_LABELS, UPSTREAM};

/// The largest number of label sets that one declaration lists, as in the runtime. Those of others are created when they
/// are recorded.
const LISTED: usize = 50_000;

/// A part of the label sets of a metric.
#[derive(Clone, Debug, Default)]
pub(crate) struct View<'a> {
    /// A label that the metric would not have.
    pub(crate) without: Option<&'a str>,
    /// Labels with a value each. Label sets with one of them are left out.
    pub(crate) dropped: Vec<(&'a str, &'a str)>,
}

impl<'a> View<'a> {
    /// Creates a view without one label.
    pub(crate) fn without(label: &'a str) -> Self {
        Self { without: Some(label), dropped: Vec::new() }
    }

    fn is_all(&self) -> bool {
        self.without.is_none() && self.dropped.is_empty()
    }

    /// Returns the labels of a metric that are left.
    pub(crate) fn labels<'m>(&self, metric: &'m Metric) -> impl Iterator<Item = &'m LabelDescription> + use<'m, 'a> {
        let without = self.without;
        metric.labels.iter().filter(move |label| Some(label.name.as_str()) != without)
    }

    /// Returns the number of values of a label that are left out.
    pub(crate) fn values_dropped(&self, label: &str) -> usize {
        self.dropped.iter().filter(|(name, _)| *name == label).count()
    }

    fn keeps(&self, label: &str, value: &str) -> bool {
        !self.dropped.contains(&(label, value))
    }
}

/// Returns the worst case of a metric in the text format.
pub(crate) fn worst_case(metric: &Metric) -> WorstCase {
    label_sets(metric, &View::default()).times(series_of_label_set(
        metric.kind,
        metric.buckets.len() + 1,
        (true, false),
    ))
}

/// Returns the worst case of a part of the label sets of a metric. The limit of series does not apply to the routes of
/// HTTP requests, the methods of gRPC, and the names of upstreams and runtimes.
pub(crate) fn label_sets(metric: &Metric, view: &View<'_>) -> WorstCase {
    let labels: Vec<_> = view.labels(metric).collect();
    if labels.is_empty() && metric.kind != MetricKind::Summary {
        return WorstCase::Exactly(1);
    }
    let has = |of, names: &[&str]| metric.role == of && metric.first_of(names).is_some();
    match metric.origin {
        Origin::Computed => {
            let (known, open): (Vec<_>, Vec<_>) = labels.iter().partition(|label| label.values.is_some());
            let label_sets = known.into_iter().map(|label| kept(label, view)).fold(1, usize::saturating_mul);
            let open: Vec<_> = open.into_iter().map(|label| label.name.clone()).collect();
            if open.is_empty() { WorstCase::Exactly(label_sets) } else { WorstCase::Each(label_sets, open) }
        }
        // Infos are registered with their values, once.
        Origin::Family if metric.kind == MetricKind::Info && metric.declarations.is_empty() => {
            WorstCase::Exactly(metric.label_sets.current)
        }
        Origin::Family
            if has(Role::Http, ROUTE_LABELS)
                || has(Role::Upstream, &[UPSTREAM])
                || has(Role::Grpc, METHOD_OF_GRPC)
                || has(Role::GrpcClient, METHOD_OF_GRPC)
                || has(Role::Process, &["runtime"]) =>
        {
            WorstCase::Each(1, labels.iter().map(|label| label.name.clone()).collect())
        }
        Origin::Family => {
            let (known, open) = declared(metric, &labels, view);
            if !open {
                return WorstCase::Exactly(known);
            }
            // Known label sets do not count against the limit. The overflow series keep known values.
            let values = labels.iter().filter(|label| label.values.is_some()).map(|label| kept(label, view));
            let overflow = values.fold(1, usize::saturating_mul);
            WorstCase::Limited(known.saturating_add(metric.limit).saturating_add(overflow))
        }
        Origin::Toolkit if view.is_all() => WorstCase::Exactly(metric.label_sets.known),
        Origin::Toolkit => {
            let left = labels.iter().map(|label| kept(label, view)).fold(1, usize::saturating_mul);
            WorstCase::Exactly(left.min(metric.label_sets.known))
        }
        _ => WorstCase::Unknown,
    }
}

/// Returns the number of known values of a label that are left.
fn kept(label: &LabelDescription, view: &View<'_>) -> usize {
    label.values.iter().flatten().filter(|value| view.keeps(&label.name, value)).count()
}

/// Counts the label sets that declarations list. Returns `true` as well if there are others.
fn declared(metric: &Metric, labels: &[&LabelDescription], view: &View<'_>) -> (usize, bool) {
    if view.is_all() {
        return (metric.label_sets.known, metric.label_sets.open);
    }
    let mut label_sets = BTreeSet::new();
    let mut open = metric.declarations.is_empty();
    for declaration in &metric.declarations {
        let values = |label: &&LabelDescription| {
            let index = declaration.descriptor.labels.iter().position(|name| *name == label.name);
            index.and_then(|index| declaration.values.get(index)).cloned().unwrap_or_default()
        };
        let lists: Vec<_> = labels.iter().map(values).collect();
        let count = lists.iter().map(Vec::len).fold(1, usize::saturating_mul);
        if !(1..=LISTED).contains(&count) {
            open = true;
            continue;
        }
        let mut tuples = vec![Vec::new()];
        for (label, list) in labels.iter().zip(&lists) {
            let list: Vec<_> = list.iter().filter(|value| view.keeps(&label.name, value)).collect();
            tuples =
                tuples.iter().flat_map(|tuple| list.iter().map(|value| [tuple, &[**value][..]].concat())).collect();
        }
        label_sets.extend(tuples);
    }
    (label_sets.len(), open)
}

/// Returns the number of series of one label set. A histogram has one for each bucket, `+Inf` among them, the sum and the
/// count in its classic form, and one in its native form.
pub(crate) fn series_of_label_set(kind: MetricKind, buckets: usize, (classic, native): (bool, bool)) -> usize {
    match kind {
        MetricKind::Histogram if classic => buckets + 2 + usize::from(native),
        _ => 1,
    }
}

/// Lists the series of these metrics, the largest number first.
pub(crate) fn listing(metrics: &[Metric]) -> String {
    let weight = |case: &WorstCase| match case {
        WorstCase::Exactly(series) | WorstCase::Limited(series) | WorstCase::Each(series, _) => *series,
        WorstCase::Unknown => 0,
    };
    let mut metrics: Vec<_> = metrics.iter().map(|metric| (worst_case(metric), &metric.name)).collect();
    metrics.sort_by_key(|(case, name)| (Reverse(weight(case)), *name));
    metrics.iter().fold(String::new(), |mut out, (case, name)| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}: {}", case.counted(" series"));
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
            let case = worst_case(metric);
            assert!(listing(&model.metrics).contains(&format!("{}: {}", metric.name, case.counted(" series"))));
            case.to_string()
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
