//! The guard of one request, from its arrival to the end of its response.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the request once, in whichever of them it ends.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};

use super::ending::{Ending, Outcome};
use super::extract::ExtractedValues;
use super::head::{RequestHead, ResponseHead};
use super::labels;
use super::mark::Mark;
use super::recorder::{FinishedRequest, Series};
use super::request_body::ReceivedBytes;
use super::routes::Routes;
use super::shared::Shared;
use super::skip::Skip;
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
    /// `true` once something has read the response body.
    is_read: bool,
    /// `true` if the response is a long-lived stream.
    is_stream: bool,
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
    /// The mark of the request, if requests are marked.
    mark: Option<Mark>,
}

impl Extra {
    #[inline]
    fn of<B>(series: &Shared<Series>, mark: Option<Mark>, request: &mut Request<B>) -> Option<Box<Self>> {
        let families = &series.recorder().families;
        let is_needed = families.request_size.is_some() || families.upgrades_open.is_some() || mark.is_some();
        if is_needed { Self::new(series, mark, request).map(Box::new) } else { None }
    }

    #[cold]
    fn new<B>(series: &Shared<Series>, mark: Option<Mark>, request: &mut Request<B>) -> Option<Self> {
        let (received, upgrade) = (ReceivedBytes::begin(series, request), OpenUpgrade::begin(series, request));
        let is_needed = received.is_some() || upgrade.is_some() || mark.is_some();
        is_needed.then_some(Self { received, upgrade, mark })
    }

    fn is_skipped(&self) -> bool {
        self.mark.as_ref().is_some_and(Mark::is_skipped)
    }
}

impl Active {
    #[inline]
    fn begin<B>(series: Shared<Series>, mark: Option<Mark>, request: &mut Request<B>) -> Self {
        let start = Moment::now();
        let mut extracted = ExtractedValues::default();
        if !series.recorder().extracted.is_empty() {
            series.recorder().extracted.extract_from_request(RequestHead::of(request), &mut extracted);
        }
        series.enter();
        Self {
            extra: Extra::of(&series, mark, request),
            series,
            start,
            status: None,
            response_bytes: 0,
            extracted,
            is_read: false,
            is_stream: false,
            running: false,
            end_of_stream: AtomicBool::new(false),
        }
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
        let Some(series) = routes.series(request) else { return Self(None) };
        if routes.marks_requests() {
            return Self::begin_marked(routes, series, request);
        }
        Self(Some(Active::begin(series.clone(), None, request)))
    }

    #[cold]
    fn begin_marked<B>(routes: &Routes, series: &Shared<Series>, request: &mut Request<B>) -> Self {
        let marked = Mark::add(routes, series, request);
        Self(marked.map(|(mark, series)| Active::begin(series, Some(mark), request)))
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

    /// Runs the inner service, and skips the request if it has reached a route with the layer [`Skip`].
    #[inline]
    pub(super) fn run_service<T>(&mut self, code: impl FnOnce() -> T) -> T {
        let returned = self.run(code);
        if self.is_skipped() {
            self.skip();
        }
        returned
    }

    #[inline]
    fn is_skipped(&self) -> bool {
        let extra = self.0.as_ref().and_then(|active| active.extra.as_deref());
        extra.is_some_and(Extra::is_skipped)
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
            self.finish(Outcome::Upgraded);
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

    /// Notes that the response is a long-lived stream.
    pub(super) fn note_stream(&mut self) {
        if let Some(active) = &mut self.0 {
            active.is_stream = true;
        }
    }

    /// Notes that the body is read.
    #[inline]
    pub(super) fn note_read(&mut self) {
        if let Some(active) = &mut self.0 {
            active.is_read = true;
        }
    }

    /// Records a response that was sent to its end.
    pub(super) fn complete(&mut self) {
        self.finish(Outcome::Completed);
    }

    /// Records an error of the service or the body.
    pub(super) fn fail(&mut self) {
        self.finish(Outcome::Failed);
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(active) = self.0.take() else { return };
        let mut request_bytes = None;
        if let Some(extra) = &active.extra {
            if extra.is_skipped() {
                return active.series.exit();
            }
            request_bytes = extra.received.as_ref().and_then(ReceivedBytes::bytes);
        }
        active.series.record(&FinishedRequest {
            ending: Ending { outcome, status: active.status, is_stream: active.is_stream },
            start: active.start,
            extracted: &active.extracted,
            request_bytes,
            response_bytes: active.response_bytes,
        });
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
                Outcome::Panicked
            } else if *active.end_of_stream.get_mut() {
                Outcome::Completed
            } else if active.status.is_some() && !active.is_read {
                Outcome::Unread
            } else {
                Outcome::Cancelled
            };
            self.finish(outcome);
        }
    }
}
