//! The guard of one request, from its arrival to the end of its response.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the request once, in whichever of them it ends.

use std::fmt;

use http::Request;

use super::ending::{Ending, Outcome};
use super::extract::ExtractedValues;
use super::head::{RequestHead, ResponseHead};
use super::labels;
use super::mark::Mark;
use super::progress::Progress;
use super::recorder::{FinishedRequest, Series};
use super::request_body::ReceivedBytes;
use super::routes::Routes;
use super::skip::Skip;
use super::upgrade::OpenUpgrade;
use crate::contained::OnPanic;
use crate::metric::Moment;
use crate::shared::Shared;

/// A request in progress, or `None` if it has been recorded or is skipped.
///
/// A panic of code of the application is recorded when it passes [`run`](Self::run) or another [`OnPanic`]. Until then,
/// the guard need not know whose code runs.
#[derive(Default)]
pub(super) struct Guard(Option<Active>);

struct Active {
    series: Shared<Series>,
    start: Moment,
    progress: Progress,
    /// The bytes read of the response body.
    bytes: u64,
    extracted: ExtractedValues,
    extra: Option<Box<Extra>>,
}

/// The state that few requests need, boxed to keep [`Guard`] small.
struct Extra {
    received: Option<ReceivedBytes>,
    upgrade: Option<OpenUpgrade>,
    /// The mark of the request, if requests are marked.
    mark: Option<Mark>,
}

impl Extra {
    fn of<B>(series: &Shared<Series>, mark: Option<Mark>, request: &mut Request<B>) -> Option<Box<Self>> {
        let (received, upgrade) = (ReceivedBytes::begin(series, request), OpenUpgrade::begin(series, request));
        let is_needed = received.is_some() || upgrade.is_some() || mark.is_some();
        is_needed.then(|| Box::new(Self { received, upgrade, mark }))
    }

    fn is_skipped(&self) -> bool {
        self.mark.as_ref().is_some_and(Mark::is_skipped)
    }
}

impl Active {
    #[inline]
    fn begin(series: Shared<Series>) -> Self {
        let (progress, extracted) = (Progress::default(), ExtractedValues::default());
        Self { series, start: Moment::now(), progress, bytes: 0, extracted, extra: None }
    }

    /// Like [`begin`](Self::begin), for a request that is marked, or whose layer records more than the default metrics.
    #[inline(never)]
    fn begin_with_more<B>(series: Shared<Series>, mark: Option<Mark>, request: &mut Request<B>) -> Self {
        let mut active = Self::begin(series);
        let labels = &active.series.recorder().extracted;
        if !labels.is_empty() {
            labels.extract_from_request(RequestHead::of(request), &mut active.extracted);
        }
        active.series.enter();
        active.extra = Extra::of(&active.series, mark, request);
        active
    }

    #[cold]
    fn finish_unusual(&self, ending: Ending) {
        let extra = self.extra.as_deref();
        if extra.is_some_and(Extra::is_skipped) {
            return self.series.exit();
        }
        self.series.record(&FinishedRequest {
            ending,
            start: self.start,
            extracted: &self.extracted,
            request_bytes: extra.and_then(|extra| extra.received.as_ref()?.bytes()),
            response_bytes: self.bytes,
        });
    }

    /// Records what only the head of the response shows, for a layer that records more than the default metrics.
    #[inline(never)]
    fn on_response_with_more(&mut self, response: ResponseHead<'_>) {
        let labels = &self.series.recorder().extracted;
        if !labels.is_empty() {
            labels.extract_from_response(response, &mut self.extracted);
        }
        if !labels::is_upgrade(self.series.method(), response.status()) {
            self.series.observe_first_byte(self.start);
        } else if let Some(upgrade) = self.extra.as_ref().and_then(|extra| extra.upgrade.as_ref()) {
            upgrade.accept();
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
        if routes.marks(request) {
            return Self::begin_marked(routes, series, request);
        }
        if series.records_more() {
            return Self(Some(Active::begin_with_more(series.clone(), None, request)));
        }
        Self(Some(Active::begin(series.clone())))
    }

    #[cold]
    fn begin_marked<B>(routes: &Routes, series: &Shared<Series>, request: &mut Request<B>) -> Self {
        let marked = Mark::add(routes, series, request);
        Self(marked.map(|(mark, series)| Active::begin_with_more(series, Some(mark), request)))
    }

    /// Returns `true` if the request is still to be recorded.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Runs code of the application.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        let running = OnPanic(|| self.panic());
        let returned = code();
        running.end();
        returned
    }

    /// Runs the inner service, and skips the request if it has reached a route with the layer [`Skip`].
    #[inline]
    pub(super) fn run_service<T>(&mut self, code: impl FnOnce() -> T) -> T {
        let returned = self.run(code);
        self.skip_if_marked();
        returned
    }

    /// Skips the request if it has reached a route with the layer [`Skip`].
    #[inline]
    pub(super) fn skip_if_marked(&mut self) {
        let extra = self.0.as_ref().and_then(|active| active.extra.as_deref());
        if extra.is_some_and(Extra::is_skipped) {
            self.skip();
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
        let (status, method) = (response.status(), active.series.method());
        active.progress.set_status(status);
        if active.series.records_more() {
            active.on_response_with_more(response);
        }
        let has_body = labels::has_body(method, status);
        if !has_body && labels::is_upgrade(method, status) {
            self.finish(Outcome::Upgraded);
        }
        has_body
    }

    /// Adds the bytes that were read of the response body, and records the response if its body has ended.
    #[inline]
    pub(super) fn end_read(&mut self, bytes: u64, ended: Option<Outcome>) {
        if let Some(active) = &mut self.0 {
            active.bytes = active.bytes.saturating_add(bytes);
            match ended {
                Some(outcome) => self.finish(outcome),
                None => active.progress.note_polled(),
            }
        }
    }

    /// Notes that the body has reported its end, after which a server may drop it without another poll.
    pub(super) fn note_end_of_stream(&self) {
        if let Some(active) = &self.0 {
            active.progress.note_end_of_stream();
        }
    }

    /// Notes that the response is a long-lived stream.
    pub(super) fn note_stream(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.note_stream();
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

    /// Records a panic of the service or the body.
    #[cold]
    pub(super) fn panic(&mut self) {
        self.finish(Outcome::Panicked);
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(active) = &self.0 else { return };
        let ending = active.progress.ending(outcome);
        let is_skipped = active.extra.as_deref().is_some_and(Extra::is_skipped);
        if is_skipped || !active.series.record_usual(ending, active.start) {
            active.finish_unusual(ending);
        }
        self.0 = None;
    }

    /// Records a request that was dropped before its end was noticed.
    #[cold]
    fn finish_dropped(&mut self) {
        let Some(active) = &mut self.0 else { return };
        let outcome = active.progress.dropped();
        self.finish(outcome);
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
    #[inline]
    fn drop(&mut self) {
        if self.is_active() {
            self.finish_dropped();
        }
    }
}
