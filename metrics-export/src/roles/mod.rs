//! The roles of metrics, recognized by their names and labels.
//!
//! Only the name and the labels of a metric decide its row of the dashboard and its alerts, so metrics of other
//! libraries get them too.

mod grpc;

use std::collections::{BTreeMap, BTreeSet};

use metrics_runtime::Source;
use metrics_runtime::description::MetricKind;

use crate::histograms::Measure;
use crate::metric::{Metric, Role};
use crate::names::{is_grpc, is_of_polls, is_overdue, is_own, is_process};
use crate::promql::{Compare, Matcher, matcher};

pub(crate) use grpc::{Grpc, METHOD_OF_GRPC, grpc};

/// The metrics of HTTP requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Http {
    /// The counter of requests, or the count of the duration histogram.
    pub(crate) requests: Measure,
    /// The histogram of their duration.
    pub(crate) duration: Option<Metric>,
    /// The label of the route.
    pub(crate) route: String,
    /// The label of the status.
    pub(crate) status: String,
    /// The gauge of requests in flight.
    pub(crate) in_flight: Option<String>,
    /// The counter of aborted responses.
    pub(crate) aborted: Option<String>,
}

impl Http {
    /// Returns the histogram of the duration if it also counts the requests.
    pub(crate) fn counting_duration(&self) -> Option<&Metric> {
        self.duration.as_ref().filter(|duration| duration.name == self.requests.metric())
    }

    /// Returns a matcher for requests that the server failed. A client that disconnected before the response (499) or
    /// sent a bad request is not a failure.
    pub(crate) fn failed(&self) -> Matcher {
        matcher(&self.status, Compare::Matches, "5..|5xx")
    }

    /// Returns the counter of aborted responses and a matcher for those whose body failed, whatever their status. A
    /// client that disconnected is not a failure.
    pub(crate) fn broken(&self) -> Option<(&str, Matcher)> {
        Some((self.aborted.as_deref()?, matcher(CAUSE, Compare::Matches, "error|panic")))
    }
}

/// The metrics of requests to upstreams.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upstreams {
    /// The counter of requests.
    pub(crate) requests: Metric,
    /// The counter of requests without the end of a response.
    pub(crate) errors: Option<Metric>,
    /// The histogram of their duration.
    pub(crate) duration: Option<Metric>,
    /// The gauge of requests in flight.
    pub(crate) in_flight: Option<Metric>,
}

impl Upstreams {
    /// Returns a matcher for requests that have ended, whatever the answer. The caller gave up the others.
    pub(crate) fn completed() -> Matcher {
        matcher(STATUS, Compare::IsNot, "cancelled")
    }

    /// Returns the counters of failures, each with a matcher: answers with 5xx, and requests without the end of a response
    /// that the caller did not give up.
    pub(crate) fn failed(&self) -> Vec<(&str, Matcher)> {
        let Some(errors) = &self.errors else {
            return vec![(&self.requests.name, matcher(STATUS, Compare::Matches, "5xx|error"))];
        };
        vec![
            (&self.requests.name, matcher(STATUS, Compare::Is, "5xx")),
            (&errors.name, matcher(CAUSE, Compare::IsNot, "cancelled")),
        ]
    }
}

/// The metrics of the calls of one or more functions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    /// The counter by outcome.
    pub(crate) calls: Metric,
    /// The histogram of their duration.
    pub(crate) duration: Option<Metric>,
    /// The gauge of calls in flight.
    pub(crate) in_flight: Option<Metric>,
}

impl Function {
    /// Returns the labels with known values, without the outcome.
    pub(crate) fn bounded(&self) -> Vec<&str> {
        self.calls.bounded().into_iter().filter(|label| *label != STATUS).collect()
    }

    /// Returns the labels that calls are grouped by in ratios: those with known values that do not depend on the outcome.
    pub(crate) fn by(&self) -> Vec<&str> {
        self.bounded().into_iter().filter(|label| !self.calls.result_labels.contains(label)).collect()
    }

    /// Returns the labels with known values that the duration also has.
    pub(crate) fn timed_by(&self, duration: &Metric) -> Vec<&str> {
        self.bounded().into_iter().filter(|label| duration.has(label)).collect()
    }
}

/// Returns a matcher for calls that failed. Cancelled calls are not failures, because their callers dropped them.
pub(crate) fn failed_calls() -> Matcher {
    matcher(STATUS, Compare::Matches, "error|panic")
}

/// The label of the outcome of a call, or of the answer of an upstream.
pub(crate) const STATUS: &str = "status";

/// The label of the cause of an aborted response, or of a request without the end of one.
pub(crate) const CAUSE: &str = "cause";

/// The label of the name of an upstream.
pub(crate) const UPSTREAM: &str = "upstream";

const METHOD_LABELS: &[&str] = &["method", "http_request_method", "http_method", "verb"];
pub(crate) const ROUTE_LABELS: &[&str] = &["endpoint", "path", "route", "http_route", "handler", "uri"];
const STATUS_LABELS: &[&str] = &["status", "status_code", "code", "http_response_status_code", "status_class"];

/// Returns the role of a metric with these labels. [`functions`] recognizes the metrics of functions later.
pub(crate) fn role(base: &str, labels: &[&str]) -> Role {
    let has = |names: &[&str]| labels.iter().any(|label| names.contains(label));
    if is_own(base) {
        Role::Own
    } else if base.starts_with("circuit_breaker_") {
        Role::Breaker
    } else if is_process(base) || base == "build_info" {
        Role::Process
    } else if is_grpc(base) {
        if base.contains("client_") { Role::GrpcClient } else { Role::Grpc }
    } else if is_of_polls(base) {
        Role::Function
    } else if base.starts_with("http_client_") {
        Role::Upstream
    } else if base.starts_with("http_") || base == "requests_in_flight" || has(METHOD_LABELS) && has(ROUTE_LABELS) {
        Role::Http
    } else {
        Role::Business
    }
}

/// Finds the counters of calls by outcome, each with the duration and the calls in flight that are declared at the same
/// places, and gives all metrics of these calls their role.
pub(crate) fn functions(metrics: &mut [Metric]) -> Vec<Function> {
    let mut declared: BTreeMap<Source, Vec<usize>> = BTreeMap::new();
    for (i, metric) in metrics.iter().enumerate() {
        for declaration in &metric.declarations {
            declared.entry(declaration.source).or_default().push(i);
        }
    }
    let counters: Vec<_> = (0..metrics.len()).filter(|i| metrics[*i].outcomes).collect();
    let functions = counters.into_iter().map(|calls| {
        let places = metrics[calls].declarations.iter().map(|declaration| declaration.source);
        let beside: BTreeSet<_> = places.filter_map(|place| declared.get(&place)).flatten().copied().collect();
        let (mut duration, mut in_flight) = (None, None);
        metrics[calls].role = Role::Function;
        for i in beside {
            let metric = &mut metrics[i];
            let found = match metric.kind {
                // Declared at the same places, and about all functions.
                _ if is_of_polls(&metric.base) => continue,
                MetricKind::Histogram if metric.unit.as_deref() == Some("seconds") => &mut duration,
                MetricKind::Gauge => &mut in_flight,
                MetricKind::Counter if is_overdue(&metric.base) => {
                    metric.role = Role::Function;
                    continue;
                }
                _ => continue,
            };
            metric.role = Role::Function;
            found.get_or_insert_with(|| metric.clone());
        }
        Function { calls: metrics[calls].clone(), duration, in_flight }
    });
    functions.collect()
}

/// Finds the metrics of requests to upstreams.
pub(crate) fn upstreams(metrics: &[Metric]) -> Option<Upstreams> {
    let find = |base: &str, label: &str| {
        let found = metrics.iter().find(|metric| metric.base == base);
        found.filter(|metric| metric.has(UPSTREAM) && metric.has(label)).cloned()
    };
    Some(Upstreams {
        requests: find("http_client_requests_total", STATUS)?,
        errors: find("http_client_errors_total", CAUSE),
        duration: find("http_client_request_duration_seconds", UPSTREAM),
        in_flight: find("http_client_requests_in_flight", UPSTREAM),
    })
}

/// Finds the metrics of HTTP requests.
pub(crate) fn http(metrics: &[Metric]) -> Option<Http> {
    let requests = |metric: &&Metric| {
        metric.role == Role::Http && metric.first_of(ROUTE_LABELS).is_some() && metric.first_of(STATUS_LABELS).is_some()
    };
    let duration = |metric: &&Metric| {
        metric.role == Role::Http
            && metric.kind == MetricKind::Histogram
            && metric.unit.as_deref() == Some("seconds")
            && metric.base.contains("duration")
            && metric.first_of(ROUTE_LABELS).is_some()
    };
    let mut by_status = metrics.iter().filter(requests);
    let counts_all = |metric: &&Metric| {
        metric.kind == MetricKind::Counter && metric.base.contains("requests") && !is_overdue(&metric.base)
    };
    let counted = by_status.clone().find(counts_all);
    // OpenTelemetry has no counter of requests: the histogram has the status instead.
    let counted = counted.or_else(|| by_status.find(duration))?;
    let route = counted.first_of(ROUTE_LABELS)?;
    let timed = metrics.iter().filter(duration).find(|metric| metric.has(route));
    let in_flight = metrics.iter().find(|metric| {
        // `axum-prometheus` says that requests are pending.
        let endings = ["requests_in_flight", "active_requests", "requests_pending"];
        let named = endings.iter().any(|ending| metric.base.ends_with(ending));
        metric.role == Role::Http && metric.kind == MetricKind::Gauge && named
    });
    let aborted = metrics.iter().find(|metric| {
        metric.role == Role::Http && metric.kind == MetricKind::Counter && metric.has(CAUSE) && metric.has(route)
    });
    Some(Http {
        requests: if counted.kind == MetricKind::Histogram {
            Measure::Count(counted.histogram())
        } else {
            Measure::from(&counted.name)
        },
        duration: timed.cloned(),
        route: route.to_owned(),
        status: counted.first_of(STATUS_LABELS)?.to_owned(),
        in_flight: in_flight.map(|metric| metric.name.clone()),
        aborted: aborted.map(|metric| metric.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use super::*;
    use crate::model::Model;

    #[test]
    fn metrics_with_the_names_of_axum_prometheus_are_those_of_requests() {
        use metrics_runtime::http::{Http, HttpMetric};
        let http = Http::new()
            .requests("axum_http_requests_total")
            .duration("axum_http_requests_duration_seconds")
            .named(HttpMetric::InFlight, "axum_http_requests_pending");
        let metrics = Metrics::builder().registry(&Registry::new()).http(http).build().unwrap();
        let found = Model::new(&metrics).http.unwrap();
        assert_eq!(found.requests.series(), "axum_http_requests_total");
        assert_eq!(found.duration.map(|metric| metric.name).as_deref(), Some("axum_http_requests_duration_seconds"));
        assert_eq!(found.in_flight.as_deref(), Some("axum_http_requests_pending"));
    }

    #[test]
    fn overdue_requests_are_not_taken_for_all_requests() {
        let objective = metrics_runtime::Objective::new().latency(std::time::Duration::from_millis(500), 99.0);
        let http = metrics_runtime::http::Http::new().duration_status(true);
        let metrics = Metrics::builder().registry(&Registry::new()).http(http).objective("/orders", objective);
        let model = Model::new(&metrics.build().unwrap());
        assert_eq!(model.find("http_requests_overdue_total").map(|metric| metric.role), Some(Role::Http));
        assert_eq!(model.http.unwrap().requests.series(), "http_requests_total");
    }

    /// Visits.
    #[metrics_runtime::track(name = "visits", polls)]
    async fn visit() {}

    #[test]
    fn the_delay_of_first_polls_is_not_taken_for_the_duration_of_a_function() {
        let _ = visit;
        let model = Model::new(&Metrics::builder().build().unwrap());
        let visits = model.functions.iter().find(|function| function.calls.base == "visits_total").unwrap();
        assert_eq!(visits.duration.as_ref().map(|metric| &*metric.base), Some("visits_duration_seconds"));
        for name in ["function_first_poll_delay_seconds", "function_slow_polls_total"] {
            assert_eq!(model.find(name).map(|metric| metric.role), Some(Role::Function));
        }
    }

    #[test]
    fn metrics_with_the_names_of_opentelemetry_are_http() {
        let registry = Registry::new();
        let duration = Descriptor::histogram("http_server_request_duration_seconds", "Duration.", &[1.0][..]);
        let labels = ["http_request_method", "http_route", "http_response_status_code"];
        registry.histogram(duration.unit("seconds").labels(labels)).unwrap();
        registry.gauge(Descriptor::gauge("checkout_requests_in_flight", "Of a function.")).unwrap();
        registry.gauge(Descriptor::gauge("http_server_active_requests", "In flight.")).unwrap();
        let mut metrics = Model::new(&Metrics::builder().registry(&registry).build().unwrap()).metrics;
        metrics.retain(|metric| metric.base.contains("server") || metric.base.contains("checkout"));
        let http = http(&metrics).expect("requests are counted by the histogram");
        assert_eq!(http.requests.series(), "http_server_request_duration_seconds_count");
        assert_eq!((http.route.as_str(), http.status.as_str()), ("http_route", "http_response_status_code"));
        assert_eq!(http.in_flight.as_deref(), Some("http_server_active_requests"));
    }
}
