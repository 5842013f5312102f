//! A program: its metrics, its settings, and what happens to it until its pages are written.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures::executor::block_on;
use http::Request;
use metrics_runtime::circuit_breaker::{CircuitBreaker, Settings};
use metrics_runtime::exemplars::Exemplar;
use metrics_runtime::http::{Http, HttpMetric};
use metrics_runtime::visit::{FamilyRef, SeriesRef, Value, Visitor};
use metrics_runtime::{Descriptor, Format, Metrics, Registry};
use metrics_send::{Otlp, RemoteWrite, Sending, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tests::page::{Point, canonical_bound};
use tests::receiver::{Receiver, Sample};
use tests::{otlp, remote_write};
use tower::ServiceExt as _;

use crate::collectors::{Foreign, foreign};
use crate::words::{bound, label, labels, name, number, text};

/// An interval longer than any test.
const NEVER: Duration = Duration::from_secs(1_000_000_000);

thread_local! {
    /// The labels of the exemplars of this thread. A source that gives them is installed.
    pub(crate) static EXEMPLAR: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
}

/// Returns the exemplar of a call, if its labels are valid.
pub(crate) fn exemplar() -> Option<Exemplar> {
    EXEMPLAR.with_borrow(|labels| Exemplar::new(labels.iter().map(|(name, value)| (&**name, &**value))).ok())
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    namespace: String,
    constant: Vec<(String, String)>,
    infos: Vec<(String, Vec<(String, String)>)>,
    process: bool,
    own: Vec<Own>,
    foreign: Vec<Foreign>,
    breaker: Option<String>,
    requests: Option<Requests>,
    exemplar: Vec<(String, String)>,
}

/// A metric of the program.
#[derive(Clone, Debug)]
struct Own {
    kind: u8,
    name: String,
    help: String,
    unit: Option<String>,
    labels: Vec<String>,
    buckets: Vec<f64>,
    limit: Option<usize>,
    /// The label values and the value of each operation.
    operations: Vec<(String, f64)>,
}

/// The settings of the HTTP middleware, with the label values of one request.
#[derive(Clone, Debug)]
struct Requests {
    counter: String,
    method: String,
    in_flight: String,
    label: String,
    /// Values that are known, and those of the request and its response.
    known: Vec<String>,
    values: [String; 2],
}

fn own() -> impl Strategy<Value = Own> {
    let unit = prop_oneof![
        3 => select(vec!["seconds", "info", "seconds_info", "total", "a", "created", "bytes"]).prop_map(str::to_owned),
        1 => text(),
    ];
    let limit = prop::option::of(0..2_usize);
    let operations = vec((text(), number()), 0..4);
    let (unit, labels) = (prop::option::of(unit), vec(label(), 0..3));
    (0..4_u8, name(), text(), unit, labels, vec(bound(), 0..4), limit, operations).prop_map(
        |(kind, name, help, unit, labels, mut buckets, limit, operations)| {
            buckets.sort_by(f64::total_cmp);
            Own { kind, name, help, unit, labels, buckets, limit, operations }
        },
    )
}

fn requests() -> impl Strategy<Value = Requests> {
    let usually = |usual: &'static str, other| prop_oneof![3 => Just(usual.to_owned()), 1 => other];
    (
        usually("requests_total", name().boxed()),
        usually("method", label().boxed()),
        usually("in_flight", name().boxed()),
        label(),
        vec(text(), 0..3),
        [text(), text()],
    )
        .prop_map(|(counter, method, in_flight, label, known, values)| Requests {
            counter,
            method,
            in_flight,
            label,
            known,
            values,
        })
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    (
        prop_oneof![3 => Just(String::new()), 3 => Just("x".to_owned()), 1 => name()],
        labels(),
        vec((name(), labels()), 0..2),
        prop::bool::weighted(0.1),
        vec(own(), 0..4),
        vec(foreign(), 0..4),
        prop::option::weighted(0.2, text()),
        prop::option::weighted(0.3, requests()),
        labels(),
    )
        .prop_map(|(namespace, constant, infos, process, own, foreign, breaker, requests, exemplar)| Program {
            namespace,
            constant,
            infos,
            process,
            own,
            foreign,
            breaker,
            requests,
            exemplar,
        })
}

impl Program {
    /// Runs the program and returns its pages: that of its registry, and those of its settings in all formats. What is
    /// refused is left out.
    pub(crate) fn pages(&self) -> Vec<(Format, Vec<u8>)> {
        self.run(|registry, metrics| {
            let mut pages = vec![(Format::Text, registry.render().into_bytes())];
            if let Some(metrics) = metrics {
                let formats = [Format::Text, Format::OpenMetrics, Format::Protobuf];
                pages.extend(formats.map(|format| (format, metrics.render_as(format))));
            }
            pages
        })
    }

    /// Runs the program and returns what several walks find.
    pub(crate) fn walks(&self) -> Option<Walks> {
        self.run(|_, metrics| {
            let metrics = metrics?;
            let mut visitor = Points::default();
            metrics.visit(&mut visitor);
            let (text, protobuf) = (metrics.render_as(Format::Text), metrics.render_as(Format::Protobuf));
            Some(Walks { text, protobuf, visited: visitor.0 })
        })
    }

    /// Runs the program, and returns its text page with the samples that a receiver of remote write gets.
    pub(crate) fn written(&self, version: Version) -> Option<(Vec<u8>, BTreeSet<Point>)> {
        let start = |url: &str, metrics: &Metrics| {
            let write = RemoteWrite::new(url, "none").expect("a valid address").instance("");
            let write = write.external_label("job", "").expect("a valid label").stale_markers(false);
            write.version(version).interval(NEVER).samples_per_request(40).start(metrics).expect("valid settings")
        };
        let point = |series: remote_write::Series| {
            let labels = series.labels.iter().filter(|(name, _)| *name != "__name__");
            let labels = labels.map(|(name, value)| (name.as_str(), value.as_str()));
            vec![Point::new(series.name(), labels, series.value)]
        };
        self.sent(start, point)
    }

    /// Runs the program, and returns its text page with the samples that a receiver of OTLP gets.
    pub(crate) fn exported(&self) -> Option<(Vec<u8>, BTreeSet<Point>)> {
        let start = |url: &str, metrics: &Metrics| {
            let otlp = Otlp::new(url).expect("a valid address").service_name("test").instance("").stale_markers(false);
            otlp.interval(NEVER).samples_per_request(10).gzip(false).start(metrics).expect("valid settings")
        };
        self.sent(start, |point: otlp::DataPoint| point.points())
    }

    /// Runs the program, and returns its text page with the samples that a receiver has got last.
    fn sent<S: Sample>(
        &self,
        start: impl FnOnce(&str, &Metrics) -> Sending,
        points: impl Fn(S) -> Vec<Point>,
    ) -> Option<(Vec<u8>, BTreeSet<Point>)> {
        self.run(|_, metrics| {
            let metrics = metrics?;
            let mut receiver = Receiver::<S>::start();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let sent = runtime.block_on(async { start(&receiver.url(), metrics).finish().await });
            receiver.kill();
            let store = receiver.store();
            assert_eq!(sent.expect("nothing is lost").samples, receiver.stored());
            let points =
                store.into_values().filter_map(|mut samples| samples.pop_last()).flat_map(|(_, last)| points(last));
            Some((metrics.render_as(Format::Text), points.filter(|point| is_constant(&point.name)).collect()))
        })
    }

    /// Runs the program, and then `then` with its registry and its settings.
    fn run<R>(&self, then: impl FnOnce(&Registry, Option<&Metrics>) -> R) -> R {
        let registry = Registry::new();
        for own in &self.own {
            own.register(&registry);
        }
        for foreign in &self.foreign {
            foreign.add(&registry);
        }
        let breaker = self
            .breaker
            .as_ref()
            .map(|service| CircuitBreaker::register_in(&registry, service.as_str(), Settings::consecutive(1)));
        // Settings that are refused say so. Then the page is written without them.
        let metrics = self.metrics(&registry);
        let metrics = metrics.or_else(|_| Metrics::builder().registry(&registry).build()).ok();
        if let (Some(metrics), true) = (&metrics, self.requests.is_some()) {
            EXEMPLAR.set(self.exemplar.clone());
            send_request(metrics);
            EXEMPLAR.take();
        }
        let result = then(&registry, metrics.as_ref());
        drop(breaker);
        result
    }

    fn metrics(&self, registry: &Registry) -> Result<Metrics, metrics_runtime::InstallError> {
        let mut builder = Metrics::builder().registry(registry).namespace(&self.namespace);
        for (name, value) in &self.constant {
            builder = builder.constant_label(name, value);
        }
        for (name, facts) in &self.infos {
            builder = builder.info(name, facts.clone());
        }
        if self.process {
            builder = builder.process();
        }
        if let Some(requests) = &self.requests {
            builder = builder.http(requests.settings());
        }
        builder.build()
    }
}

impl Requests {
    fn settings(&self) -> Http {
        let [request, response] = self.values.clone();
        Http::new()
            .requests(self.counter.clone())
            .method_label(self.method.clone())
            .named(HttpMetric::InFlight, self.in_flight.clone())
            .request_label(self.label.clone(), 1, move |_| Some(request.clone().into()))
            .response_label_values("response", self.known.clone(), move |_| Some(response.clone().into()))
    }
}

/// Sends a request to a router with the middleware of these metrics.
fn send_request(metrics: &Metrics) {
    let router = Router::new().route("/é\"\\{id}", get(|| async { "hello" }));
    let router = metrics.http_layer().install(router);
    let request = Request::get("/%C3%A9%22%5C1").body(Body::empty()).expect("valid");
    let response = block_on(router.oneshot(request)).expect("a router cannot fail");
    let _ = block_on(axum::body::to_bytes(response.into_body(), usize::MAX));
}

impl Own {
    /// Registers and uses the metric, unless its definition is refused.
    fn register(&self, registry: &Registry) {
        let define = |descriptor: Descriptor| {
            let descriptor = descriptor.labels(self.labels.clone());
            let descriptor = match &self.unit {
                Some(unit) => descriptor.unit(unit.clone()),
                None => descriptor,
            };
            match self.limit {
                Some(limit) => descriptor.series_limit(limit),
                None => descriptor,
            }
        };
        let (name, help) = (self.name.clone(), self.help.clone());
        macro_rules! each {
            ($family:expr, |$series:ident, $value:ident| $record:expr) => {
                if let Ok(family) = $family {
                    for (text, $value) in &self.operations {
                        // Each label has the same value.
                        let $series = family
                            .get_or_create(&vec![text.as_str(); self.labels.len()])
                            .expect("the right number of values");
                        $record;
                    }
                }
            };
        }
        match self.kind {
            0 => each!(registry.counter(define(Descriptor::counter(name, help))), |series, value| series.add(*value)),
            1 => each!(registry.gauge(define(Descriptor::gauge(name, help))), |series, value| series.set(*value)),
            2 => {
                let histogram = registry.histogram(define(Descriptor::histogram(name, help, self.buckets.clone())));
                each!(histogram, |series, value| series.observe(*value));
            }
            _ => each!(registry.info(define(Descriptor::info(name, help))), |series, _value| drop(series)),
        }
    }
}

/// The findings of several walks over one program.
pub(crate) struct Walks {
    pub(crate) text: Vec<u8>,
    pub(crate) protobuf: Vec<u8>,
    pub(crate) visited: BTreeSet<Point>,
}

/// Collects the samples as the text format names them.
#[derive(Default)]
struct Points(BTreeSet<Point>);

impl Visitor for Points {
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        if !is_constant(family.name) {
            return;
        }
        let mut add = |suffix: &str, own: Option<(&str, f64)>, value: f64| {
            let own = own.map(|(label, bound)| (label, canonical_bound(bound).into()));
            let labels: Vec<_> = series.labels().chain(own).collect();
            let labels = labels.iter().map(|(name, value)| (*name, &**value));
            let is_new = self.0.insert(Point::new(&format!("{}{suffix}", family.name), labels, value));
            assert!(is_new, "{} is visited twice", family.name);
        };
        match value {
            Value::Counter(value) | Value::Gauge(value) | Value::Unknown(value) => add("", None, value.as_f64()),
            Value::Info => add("", None, 1.0),
            Value::Histogram(histogram) => {
                for (bound, count) in histogram.buckets() {
                    add("_bucket", Some(("le", bound)), count as f64);
                }
                add("_sum", None, histogram.sum);
                add("_count", None, histogram.count() as f64);
            }
            Value::Summary(summary) => {
                for (quantile, value) in summary.quantiles {
                    add("", Some(("quantile", *quantile)), *value);
                }
                add("_sum", None, summary.sum);
                add("_count", None, summary.count as f64);
            }
            other => panic!("{other:?} is of an unknown kind"),
        }
    }
}

/// Returns `true` for samples that are the same on all pages of a program: all but those that count resources, pages,
/// remote writes, and the values of all programs of this process.
pub(crate) fn is_constant(name: &str) -> bool {
    let varying = ["metrics_runtime_scrape_errors_total", "metrics_runtime_rejected_values_total"];
    !name.starts_with("process_") && !varying.contains(&name) && !name.contains("remote_storage_")
}
