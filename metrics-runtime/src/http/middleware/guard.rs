//! The guard of one request, from its arrival to the end of its response.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the request once, in whichever of them it ends.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};

use super::extract::ExtractedValues;
use super::head::{RequestHead, ResponseHead};
use super::labels::{self, RequestOutcome};
use super::recorder::{FinishedRequest, Series};
use super::request_body::ReceivedBytes;
use super::routes::Routes;
use super::shared::Shared;
use super::skip::{Skip, SkipScope};
use super::upgrade::OpenUpgrade;
use crate::metric::Moment;

/// A request in progress, or `None` if it has been recorded or is skipped.
///
/// [`run`](Self::run) marks the time in which code of the application runs. A guard that is dropped within that time
/// was dropped by a panic of that code. `std::thread::panicking()` is not sufficient: it is also `true` if a request is
/// dropped while other code on the thread panics.
#[derive(Default)]
pub(super) struct Guard(Option<Active>);

struct Active {
    series: Shared<Series>,
    start: Moment,
    /// The status of the response, once there is one.
    status: Option<StatusCode>,
    /// The bytes sent of the response body.
    response_bytes: u64,
    extracted: ExtractedValues,
    extra: Option<Box<Extra>>,
    /// `true` while code of the application runs.
    running: bool,
    /// `true` once the body has reported its end to the server. Set through a shared reference, so it is atomic:
    /// a body stays `Sync` with the guard in it.
    end_of_stream: AtomicBool,
}

/// The state that few requests need, boxed to keep [`Guard`] small.
struct Extra {
    received: Option<ReceivedBytes>,
    upgrade: Option<OpenUpgrade>,
}

impl Extra {
    #[inline]
    fn of<B>(series: &Shared<Series>, request: &mut Request<B>) -> Option<Box<Self>> {
        let (received, upgrade) = (ReceivedBytes::begin(series, request), OpenUpgrade::begin(series, request));
        (received.is_some() || upgrade.is_some()).then(|| Box::new(Self { received, upgrade }))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl Guard {
    #[inline]
    pub(super) fn begin<B>(routes: &Routes, request: &mut Request<B>) -> Self {
        let Some(series) = routes.series(RequestHead::of(request)) else { return Self(None) };
        let start = Moment::now();
        let mut extracted = ExtractedValues::default();
        if !series.recorder().extracted.is_empty() {
            series.recorder().extracted.extract_from_request(RequestHead::of(request), &mut extracted);
        }
        series.enter();
        Self(Some(Active {
            series: series.clone(),
            start,
            status: None,
            response_bytes: 0,
            extracted,
            extra: Extra::of(series, request),
            running: false,
            end_of_stream: AtomicBool::new(false),
        }))
    }

    /// Returns `true` if the request is still to be recorded.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Runs code of the application.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.set_running(true);
        let returned = code();
        self.set_running(false);
        returned
    }

    /// Runs the inner service, and skips the request if it reaches a route with the layer [`Skip`].
    #[inline]
    pub(super) fn run_service<T>(&mut self, code: impl FnOnce() -> T) -> T {
        if !self.is_active() {
            return code();
        }
        let call = ServiceCall { guard: self, _scope: SkipScope::enter() };
        call.guard.run(code)
    }

    #[inline]
    fn set_running(&mut self, running: bool) {
        if let Some(active) = &mut self.0 {
            active.running = running;
        }
    }

    /// Records the head of the response. Returns `true` if the response has a body.
    #[inline]
    pub(super) fn on_response(&mut self, response: ResponseHead<'_>) -> bool {
        let Some(active) = &mut self.0 else { return false };
        if response.extensions().get::<Skip>().is_some() {
            self.skip();
            return false;
        }
        let status = response.status();
        active.status = Some(status);
        let recorder = active.series.recorder();
        if !recorder.extracted.is_empty() {
            recorder.extracted.extract_from_response(response, &mut active.extracted);
        }
        if labels::is_upgrade(active.series.method(), status) {
            if let Some(upgrade) = active.extra.as_ref().and_then(|extra| extra.upgrade.as_ref()) {
                upgrade.accept();
            }
            self.finish(RequestOutcome::Upgraded);
            return false;
        }
        active.series.observe_first_byte(active.start);
        labels::has_body(active.series.method(), status)
    }

    /// Adds bytes of the response body.
    #[inline]
    pub(super) fn add_response_bytes(&mut self, bytes: u64) {
        if let Some(active) = &mut self.0 {
            active.response_bytes = active.response_bytes.saturating_add(bytes);
        }
    }

    /// Notes that the body has reported its end, after which a server may drop it without another poll.
    pub(super) fn note_end_of_stream(&self) {
        if let Some(active) = &self.0 {
            active.end_of_stream.store(true, Ordering::Relaxed);
        }
    }

    /// Records a response that was sent to its end.
    pub(super) fn complete(&mut self) {
        self.finish(RequestOutcome::Completed);
    }

    /// Records an error of the service or the body.
    pub(super) fn fail(&mut self) {
        self.finish(RequestOutcome::Failed);
    }

    fn finish(&mut self, outcome: RequestOutcome) {
        if let Some(active) = self.0.take() {
            active.series.record(&FinishedRequest {
                outcome,
                status: active.status,
                start: active.start,
                extracted: &active.extracted,
                request_bytes: active.extra.as_ref().and_then(|extra| extra.received.as_ref()?.bytes()),
                response_bytes: active.response_bytes,
            });
        }
    }

    /// Ends the request without recording it.
    #[cold]
    fn skip(&mut self) {
        if let Some(active) = self.0.take() {
            active.series.exit();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(active) = &mut self.0 {
            let outcome = if active.running {
                RequestOutcome::Panicked
            } else if *active.end_of_stream.get_mut() {
                RequestOutcome::Completed
            } else {
                RequestOutcome::Cancelled
            };
            self.finish(outcome);
        }
    }
}

/// A call or poll of the inner service.
struct ServiceCall<'a> {
    guard: &'a mut Guard,
    _scope: SkipScope,
}

impl Drop for ServiceCall<'_> {
    /// Skips the request if its route is skipped, whether the service returned or panicked.
    #[inline]
    fn drop(&mut self) {
        if SkipScope::is_skipped() {
            self.guard.skip();
        }
    }
}
