//! Which part a metric plays, told by its name and its labels: whatever brings the metric, its row of the dashboard and its
//! alerts come with it.

use super::model::{Kind, Label, Metric};
use super::promql::{Compare, Matcher, matcher};
use crate::instrument::catalog::Declaration;

/// The part a metric plays: the row of the dashboard it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Http,
    Function,
    Breaker,
    Business,
    Process,
    Own,
}

impl Role {
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::Http, "HTTP"),
        (Self::Function, "Functions"),
        (Self::Breaker, "Circuit breakers"),
        (Self::Business, "Business"),
        (Self::Process, "Process and runtime"),
        (Self::Own, "The metrics themselves"),
    ];
}

/// What is known of HTTP requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Http {
    /// What counts requests: a counter, or the count of the histogram.
    pub(crate) requests: String,
    /// The histogram of their duration.
    pub(crate) duration: Option<Metric>,
    pub(crate) route: String,
    pub(crate) status: String,
    /// The gauge of requests under way.
    pub(crate) in_flight: Option<String>,
}

impl Http {
    /// A server that failed; a client that left early (499) or asked for the wrong thing is none.
    pub(crate) fn failed(&self) -> Matcher {
        matcher(&self.status, Compare::Matches, "5..|5xx")
    }
}

/// The calls of one or more functions: their counter by outcome and their duration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) calls: Metric,
    pub(crate) duration: Option<Metric>,
}

impl Function {
    /// What the calls are told apart by, beside their outcome.
    pub(crate) fn by(&self) -> Vec<&str> {
        self.calls.bounded().into_iter().filter(|label| *label != STATUS).collect()
    }

    /// Of what the calls are told apart by, that which their duration has as well.
    pub(crate) fn timed_by(&self, duration: &Metric) -> Vec<&str> {
        self.by().into_iter().filter(|label| duration.has(label)).collect()
    }
}

/// Calls that failed. Cancelled ones were given up by their callers, and are told apart.
pub(crate) fn failed_calls() -> Matcher {
    matcher(STATUS, Compare::Matches, "error|panic")
}

/// What stands for a metric in the names of recording rules, `level:metric:operations`.
pub(crate) fn recorded_name(metric: &str) -> String {
    metric.trim_end_matches("_total").replace(':', "_")
}

/// What the promises about a function begin with, by the metric without namespace that its calls are recorded in.
pub(crate) fn promised_name(kind: Kind, base: &str) -> String {
    if kind == Kind::Counter { base.replacen("_total", "", 1) } else { base.to_owned() }
}

/// The label of the outcome of a call.
pub(crate) const STATUS: &str = "status";

const METHOD_LABELS: &[&str] = &["method", "http_request_method", "http_method", "verb"];
pub(super) const ROUTE_LABELS: &[&str] = &["endpoint", "path", "route", "http_route", "handler", "uri"];
const STATUS_LABELS: &[&str] = &["status", "status_code", "code", "http_response_status_code", "status_class"];

/// The label of the one metric of the toolkit's own that may have no series yet to show it: no family has labels.
pub(super) fn own_label(base: &str) -> Option<&'static str> {
    (base == "metrics_runtime_label_overflow_total").then_some("metric")
}

/// Whether it is one of the toolkit's own metrics.
pub(super) fn is_own(base: &str) -> bool {
    base.starts_with("metrics_runtime_")
}

/// Whether any service may have a metric of this name, by which libraries it uses.
pub(super) fn is_common(name: &str) -> bool {
    name == "up" || is_own(name) || PROCESS.iter().any(|prefix| name.starts_with(prefix))
}

const PROCESS: [&str; 3] = ["process_", "tokio_", "promhttp_"];

pub(super) fn role(base: &str, labels: &[Label]) -> Role {
    let has = |names: &[&str]| labels.iter().any(|label| names.contains(&label.name.as_str()));
    if is_own(base) {
        Role::Own
    } else if base.starts_with("circuit_breaker_") {
        Role::Breaker
    } else if PROCESS.iter().any(|prefix| base.starts_with(prefix)) || base == "build_info" {
        Role::Process
    } else if base.starts_with("http_") || base == "requests_in_flight" || has(METHOD_LABELS) && has(ROUTE_LABELS) {
        Role::Http
    } else {
        Role::Business
    }
}

/// Counters by outcome, each with the duration that is declared at the same places.
pub(super) fn functions(metrics: &mut [Metric], declared: &[Declaration], prefix: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let calls: Vec<_> = metrics.iter().filter(|metric| metric.outcomes).map(|metric| metric.base.clone()).collect();
    for calls in calls {
        let places: Vec<_> = declared.iter().filter(|own| own.descriptor.name == calls).map(|own| own.source).collect();
        let beside = |metric: &Metric| {
            declared.iter().any(|own| own.descriptor.name == metric.base && places.contains(&own.source))
        };
        let mut duration = None;
        for metric in metrics.iter_mut().filter(|metric| beside(metric)) {
            let timed = metric.kind == Kind::Histogram && metric.unit.as_deref() == Some("seconds");
            let in_flight = metric.kind == Kind::Gauge;
            if timed || in_flight || metric.base == calls {
                metric.role = Role::Function;
            }
            if timed && duration.is_none() {
                duration = Some(metric.clone());
            }
        }
        let name = format!("{prefix}{calls}");
        if let Some(calls) = metrics.iter().find(|metric| metric.name == name).cloned() {
            found.push(Function { calls, duration });
        }
    }
    found
}

pub(super) fn http(metrics: &[Metric]) -> Option<Http> {
    let requests = |metric: &&Metric| {
        metric.role == Role::Http && metric.first_of(ROUTE_LABELS).is_some() && metric.first_of(STATUS_LABELS).is_some()
    };
    let duration = |metric: &&Metric| {
        metric.role == Role::Http
            && metric.kind == Kind::Histogram
            && metric.unit.as_deref() == Some("seconds")
            && metric.base.contains("duration")
            && metric.first_of(ROUTE_LABELS).is_some()
    };
    let mut by_status = metrics.iter().filter(requests);
    let counted = by_status.clone().find(|metric| metric.kind == Kind::Counter && metric.base.contains("requests"));
    // OpenTelemetry's names have no counter: its histogram has the status instead.
    let counted = counted.or_else(|| by_status.find(duration))?;
    let route = counted.first_of(ROUTE_LABELS)?;
    let timed = metrics.iter().filter(duration).find(|metric| metric.has(route));
    let in_flight = metrics.iter().find(|metric| {
        let named = metric.base.ends_with("requests_in_flight") || metric.base.ends_with("active_requests");
        metric.role == Role::Http && metric.kind == Kind::Gauge && named
    });
    Some(Http {
        requests: if counted.kind == Kind::Histogram {
            format!("{}_count", counted.name)
        } else {
            counted.name.clone()
        },
        duration: timed.cloned(),
        route: route.to_owned(),
        status: counted.first_of(STATUS_LABELS)?.to_owned(),
        in_flight: in_flight.map(|metric| metric.name.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::model::Model;
    use super::*;
    use crate::{Descriptor, Metrics, Registry};

    #[test]
    fn names_of_opentelemetry_are_http_too() {
        let registry = Registry::new();
        let duration = Descriptor::histogram("http_server_request_duration_seconds", "Duration.", &[1.0][..]);
        let labels = ["http_request_method", "http_route", "http_response_status_code"];
        registry.histogram(duration.unit("seconds").labels(labels)).unwrap();
        registry.gauge(Descriptor::gauge("checkout_requests_in_flight", "Of a function.")).unwrap();
        registry.gauge(Descriptor::gauge("http_server_active_requests", "Under way.")).unwrap();
        let mut metrics = Model::new(&Metrics::builder().registry(&registry).build().unwrap()).metrics;
        metrics.retain(|metric| metric.base.contains("server") || metric.base.contains("checkout"));
        let http = http(&metrics).expect("requests are counted by the histogram");
        assert_eq!(http.requests, "http_server_request_duration_seconds_count");
        assert_eq!((http.route.as_str(), http.status.as_str()), ("http_route", "http_response_status_code"));
        assert_eq!(http.in_flight.as_deref(), Some("http_server_active_requests"));
    }
}
