//! The cost that recording adds to one request of a tower client whose server answers at once. Both sides record the
//! default metrics of `metrics_runtime::client`: a counter by upstream, method and class of status, a histogram of
//! durations to the end of the body, and a gauge of requests in flight.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::Full;
use metrics_runtime::Registry;
use metrics_runtime::client::{Client, ClientLayer};
use prometheus::{
    HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, histogram_opts, register_histogram_vec,
    register_int_counter_vec, register_int_gauge_vec,
};
use tower::{Layer as _, Service, service_fn};

use crate::calls::counted;
use crate::http::{BUCKETS, added};
use crate::measure::{Batch, Contender, Crew};
use crate::table::{Goal, Table};

type Message = Full<Bytes>;

async fn answer(request: Request<Message>) -> Result<Response<Message>, Infallible> {
    black_box(request);
    Ok(Response::new(Full::from("hello")))
}

static LAYER: LazyLock<ClientLayer> =
    LazyLock::new(|| Client::new().layer("ryot", Registry::global()).expect("the defaults are valid"));

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let labels = &["upstream", "method", "status"];
    register_int_counter_vec!("http_client_requests_total", "Requests.", labels).expect("the name is unique")
});
static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    let opts = histogram_opts!("http_client_request_duration_seconds", "Duration of requests.", BUCKETS.to_vec());
    register_histogram_vec!(opts, &["upstream", "method"]).expect("the name is unique")
});
static IN_FLIGHT: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let labels = &["upstream", "method"];
    register_int_gauge_vec!("http_client_requests_in_flight", "Requests in flight.", labels)
        .expect("the name is unique")
});

const UPSTREAM: &str = "ryot";

/// A request in progress, recorded when it is dropped. Unlike ours, it does not know why it ends.
struct InProgress {
    method: Method,
    status: Option<StatusCode>,
    start: Instant,
    in_flight: IntGauge,
}

impl InProgress {
    fn begin(method: Method) -> Self {
        let in_flight = IN_FLIGHT.with_label_values(&[UPSTREAM, method.as_str()]);
        in_flight.inc();
        Self { method, status: None, start: Instant::now(), in_flight }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let method = self.method.as_str();
        let status = match self.status.map(|status| status.as_u16() / 100) {
            Some(1) => "1xx",
            Some(2) => "2xx",
            Some(3) => "3xx",
            Some(4) => "4xx",
            Some(_) => "5xx",
            None => "error",
        };
        DURATION.with_label_values(&[UPSTREAM, method]).observe(self.start.elapsed().as_secs_f64());
        self.in_flight.dec();
        REQUESTS.with_label_values(&[UPSTREAM, method, status]).inc();
    }
}

/// The body of a response, which keeps the request in progress to its end.
struct InProgressBody {
    inner: Message,
    in_progress: Option<InProgress>,
}

impl Body for InProgressBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(None) = polled {
            self.in_progress = None;
        }
        polled
    }
}

async fn recorded(request: Request<Message>) -> Result<Response<InProgressBody>, Infallible> {
    let mut in_progress = InProgress::begin(request.method().clone());
    let response = answer(request).await?;
    in_progress.status = Some(response.status());
    Ok(response.map(|inner| InProgressBody { inner, in_progress: Some(in_progress) }))
}

/// Sends requests and reads the responses to their end.
fn drive<B: Body + Unpin>(
    mut client: impl Service<Request<Message>, Response = Response<B>, Error = Infallible>,
    requests: u64,
) {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..requests {
        let Poll::Ready(Ok(response)) = pin!(client.call(black_box(Request::default()))).poll(&mut context) else {
            unreachable!("the server never waits")
        };
        let mut body = black_box(response).into_body();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
            black_box(frame.is_ok());
        }
    }
}

fn bare(requests: u64) {
    drive(service_fn(answer), requests);
}

fn ours(requests: u64) {
    drive(LAYER.layer(service_fn(answer)), requests);
}

fn hand_written(requests: u64) {
    drive(service_fn(recorded), requests);
}

/// The batches of which callgrind counts the instructions: bare, ours and hand-written.
pub const COUNTED: [(&str, Batch); 3] =
    [("outgoing: bare", bare), ("outgoing: ours", ours), ("outgoing: hand-written", hand_written)];

pub fn run(table: &mut Table, crew: &Crew) {
    for threads in [1, 2] {
        let bench = format!("outgoing request, ns added: a hand-written middleware, {}", counted(threads));
        if table.wants(&bench) {
            let contenders = COUNTED.map(|(_, batch)| Contender { batch, threads });
            added(table, crew, bench, contenders, Goal::AtMost(0.5));
        }
    }
}
