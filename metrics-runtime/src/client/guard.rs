//! The guard of one request, from its start to the end of its response.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the request once, in whichever of them it ends.

use std::fmt;

use http::StatusCode;

use super::attempts::Attempts;
use super::cause::{Cause, FindCause};
use super::message::ClientRequest;
use super::series::{FinishedRequest, Series};
use super::upstream::Upstream;
use crate::contained::contained;
use crate::http::middleware::{Ending, Outcome, Progress, has_body, is_upgrade, method};
use crate::metric::Moment;
use crate::shared::Shared;

/// A request in progress, or `None` if it has been recorded or is not recorded.
///
/// [`run`](Self::run) marks the time in which code of the client runs. A guard that is dropped within that time was
/// dropped by a panic of that code.
#[derive(Default)]
pub struct Guard(Option<Active>);

struct Active {
    series: Shared<Series>,
    start: Moment,
    progress: Progress,
    /// `true` once the response future was polled. Before that, nothing was sent.
    is_started: bool,
    extra: Option<Box<Extra>>,
}

/// The state that few requests need, boxed to keep [`Guard`] small.
struct Extra {
    attempts: Option<Attempts>,
    request_bytes: Option<u64>,
}

impl Extra {
    #[inline]
    fn of(series: &Series, request: &impl ClientRequest) -> Option<Box<Self>> {
        let attempts = request.extensions().and_then(|extensions| extensions.get::<Attempts>());
        if attempts.is_none() && !series.records_request_size() {
            return None;
        }
        Some(Box::new(Self { attempts: attempts.cloned(), request_bytes: request.body_bytes() }))
    }
}

impl Active {
    #[cold]
    fn on_response_with_more(&self, status: StatusCode) {
        if !is_upgrade(self.series.method(), status) {
            self.series.observe_first_byte(self.start);
        }
    }

    #[cold]
    fn finish_slowly(&self, ending: Ending, cause: Option<Cause>) {
        let extra = self.extra.as_deref();
        self.series.record(&FinishedRequest {
            ending,
            cause,
            start: self.start,
            is_retry: extra.and_then(|extra| extra.attempts.as_ref()).is_some_and(Attempts::add),
            request_bytes: extra.and_then(|extra| extra.request_bytes),
            response_bytes: self.progress.bytes(),
        });
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl Guard {
    #[inline]
    pub(super) fn begin(upstream: &Upstream, request: &impl ClientRequest) -> Self {
        let series = upstream.series(method(request.method()));
        let extra = Extra::of(series, request);
        series.enter();
        let (start, progress) = (Moment::now(), Progress::default());
        Self(Some(Active { series: series.clone(), start, progress, is_started: false, extra }))
    }

    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Notes that the response future is polled.
    #[inline]
    pub(super) fn start(&mut self) {
        if let Some(active) = &mut self.0 {
            active.is_started = true;
        }
    }

    /// Runs code of the client.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.set_running(true);
        let returned = code();
        self.set_running(false);
        returned
    }

    #[inline]
    pub(super) fn set_running(&mut self, is_running: bool) {
        if let Some(active) = &mut self.0 {
            active.progress.set_running(is_running);
        }
    }

    /// Records the head of the response. Returns `true` if the response has a body.
    #[inline]
    pub(super) fn on_response(&mut self, status: StatusCode) -> bool {
        let Some(active) = &mut self.0 else { return false };
        active.progress.set_status(status);
        if active.series.records_more() {
            active.on_response_with_more(status);
        }
        let method = active.series.method();
        let has_body = has_body(method, status);
        if !has_body && is_upgrade(method, status) {
            self.finish(Outcome::Upgraded, None);
        }
        has_body
    }

    /// Notes that the response is a long-lived stream.
    pub(super) fn note_stream(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.note_stream();
        }
    }

    /// Notes that the body is read, which is code of the client.
    #[inline]
    pub(super) fn begin_read(&mut self) {
        if let Some(active) = &mut self.0 {
            active.progress.begin_read();
        }
    }

    /// Adds the bytes that were read of the response body.
    #[inline]
    pub(super) fn end_read(&mut self, bytes: u64) {
        if let Some(active) = &mut self.0 {
            active.progress.end_read(bytes);
        }
    }

    /// Notes that the body has reported its end, after which a reader may drop it without another poll.
    pub(super) fn note_end_of_stream(&self) {
        if let Some(active) = &self.0 {
            active.progress.note_end_of_stream();
        }
    }

    /// Records a response that was read to its end.
    pub(super) fn complete(&mut self) {
        let Some(active) = &self.0 else { return };
        let ending = active.progress.ending(Outcome::Completed);
        let is_usual = active.extra.is_none() && !ending.is_stream;
        if !is_usual || !active.series.record_completed(ending.status, active.start) {
            active.finish_slowly(ending, None);
        }
        self.0 = None;
    }

    /// Records an error of the client or of the response body.
    #[cold]
    pub(super) fn fail<E>(&mut self, error: &E, find: &impl FindCause<E>) {
        if self.is_active() {
            let cause = contained(|| find.cause(error)).unwrap_or(Cause::Other);
            self.finish(Outcome::Failed, Some(cause));
        }
    }

    #[cold]
    fn finish(&mut self, outcome: Outcome, cause: Option<Cause>) {
        let Some(active) = &self.0 else { return };
        active.finish_slowly(active.progress.ending(outcome), cause);
        self.0 = None;
    }

    /// Records a request that was dropped before its end was noticed.
    #[cold]
    fn finish_dropped(&mut self) {
        let Some(active) = &mut self.0 else { return };
        match active.progress.dropped() {
            Outcome::Cancelled if !active.is_started => {
                active.series.exit();
                self.0 = None;
            }
            outcome => self.finish(outcome, None),
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
