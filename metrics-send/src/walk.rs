//! The walk over all samples, which writes them into requests.

use std::time::SystemTime;

use metrics_runtime::__shared::push_number;
use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::{self, FamilyRef, HistogramRef, Number, SeriesRef, SummaryRef, Visitor};

use crate::labels::Selection;
use crate::request::{Batch, Labels, Millis, Protocol, Request, Sample, Value, canonical, millis};
use crate::table::{Entry, Role, Table};

/// The settings of walks.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) protocol: Protocol,
    pub(crate) selection: Selection,
    pub(crate) native_histograms: bool,
    pub(crate) exemplars: bool,
    pub(crate) stale_markers: bool,
    /// The number of samples after which a batch is full.
    pub(crate) batch: u64,
}

/// A visitor that writes requests, with what it keeps from walk to walk.
#[derive(Debug)]
pub(crate) struct Walk {
    table: Table,
    key: String,
    writer: Writer,
}

/// The requests of a walk.
#[derive(Debug)]
struct Writer {
    reading: Reading,
    request: Request,
    batches: Vec<Batch>,
    /// The time of this walk.
    time: Millis,
    /// The start of the walk before. Exemplars that are older were sent.
    since: SystemTime,
    start: SystemTime,
}

impl Walk {
    pub(crate) fn new(reading: Reading) -> Self {
        let request = Request::new(reading.protocol);
        let start = SystemTime::UNIX_EPOCH;
        let writer = Writer { reading, request, batches: Vec::new(), time: 0, since: start, start };
        Self { table: Table::default(), key: String::new(), writer }
    }

    /// Starts a walk. Its samples have this time, which is later than that of the walk before.
    pub(crate) fn start(&mut self, time: Millis) {
        self.table.start();
        self.writer.time = time;
        self.writer.since = std::mem::replace(&mut self.writer.start, SystemTime::now());
    }

    /// Ends a walk, with stale markers for the series that are gone.
    pub(crate) fn end(&mut self) {
        let writer = &mut self.writer;
        self.table.end(|labels, value| writer.mark(labels, value));
        writer.flush();
    }

    /// Marks all series as stale at this time, and forgets them.
    pub(crate) fn mark_all(&mut self, time: Millis) {
        let writer = &mut self.writer;
        writer.time = time;
        self.table.clear(|labels, value| writer.mark(labels, value));
        writer.flush();
    }

    pub(crate) fn take_batches(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.writer.batches)
    }
}

impl Visitor for Walk {
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: visit::Value<'_>) {
        self.key.clear();
        self.key.extend([family.name, "{"]);
        series.push_text(&mut self.key);
        let writer = &mut self.writer;
        let created = series.created().map(millis);
        self.table.visit(&self.key, |entry, walk| {
            let mut out = Current { writer, entry, walk, family, series, created };
            match value {
                visit::Value::Counter(value) => out.value(value, series.exemplars),
                visit::Value::Gauge(value) | visit::Value::Unknown(value) => out.value(value, &[]),
                visit::Value::Info => out.value(Number::Whole(1), &[]),
                visit::Value::Histogram(histogram) => out.histogram(histogram),
                visit::Value::Summary(summary) => out.summary(summary),
                // A kind that is added to the runtime is added here.
                _ => {}
            }
        });
    }

    fn takes_exemplars(&self) -> bool {
        self.writer.reading.exemplars
    }

    fn takes_native_buckets(&self) -> bool {
        self.writer.reading.native_histograms
    }
}

impl Writer {
    /// Ends the batch if it has no room for so many samples. Those of one histogram are in one batch, so that a receiver
    /// never has a part of them.
    fn make_room(&mut self, samples: usize) {
        if self.request.samples() > 0 && self.request.samples() + samples as u64 > self.reading.batch {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.batches.extend(self.request.take());
    }

    fn mark(&mut self, labels: &Labels, value: Value<'_>) {
        if self.reading.stale_markers {
            self.make_room(1);
            self.request.add(labels, &Sample { value, time: self.time, created: None, exemplars: &[] }, None);
        }
    }

    /// Returns the exemplars that are newer than the last walk, in the order of their times.
    fn new_exemplars<'a>(&self, exemplars: &'a [Option<StoredExemplar>]) -> Vec<&'a StoredExemplar> {
        let mut new: Vec<_> = exemplars.iter().flatten().filter(|exemplar| exemplar.time >= self.since).collect();
        new.sort_by_key(|exemplar| exemplar.time);
        new
    }
}

/// The series of a family whose samples are written.
struct Current<'a> {
    writer: &'a mut Writer,
    entry: &'a mut Entry,
    walk: u64,
    family: &'a FamilyRef<'a>,
    series: &'a SeriesRef<'a>,
    created: Option<Millis>,
}

impl Current<'_> {
    fn value(&mut self, value: Number, exemplars: &[Option<StoredExemplar>]) {
        self.writer.make_room(1);
        self.add(Role::Value, "", Value::Number(canonical(value.as_f64())), exemplars);
    }

    fn histogram(&mut self, histogram: HistogramRef<'_>) {
        let HistogramRef { bounds, sum, native, .. } = histogram;
        let (count, sum) = (histogram.count(), canonical(sum));
        self.writer.make_room(bounds.len() + 4);
        let exemplars = self.series.exemplars;
        if let Some(buckets) = native {
            self.add(Role::Native, "", Value::Native { count, sum, buckets }, exemplars);
            if bounds.is_empty() {
                return;
            }
        }
        for (i, (bound, count)) in histogram.buckets().enumerate() {
            let exemplar = exemplars.get(i..=i).unwrap_or_default();
            self.add(Role::Bucket(bound.to_bits()), "_bucket", Value::Number(count as f64), exemplar);
        }
        self.add(Role::Sum, "_sum", Value::Number(sum), &[]);
        self.add(Role::Count, "_count", Value::Number(count as f64), &[]);
    }

    fn summary(&mut self, summary: SummaryRef<'_>) {
        self.writer.make_room(summary.quantiles.len() + 2);
        for (quantile, value) in summary.quantiles {
            self.add(Role::Quantile(quantile.to_bits()), "", Value::Number(canonical(*value)), &[]);
        }
        self.add(Role::Sum, "_sum", Value::Number(canonical(summary.sum)), &[]);
        self.add(Role::Count, "_count", Value::Number(summary.count as f64), &[]);
    }

    fn add(&mut self, role: Role, suffix: &str, value: Value<'_>, exemplars: &[Option<StoredExemplar>]) {
        let Self { writer, entry, walk, family, series, created } = self;
        let Writer { reading, time, .. } = &**writer;
        let own_time = series.timestamp().map(millis);
        let time = own_time.unwrap_or(*time);
        let part = entry.part(role, *walk, || prepare(reading, family.name, series, role, suffix));
        let Some(labels) = part.at(time, own_time.is_some()) else { return };
        let exemplars = if exemplars.is_empty() { Vec::new() } else { writer.new_exemplars(exemplars) };
        let sample = Sample { value, time, created: *created, exemplars: &exemplars };
        writer.request.add(labels, &sample, Some(family));
    }
}

/// Returns the labels of a new series of samples, or `None` if a rule drops it.
fn prepare(reading: &Reading, family: &str, series: &SeriesRef<'_>, role: Role, suffix: &str) -> Option<Labels> {
    let name = format!("{family}{suffix}");
    if reading.selection.drops(family, &name) {
        return None;
    }
    let bound = match role {
        Role::Bucket(bits) => Some(("le", bound(bits))),
        Role::Quantile(bits) => Some(("quantile", bound(bits))),
        _ => None,
    };
    let own = bound.as_ref().map(|(label, text)| (*label, text.as_str()));
    Some(Labels::new(reading.protocol, &reading.selection.labels(&name, series, own)))
}

/// Returns a bound as it is on the text page.
fn bound(bits: u64) -> String {
    let mut text = String::new();
    // Negative zero is the same bound as zero.
    push_number(&mut text, Number::Float(f64::from_bits(bits) + 0.0));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use metrics_runtime::{Descriptor, Registry};

    use super::*;

    fn walk(protocol: Protocol) -> Walk {
        let selection = Selection::default();
        let [native_histograms, exemplars, stale_markers] = [false, true, true];
        Walk::new(Reading { protocol, selection, native_histograms, exemplars, stale_markers, batch: 2_000 })
    }

    /// Walks once, and returns the number of samples.
    fn samples(walk: &mut Walk, registry: &Registry, time: Millis) -> u64 {
        walk.start(time);
        registry.visit(walk);
        walk.end();
        walk.take_batches().iter().map(|batch| batch.samples).sum()
    }

    #[test]
    fn series_that_are_gone_leave_the_table() {
        let registry = Registry::new();
        let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["kind"])).unwrap();
        let mut walk = walk(Protocol::V1);
        let before = samples(&mut walk, &registry, 1);
        let series = walk.table.len();
        for kind in 0..100 {
            jobs.get_or_create(&[&kind.to_string()]).unwrap().inc();
        }
        assert_eq!(samples(&mut walk, &registry, 2), before + 100);
        assert_eq!(walk.table.len(), series + 100);
        jobs.clear();
        assert_eq!(samples(&mut walk, &registry, 3), before + 100, "a stale marker for each");
        assert_eq!(walk.table.len(), series);
        assert_eq!(samples(&mut walk, &registry, 4), before);
        walk.mark_all(5);
        assert_eq!(walk.take_batches().iter().map(|batch| batch.samples).sum::<u64>(), before);
        assert_eq!(walk.table.len(), 0);
    }

    /// Run it with `cargo test --release -p metrics-send -- --ignored --nocapture`.
    #[test]
    #[ignore = "prints the cost of a walk"]
    fn cost_of_a_walk() {
        let registry = Registry::new();
        let labels = ["method", "route", "tenant"];
        let requests = Descriptor::counter("http_requests_total", "Requests.").labels(labels).series_limit(20_000);
        let requests = registry.counter(requests).unwrap();
        for i in 0..10_000 {
            let values = ["GET", &format!("/items/{}", i % 100), &format!("tenant-{i}")];
            requests.get_or_create(&values).unwrap().inc_by(i);
        }
        for protocol in [Protocol::V1, Protocol::V2] {
            let mut walk = walk(protocol);
            for time in 1..=12 {
                requests.get_or_create(&["GET", "/items/1", "tenant-1"]).unwrap().inc();
                let start = Instant::now();
                walk.start(time);
                registry.visit(&mut walk);
                walk.end();
                let elapsed = start.elapsed();
                let batches = walk.take_batches();
                let bytes: usize = batches.iter().map(|batch| batch.body.len()).sum();
                eprintln!("{protocol:?}, walk {time}: {elapsed:?}, {} requests, {bytes} bytes", batches.len());
            }
        }
    }
}
