//! The metrics of gRPC, in both namings.

use crate::histograms::Measure;
use crate::metric::{Metric, Role};
use crate::promql::{Compare, Matcher, matcher};

/// The metrics of gRPC calls, with the names of the middlewares for Go or those of OpenTelemetry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grpc {
    /// [`Role::Grpc`] for the calls that the service answers, [`Role::GrpcClient`] for those that it makes.
    pub(crate) role: Role,
    /// The counter of finished calls, or the count of the duration histogram.
    pub(crate) calls: Measure,
    /// The counter of calls that have started.
    pub(crate) started: Option<Metric>,
    /// The histogram of their duration, that of streams among them.
    pub(crate) duration: Option<Metric>,
    /// The counters of messages.
    pub(crate) messages: Vec<Metric>,
    /// The labels of a method.
    pub(crate) by: &'static [&'static str],
    names: &'static GrpcNames,
}

/// The labels and values of one naming.
#[derive(Debug, PartialEq)]
struct GrpcNames {
    by: &'static [&'static str],
    /// The value of the first of these labels for all methods that the service does not know.
    unknown: &'static str,
    code: &'static str,
    /// The codes that are the fault of who answers: those for which `tonic::Code` is classified as an error.
    failed: [&'static str; 6],
    unimplemented: &'static str,
    cancelled: &'static str,
}

/// The label of the kind of a method.
const GRPC_TYPE: &str = "grpc_type";

const MIDDLEWARE: GrpcNames = GrpcNames {
    by: &["grpc_service", "grpc_method"],
    unknown: "unknown",
    code: "grpc_code",
    failed: ["Unknown", "DeadlineExceeded", "Unimplemented", "Internal", "Unavailable", "DataLoss"],
    unimplemented: "Unimplemented",
    cancelled: "Canceled",
};

const OPENTELEMETRY: GrpcNames = GrpcNames {
    by: &["rpc_method"],
    unknown: "_OTHER",
    code: "rpc_response_status_code",
    failed: ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
    unimplemented: "UNIMPLEMENTED",
    cancelled: "CANCELLED",
};

/// The labels of methods of gRPC, of which the program has few values.
pub(crate) const METHOD_OF_GRPC: &[&str] = &["grpc_method", "rpc_method"];

impl Grpc {
    pub(crate) fn code(&self) -> &'static str {
        self.names.code
    }

    /// Returns the code of a success, of a failure and of a call that was given up.
    pub(crate) fn codes(&self) -> [&'static str; 3] {
        let [.., failed] = self.names.failed;
        ["OK", failed, self.names.cancelled]
    }

    /// Returns a matcher for methods that the service knows. A client that calls others is at fault.
    pub(crate) fn known(&self) -> Matcher {
        matcher(self.by[0], Compare::IsNot, self.names.unknown)
    }

    /// Returns the labels of all methods that the service does not know, with the code of their calls.
    pub(crate) fn scanned(&self) -> Vec<(&'static str, &'static str)> {
        let labels = self.by.iter().map(|label| (*label, self.names.unknown));
        labels.chain([(self.names.code, self.names.unimplemented)]).collect()
    }

    /// Returns matchers for the calls that the service failed, or that another service did.
    pub(crate) fn failed(&self) -> [Matcher; 2] {
        [self.known(), matcher(self.names.code, Compare::Matches, &self.names.failed.join("|"))]
    }

    /// Returns matchers for the calls that ended in another way than being given up.
    pub(crate) fn completed(&self) -> [Matcher; 2] {
        [self.known(), matcher(self.names.code, Compare::IsNot, self.names.cancelled)]
    }

    pub(crate) fn cancelled(&self) -> [Matcher; 2] {
        [self.known(), matcher(self.names.code, Compare::Is, self.names.cancelled)]
    }

    /// Returns the labels of the method with this path.
    pub(crate) fn method<'p>(&self, path: &'p str) -> Vec<(&'static str, &'p str)> {
        let path = path.trim_start_matches('/');
        match (self.by, path.split_once('/')) {
            ([service, method], Some((in_service, name))) => vec![(service, in_service), (method, name)],
            _ => vec![(self.by[0], path)],
        }
    }

    /// Returns the histogram of the duration with a matcher for its unary calls, or `None` if it does not tell them from
    /// streams, whose duration is up to the client.
    pub(crate) fn unary(&self) -> Option<(&Metric, Matcher)> {
        let duration = self.duration.as_ref().filter(|duration| duration.has(GRPC_TYPE))?;
        Some((duration, matcher(GRPC_TYPE, Compare::Is, "unary")))
    }

    /// Returns the histogram of the duration if it also counts the calls.
    pub(crate) fn counting_duration(&self) -> Option<&Metric> {
        self.duration.as_ref().filter(|duration| duration.name == self.calls.metric())
    }
}

/// Finds the metrics of the gRPC calls that the service answers, and of those that it makes. Those of the middlewares for
/// Go also say how many calls are under way.
pub(crate) fn grpc(metrics: &[Metric]) -> Vec<Grpc> {
    let sides = [(Role::Grpc, "server"), (Role::GrpcClient, "client")].into_iter();
    sides.filter_map(|(role, side)| grpc_of(metrics, role, side)).collect()
}

fn grpc_of(metrics: &[Metric], role: Role, side: &str) -> Option<Grpc> {
    let find = |base: String, names: &GrpcNames| {
        let found = metrics.iter().find(|metric| metric.base == base);
        found.filter(|metric| names.by.iter().all(|label| metric.has(label)))
    };
    let of = |name: &str| find(format!("grpc_{side}_{name}"), &MIDDLEWARE).cloned();
    if let Some(handled) = of("handled_total").filter(|metric| metric.has(MIDDLEWARE.code)) {
        return Some(Grpc {
            role,
            calls: (&handled.name).into(),
            started: of("started_total"),
            duration: of("handling_seconds"),
            messages: ["msg_received_total", "msg_sent_total"].into_iter().filter_map(of).collect(),
            by: MIDDLEWARE.by,
            names: &MIDDLEWARE,
        });
    }
    let duration = find(format!("rpc_{side}_call_duration_seconds"), &OPENTELEMETRY)?;
    let duration = Some(duration).filter(|metric| metric.has(OPENTELEMETRY.code))?;
    Some(Grpc {
        role,
        calls: Measure::Count(duration.histogram()),
        started: None,
        duration: Some(duration.clone()),
        messages: Vec::new(),
        by: OPENTELEMETRY.by,
        names: &OPENTELEMETRY,
    })
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Metrics, Registry};
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

    use crate::metric::Role;
    use crate::model::Model;

    #[test]
    fn metrics_of_other_middlewares_are_those_of_grpc() {
        let registry = Registry::new();
        let method = ["grpc_type", "grpc_service", "grpc_method"];
        let handled = Opts::new("grpc_server_handled_total", "Calls.");
        let handled = IntCounterVec::new(handled, &[&method[..], &["grpc_code"]].concat()).unwrap();
        let seconds = HistogramOpts::new("grpc_server_handling_seconds", "Durations.");
        let seconds = HistogramVec::new(seconds, &method).unwrap();
        seconds.with_label_values(&["unary", "shop.Orders", "Place"]).observe(0.1);
        registry.register(Box::new(handled)).unwrap();
        registry.register(Box::new(seconds)).unwrap();
        let model = Model::new(&Metrics::builder().namespace("shop").registry(&registry).build().unwrap());
        let grpc = model.grpc_server().unwrap();
        assert_eq!(grpc.calls.series(), "grpc_server_handled_total");
        assert_eq!((grpc.unary().is_some(), grpc.started.is_some()), (true, false));
        assert_eq!(model.find("grpc_server_handling_seconds").map(|metric| metric.role), Some(Role::Grpc));
        assert_eq!(model.grpc.len(), 1, "there is no client");
    }

    #[test]
    fn a_counter_without_codes_is_not_that_of_calls() {
        let registry = Registry::new();
        let handled = Opts::new("grpc_client_handled_total", "Calls.");
        registry.register(Box::new(IntCounterVec::new(handled, &["grpc_method"]).unwrap())).unwrap();
        let model = Model::new(&Metrics::builder().registry(&registry).build().unwrap());
        assert_eq!(model.find("grpc_client_handled_total").map(|metric| metric.role), Some(Role::GrpcClient));
        assert!(model.grpc.is_empty());
    }
}
