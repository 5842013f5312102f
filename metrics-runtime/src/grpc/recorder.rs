//! The series of each method.

use std::collections::HashMap;

use tonic::Code;

use super::code;
use super::families::{CallDuration, Families, Side};
use super::methods::{COMMON, Method};
use crate::family::{Family, KnownSeries, Metric};
use crate::metric::{Counter, Histogram, Moment};
use crate::schema::CODES;

/// Records the calls of a layer.
pub(super) struct Recorder {
    pub(super) side: Side,
    /// `true` if an HTTP layer around a server is to record the calls as well.
    pub(super) with_http: bool,
    families: Option<Families>,
    calls: Option<CallDuration>,
    by_path: HashMap<String, usize>,
    /// The series of the known methods, and at the end those of all others.
    series: Vec<MethodSeries>,
}

/// The labels of a method, and the places of its series.
struct MethodSeries {
    labels: [String; 3],
    started: KnownSeries,
    received: KnownSeries,
    sent: KnownSeries,
    seconds: KnownSeries,
    handled: [KnownSeries; CODES.len()],
    /// The method as OpenTelemetry writes it.
    method: String,
    calls: [KnownSeries; CODES.len()],
}

/// Returns the series with these values.
fn kept<'f, M: Metric>(place: &KnownSeries, family: &'f Family<M>, values: &[&str]) -> &'f M {
    place.get(family, || values).unwrap_or_else(|| family.known_series(values))
}

/// Returns the place of a code among all. Every code of tonic has one.
fn index(code: Code) -> usize {
    (code as usize).min(CODES.len() - 1)
}

const UNKNOWN: &str = "unknown";

/// OpenTelemetry's value for a method that the layer does not know.
const OTHER: &str = "_OTHER";

impl MethodSeries {
    fn of(method: &Method) -> Self {
        let labels = [method.kind.as_str().to_owned(), method.service.clone(), method.name.clone()];
        Self::new(labels, format!("{}/{}", method.service, method.name))
    }

    fn new(labels: [String; 3], method: String) -> Self {
        let (started, received, sent, seconds) = Default::default();
        let (handled, calls) = Default::default();
        Self { labels, started, received, sent, seconds, handled, method, calls }
    }

    fn values(&self) -> [&str; 3] {
        self.labels.each_ref().map(String::as_str)
    }

    fn handled<'f>(&self, families: &'f Families, code: Code) -> &'f Counter {
        let [kind, service, name] = self.values();
        let code = index(code);
        kept(&self.handled[code], &families.handled, &[kind, service, name, CODES[code]])
    }

    fn calls<'f>(&self, calls: &'f CallDuration, side: Side, code: Code) -> &'f Histogram {
        let values = ["grpc", &self.method, code::OPENTELEMETRY[index(code)], code::error_type(side, code)];
        kept(&self.calls[index(code)], calls, &values)
    }
}

impl Recorder {
    /// Creates the series of these methods at zero, so that the first call of each is an increase.
    pub(super) fn new(
        side: Side,
        with_http: bool,
        families: Option<Families>,
        calls: Option<CallDuration>,
        methods: &[Method],
    ) -> Self {
        let common = COMMON.into_iter().filter_map(|(path, kind)| Method::at(path, kind).ok());
        let (mut by_path, mut series) = (HashMap::new(), Vec::new());
        for method in methods.iter().cloned().chain(common) {
            by_path.entry(method.path()).or_insert_with(|| {
                series.push(MethodSeries::of(&method));
                series.len() - 1
            });
        }
        series.push(MethodSeries::new([UNKNOWN; 3].map(str::to_owned), OTHER.to_owned()));
        let recorder = Self { side, with_http, families, calls, by_path, series };
        for method in methods {
            recorder.declare(recorder.method(&method.path()));
        }
        recorder
    }

    fn declare(&self, method: usize) {
        let series = &self.series[method];
        let values = series.values();
        if let Some(families) = &self.families {
            kept(&series.started, &families.started, &values);
            kept(&series.received, &families.received, &values);
            kept(&series.sent, &families.sent, &values);
            kept(&series.seconds, &families.seconds, &values);
            series.handled(families, Code::Ok);
        }
        if let Some(calls) = &self.calls {
            series.calls(calls, self.side, Code::Ok);
        }
    }

    /// Returns the number of the method with this path, or that of all unknown ones.
    pub(super) fn method(&self, path: &str) -> usize {
        self.by_path.get(path).copied().unwrap_or(self.series.len() - 1)
    }

    pub(super) fn start(&self, method: usize) {
        let Some(families) = &self.families else { return };
        let series = &self.series[method];
        kept(&series.started, &families.started, &series.values()).inc();
    }

    pub(super) fn receive(&self, method: usize, messages: u64) {
        let Some(families) = &self.families else { return };
        let series = &self.series[method];
        kept(&series.received, &families.received, &series.values()).inc_by(messages);
    }

    pub(super) fn send(&self, method: usize, messages: u64) {
        let Some(families) = &self.families else { return };
        let series = &self.series[method];
        kept(&series.sent, &families.sent, &series.values()).inc_by(messages);
    }

    pub(super) fn handle(&self, method: usize, code: Code, start: Moment) {
        let series = &self.series[method];
        let nanos = start.elapsed_nanos();
        if let Some(families) = &self.families {
            kept(&series.seconds, &families.seconds, &series.values()).observe_nanos(nanos);
            series.handled(families, code).inc();
        }
        if let Some(calls) = &self.calls {
            series.calls(calls, self.side, code).observe_nanos(nanos);
        }
    }
}
