//! The walk over all samples, which writes them into requests of a protocol.

mod protocol;
mod table;

use std::time::SystemTime;

use metrics_runtime::exemplars::StoredExemplar;
use metrics_runtime::visit::{self, FamilyRef, SeriesRef, Visitor};

pub(crate) use self::protocol::Protocol;
use self::table::{Entry, Table, Vanished};
use crate::queue::Batch;
use crate::sample::{Millis, millis};
use crate::selection::Selection;

/// The settings of walks.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) selection: Selection,
    pub(crate) native_histograms: bool,
    pub(crate) exemplars: bool,
    pub(crate) stale_markers: bool,
    /// The number of samples after which a batch is full.
    pub(crate) batch: u64,
}

impl Default for Reading {
    fn default() -> Self {
        let selection = Selection::default();
        Self { selection, native_histograms: false, exemplars: true, stale_markers: true, batch: 2_000 }
    }
}

/// A visitor that writes requests, with what it keeps from walk to walk.
#[derive(Debug)]
pub(crate) struct Walk<P: Protocol> {
    table: Table<P>,
    key: String,
    writer: Writer<P>,
}

/// The requests of a walk.
#[derive(Debug)]
struct Writer<P: Protocol> {
    protocol: P,
    reading: Reading,
    body: P::Body,
    /// The number of samples in the body, and the time of the newest one.
    samples: u64,
    newest: Millis,
    batches: Vec<Batch>,
    /// The time of this walk.
    time: Millis,
    /// The start of the walk before. Exemplars that are older were sent.
    since: SystemTime,
    start: SystemTime,
}

impl<P: Protocol> Walk<P> {
    pub(crate) fn new(protocol: P, reading: Reading) -> Self {
        let start = SystemTime::UNIX_EPOCH;
        let writer = Writer {
            body: protocol.body(),
            protocol,
            reading,
            samples: 0,
            newest: 0,
            batches: Vec::new(),
            time: 0,
            since: start,
            start,
        };
        Self { table: Table::default(), key: String::new(), writer }
    }

    /// Starts a walk. Its samples have this time, which is later than that of the walk before.
    pub(crate) fn start(&mut self, time: Millis) {
        self.table.start();
        self.writer.time = time;
        self.writer.since = std::mem::replace(&mut self.writer.start, SystemTime::now());
    }

    /// Ends a walk, with stale markers for the samples that are gone.
    pub(crate) fn end(&mut self) {
        self.writer.mark(self.table.end());
    }

    /// Marks all samples as stale at this time, and forgets them.
    pub(crate) fn mark_all(&mut self, time: Millis) {
        self.writer.time = time;
        self.writer.mark(self.table.clear());
    }

    pub(crate) fn take_batches(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.writer.batches)
    }
}

impl<P: Protocol> Visitor for Walk<P> {
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: visit::Value<'_>) {
        self.key.clear();
        self.key.extend([family.name, "{"]);
        series.push_text(&mut self.key);
        let writer = &mut self.writer;
        let own_time = series.timestamp().map(millis);
        let time = own_time.unwrap_or(writer.time);
        self.table.visit(&self.key, |entry, walk| {
            let has_time = own_time.is_some();
            let created = series.created().map(|created| entry.start(millis(created), time));
            P::add(&mut Current { family, series, writer, entry, walk, time, has_time, created }, value);
        });
    }

    fn takes_exemplars(&self) -> bool {
        self.writer.reading.exemplars
    }

    fn takes_native_buckets(&self) -> bool {
        self.writer.reading.native_histograms
    }
}

impl<P: Protocol> Writer<P> {
    /// Ends the batch if it has no room for so many samples. Those of one histogram are in one batch, so that a receiver
    /// never has a part of them.
    fn make_room(&mut self, samples: usize) {
        if self.samples > 0 && self.samples + samples as u64 > self.reading.batch {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Some(body) = self.protocol.take(&mut self.body) {
            self.batches.push(Batch { body, samples: self.samples, newest: self.newest });
        }
        (self.samples, self.newest) = (0, 0);
    }

    fn count(&mut self, time: Millis) {
        self.samples += 1;
        self.newest = self.newest.max(time);
    }

    /// Writes stale markers, and ends the last batch.
    fn mark(&mut self, vanished: Vec<Vanished<P>>) {
        if self.reading.stale_markers {
            for Vanished { part, identity, .. } in vanished {
                self.make_room(1);
                P::mark(&mut self.body, part, &identity, self.time);
                self.count(self.time);
            }
        }
        self.flush();
    }

    /// Returns the exemplars that are newer than the last walk, in the order of their times.
    fn new_exemplars<'a>(&self, exemplars: &'a [Option<StoredExemplar>]) -> Vec<&'a StoredExemplar> {
        let mut new: Vec<_> = exemplars.iter().flatten().filter(|exemplar| exemplar.time >= self.since).collect();
        new.sort_by_key(|exemplar| exemplar.time);
        new
    }
}

/// The series whose samples are written.
#[derive(Debug)]
pub struct Current<'a, P: Protocol> {
    pub(crate) family: &'a FamilyRef<'a>,
    pub(crate) series: &'a SeriesRef<'a>,
    writer: &'a mut Writer<P>,
    entry: &'a mut Entry<P>,
    walk: u64,
    time: Millis,
    /// `true` if the series sets the time.
    has_time: bool,
    created: Option<Millis>,
}

/// The time and the exemplars of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) time: Millis,
    /// The time at which the series started from zero, before `time`.
    pub(crate) created: Option<Millis>,
    /// In the order of their times.
    pub(crate) exemplars: &'a [&'a StoredExemplar],
}

impl<P: Protocol> Current<'_, P> {
    /// Keeps so many samples that follow in one batch.
    pub(crate) fn make_room(&mut self, samples: usize) {
        self.writer.make_room(samples);
    }

    /// Writes the sample of a part of the series, unless a sample of this or of a later time was sent already. Calls
    /// `prepare` for a new part; it returns `None` if the part is not sent.
    pub(crate) fn add(
        &mut self,
        part: P::Part,
        exemplars: &[Option<StoredExemplar>],
        prepare: impl FnOnce(&P, &P::Body, &Selection) -> Option<P::Identity>,
        write: impl FnOnce(&mut P::Body, &mut P::Identity, &Moment<'_>),
    ) {
        let Writer { protocol, body, reading, .. } = &*self.writer;
        let part = self.entry.part(part, self.walk, || prepare(protocol, body, &reading.selection));
        let Some(identity) = part.at(self.time, self.has_time) else { return };
        let exemplars = if exemplars.is_empty() { Vec::new() } else { self.writer.new_exemplars(exemplars) };
        let moment = Moment { time: self.time, created: self.created, exemplars: &exemplars };
        write(&mut self.writer.body, identity, &moment);
        self.writer.count(self.time);
    }
}

#[cfg(all(test, feature = "otlp", feature = "remote-write"))]
mod tests {
    use std::time::{Duration, Instant};

    use metrics_runtime::{Descriptor, Registry};

    use super::*;
    use crate::{Otlp, RemoteWrite, Sender, Version};

    /// Walks once, and returns the number of samples.
    fn samples<P: Protocol>(walk: &mut Walk<P>, registry: &Registry, time: Millis) -> u64 {
        walk.start(time);
        registry.visit(walk);
        walk.end();
        walk.take_batches().iter().map(|batch| batch.samples).sum()
    }

    fn remote_write(version: Version) -> RemoteWrite {
        RemoteWrite::new("http://localhost/", "test").expect("valid").instance("").version(version)
    }

    fn otlp() -> Otlp {
        Otlp::new("http://localhost/").expect("valid").service_name("test").instance("")
    }

    fn walk<P: Protocol>(mut sender: Sender<P>) -> Walk<P> {
        let protocol = sender.protocol_mut().ready(&(&Registry::new()).into()).expect("valid");
        Walk::new(protocol, Reading::default())
    }

    fn check_end_of_series<P: Protocol>(mut walk: Walk<P>) {
        let registry = Registry::new();
        let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["kind"])).expect("valid");
        let before = samples(&mut walk, &registry, 1);
        let series = walk.table.len();
        for kind in 0..100 {
            jobs.get_or_create(&[&kind.to_string()]).expect("valid").inc();
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

    #[test]
    fn series_that_are_gone_leave_the_table() {
        check_end_of_series(walk(remote_write(Version::V1)));
        check_end_of_series(walk(otlp()));
    }

    fn print_cost<P: Protocol>(name: &str, mut walk: Walk<P>) {
        let registry = Registry::new();
        let labels = ["method", "route", "tenant"];
        let requests = Descriptor::counter("http_requests_total", "Requests.").labels(labels).series_limit(20_000);
        let requests = registry.counter(requests).expect("valid");
        for i in 0..10_000 {
            let values = ["GET", &format!("/items/{}", i % 100), &format!("tenant-{i}")];
            requests.get_or_create(&values).expect("valid").inc_by(i);
        }
        let mut shortest = Duration::MAX;
        for time in 1..=24 {
            requests.get_or_create(&["GET", "/items/1", "tenant-1"]).expect("valid").inc();
            let start = Instant::now();
            walk.start(time);
            registry.visit(&mut walk);
            walk.end();
            let elapsed = start.elapsed();
            shortest = shortest.min(elapsed);
            let batches = walk.take_batches();
            let bytes: usize = batches.iter().map(|batch| batch.body.len()).sum();
            eprintln!(
                "{name}, walk {time}: {elapsed:?}, shortest {shortest:?}, {} requests, {bytes} bytes",
                batches.len()
            );
        }
    }

    /// Run it with `cargo test --release --all-features -p metrics-send -- --ignored --nocapture`.
    #[test]
    #[ignore = "prints the cost of a walk"]
    fn cost_of_a_walk() {
        print_cost("remote write 1.0", walk(remote_write(Version::V1)));
        print_cost("remote write 2.0", walk(remote_write(Version::V2)));
        print_cost("OTLP", walk(otlp().gzip(false)));
        print_cost("OTLP with gzip", walk(otlp()));
    }
}
