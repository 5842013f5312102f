//! Pages with the same metrics in every library: counters of three labels, histograms of three labels and eleven
//! buckets.

use std::fmt::Write as _;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;

pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const COUNTER: &str = "http_requests_total";
const HISTOGRAM: &str = "http_request_duration_seconds";
const LABELS: [&str; 3] = ["method", "route", "tenant"];

/// The number of series of each kind.
#[derive(Clone, Copy)]
pub struct Size {
    pub counters: usize,
    pub histograms: usize,
}

/// Renders the page of the metrics that it owns.
pub type Page = Box<dyn Fn() -> String>;
pub type Build = fn(Size) -> Page;

/// Returns the label values of a series. No two series have the same.
fn values(series: usize) -> [String; 3] {
    let method = ["GET", "POST", "PUT", "DELETE", "PATCH"][series % 5];
    [method.to_owned(), format!("/api/v1/items/{:03}", series / 5 % 200), format!("tenant-{:04}", series / 1000)]
}

/// The value of a counter.
fn count(series: usize) -> u64 {
    series as u64 * 7 + 1
}

/// The observation of a histogram.
fn observation(series: usize) -> f64 {
    (series % 1000) as f64 / 128.0
}

pub fn ours(size: Size) -> Page {
    use metrics_runtime::{Descriptor, Registry};

    let registry = Registry::new();
    registry.set_series_limit(usize::MAX);
    let counters =
        registry.counter(Descriptor::counter(COUNTER, "Requests.").labels(LABELS)).expect("the descriptor is valid");
    let histogram = Descriptor::histogram(HISTOGRAM, "Their duration.", BUCKETS.to_vec()).labels(LABELS);
    let histograms = registry.histogram(histogram).expect("the descriptor is valid");
    for i in 0..size.counters {
        counters.get_or_create(&values(i).each_ref().map(String::as_str)).expect("three labels").inc_by(count(i));
    }
    for i in 0..size.histograms {
        histograms
            .get_or_create(&values(i).each_ref().map(String::as_str))
            .expect("three labels")
            .observe(observation(i));
    }
    Box::new(move || registry.render())
}

pub fn prometheus(size: Size) -> Page {
    use prometheus::{HistogramVec, IntCounterVec, Registry, TextEncoder, histogram_opts, opts};

    let registry = Registry::new();
    let counters = IntCounterVec::new(opts!(COUNTER, "Requests."), &LABELS).expect("the descriptor is valid");
    let opts = histogram_opts!(HISTOGRAM, "Their duration.", BUCKETS.to_vec());
    let histograms = HistogramVec::new(opts, &LABELS).expect("the descriptor is valid");
    registry.register(Box::new(counters.clone())).expect("the registry is empty");
    registry.register(Box::new(histograms.clone())).expect("the registry is empty");
    for i in 0..size.counters {
        counters.with_label_values(&values(i)).inc_by(count(i));
    }
    for i in 0..size.histograms {
        histograms.with_label_values(&values(i)).observe(observation(i));
    }
    Box::new(move || TextEncoder::new().encode_to_string(&registry.gather()).expect("the metrics are valid"))
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    tenant: String,
}

impl Labels {
    fn of(series: usize) -> Self {
        let [method, route, tenant] = values(series);
        Self { method, route, tenant }
    }
}

#[derive(Clone)]
struct Constructor;

impl MetricConstructor<Histogram> for Constructor {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

pub fn prometheus_client(size: Size) -> Page {
    use prometheus_client::registry::Registry;

    let mut registry = Registry::default();
    let counters = Family::<Labels, Counter>::default();
    let histograms = Family::<Labels, Histogram, Constructor>::new_with_constructor(Constructor);
    registry.register("http_requests", "Requests", counters.clone());
    registry.register(HISTOGRAM, "Their duration", histograms.clone());
    for i in 0..size.counters {
        counters.get_or_create_owned(&Labels::of(i)).inc_by(count(i));
    }
    for i in 0..size.histograms {
        histograms.get_or_create_owned(&Labels::of(i)).observe(observation(i));
    }
    Box::new(move || {
        let mut page = String::new();
        encode(&mut page, &registry).expect("writing to a string cannot fail");
        page
    })
}

/// The floor: the least work that any implementation has to do. All constant text is kept in the order of the page;
/// what remains is to copy it and to write the numbers between.
pub fn floor(size: Size) -> Page {
    let mut cached = Floor::default();
    for i in 0..size.counters {
        let [method, route, tenant] = values(i);
        let labels = format!("method=\"{method}\",route=\"{route}\",tenant=\"{tenant}\"");
        cached.sample(format_args!("{COUNTER}{{{labels}}} "), Number::Whole(count(i)));
    }
    for i in 0..size.histograms {
        let [method, route, tenant] = values(i);
        let labels = format!("method=\"{method}\",route=\"{route}\",tenant=\"{tenant}\"");
        let observed = observation(i);
        for bound in BUCKETS {
            let sample = format_args!("{HISTOGRAM}_bucket{{{labels},le=\"{bound}\"}} ");
            cached.sample(sample, Number::Whole(u64::from(observed <= bound)));
        }
        cached.sample(format_args!("{HISTOGRAM}_bucket{{{labels},le=\"+Inf\"}} "), Number::Whole(1));
        cached.sample(format_args!("{HISTOGRAM}_sum{{{labels}}} "), Number::Float(observed));
        cached.sample(format_args!("{HISTOGRAM}_count{{{labels}}} "), Number::Whole(1));
    }
    Box::new(move || cached.write())
}

#[derive(Default)]
struct Floor {
    text: String,
    /// The end of the text in front of each number, with the number.
    samples: Vec<(usize, Number)>,
}

enum Number {
    Whole(u64),
    Float(f64),
}

impl Floor {
    fn sample(&mut self, text: std::fmt::Arguments<'_>, number: Number) {
        self.text.write_fmt(text).expect("writing to a string cannot fail");
        self.samples.push((self.text.len(), number));
    }

    fn write(&self) -> String {
        let (mut whole, mut float) = (itoa::Buffer::new(), ryu::Buffer::new());
        // A real implementation knows the size from the page before.
        let mut page = String::with_capacity(self.text.len() + 21 * self.samples.len());
        let mut start = 0;
        for (end, number) in &self.samples {
            page.push_str(&self.text[start..*end]);
            page.push_str(match number {
                Number::Whole(number) => whole.format(*number),
                Number::Float(number) => float.format(*number),
            });
            page.push('\n');
            start = *end;
        }
        page
    }
}
