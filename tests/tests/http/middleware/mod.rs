//! Tests of the middleware, with routers, services and real sockets.

mod bounded;
mod endings;
mod labels;
mod lifecycle;
mod logs;
mod nested;
mod outcomes;
mod overdue;
mod resets;
mod routes;
mod skip;
mod sockets;
mod upgrades;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderMap, Request};
use http_body::{Frame, SizeHint};
use metrics_runtime::Registry;
use metrics_runtime::http::{Http, HttpLayer, HttpMetric};

use crate::{all_requests, eventually, instruments, instruments_of, poll_once, request, sum};

/// Returns settings that record every metric.
fn everything() -> Http {
    HttpMetric::ALL.iter().fold(Http::new(), |http, &metric| http.with(metric))
}

/// Returns the number of requests recorded with these labels.
fn requests(registry: &Registry, method: &str, endpoint: &str, status: &str) -> u64 {
    let series = format!(r#"http_requests_total{{method="{method}",endpoint="{endpoint}",status="{status}"}} "#);
    sum(registry, &series)
}

/// Returns the value of this sample, or 0 if it is missing.
fn value(registry: &Registry, sample: &str) -> f64 {
    let page = registry.render();
    let mut values = page.lines().filter_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let value = values.next().map_or(0.0, |value| value.parse().expect("a number"));
    assert_eq!(values.next(), None, "{sample} occurs once");
    value
}

/// Returns the number of observed durations.
fn durations(registry: &Registry, method: &str, endpoint: &str) -> u64 {
    let series = format!(r#"http_request_duration_seconds_count{{method="{method}",endpoint="{endpoint}"}} "#);
    sum(registry, &series)
}

/// A body that performs scripted steps.
#[derive(Debug, Default)]
struct Script {
    steps: VecDeque<Step>,
    /// `true` if the size hint is exact.
    sized: bool,
    /// `true` if `is_end_stream` reports the end.
    knows_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Data(&'static str),
    Trailers,
    /// Returns `Pending` once.
    Wait,
    /// Returns `Pending` from here on.
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
            Some(Step::Error) => Some(Err(std::io::Error::other("scripted"))),
            Some(Step::Panic) => panic!("scripted"),
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
