//! Requests against real routers and real sockets, and what the page says of them.

mod bounded;
mod endings;
mod labels;
mod left_out;
mod life;
mod logs;
mod page;
mod resets;
mod routes;
mod scrapes;
#[cfg(feature = "serve")]
mod serve;
mod sockets;
mod stubborn;
mod upgrades;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderMap, Request};
use http_body::{Frame, SizeHint};

use super::{Http, HttpLayer, HttpMetric};
use crate::registry::Registry;

/// A registry, and a layer that records into it under the default names.
fn instruments() -> (Registry, HttpLayer) {
    instruments_of(&Http::new())
}

/// A registry, and this layer.
fn instruments_of(http: &Http) -> (Registry, HttpLayer) {
    let registry = Registry::new();
    let layer = http.layer(&registry).expect("valid");
    (registry, layer)
}

/// Everything there is to record.
fn everything() -> Http {
    HttpMetric::ALL.iter().fold(Http::new(), |http, &metric| http.with(metric))
}

fn request(method: &str, uri: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    request.body(Body::empty()).expect("a request")
}

/// How many requests were counted with these labels.
fn requests(registry: &Registry, method: &str, endpoint: &str, status: &str) -> u64 {
    let series = format!(r#"http_requests_total{{method="{method}",endpoint="{endpoint}",status="{status}"}} "#);
    sum(registry, &series)
}

/// How many requests were counted.
fn all_requests(registry: &Registry) -> u64 {
    sum(registry, "http_requests_total{")
}

/// The value of this sample; 0 if it is not there.
fn value(registry: &Registry, sample: &str) -> f64 {
    let page = registry.render();
    let mut values = page.lines().filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let value = values.next().map_or(0.0, |value| value.parse().expect("a number"));
    assert_eq!(values.next(), None, "{sample} is there once");
    value
}

/// How many durations were observed.
fn durations(registry: &Registry, method: &str, endpoint: &str) -> u64 {
    let series = format!(r#"http_request_duration_seconds_count{{method="{method}",endpoint="{endpoint}"}} "#);
    sum(registry, &series)
}

fn sum(registry: &Registry, series: &str) -> u64 {
    let page = registry.render();
    let samples = page.lines().filter(|line| line.starts_with(series));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(_, value)| value.parse::<u64>().expect("a whole number"))
        .sum()
}

/// Waits until it holds; what a server does after a client has left has no other end to wait for.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "not so after 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A body that does as it is told.
#[derive(Debug, Default)]
struct Script {
    steps: VecDeque<Step>,
    /// Whether it announces how many bytes there are.
    sized: bool,
    /// Whether it knows when there is nothing more.
    knows_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Data(&'static str),
    Trailers,
    /// Pending, once.
    Wait,
    /// Pending from here on.
    Stall,
    Error,
    Panic,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }

    fn sized(self) -> Self {
        Self { sized: true, ..self }
    }

    fn knows_end(self) -> Self {
        Self { knows_end: true, ..self }
    }

    fn response(self) -> Response {
        Response::new(Body::new(self))
    }
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let step = self.steps.pop_front();
        Poll::Ready(match step {
            None => None,
            Some(Step::Data(text)) => Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
            Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::new()))),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Stall) => {
                self.steps.push_front(Step::Stall);
                return Poll::Pending;
            }
            Some(Step::Error) => Some(Err(std::io::Error::other("as told"))),
            Some(Step::Panic) => panic!("as told"),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.sized {
            return SizeHint::default();
        }
        let lengths = self.steps.iter().map(|step| if let Step::Data(text) = step { text.len() as u64 } else { 0 });
        SizeHint::with_exact(lengths.sum())
    }
}
