//! The series of each method.

use std::collections::HashMap;

use tonic::Code;

use super::families::{Families, Side};
use super::methods::{COMMON, Method};
use crate::family::{Family, KnownSeries, Metric};
use crate::metric::{Counter, Moment};
use crate::schema::CODES;

/// Records the calls of a layer.
pub(super) struct Recorder {
    pub(super) side: Side,
    /// `true` if an HTTP layer around a server is to record the calls as well.
    pub(super) with_http: bool,
    families: Families,
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
}

/// Returns the series with these values.
fn kept<'f, M: Metric>(place: &KnownSeries, family: &'f Family<M>, values: &[&str]) -> &'f M {
    place.get(family, || values).unwrap_or_else(|| family.known_series(values))
}

const UNKNOWN: &str = "unknown";

impl MethodSeries {
    fn of(method: &Method) -> Self {
        Self::new([method.kind.as_str().to_owned(), method.service.clone(), method.name.clone()])
    }

    fn new(labels: [String; 3]) -> Self {
        let (started, received, sent, seconds) = Default::default();
        Self { labels, started, received, sent, seconds, handled: Default::default() }
    }

    fn values(&self) -> [&str; 3] {
        self.labels.each_ref().map(String::as_str)
    }
}

impl Recorder {
    /// Creates the series of these methods at zero, so that the first call of each is an increase.
    pub(super) fn new(side: Side, with_http: bool, families: Families, methods: &[Method]) -> Self {
        let common = COMMON.into_iter().filter_map(|(path, kind)| Method::at(path, kind).ok());
        let (mut by_path, mut series) = (HashMap::new(), Vec::new());
        for method in methods.iter().cloned().chain(common) {
            by_path.entry(method.path()).or_insert_with(|| {
                series.push(MethodSeries::of(&method));
                series.len() - 1
            });
        }
        series.push(MethodSeries::new([UNKNOWN; 3].map(str::to_owned)));
        let recorder = Self { side, with_http, families, by_path, series };
        for method in methods {
            recorder.declare(recorder.method(&method.path()));
        }
        recorder
    }

    fn declare(&self, method: usize) {
        let (series, families) = (&self.series[method], &self.families);
        let values = series.values();
        kept(&series.started, &families.started, &values);
        kept(&series.received, &families.received, &values);
        kept(&series.sent, &families.sent, &values);
        kept(&series.seconds, &families.seconds, &values);
        self.handled(method, Code::Ok);
    }

    /// Returns the number of the method with this path, or that of all unknown ones.
    pub(super) fn method(&self, path: &str) -> usize {
        self.by_path.get(path).copied().unwrap_or(self.series.len() - 1)
    }

    pub(super) fn start(&self, method: usize) {
        let series = &self.series[method];
        kept(&series.started, &self.families.started, &series.values()).inc();
    }

    pub(super) fn receive(&self, method: usize, messages: u64) {
        let series = &self.series[method];
        kept(&series.received, &self.families.received, &series.values()).inc_by(messages);
    }

    pub(super) fn send(&self, method: usize, messages: u64) {
        let series = &self.series[method];
        kept(&series.sent, &self.families.sent, &series.values()).inc_by(messages);
    }

    pub(super) fn handle(&self, method: usize, code: Code, start: Moment) {
        let series = &self.series[method];
        kept(&series.seconds, &self.families.seconds, &series.values()).observe_nanos(start.elapsed_nanos());
        self.handled(method, code).inc();
    }

    fn handled(&self, method: usize, code: Code) -> &Counter {
        let series = &self.series[method];
        let [kind, service, name] = series.values();
        // Every code of tonic has a name.
        let code = (code as usize).min(CODES.len() - 1);
        kept(&series.handled[code], &self.families.handled, &[kind, service, name, CODES[code]])
    }
}
