//! One request, from its arrival to the end of its response.
//!
//! The guard is made by the service, handed to the future, and by the future to the body. It counts once, wherever it
//! ends up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::MatchedPath;
use http::{Request, StatusCode};

use super::labels;
use crate::cell::{Counter, Histogram, Moment};
use crate::exemplars;
use crate::family::Family;

/// What a layer records into.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) requests: Family<Counter>,
    pub(super) duration: Family<Histogram>,
    pub(super) duration_status: bool,
}

/// A request that is under way, or nothing: it was counted, or is not to be.
///
/// Between [`enter`](Self::enter) and [`leave`](Self::leave) code of the application runs. A guard that is dropped in
/// between was dropped by a panic in that code. Asking `std::thread::panicking()` would not do: a request that is
/// dropped while something else unwinds has not panicked.
#[derive(Debug, Default)]
pub(super) struct Guard(Option<Active>);

#[derive(Debug)]
struct Active {
    recorder: Arc<Recorder>,
    method: &'static str,
    route: Option<MatchedPath>,
    start: Moment,
    /// Of the response, once there is one.
    status: Option<StatusCode>,
    inside: bool,
    /// Whether the body has told the server that it is at its end. Behind a shared reference, hence atomic: a body
    /// stays `Sync` under its guard.
    at_end: AtomicBool,
}

#[derive(Clone, Copy)]
enum End {
    Complete,
    Failed,
    ClientLeft,
}

impl Guard {
    pub(super) fn begin<B>(recorder: &Arc<Recorder>, request: &Request<B>) -> Self {
        Self(Some(Active {
            recorder: Arc::clone(recorder),
            method: labels::method(request.method()),
            // Shared with the router: no copy of the text.
            route: request.extensions().get::<MatchedPath>().cloned(),
            start: Moment::now(),
            status: None,
            inside: false,
            at_end: AtomicBool::new(false),
        }))
    }

    /// Whether the request is still to be counted.
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Code of the application runs from here on.
    pub(super) fn enter(&mut self) {
        self.set_inside(true);
    }

    /// It has come back.
    pub(super) fn leave(&mut self) {
        self.set_inside(false);
    }

    fn set_inside(&mut self, inside: bool) {
        if let Some(active) = &mut self.0 {
            active.inside = inside;
        }
    }

    /// The headers are there. Says whether a body follows them.
    pub(super) fn answered(&mut self, status: StatusCode) -> bool {
        self.0.as_mut().is_some_and(|active| {
            active.status = Some(status);
            labels::has_body(active.method, status)
        })
    }

    /// The body says that it is at its end; nobody may ask it for more.
    pub(super) fn note_end(&self) {
        if let Some(active) = &self.0 {
            active.at_end.store(true, Ordering::Relaxed);
        }
    }

    /// The response has ended as it should.
    pub(super) fn complete(&mut self) {
        self.end(End::Complete);
    }

    /// The service or the body has failed.
    pub(super) fn fail(&mut self) {
        self.end(End::Failed);
    }

    fn end(&mut self, end: End) {
        if let Some(active) = self.0.take() {
            active.record(end);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(active) = &mut self.0 {
            let end = if active.inside {
                End::Failed
            } else if *active.at_end.get_mut() {
                End::Complete
            } else {
                End::ClientLeft
            };
            self.end(end);
        }
    }
}

impl Active {
    fn record(&self, end: End) {
        let recorder = &*self.recorder;
        let endpoint = labels::endpoint(self.route.as_ref());
        let status = match (end, &self.status) {
            (End::Complete, Some(status)) => status.as_str(),
            (End::ClientLeft, _) => labels::CLIENT_LEFT,
            (End::Complete | End::Failed, _) => labels::FAILED,
        };
        let values = [self.method, endpoint, status];
        let exemplar = exemplars::current();
        if !matches!(end, End::ClientLeft) {
            let timed = if recorder.duration_status { &values[..] } else { &values[..2] };
            let nanos = self.start.elapsed_nanos();
            let duration = recorder.duration.series(timed);
            duration.observe_nanos(nanos);
            if let Some(exemplar) = &exemplar {
                recorder.duration.exemplify(duration, nanos as f64 / 1e9, exemplar);
            }
        }
        // Last: who sees the request counted sees all of it.
        let requests = recorder.requests.series(&values);
        requests.inc();
        if let Some(exemplar) = &exemplar {
            recorder.requests.exemplify(requests, 1.0, exemplar);
        }
    }
}
