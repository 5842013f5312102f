//! A receiver of remote write, which answers as a test tells it and keeps what it has accepted.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use prost::Message as _;

use crate::page::Labels;
use crate::wait;

/// A running receiver. It ends with the test process, or when it is killed.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Reply>>,
    otherwise: Mutex<Reply>,
    requests: Mutex<Vec<Request>>,
    /// `true` if a request was not valid.
    is_invalid: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

/// The answer to a request.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// Accepts it.
    #[default]
    Accept,
    /// Answers with a status and headers, `"503"` or `"429\r\nretry-after: 1"`. Accepts it if it is a 2xx.
    Status(&'static str),
    /// Never answers.
    Hang,
    /// Resets the connection.
    Reset,
    /// Accepts it, and closes the connection without an answer.
    AcceptAndClose,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Request {
    /// The time of its end.
    pub time: Instant,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// `true` if it was accepted.
    pub is_accepted: bool,
    /// The series.
    pub series: Vec<Series>,
}

/// A series of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The labels, with `__name__`.
    pub labels: Labels,
    /// The time of the sample in milliseconds since 1970.
    pub time: i64,
    /// The value of the sample; the sum of a native histogram.
    pub value: f64,
    /// The native histogram.
    pub histogram: Option<Histogram>,
    /// The labels of the exemplars, with their values.
    pub exemplars: Vec<(Labels, f64)>,
    /// The type, the help text and the unit, in version 2.0.
    pub metadata: Option<(u32, String, String)>,
    /// The time at which the series started, in version 2.0.
    pub start: i64,
}

impl Series {
    /// Returns `true` if this is a stale marker.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.value.to_bits() == 0x7ff0_0000_0000_0002
    }

    /// Returns the name of the metric.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.labels["__name__"]
    }
}

impl Receiver {
    /// Starts a receiver that accepts everything.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut receiver = Self { address: listener.local_addr().unwrap(), shared: Arc::default(), thread: None };
        receiver.serve(listener);
        receiver
    }

    fn serve(&mut self, listener: TcpListener) {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&self.shared));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.lock().unwrap().push(stream.try_clone().unwrap());
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.answer_all(&stream));
            }
        });
        self.thread = Some((stop, thread));
    }

    /// Returns the address to write to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api/v1/write", self.address)
    }

    /// Sets the next answers.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.script.lock().unwrap().extend(replies);
    }

    /// Sets the answer after those of [`reply`](Self::reply).
    pub fn reply_always(&self, reply: Reply) {
        *self.shared.otherwise.lock().unwrap() = reply;
    }

    /// Closes all connections, and refuses others from now on.
    pub fn kill(&mut self) {
        let (stop, thread) = self.thread.take().expect("the receiver runs");
        stop.store(true, Ordering::SeqCst);
        // The thread checks the flag when a connection arrives.
        let _ = TcpStream::connect(self.address);
        thread.join().unwrap();
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Starts again at the same address, after [`kill`](Self::kill).
    pub fn restart(&mut self) {
        let listener = wait::until("the address of the receiver to be free", || TcpListener::bind(self.address).ok());
        self.serve(listener);
    }

    /// Returns all requests, the oldest first.
    ///
    /// # Panics
    /// Fails the test if one was not valid.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        assert!(!self.shared.is_invalid.load(Ordering::SeqCst), "a request was not valid, see the panic before");
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits for so many requests.
    pub fn wait_for_requests(&self, count: usize) {
        wait::until(&format!("{count} requests"), || {
            (self.shared.requests.lock().unwrap().len() >= count).then_some(())
        });
    }

    /// Returns all samples as a store keeps them: by time for each series. A sample that was accepted twice is kept once.
    ///
    /// # Panics
    /// Fails the test if two samples of one time have different values, or if a sample is older than the last of its series.
    #[must_use]
    pub fn store(&self) -> BTreeMap<Labels, BTreeMap<i64, Series>> {
        let mut store: BTreeMap<Labels, BTreeMap<i64, Series>> = BTreeMap::new();
        for series in self.requests().into_iter().filter(|request| request.is_accepted).flat_map(|r| r.series) {
            let samples = store.entry(series.labels.clone()).or_default();
            match samples.get(&series.time) {
                Some(known) => assert_eq!(known.value.to_bits(), series.value.to_bits(), "{series:?} and {known:?}"),
                None => {
                    assert!(samples.last_key_value().is_none_or(|(last, _)| *last < series.time), "{series:?} is late");
                    samples.insert(series.time, series);
                }
            }
        }
        store
    }

    /// Returns the number of samples in the store.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.store().values().map(|samples| samples.len() as u64).sum()
    }
}

impl Shared {
    fn answer_all(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((headers, body)) = read_request(&mut reader) {
            let reply = self.script.lock().unwrap().pop_front();
            let reply = reply.unwrap_or_else(|| self.otherwise.lock().unwrap().clone());
            let Ok(series) = catch_unwind(AssertUnwindSafe(|| decode(&headers, &body))) else {
                self.is_invalid.store(true, Ordering::SeqCst);
                let _ = stream.shutdown(Shutdown::Both);
                return;
            };
            let written = match headers["x-prometheus-remote-write-version"].as_str() {
                "2.0.0" => format!("x-prometheus-remote-write-samples-written: {}\r\n", series.len()),
                _ => String::new(),
            };
            let (status, is_accepted) = match reply {
                Reply::Accept => (format!("204 No Content\r\n{written}"), true),
                Reply::AcceptAndClose => (String::new(), true),
                Reply::Status(status) => (format!("{status}\r\n"), status.starts_with('2')),
                Reply::Hang | Reply::Reset => (String::new(), false),
            };
            self.requests.lock().unwrap().push(Request { time: Instant::now(), headers, is_accepted, series });
            match reply {
                Reply::Hang => {
                    // Until the client closes the connection.
                    let _ = reader.read(&mut [0]);
                    return;
                }
                Reply::Reset | Reply::AcceptAndClose => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                _ => {}
            }
            // In one packet, because the kernel delays a second one.
            let answer = format!("HTTP/1.1 {status}content-length: 0\r\n\r\n");
            let mut out = stream;
            if out.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// Returns the headers and the body, or `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> Option<(BTreeMap<String, String>, Vec<u8>)> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None if line.trim_end().is_empty() => break,
            None => assert!(line.starts_with("POST /api/v1/write"), "{line}"),
        }
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

/// Decodes a request, and checks it.
fn decode(headers: &BTreeMap<String, String>, body: &[u8]) -> Vec<Series> {
    assert_eq!(headers["content-encoding"], "snappy");
    let body = snap::raw::Decoder::new().decompress_vec(body).expect("snappy's block format");
    let series: Vec<_> = match headers["content-type"].as_str() {
        "application/x-protobuf" => {
            assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
            WriteRequest::decode(&*body)
                .expect("a request of version 1.0")
                .series
                .into_iter()
                .map(Series::from)
                .collect()
        }
        "application/x-protobuf;proto=io.prometheus.write.v2.Request" => {
            assert_eq!(headers["x-prometheus-remote-write-version"], "2.0.0");
            let request = RequestV2::decode(&*body).expect("a request of version 2.0");
            assert_eq!(request.symbols[0], "");
            request.series.into_iter().map(|series| series.resolve(&request.symbols)).collect()
        }
        other => panic!("a request of an unknown type: {other}"),
    };
    assert!(!series.is_empty(), "an empty request");
    series
}

/// Checks the order of labels, and returns them.
fn checked(pairs: &[(String, String)]) -> Labels {
    assert!(pairs.is_sorted_by(|(a, _), (b, _)| a < b), "{pairs:?} is not sorted, or has a name twice");
    assert!(pairs.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()), "{pairs:?} has an empty text");
    pairs.iter().cloned().collect()
}

fn series(
    labels: &[(String, String)],
    samples: &[Sample],
    histograms: Vec<Histogram>,
    exemplars: Vec<(Labels, f64)>,
    metadata: Option<(u32, String, String)>,
) -> Series {
    assert_eq!(samples.len() + histograms.len(), 1, "one sample of {labels:?}");
    let histogram = histograms.into_iter().next();
    let (time, value, start) = match (samples, &histogram) {
        ([sample], _) => (sample.timestamp, sample.value, sample.start),
        (_, Some(histogram)) => (histogram.timestamp, histogram.sum, histogram.start),
        _ => unreachable!(),
    };
    Series { labels: checked(labels), time, value, histogram, exemplars, metadata, start }
}

impl From<TimeSeries> for Series {
    fn from(found: TimeSeries) -> Self {
        let pairs = |labels: &[Label]| -> Vec<_> {
            labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
        };
        let exemplars = found.exemplars.iter().map(|exemplar| (checked(&pairs(&exemplar.labels)), exemplar.value));
        series(&pairs(&found.labels), &found.samples, found.histograms, exemplars.collect(), None)
    }
}

impl TimeSeriesV2 {
    fn resolve(self, symbols: &[String]) -> Series {
        let symbol = |number: u32| symbols[number as usize].clone();
        let pairs = |numbers: &[u32]| -> Vec<_> {
            numbers.chunks_exact(2).map(|pair| (symbol(pair[0]), symbol(pair[1]))).collect()
        };
        let exemplars = self.exemplars.iter().map(|exemplar| (checked(&pairs(&exemplar.labels)), exemplar.value));
        let metadata = self.metadata.map(|found| (found.kind, symbol(found.help), symbol(found.unit)));
        series(&pairs(&self.labels), &self.samples, self.histograms, exemplars.collect(), metadata)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<Exemplar>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

/// A span of buckets.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Span {
    /// The gap to the span before.
    #[prost(sint32, tag = "1")]
    pub offset: i32,
    /// The number of buckets.
    #[prost(uint32, tag = "2")]
    pub length: u32,
}

/// A native histogram, the same in both versions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Histogram {
    /// The number of observations.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// Their sum.
    #[prost(double, tag = "3")]
    pub sum: f64,
    /// The resolution.
    #[prost(sint32, tag = "4")]
    pub schema: i32,
    /// The width of the zero bucket.
    #[prost(double, tag = "5")]
    pub zero_threshold: f64,
    /// The observations in the zero bucket.
    #[prost(uint64, tag = "6")]
    pub zero_count: u64,
    /// The spans of negative buckets.
    #[prost(message, repeated, tag = "8")]
    pub negative_spans: Vec<Span>,
    /// Their counts, each as the difference to the one before.
    #[prost(sint64, repeated, tag = "9")]
    pub negative_deltas: Vec<i64>,
    /// The spans of positive buckets.
    #[prost(message, repeated, tag = "11")]
    pub positive_spans: Vec<Span>,
    /// Their counts.
    #[prost(sint64, repeated, tag = "12")]
    pub positive_deltas: Vec<i64>,
    /// The time of the sample.
    #[prost(int64, tag = "15")]
    pub timestamp: i64,
    /// The time of the start.
    #[prost(int64, tag = "17")]
    pub start: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RequestV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<TimeSeriesV2>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<ExemplarV2>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExemplarV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Metadata {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, tag = "3")]
    help: u32,
    #[prost(uint32, tag = "4")]
    unit: u32,
}
