//! The cost that recording adds to one unary gRPC call, of a server and of a client. Both sides record the metrics of
//! `metrics_runtime::grpc`: calls that have started, calls by their code, messages of both directions, and durations.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Request, Response, Uri};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use metrics_runtime::Registry;
use metrics_runtime::grpc::{Grpc, GrpcLayer, MethodKind};
use prometheus::{HistogramVec, IntCounterVec, histogram_opts, opts, register_histogram_vec, register_int_counter_vec};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::{Layer as _, Service, service_fn};

use crate::calls::counted;
use crate::http::added;
use crate::measure::{Batch, Contender, Crew};
use crate::table::{Goal, Table};

const PATH: &str = "/shop.Orders/Place";
/// A message of a text with five letters: its prefix, and the protobuf message `StringValue`.
const MESSAGE: &[u8] = b"\0\0\0\0\x07\x0a\x05hello";
/// The default of our layers.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

async fn place(request: tonic::Request<String>) -> Result<tonic::Response<String>, Status> {
    Ok(tonic::Response::new(request.into_inner()))
}

/// Answers a call, as the code does that tonic generates for a service.
async fn answer(request: Request<tonic::body::Body>) -> Result<Response<tonic::body::Body>, Infallible> {
    let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
    Ok(grpc.unary(service_fn(place), request).await)
}

fn layer(grpc: Grpc) -> GrpcLayer {
    grpc.method(PATH, MethodKind::Unary).layer(Registry::global()).expect("the settings are valid")
}

static SERVER: LazyLock<GrpcLayer> = LazyLock::new(|| layer(Grpc::server()));
static CLIENT: LazyLock<GrpcLayer> = LazyLock::new(|| layer(Grpc::client()));

/// The metrics of a hand-written middleware.
struct Families {
    started: IntCounterVec,
    handled: IntCounterVec,
    received: IntCounterVec,
    sent: IntCounterVec,
    seconds: HistogramVec,
}

impl Families {
    fn of(side: &str) -> Self {
        let labels = ["grpc_type", "grpc_service", "grpc_method"];
        let counter = |name: &str, labels: &[&str]| {
            register_int_counter_vec!(opts!(format!("{side}_{name}"), "Calls."), labels).expect("the name is unique")
        };
        let seconds = histogram_opts!(format!("{side}_handling_seconds"), "Duration of calls.", BUCKETS.to_vec());
        Self {
            started: counter("started_total", &labels),
            handled: counter("handled_total", &[&labels[..], &["grpc_code"]].concat()),
            received: counter("msg_received_total", &labels),
            sent: counter("msg_sent_total", &labels),
            seconds: register_histogram_vec!(seconds, &labels).expect("the name is unique"),
        }
    }
}

static FAMILIES: LazyLock<Families> = LazyLock::new(|| Families::of("grpc_server"));

/// A unary call in progress, recorded when it is dropped. Unlike ours, it does not know why it ends without a code.
struct InProgress {
    path: Uri,
    code: Code,
    start: Instant,
}

/// Returns the labels of a unary call.
fn labels(path: &Uri) -> [&str; 3] {
    let (service, method) = path.path()[1..].split_once('/').unwrap_or_default();
    ["unary", service, method]
}

impl InProgress {
    fn begin(path: Uri) -> Self {
        let labels = labels(&path);
        FAMILIES.started.with_label_values(&labels).inc();
        FAMILIES.received.with_label_values(&labels).inc();
        Self { path, code: Code::Unknown, start: Instant::now() }
    }

    fn find_code(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get("grpc-status") {
            self.code = Code::from_bytes(code.as_bytes());
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let [kind, service, method] = labels(&self.path);
        if self.code == Code::Ok {
            FAMILIES.sent.with_label_values(&[kind, service, method]).inc();
        }
        let seconds = self.start.elapsed().as_secs_f64();
        FAMILIES.seconds.with_label_values(&[kind, service, method]).observe(seconds);
        let code = match self.code {
            Code::Ok => "OK",
            Code::Unknown => "Unknown",
            _ => "other",
        };
        FAMILIES.handled.with_label_values(&[kind, service, method, code]).inc();
    }
}

/// The body of a response, which keeps the call in progress until its trailers.
struct InProgressBody {
    inner: tonic::body::Body,
    in_progress: Option<InProgress>,
}

impl Body for InProgressBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
            && let Some(mut in_progress) = self.in_progress.take()
        {
            in_progress.find_code(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn recorded(request: Request<tonic::body::Body>) -> Result<Response<InProgressBody>, Infallible> {
    let mut in_progress = InProgress::begin(request.uri().clone());
    let response = answer(request).await?;
    in_progress.find_code(response.headers());
    Ok(response.map(|inner| InProgressBody { inner, in_progress: Some(in_progress) }))
}

/// Sends calls and reads the responses as an HTTP/2 server does: until the trailers.
fn drive<B: Body + Unpin>(mut service: impl Service<Request<tonic::body::Body>, Response = Response<B>>, calls: u64) {
    let mut context = Context::from_waker(Waker::noop());
    let uri = Uri::from_static(PATH);
    for _ in 0..calls {
        let mut request = Request::new(tonic::body::Body::new(Full::new(Bytes::from_static(MESSAGE))));
        *request.uri_mut() = black_box(&uri).clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context) else {
            unreachable!("the service never waits")
        };
        let mut body = black_box(response).into_body();
        while !body.is_end_stream() {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => break,
                Poll::Ready(Some(frame)) => _ = black_box(frame.is_ok()),
                _ => unreachable!("a response has trailers"),
            }
        }
    }
}

fn bare(calls: u64) {
    drive(service_fn(answer), calls);
}

fn server(calls: u64) {
    drive(SERVER.layer(service_fn(answer)), calls);
}

fn client(calls: u64) {
    drive(CLIENT.layer(service_fn(answer)), calls);
}

fn hand_written(calls: u64) {
    drive(service_fn(recorded), calls);
}

const BARE: (&str, Batch) = ("grpc: bare", bare);
const HAND_WRITTEN: (&str, Batch) = ("grpc: hand-written", hand_written);

/// The rows of callgrind, each with the batches bare, ours and hand-written.
pub const COUNTED: [(&str, [(&str, Batch); 3]); 2] = [
    ("server", [BARE, ("grpc: our server", server), HAND_WRITTEN]),
    ("client", [BARE, ("grpc: our client", client), HAND_WRITTEN]),
];

pub fn run(table: &mut Table, crew: &Crew) {
    for (side, batches) in COUNTED {
        for threads in [1, 2] {
            let bench = format!("unary grpc call, ns added: a hand-written middleware, {side}, {}", counted(threads));
            if table.wants(&bench) {
                let contenders = batches.map(|(_, batch)| Contender { batch, threads });
                added(table, crew, bench, contenders, Goal::AtMost(0.5));
            }
        }
    }
}
